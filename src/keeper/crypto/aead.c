/*
 * Encryption: AES-GCM (NIST SP 800-38D) by OpenSSL with the key schedule kept, ChaCha20-Poly1305 (RFC 8439) and XChaCha20
 * (draft-irtf-cfrg-xchacha) by libsodium, RSA-OAEP (RFC 8017 7.1), and AES key wrap with padding (RFC 5649).
 *
 * Random nonces come from the kernel each time: nothing of them is kept in the process, so
 * neither a fork nor a restored snapshot repeats one.
 */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "base/bug.h"
#include "base/hash.h"
#include "keeper/crypto/inside_int.h"

enum { TAG = 16, NONCE_MOST = 24, WRAPPED_MOST = 16 * 1024 };

static int unauthentic(struct err *err)
{
    return crypto_refuse(err, "crypto_failed", "cipher: message authentication failed");
}

/* ---- AES-GCM ---- */

/* A context that knows the key; *kept says whether it is k's own. */
static EVP_CIPHER_CTX *gcm(struct crypto_key *k, bool seals, bool *kept)
{
    EVP_CIPHER_CTX **own = seals ? &k->seal : &k->open;
    EVP_CIPHER_CTX *c;
    EVP_CIPHER *cipher;

    *kept = crypto_is_mine(k);
    if (*kept && *own != NULL)
        return *own;
    cipher = EVP_CIPHER_fetch(
        crypto_library(), k->type == KEY_AES128_GCM96 ? "AES-128-GCM" : "AES-256-GCM", NULL);
    c = EVP_CIPHER_CTX_new();
    MUST(cipher != NULL && c != NULL);
    MUST(EVP_CipherInit_ex2(c, cipher, k->secret, NULL, seals, NULL) == 1);
    EVP_CIPHER_free(cipher);
    if (*kept)
        *own = c;
    return c;
}

static bool gcm_run(
    EVP_CIPHER_CTX *c, const uint8_t *nonce, struct str aad, struct str in, uint8_t *out)
{
    int n;

    return EVP_CipherInit_ex2(c, NULL, NULL, nonce, -1, NULL) == 1 &&
           (aad.len == 0 ||
               EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)aad.at, (int)aad.len) == 1) &&
           (in.len == 0 || EVP_CipherUpdate(c, out, &n, (const uint8_t *)in.at, (int)in.len) == 1);
}

static void gcm_seal(
    struct crypto_key *k, const uint8_t *nonce, struct str aad, struct str plain, uint8_t *out)
{
    bool kept;
    EVP_CIPHER_CTX *c = gcm(k, true, &kept);
    uint8_t rest[TAG];
    int n;

    MUST(gcm_run(c, nonce, aad, plain, out) && EVP_CipherFinal_ex(c, rest, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, out + plain.len) == 1);
    if (!kept)
        EVP_CIPHER_CTX_free(c);
}

static bool gcm_open(
    struct crypto_key *k, const uint8_t *nonce, struct str aad, struct str sealed, uint8_t *out)
{
    bool kept;
    EVP_CIPHER_CTX *c = gcm(k, false, &kept);
    uint8_t tag[TAG];
    uint8_t rest[TAG];
    int n;
    bool ok;

    sealed.len -= TAG;
    memcpy(tag, sealed.at + sealed.len, TAG);
    ok = gcm_run(c, nonce, aad, sealed, out) &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
         EVP_CipherFinal_ex(c, rest, &n) == 1;
    if (!kept)
        EVP_CIPHER_CTX_free(c);
    return ok;
}

/* ---- any AEAD ---- */

static void seal(
    struct crypto_key *k, const uint8_t *nonce, struct str aad, struct str plain, uint8_t *out)
{
    const uint8_t *in = (const uint8_t *)plain.at;
    const uint8_t *a = (const uint8_t *)aad.at;

    if (k->type == KEY_CHACHA20_POLY1305)
        crypto_aead_chacha20poly1305_ietf_encrypt(
            out, NULL, in, plain.len, a, aad.len, NULL, nonce, k->secret);
    else if (k->type == KEY_XCHACHA20_POLY1305)
        crypto_aead_xchacha20poly1305_ietf_encrypt(
            out, NULL, in, plain.len, a, aad.len, NULL, nonce, k->secret);
    else
        gcm_seal(k, nonce, aad, plain, out);
}

static bool open_sealed(
    struct crypto_key *k, const uint8_t *nonce, struct str aad, struct str sealed, uint8_t *out)
{
    const uint8_t *in = (const uint8_t *)sealed.at;
    const uint8_t *a = (const uint8_t *)aad.at;

    if (k->type == KEY_CHACHA20_POLY1305)
        return crypto_aead_chacha20poly1305_ietf_decrypt(
                   out, NULL, NULL, in, sealed.len, a, aad.len, nonce, k->secret) == 0;
    if (k->type == KEY_XCHACHA20_POLY1305)
        return crypto_aead_xchacha20poly1305_ietf_decrypt(
                   out, NULL, NULL, in, sealed.len, a, aad.len, nonce, k->secret) == 0;
    return gcm_open(k, nonce, aad, sealed, out);
}

static int too_long(struct err *err)
{
    return crypto_refuse(err, "crypto_input", "the input is too long");
}

static int aead_encrypt(struct crypto_key *k, const uint8_t *nonce, struct str aad,
    struct str plain, struct buf *to, struct err *err)
{
    size_t head = crypto_nonce_bytes(k->type);
    uint8_t *out = (uint8_t *)buf_reserve(to, head + plain.len + TAG);

    if (out == NULL || plain.len > INT_MAX || aad.len > INT_MAX)
        return too_long(err);
    if (nonce != NULL)
        memcpy(out, nonce, head);
    else
        random_bytes(out, head);
    seal(k, out, aad, plain, out + head);
    to->len += head + plain.len + TAG;
    return 0;
}

static int aead_decrypt(
    struct crypto_key *k, struct str aad, struct str sealed, struct buf *to, struct err *err)
{
    size_t head = crypto_nonce_bytes(k->type);
    const uint8_t *nonce = (const uint8_t *)sealed.at;
    uint8_t *out;

    if (sealed.len < head + TAG)
        return crypto_refuse(err, "crypto_input", "invalid ciphertext length");
    sealed = (struct str){ sealed.at + head, sealed.len - head };
    out = (uint8_t *)buf_reserve(to, sealed.len);
    if (out == NULL || sealed.len > INT_MAX || aad.len > INT_MAX)
        return too_long(err);
    if (!open_sealed(k, nonce, aad, sealed, out)) {
        explicit_bzero(out, sealed.len);
        return unauthentic(err);
    }
    to->len += sealed.len - TAG;
    return 0;
}

/* ---- RSA ---- */

static EVP_PKEY_CTX *oaep(struct crypto_key *k, enum digest d, bool encrypts)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(crypto_library(), k->pkey, NULL);

    MUST(c != NULL);
    MUST((encrypts ? EVP_PKEY_encrypt_init(c) : EVP_PKEY_decrypt_init(c)) == 1);
    MUST(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(c, crypto_md(d)) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(c, crypto_md(d)) == 1);
    return c;
}

static int rsa(struct crypto_key *k, enum digest d, bool encrypts, struct str in, struct buf *to,
    struct err *err)
{
    EVP_PKEY_CTX *c;
    uint8_t *out;
    size_t n;
    bool ok;

    if (k->type < KEY_RSA_2048 || k->type > KEY_RSA_4096)
        return crypto_refuse(err, "crypto_input", "keys of this type do not encrypt");
    if (k->public_only && !encrypts)
        return crypto_refuse(err, "crypto_input", "there is no private key");
    n = (size_t)EVP_PKEY_get_size(k->pkey);
    out = (uint8_t *)buf_reserve(to, n);
    if (out == NULL)
        return too_long(err);
    c = oaep(k, d, encrypts);
    ok = (encrypts ? EVP_PKEY_encrypt(c, out, &n, (const uint8_t *)in.at, in.len)
                   : EVP_PKEY_decrypt(c, out, &n, (const uint8_t *)in.at, in.len)) == 1;
    EVP_PKEY_CTX_free(c);
    if (ok) {
        to->len += n;
        return 0;
    }
    if (encrypts)
        return crypto_refuse(err, "crypto_input", "crypto/rsa: message too long for RSA key size");
    return crypto_refuse(err, "crypto_failed", "crypto/rsa: decryption error");
}

int crypto_oaep_encrypt(
    struct crypto_key *k, enum digest d, struct str plain, struct buf *to, struct err *err)
{
    return rsa(k, d, true, plain, to, err);
}

int crypto_oaep_decrypt(
    struct crypto_key *k, enum digest d, struct str sealed, struct buf *to, struct err *err)
{
    return rsa(k, d, false, sealed, to, err);
}

/* ---- what the header promises ---- */

int crypto_encrypt(struct crypto_key *k, const uint8_t *nonce, struct str aad, struct str plain,
    struct buf *to, struct err *err)
{
    if (key_facts(k->type)->converges)
        return aead_encrypt(k, nonce, aad, plain, to, err);
    if (nonce != NULL || aad.len > 0)
        return crypto_refuse(err, "crypto_input", "keys of this type take no associated data");
    return rsa(k, DIGEST_SHA256, true, plain, to, err);
}

int crypto_decrypt(
    struct crypto_key *k, struct str aad, struct str sealed, struct buf *to, struct err *err)
{
    if (key_facts(k->type)->converges)
        return aead_decrypt(k, aad, sealed, to, err);
    if (aad.len > 0)
        return crypto_refuse(err, "crypto_input", "keys of this type take no associated data");
    return rsa(k, DIGEST_SHA256, false, sealed, to, err);
}

/* ---- key wrap ---- */

static int kwp(struct str key, bool wraps, struct str in, struct buf *to, struct err *err)
{
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *c;
    uint8_t *out;
    int n = 0;
    bool ok;

    if (key.len != 32 || in.len == 0 || in.len > WRAPPED_MOST)
        return crypto_refuse(err, "crypto_input", "key wrap takes a key of 32 bytes");
    out = (uint8_t *)buf_reserve(to, in.len + 16);
    if (out == NULL)
        return too_long(err);
    cipher = EVP_CIPHER_fetch(crypto_library(), "AES-256-WRAP-PAD", NULL);
    c = EVP_CIPHER_CTX_new();
    MUST(cipher != NULL && c != NULL);
    EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    ok = EVP_CipherInit_ex2(c, cipher, (const uint8_t *)key.at, NULL, wraps, NULL) == 1 &&
         EVP_CipherUpdate(c, out, &n, (const uint8_t *)in.at, (int)in.len) == 1 && n > 0;
    EVP_CIPHER_CTX_free(c);
    EVP_CIPHER_free(cipher);
    if (!ok)
        return crypto_refuse(err, "crypto_failed", "the wrapped key is malformed");
    to->len += (size_t)n;
    return 0;
}

int crypto_kwp_wrap(struct str key, struct str plain, struct buf *to, struct err *err)
{
    return kwp(key, true, plain, to, err);
}

int crypto_kwp_unwrap(struct str key, struct str wrapped, struct buf *to, struct err *err)
{
    return kwp(key, false, wrapped, to, err);
}
