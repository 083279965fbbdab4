/*
 * What all keys share: OpenSSL's library context, digests, and hashing, HMAC and HKDF with contexts that each
 * thread keeps - making one costs more than hashing a request.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "keeper/crypto/inside_int.h"

static struct {
    pthread_once_t once;
    OSSL_LIB_CTX *library;
    EVP_MD *md[DIGESTS];
    EVP_MAC *hmac;
    EC_GROUP *groups[KEY_TYPES];
    secp256k1_context *secp256k1;
    pthread_key_t per_thread;
} shared = { .once = PTHREAD_ONCE_INIT };

struct thread_tools {
    EVP_MD_CTX *md[DIGESTS];
    EVP_MAC_CTX *hmac[DIGESTS];
};

static _Thread_local struct thread_tools *tools_here;
static _Thread_local char thread_mark;

static const char *const md_names[DIGESTS] = { NULL, "SHA1", "SHA224", "SHA256", "SHA384", "SHA512",
    "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512" };

static void thread_ends(void *arg)
{
    struct thread_tools *t = arg;

    for (enum digest d = DIGEST_SHA1; d < DIGESTS; d++) {
        EVP_MD_CTX_free(t->md[d]);
        EVP_MAC_CTX_free(t->hmac[d]);
    }
    free(t);
    OPENSSL_thread_stop_ex(shared.library);
}

static void make_groups(void)
{
    static const int nids[KEY_TYPES] = {
        [KEY_ECDSA_P256] = NID_X9_62_prime256v1,
        [KEY_ECDSA_P384] = NID_secp384r1,
        [KEY_ECDSA_P521] = NID_secp521r1,
        [KEY_ECDSA_SECP256K1] = NID_secp256k1,
    };

    for (enum key_type t = KEY_ECDSA_P256; t <= KEY_ECDSA_SECP256K1; t++) {
        shared.groups[t] = EC_GROUP_new_by_curve_name_ex(shared.library, NULL, nids[t]);
        MUST(shared.groups[t] != NULL);
    }
}

static void start(void)
{
    uint8_t seed[32];

    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    MUST(sodium_init() >= 0);
    shared.library = OSSL_LIB_CTX_new();
    MUST(shared.library != NULL);
    for (enum digest d = DIGEST_SHA1; d < DIGESTS; d++) {
        shared.md[d] = EVP_MD_fetch(shared.library, md_names[d], NULL);
        MUST(shared.md[d] != NULL);
    }
    shared.hmac = EVP_MAC_fetch(shared.library, "HMAC", NULL);
    MUST(shared.hmac != NULL);
    make_groups();
    shared.secp256k1 = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    random_bytes(seed, sizeof(seed));
    MUST(secp256k1_context_randomize(shared.secp256k1, seed) == 1);
    explicit_bzero(seed, sizeof(seed));
    MUST(pthread_key_create(&shared.per_thread, thread_ends) == 0);
}

void crypto_start(void)
{
    MUST(pthread_once(&shared.once, start) == 0);
}

OSSL_LIB_CTX *crypto_library(void)
{
    crypto_start();
    return shared.library;
}

const EC_GROUP *crypto_ec_group(enum key_type t)
{
    crypto_start();
    MUST(t < KEY_TYPES && shared.groups[t] != NULL);
    return shared.groups[t];
}

const EVP_MD *crypto_md(enum digest d)
{
    crypto_start();
    return shared.md[d];
}

const EVP_MD *crypto_evp_digest(enum digest d)
{
    return crypto_md(d);
}

const secp256k1_context *crypto_secp256k1(void)
{
    crypto_start();
    return shared.secp256k1;
}

bool crypto_is_mine(struct crypto_key *k)
{
    uintptr_t nobody = 0;
    uintptr_t me = (uintptr_t)&thread_mark;

    return atomic_compare_exchange_strong(&k->owner, &nobody, me) || nobody == me;
}

int crypto_refuse(struct err *err, const char *id, const char *sentence)
{
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, id, "%s", sentence);
}

static struct thread_tools *tools(void)
{
    if (tools_here == NULL) {
        crypto_start();
        tools_here = xcalloc(1, sizeof(*tools_here));
        MUST(pthread_setspecific(shared.per_thread, tools_here) == 0);
    }
    return tools_here;
}

void crypto_digest(enum digest d, struct str input, uint8_t out[64], size_t *len)
{
    struct thread_tools *t = tools();
    unsigned n = 0;

    MUST(d > DIGEST_NONE && d < DIGESTS);
    if (t->md[d] == NULL)
        t->md[d] = EVP_MD_CTX_new();
    MUST(EVP_DigestInit_ex2(t->md[d], shared.md[d], NULL) == 1 &&
         EVP_DigestUpdate(t->md[d], input.at, input.len) == 1 &&
         EVP_DigestFinal_ex(t->md[d], out, &n) == 1);
    *len = n;
}

static EVP_MAC_CTX *hmac_new(enum digest d)
{
    EVP_MAC_CTX *c = EVP_MAC_CTX_new(shared.hmac);
    char name[16];
    OSSL_PARAM params[2];

    memcpy(name, md_names[d], strlen(md_names[d]) + 1);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
    params[1] = OSSL_PARAM_construct_end();
    MUST(c != NULL && EVP_MAC_CTX_set_params(c, params) == 1);
    return c;
}

void crypto_hmac(enum digest d, struct str key, struct str input, uint8_t out[64], size_t *len)
{
    struct thread_tools *t = tools();
    const char *at = key.len > 0 ? key.at : ""; /* NULL would mean: the key of before */

    MUST(d > DIGEST_NONE && d < DIGESTS);
    if (t->hmac[d] == NULL)
        t->hmac[d] = hmac_new(d);
    MUST(EVP_MAC_init(t->hmac[d], (const uint8_t *)at, key.len, NULL) == 1 &&
         EVP_MAC_update(t->hmac[d], (const uint8_t *)input.at, input.len) == 1 &&
         EVP_MAC_final(t->hmac[d], out, len, 64) == 1);
}

/* T(i) = HMAC(PRK, T(i-1) | info | i), RFC 5869 2.3. */
void crypto_hkdf(struct str ikm, struct str salt, struct str info, uint8_t *out, size_t n)
{
    static const char zeros[32];
    uint8_t prk[64];
    uint8_t block[64];
    size_t len = 0;
    size_t had = 0;
    uint8_t number = 1;
    struct buf text;

    MUST(n <= 255 * sizeof(zeros));
    if (salt.len == 0)
        salt = (struct str){ zeros, sizeof(zeros) };
    crypto_hmac(DIGEST_SHA256, salt, ikm, prk, &len);
    buf_init(&text, info.len + sizeof(block) + 1);
    for (; n > 0; number++) {
        size_t some;

        text.len = 0;
        buf_add(&text, block, had);
        buf_str(&text, info);
        buf_char(&text, (char)number);
        crypto_hmac(
            DIGEST_SHA256, (struct str){ (char *)prk, len }, buf_as_str(&text), block, &had);
        some = n < had ? n : had;
        memcpy(out, block, some);
        out += some;
        n -= some;
    }
    explicit_bzero(text.data, text.cap);
    buf_free(&text);
    explicit_bzero(prk, sizeof(prk));
    explicit_bzero(block, sizeof(block));
}
