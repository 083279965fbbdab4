/*
 * memory - where keys lie: locked, left out of core files, wiped when given back.
 *
 * OpenSSL puts private numbers into its secure heap: one mapping, locked and
 * marked MADV_DONTDUMP, with a guard page at each end.  Copies that it makes
 * outside (Montgomery forms of an RSA key's primes, a file while it is being
 * decoded) lie in the ordinary heap: so all that OpenSSL frees is wiped first,
 * and where the limit on locked memory allows it, the whole process is locked.
 */
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/bug.h"
#include "keeper/keeper.h"

/* Room for some 3,000 RSA-2048 keys or 20,000 on curves. */
enum { SECURE_HEAP = 4 << 20, SECURE_HEAP_LEAST = 32 };

static void *give(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(n);
}

static void wipe_and_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p != NULL)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

/* Never in place: the old place could not be wiped any more. */
static void *give_more(void *p, size_t n, const char *file, int line)
{
    size_t had = p != NULL ? malloc_usable_size(p) : 0;
    void *q;

    if (n == 0) {
        wipe_and_free(p, file, line);
        return NULL;
    }
    q = malloc(n);
    if (q == NULL)
        return NULL;
    if (p != NULL)
        memcpy(q, p, had < n ? had : n);
    wipe_and_free(p, file, line);
    return q;
}

bool keeper_protect_memory(void)
{
    struct rlimit limit = { 0 };
    struct rlimit none = { 0 };
    bool locked;

    /* Only before OpenSSL has allocated anything. */
    MUST(CRYPTO_set_mem_functions(give, give_more, wipe_and_free) == 1);
    setrlimit(RLIMIT_CORE, &none);
    locked = CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_HEAP_LEAST) == 1;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
        mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    return locked;
}
