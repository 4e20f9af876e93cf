/* A self-signed certificate of a new P-256 key, made by OpenSSL alone. */

#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <openssl/bio.h>

/* Whether a certificate is made for `name`: small letters, digits, dots and hyphens, 1 to 64. */
int is_certifiable_name(const char *name);

/* Whether a certificate can tell both times, in Unix seconds, the second no earlier. */
int is_certifiable_period(long long from, long long until);

/* Write the certificate, as DER, to `der`, and it and its key, as PEM, to `pem`; 0 where OpenSSL
 * failed, and part of them may be written. Name and period are certifiable. */
int write_self_signed(BIO *der, BIO *pem, const char *name, long long from, long long until);

#endif
