/* See certificate.h. */

#include "certificate.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    NAME_LENGTH = 64,  /* RFC 5280, appendix A.1: ub-common-name */
    SERIAL_BYTES = 20, /* the most that RFC 5280, 4.1.2.2, allows, the first bit zero */
};

/* RFC 5280, 4.1.2.5: 1950 is the first year of UTCTime, 9999 the last of GeneralizedTime. OpenSSL
 * would write others, too, a length of -1 among them. */
static const long long first_second = -631152000, last_second = 253402300799;

/* The value of an extension is told in words, in which a comma would end the name. */
int is_certifiable_name(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");

    return name[length] == '\0' && length > 0 && length <= NAME_LENGTH;
}

int is_certifiable_period(long long from, long long until)
{
    return first_second <= from && from <= until && until <= last_second;
}

/* Add an extension by the words of openssl.cnf; 0 where OpenSSL failed. */
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

/* Set a random positive serial number; 0 where OpenSSL failed. */
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

/* Set the public key of `key`; 0 where OpenSSL failed. X509_set_pubkey would ask every encoder and
 * decoder there is, which takes longer than all the rest. */
static int set_public_key(X509 *certificate, EVP_PKEY *key)
{
    unsigned char *point = NULL;
    size_t size = EVP_PKEY_get1_encoded_public_key(key, &point);

    if (size > 0
        && X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(certificate),
                                  OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
                                  OBJ_nid2obj(NID_X9_62_prime256v1), point, (int)size))
        return 1;
    OPENSSL_free(point);
    return 0;
}

/* Fill in and sign a certificate of `key`; 0 where OpenSSL failed. */
static int fill(X509 *certificate, EVP_PKEY *key, const char *name, time_t from, time_t until)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    char alternative[sizeof "DNS:" + NAME_LENGTH];

    snprintf(alternative, sizeof alternative, "DNS:%s", name);
    return X509_set_version(certificate, X509_VERSION_3)
        && set_serial(certificate)
        && X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_UTF8STRING,
                                      (const unsigned char *)name, -1, -1, 0)
        && X509_set_issuer_name(certificate, subject)
        && ASN1_TIME_set(X509_getm_notBefore(certificate), from) != NULL
        && ASN1_TIME_set(X509_getm_notAfter(certificate), until) != NULL
        && set_public_key(certificate, key)
        && add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE")
        && add_extension(certificate, NID_key_usage,
                         "critical,digitalSignature,keyEncipherment,keyAgreement,keyCertSign")
        && add_extension(certificate, NID_ext_key_usage, "clientAuth,serverAuth")
        && add_extension(certificate, NID_subject_alt_name, alternative)
        && X509_sign(certificate, key, EVP_sha256()) > 0;
}

int write_self_signed(BIO *der, BIO *pem, const char *name, long long from, long long until)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    int written = key != NULL && certificate != NULL
        && fill(certificate, key, name, (time_t)from, (time_t)until)
        && i2d_X509_bio(der, certificate) == 1
        && PEM_write_bio_X509(pem, certificate) == 1
        && PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) == 1;

    X509_free(certificate);
    EVP_PKEY_free(key);
    return written;
}
