/* Makes certificates as the module does, and counts what OpenSSL allocates.
 *
 * `makings COUNT` makes so many and prints how many more allocations are alive after the last than
 * after the first. `makings` makes one for each allocation that making one takes, lets that one
 * fail, and prints how many of them failed for it.
 */

#include "certificate.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

static long alive, asked, failing = -1;

static int fails(void)
{
    return asked++ == failing;
}

static void *allocate(size_t size, const char *file, int line)
{
    void *made = fails() ? NULL : malloc(size);

    (void)file, (void)line;
    alive += made != NULL;
    return made;
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
    void *made = fails() ? NULL : realloc(old, size);

    (void)file, (void)line;
    alive += old == NULL && made != NULL;
    return made;
}

static void release(void *old, const char *file, int line)
{
    (void)file, (void)line;
    alive -= old != NULL;
    free(old);
}

static int make(void)
{
    BIO *der = BIO_new(BIO_s_mem()), *pem = BIO_new(BIO_s_secmem());
    int made = der != NULL && pem != NULL
        && write_self_signed(der, pem, "localhost", 1700000000, 2600000000);

    ERR_clear_error();
    BIO_free(pem);
    BIO_free(der);
    return made;
}

static int make_many(long count)
{
    long after_first = 0;

    for (long i = 0; i < count; i++) {
        if (!make())
            return 1;
        if (i == 0)
            after_first = alive;
    }
    printf("%ld\n", alive - after_first);
    return 0;
}

static int make_without_memory(void)
{
    long failed = 0;

    if (!make()) /* and with it what is made once */
        return 1;
    do {
        asked = 0;
        failing++;
        failed += !make();
    } while (asked > failing);
    printf("%ld\n", failed);
    failing = -1;
    return !make();
}

int main(int argc, char **argv)
{
    CRYPTO_set_mem_functions(allocate, reallocate, release);
    return argc > 1 ? make_many(strtol(argv[1], NULL, 10)) : make_without_memory();
}
