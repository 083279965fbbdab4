/*
 * Keys that sign elsewhere, as OpenSSL sees them.
 *
 * A provider built into the process.  Its keys hold the public half and the
 * key's id; signing hands the whole text to tls_ask_signer(), which parks the
 * handshake until the keeper has answered.  There is no code here, and no
 * place in a key, for a private half.
 *
 * A certificate's public key is copied into the key management below
 * (tls_certificate.c) and given to OpenSSL as the certificate's private key.
 * It must be asked for by name: everything else gets the default provider's.
 *
 * Signature algorithms have names of their own (WEIR-...), which the key
 * management gives as the ones to use: OpenSSL then finds them at once, and
 * can never mean those of the default provider.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/tls_int.h"

#define PROPERTIES "provider=weir-keys"

enum pad { PAD_PKCS1, PAD_PSS };
enum hash { HASH_NONE, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASHES };

struct key {
    enum tls_key_type type;
    OSSL_PARAM *parts; /* the public ones, as they were imported */
    int bits;
    int security_bits;
    int signature_max;
    char group[32]; /* EC */
    bool has_id;
    uint8_t id[TLS_KEY_ID];
};

struct signing {
    const struct key *key; /* alive: the EVP_PKEY_CTX around us holds it */
    enum hash hash;
    enum pad pad;
};

/* ---- keys ---- */

static const char *const parts_of[TLS_KEY_TYPES][3] = {
    [TLS_KEY_RSA] = { OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E },
    [TLS_KEY_EC] = { OSSL_PKEY_PARAM_GROUP_NAME, OSSL_PKEY_PARAM_PUB_KEY },
    [TLS_KEY_ED25519] = { OSSL_PKEY_PARAM_PUB_KEY },
};

static const struct curve {
    const char *name;
    int bits;
    int security_bits;
    int signature_max; /* a DER sequence of two integers */
} curves[] = {
    { "prime256v1", 256, 128, 72 },
    { "P-256", 256, 128, 72 },
    { "secp384r1", 384, 192, 104 },
    { "P-384", 384, 192, 104 },
    { "secp521r1", 521, 256, 139 },
    { "P-521", 521, 256, 139 },
};

/* NIST SP 800-57 part 1, table 2, with the sizes in between as OpenSSL counts them. */
static const struct {
    int bits;
    int security_bits;
} rsa_strengths[] = { { 15360, 256 }, { 8192, 200 }, { 7680, 192 }, { 6144, 176 }, { 4096, 152 },
    { 3072, 128 }, { 2048, 112 }, { 1024, 80 } };

static struct key *key_new(enum tls_key_type type)
{
    struct key *k = xcalloc(1, sizeof(*k));

    k->type = type;
    return k;
}

static void *rsa_new(void *provider)
{
    (void)provider;
    return key_new(TLS_KEY_RSA);
}

static void *ec_new(void *provider)
{
    (void)provider;
    return key_new(TLS_KEY_EC);
}

static void *ed25519_new(void *provider)
{
    (void)provider;
    return key_new(TLS_KEY_ED25519);
}

static void key_free(void *data)
{
    struct key *k = data;

    if (k == NULL)
        return;
    OSSL_PARAM_free(k->parts);
    free(k);
}

static int key_has(const void *data, int selection)
{
    const struct key *k = data;

    return k != NULL && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 && k->parts != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
    const struct key *x = a;
    const struct key *y = b;

    (void)selection;
    if (x->type != y->type || x->parts == NULL || y->parts == NULL)
        return 0;
    for (const OSSL_PARAM *p = x->parts; p->key != NULL; p++) {
        const OSSL_PARAM *q = OSSL_PARAM_locate_const(y->parts, p->key);

        if (q == NULL || q->data_size != p->data_size ||
            memcmp(q->data, p->data, p->data_size) != 0)
            return 0;
    }
    return 1;
}

static int measure_rsa(struct key *k)
{
    const OSSL_PARAM *n = OSSL_PARAM_locate_const(k->parts, OSSL_PKEY_PARAM_RSA_N);
    BIGNUM *modulus = NULL;

    if (!OSSL_PARAM_get_BN(n, &modulus))
        return 0;
    k->bits = BN_num_bits(modulus);
    BN_free(modulus);
    k->signature_max = (k->bits + 7) / 8;
    for (size_t i = 0; i < sizeof(rsa_strengths) / sizeof(rsa_strengths[0]); i++) {
        if (k->bits >= rsa_strengths[i].bits) {
            k->security_bits = rsa_strengths[i].security_bits;
            break;
        }
    }
    return k->signature_max <= TLS_SIGNATURE_MAX;
}

static int measure_ec(struct key *k)
{
    const OSSL_PARAM *group = OSSL_PARAM_locate_const(k->parts, OSSL_PKEY_PARAM_GROUP_NAME);
    char *name = k->group;

    if (!OSSL_PARAM_get_utf8_string(group, &name, sizeof(k->group)))
        return 0;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (OPENSSL_strcasecmp(curves[i].name, k->group) == 0) {
            k->bits = curves[i].bits;
            k->security_bits = curves[i].security_bits;
            k->signature_max = curves[i].signature_max;
            return 1;
        }
    }
    return 0;
}

static int measure(struct key *k)
{
    switch (k->type) {
    case TLS_KEY_RSA:
        return measure_rsa(k);
    case TLS_KEY_EC:
        return measure_ec(k);
    case TLS_KEY_ED25519:
        k->bits = 256;
        k->security_bits = 128;
        k->signature_max = 64;
        return 1;
    case TLS_KEY_TYPES:
        break;
    }
    return 0;
}

/* Whatever else is offered, a private half among it, is left where it is. */
static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
    struct key *k = data;
    OSSL_PARAM wanted[4];
    size_t n = 0;

    if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0 || k->parts != NULL)
        return 0;
    for (size_t i = 0; parts_of[k->type][i] != NULL; i++) {
        const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, parts_of[k->type][i]);

        if (p == NULL)
            return 0;
        wanted[n++] = *p;
    }
    wanted[n] = OSSL_PARAM_construct_end();
    k->parts = OSSL_PARAM_dup(wanted);
    return k->parts != NULL && measure(k);
}

static int key_export(void *data, int selection, OSSL_CALLBACK *give, void *arg)
{
    const struct key *k = data;

    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || k->parts == NULL)
        return 0;
    return give(k->parts, arg);
}

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? types : NULL;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    const struct key *k = data;
    const struct {
        const char *name;
        int value;
    } numbers[] = {
        { OSSL_PKEY_PARAM_BITS, k->bits },
        { OSSL_PKEY_PARAM_SECURITY_BITS, k->security_bits },
        { OSSL_PKEY_PARAM_MAX_SIZE, k->signature_max },
    };
    OSSL_PARAM *p;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        p = OSSL_PARAM_locate(params, numbers[i].name);
        if (p != NULL && !OSSL_PARAM_set_int(p, numbers[i].value))
            return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);
    if (p != NULL && k->type == TLS_KEY_EC && !OSSL_PARAM_set_utf8_string(p, k->group))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST);
    if (p != NULL && k->type != TLS_KEY_ED25519 && !OSSL_PARAM_set_utf8_string(p, "SHA256"))
        return 0;
    /* Ed25519 hashes by itself (RFC 8032): the empty name says that there is no digest to choose. */
    p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);
    if (p != NULL && k->type == TLS_KEY_ED25519 && !OSSL_PARAM_set_utf8_string(p, ""))
        return 0;
    return 1;
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return list;
}

static int key_set_params(void *data, const OSSL_PARAM params[])
{
    struct key *k = data;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, TLS_KEY_ID_PARAM);

    if (p == NULL)
        return 1;
    if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != TLS_KEY_ID)
        return 0;
    memcpy(k->id, p->data, TLS_KEY_ID);
    k->has_id = true;
    return 1;
}

static const OSSL_PARAM *key_settable(void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_octet_string(TLS_KEY_ID_PARAM, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return list;
}

static const char *rsa_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "WEIR-RSA" : NULL;
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "WEIR-ECDSA" : NULL;
}

static const char *ed25519_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "WEIR-ED25519" : NULL;
}

/* ---- signatures ---- */

static void *signing_new(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return xcalloc(1, sizeof(struct signing));
}

static void signing_free(void *data)
{
    free(data);
}

static const struct {
    const char *name;
    enum hash hash;
} hash_names[] = {
    { "SHA2-256", HASH_SHA256 },
    { "SHA256", HASH_SHA256 },
    { "SHA2-384", HASH_SHA384 },
    { "SHA384", HASH_SHA384 },
    { "SHA2-512", HASH_SHA512 },
    { "SHA512", HASH_SHA512 },
};

/* RFC 8446 4.2.3; 0: not one that TLS signs with. For TLS 1.2 an ECDSA scheme names the hash alone. */
static const uint16_t rsa_schemes[HASHES][2] = {
    [HASH_SHA256] = { [PAD_PKCS1] = 0x0401, [PAD_PSS] = 0x0804 },
    [HASH_SHA384] = { [PAD_PKCS1] = 0x0501, [PAD_PSS] = 0x0805 },
    [HASH_SHA512] = { [PAD_PKCS1] = 0x0601, [PAD_PSS] = 0x0806 },
};
static const uint16_t ec_schemes[HASHES] = {
    [HASH_SHA256] = 0x0403,
    [HASH_SHA384] = 0x0503,
    [HASH_SHA512] = 0x0603,
};

static uint16_t scheme_of(const struct signing *s)
{
    switch (s->key->type) {
    case TLS_KEY_RSA:
        return rsa_schemes[s->hash][s->pad];
    case TLS_KEY_EC:
        return ec_schemes[s->hash];
    case TLS_KEY_ED25519:
        return s->hash == HASH_NONE ? 0x0807 : 0;
    case TLS_KEY_TYPES:
        break;
    }
    return 0;
}

/* "pkcs1" or "pss", or OpenSSL's numbers for them. */
static int set_pad(struct signing *s, const OSSL_PARAM *p)
{
    const char *word = NULL;
    int number = 0;

    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        if (!OSSL_PARAM_get_utf8_string_ptr(p, &word))
            return 0;
        if (strcmp(word, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0)
            s->pad = PAD_PKCS1;
        else if (strcmp(word, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0)
            s->pad = PAD_PSS;
        else
            return 0;
        return 1;
    }
    if (!OSSL_PARAM_get_int(p, &number))
        return 0;
    if (number == RSA_PKCS1_PADDING)
        s->pad = PAD_PKCS1;
    else if (number == RSA_PKCS1_PSS_PADDING)
        s->pad = PAD_PSS;
    else
        return 0;
    return 1;
}

/* The length of the salt is not ours to choose: TLS wants that of the hash, and the keeper uses it. */
static int signing_set_params(void *data, const OSSL_PARAM params[])
{
    struct signing *s = data;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    return p == NULL || set_pad(s, p);
}

static const OSSL_PARAM *signing_settable(void *data, void *provider)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)data;
    (void)provider;
    return list;
}

static int signing_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signing *s = data;

    if (key != NULL)
        s->key = key;
    if (s->key == NULL)
        return 0;
    s->hash = HASH_NONE;
    for (size_t i = 0; digest != NULL && i < sizeof(hash_names) / sizeof(hash_names[0]); i++)
        if (OPENSSL_strcasecmp(digest, hash_names[i].name) == 0)
            s->hash = hash_names[i].hash;
    if (digest != NULL && digest[0] != '\0' && s->hash == HASH_NONE)
        return 0;
    return signing_set_params(s, params) && scheme_of(s) != 0;
}

static int signing_sign(void *data, unsigned char *signature, size_t *len, size_t room,
    const unsigned char *input, size_t input_len)
{
    struct signing *s = data;

    if (signature == NULL) {
        *len = (size_t)s->key->signature_max;
        return 1;
    }
    if (!s->key->has_id)
        return 0;
    return tls_ask_signer(s->key->id, scheme_of(s), input, input_len, signature, room, len);
}

/* ---- the tables through which OpenSSL finds all this ---- */

#define FUNCTION(id, f)                                                                            \
    {                                                                                              \
        id, (void (*)(void))(f)                                                                    \
    }
#define KEY_MANAGEMENT(NEW, OPERATION)                                                             \
    {                                                                                              \
        FUNCTION(OSSL_FUNC_KEYMGMT_NEW, NEW), FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free),          \
            FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has),                                              \
            FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match),                                          \
            FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                                        \
            FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types),                                   \
            FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                                        \
            FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types),                                   \
            FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                                \
            FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                             \
            FUNCTION(OSSL_FUNC_KEYMGMT_SET_PARAMS, key_set_params),                                \
            FUNCTION(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, key_settable),                             \
            FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, OPERATION), { 0, NULL },              \
    }

static const OSSL_DISPATCH rsa_functions[] = KEY_MANAGEMENT(rsa_new, rsa_operation);
static const OSSL_DISPATCH ec_functions[] = KEY_MANAGEMENT(ec_new, ec_operation);
static const OSSL_DISPATCH ed25519_functions[] = KEY_MANAGEMENT(ed25519_new, ed25519_operation);

static const OSSL_DISPATCH signature_functions[] = {
    FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
    FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_sign),
    FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
    FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
    { 0, NULL },
};

/* The names of a key are those of the default provider: OpenSSL asks for a type by any of them. */
static const OSSL_ALGORITHM key_algorithms[] = {
    { "RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, rsa_functions, NULL },
    { "EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_functions, NULL },
    { "ED25519:1.3.101.112", PROPERTIES, ed25519_functions, NULL },
    { NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM signature_algorithms[] = {
    { "WEIR-RSA", PROPERTIES, signature_functions, NULL },
    { "WEIR-ECDSA", PROPERTIES, signature_functions, NULL },
    { "WEIR-ED25519", PROPERTIES, signature_functions, NULL },
    { NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return key_algorithms;
    case OSSL_OP_SIGNATURE:
        return signature_algorithms;
    default: /* the numbers of operations are OpenSSL's */
        return NULL;
    }
}

static const OSSL_DISPATCH provider_functions[] = {
    FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    { 0, NULL },
};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provider)
{
    (void)in;
    *out = provider_functions;
    *provider = (void *)(uintptr_t)handle;
    return 1;
}

int tls_provider_load(OSSL_LIB_CTX *ctx)
{
    if (!OSSL_PROVIDER_add_builtin(ctx, "weir-keys", provider_init) ||
        OSSL_PROVIDER_load(ctx, "weir-keys") == NULL)
        return -1;
    /* A wish, not a condition: what does not say otherwise gets the default provider's keys. */
    return EVP_set_default_properties(ctx, "?provider=default") == 1 ? 0 : -1;
}
