/* The built-in module `_shim`: what a plugin's process needs and Python's library does not have.
 *
 * In the zip form ctypes and the cryptography package do the same (shim/process/packaged.py). Both would
 * bring code loaded at run time into the executable, and a second OpenSSL.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { SERIAL_BYTES = 20 }; /* the most that RFC 5280, 4.1.2.2, allows, the first bit zero */

/* An extension by the words of openssl.cnf; 0 where OpenSSL failed. */
static int add_extension(X509 *certificate, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    int added;

    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    if (extension == NULL)
        return 0;
    added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

/* A random positive serial number; 0 where OpenSSL failed. */
static int set_serial(X509 *certificate)
{
    unsigned char random[SERIAL_BYTES];
    BIGNUM *number;
    int set;

    if (RAND_bytes(random, sizeof random) != 1)
        return 0;
    random[0] &= 0x7f;
    number = BN_bin2bn(random, sizeof random, NULL);
    if (number == NULL)
        return 0;
    set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

/* Fill in and sign a certificate of `key` for `name`; 0 where OpenSSL failed. */
static int fill(X509 *certificate, EVP_PKEY *key, const char *name, time_t from, time_t until)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    char alternative[256];

    PyOS_snprintf(alternative, sizeof alternative, "DNS:%s", name);
    return X509_set_version(certificate, X509_VERSION_3)
        && set_serial(certificate)
        && X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_UTF8STRING,
                                      (const unsigned char *)name, -1, -1, 0)
        && X509_set_issuer_name(certificate, subject)
        && ASN1_TIME_set(X509_getm_notBefore(certificate), from) != NULL
        && ASN1_TIME_set(X509_getm_notAfter(certificate), until) != NULL
        && X509_set_pubkey(certificate, key)
        && add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE")
        && add_extension(certificate, NID_key_usage,
                         "critical,digitalSignature,keyEncipherment,keyAgreement,keyCertSign")
        && add_extension(certificate, NID_ext_key_usage, "clientAuth,serverAuth")
        && add_extension(certificate, NID_subject_alt_name, alternative)
        && X509_sign(certificate, key, EVP_sha256()) > 0;
}

/* What was written to `bio`, as bytes. */
static PyObject *written(BIO *bio)
{
    char *start;
    long size = BIO_get_mem_data(bio, &start);

    return PyBytes_FromStringAndSize(start, size);
}

PyDoc_STRVAR(self_signed_doc,
"self_signed(name, not_before, not_after)\n--\n\n"
"Make a P-256 key and a certificate of it for the DNS name: (DER of the certificate, PEM of both).\n"
"\n"
"Times are Unix seconds; `name` is up to 64 characters of ASCII. Raises ValueError for another\n"
"name, OSError where OpenSSL fails.");

static PyObject *self_signed(PyObject *module, PyObject *arguments)
{
    const char *name;
    long long from, until;
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    BIO *der = NULL, *pem = NULL;
    PyObject *made = NULL;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "sLL", &name, &from, &until))
        return NULL;
    if (name[0] == '\0' || strlen(name) > 64 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(name)) {
        PyErr_SetString(PyExc_ValueError, "not a DNS name");
        return NULL;
    }
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    der = BIO_new(BIO_s_mem());
    pem = BIO_new(BIO_s_secmem());
    if (key != NULL && certificate != NULL && der != NULL && pem != NULL
        && fill(certificate, key, name, (time_t)from, (time_t)until)
        && i2d_X509_bio(der, certificate)
        && PEM_write_bio_X509(pem, certificate)
        && PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL))
        made = Py_BuildValue("(NN)", written(der), written(pem));
    else
        PyErr_SetString(PyExc_OSError, "OpenSSL could not make a certificate");
    ERR_clear_error();
    BIO_free(pem);
    BIO_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
}

PyDoc_STRVAR(prctl_doc,
"prctl(option, value)\n--\n\nprctl(2) with one argument. Raises OSError.");

static PyObject *call_prctl(PyObject *module, PyObject *arguments)
{
    int option;
    unsigned long value;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "ik", &option, &value))
        return NULL;
    if (prctl(option, value, 0UL, 0UL, 0UL) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(mlockall_doc,
"mlockall(flags)\n--\n\nmlockall(2). Raises OSError.");

static PyObject *call_mlockall(PyObject *module, PyObject *flags)
{
    long value = PyLong_AsLong(flags);

    (void)module;
    if (value == -1 && PyErr_Occurred())
        return NULL;
    if (mlockall((int)value) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"self_signed", self_signed, METH_VARARGS, self_signed_doc},
    {"prctl", call_prctl, METH_VARARGS, prctl_doc},
    {"mlockall", call_mlockall, METH_O, mlockall_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_shim",
    .m_doc = "What a plugin's process needs and Python's library does not have.",
    .m_size = 0,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__shim(void)
{
    return PyModuleDef_Init(&definition);
}
