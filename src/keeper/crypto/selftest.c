/*
 * Does a key do what it is for?  A fresh challenge each time, so that no answer can be prepared.
 */
#include "base/hash.h"
#include "keeper/crypto/inside_int.h"

enum { CHALLENGE = 32 };

static bool signs_and_verifies(struct crypto_key *k, struct str challenge, struct buf *out)
{
    const struct signing how = { .digest = DIGEST_SHA256, .salt_length = -2 };
    struct str other = { challenge.at, challenge.len - 1 };
    struct err err;

    return crypto_key_sign(k, &how, challenge, out, &err) == 0 &&
           crypto_verify(k, &how, challenge, buf_as_str(out), &err) == 1 &&
           crypto_verify(k, &how, other, buf_as_str(out), &err) == 0;
}

static bool seals_and_opens(struct crypto_key *k, struct str challenge, struct buf *out)
{
    struct buf plain;
    struct err err;
    bool ok;

    buf_init_secret(&plain, 4096);
    ok = crypto_encrypt(k, NULL, STR_NONE, challenge, out, &err) == 0 &&
         !str_eq(buf_as_str(out), challenge) &&
         crypto_decrypt(k, STR_NONE, buf_as_str(out), &plain, &err) == 0 &&
         str_eq(buf_as_str(&plain), challenge);
    buf_free(&plain);
    return ok;
}

static bool authenticates(struct crypto_key *k, struct str challenge)
{
    struct str key = { (char *)k->secret, k->secret_len };
    struct str other = { challenge.at, challenge.len - 1 };
    uint8_t a[64];
    uint8_t b[64];
    size_t n = 0;

    crypto_hmac(DIGEST_SHA256, key, challenge, a, &n);
    crypto_hmac(DIGEST_SHA256, key, challenge, b, &n);
    if (memcmp(a, b, n) != 0)
        return false;
    crypto_hmac(DIGEST_SHA256, key, other, b, &n);
    return memcmp(a, b, n) != 0;
}

bool crypto_self_test(struct crypto_key *k)
{
    uint8_t bytes[CHALLENGE];
    struct str challenge = { (char *)bytes, sizeof(bytes) };
    struct buf out;
    bool ok;

    if (k->public_only)
        return false;
    random_bytes(bytes, sizeof(bytes));
    buf_init(&out, 4096);
    if (k->type == KEY_HMAC)
        ok = authenticates(k, challenge);
    else if (key_facts(k->type)->signs)
        ok = signs_and_verifies(k, challenge, &out);
    else
        ok = seals_and_opens(k, challenge, &out);
    buf_free(&out);
    return ok;
}
