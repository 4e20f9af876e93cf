/* The built-in module `_shim`: what a plugin's process needs and Python's library does not have.
 *
 * In the zip form ctypes and the cryptography package do the same (shim/process/packaged.py). Both
 * would bring code loaded at run time into the executable, and a second OpenSSL.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

extern const unsigned char bytecode[], bytecode_end[]; /* written by the build */

PyDoc_STRVAR(self_signed_doc,
"self_signed($module, name, not_before, not_after, /)\n--\n\n"
"Make a P-256 key and a certificate of it for a DNS name: (DER of the certificate, PEM of both).\n"
"\n"
"Times are Unix seconds. Raises ValueError for a name or times that no certificate is made for,\n"
"OSError where OpenSSL fails.");

static PyObject *self_signed(PyObject *module, PyObject *arguments)
{
    const char *name;
    long long from, until;
    BIO *der, *pem;
    char *der_start, *pem_start;
    PyObject *made = NULL;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "sLL:self_signed", &name, &from, &until))
        return NULL;
    if (!is_certifiable_name(name))
        return PyErr_Format(PyExc_ValueError, "not a name for a certificate");
    if (!is_certifiable_period(from, until))
        return PyErr_Format(PyExc_ValueError, "not a period for a certificate");
    der = BIO_new(BIO_s_mem());
    pem = BIO_new(BIO_s_secmem()); /* wiped when it is freed: the key is in it */
    if (der != NULL && pem != NULL && write_self_signed(der, pem, name, from, until)) {
        Py_ssize_t der_size = BIO_get_mem_data(der, &der_start);
        Py_ssize_t pem_size = BIO_get_mem_data(pem, &pem_start);

        made = Py_BuildValue("(y#y#)", der_start, der_size, pem_start, pem_size);
    } else {
        PyErr_SetString(PyExc_OSError, "OpenSSL could not make a certificate");
    }
    ERR_clear_error(); /* the ssl module would tell of them at its next error */
    BIO_free(pem);
    BIO_free(der);
    return made;
}

PyDoc_STRVAR(prctl_doc,
"prctl($module, option, value, /)\n--\n\nprctl(2) with one argument. Raises OSError.");

static PyObject *call_prctl(PyObject *module, PyObject *arguments)
{
    int option;
    unsigned long value;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "ik:prctl", &option, &value))
        return NULL;
    if (prctl(option, value, 0UL, 0UL, 0UL) < 0) /* some give a number */
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(mlockall_doc,
"mlockall($module, flags, /)\n--\n\nmlockall(2). Raises OSError.");

static PyObject *call_mlockall(PyObject *module, PyObject *arguments)
{
    int flags;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "i:mlockall", &flags))
        return NULL;
    if (mlockall(flags) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(forget_bytecode_doc,
"forget_bytecode($module, /)\n--\n\n"
"Give back the memory of the file's bytecode, from which what is imported was made.\n\n"
"Another import reads it from the file again. Locked memory stays.");

static PyObject *forget_bytecode(PyObject *module, PyObject *nothing)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = ((uintptr_t)bytecode + page - 1) / page * page;
    uintptr_t end = (uintptr_t)bytecode_end / page * page;

    (void)module, (void)nothing;
    /* Never written to, so that nothing is lost; what fails costs memory alone. */
    if (end > start)
        madvise((void *)start, end - start, MADV_DONTNEED);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"self_signed", self_signed, METH_VARARGS, self_signed_doc},
    {"prctl", call_prctl, METH_VARARGS, prctl_doc},
    {"mlockall", call_mlockall, METH_VARARGS, mlockall_doc},
    {"forget_bytecode", forget_bytecode, METH_NOARGS, forget_bytecode_doc},
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
