/*
 * PEM chains, and what is in them.
 *
 * The contexts of a family share what they have decoded: decoding a certificate is
 * the slow part of making a context, and a new blueprint has mostly the same.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/addr.h"
#include "base/bug.h"
#include "base/mem.h"
#include "net/tls_int.h"

enum { PEM_MAX = 1 << 20, CHAIN_MAX = 16 };

/* ---- names ---- */

static bool is_plain(struct str name)
{
    return name.len > 0 && name.len < 256 && memchr(name.at, 0, name.len) == NULL;
}

static void give_lower(void (*call)(void *arg, struct str name), void *arg, struct str name)
{
    char lower[256];

    if (!is_plain(name))
        return;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.at[i]);
    call(arg, (struct str){ lower, name.len });
}

static void give_ip(
    void (*call)(void *arg, struct str name), void *arg, const ASN1_OCTET_STRING *bytes)
{
    struct ip ip = { .len = (uint8_t)ASN1_STRING_length(bytes) };
    char text[IP_TEXT_MAX];

    if (ip.len != 4 && ip.len != 16)
        return;
    memcpy(ip.bytes, ASN1_STRING_get0_data(bytes), ip.len);
    call(arg, (struct str){ text, ip_format(ip, text) });
}

static struct str asn1_text(const ASN1_STRING *s)
{
    return (struct str){ (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) };
}

static void give_common_name(X509 *x, void (*call)(void *arg, struct str name), void *arg)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (at >= 0)
        give_lower(
            call, arg, asn1_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
}

void tls_each_name(X509 *x, void (*call)(void *arg, struct str name), void *arg)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

    if (names == NULL) {
        give_common_name(x, call, arg);
        return;
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS)
            give_lower(call, arg, asn1_text(name->d.dNSName));
        else if (name->type == GEN_IPADD)
            give_ip(call, arg, name->d.iPAddress);
    }
    GENERAL_NAMES_free(names);
}

/* ---- decoding ---- */

/* The next certificate of the text; NULL without err at its end. */
static X509 *next_certificate(struct tls_family *f, BIO *text, struct err *err)
{
    X509 *x = X509_new_ex(f->ctx, NULL);
    unsigned long code;

    MUST(x != NULL);
    if (PEM_read_bio_X509(text, &x, NULL, NULL) != NULL)
        return x;
    X509_free(x);
    code = ERR_peek_last_error();
    if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
        err_set(err, ERR_CONFIG, "tls_certificate",
            "not a PEM certificate (%s): expected -----BEGIN CERTIFICATE----- and base64",
            tls_openssl_reason());
    ERR_clear_error();
    return NULL;
}

/* The leaf, and the others into chain. */
static X509 *read_chain(
    struct tls_family *f, struct str pem, struct stack_st_X509 *chain, struct err *err)
{
    BIO *text;
    X509 *leaf;
    X509 *above;
    X509 *x;

    err->kind = ERR_NONE;
    if (pem.len > PEM_MAX) {
        err_set(
            err, ERR_LIMIT, "tls_certificate", "the certificate chain is over %d bytes", PEM_MAX);
        return NULL;
    }
    text = BIO_new_mem_buf(pem.len > 0 ? pem.at : "", (int)pem.len);
    MUST(text != NULL);
    leaf = next_certificate(f, text, err);
    if (leaf == NULL && err->kind == ERR_NONE)
        err_set(err, ERR_CONFIG, "tls_certificate", "there is no certificate in the file");
    for (above = leaf; above != NULL; above = x) {
        x = next_certificate(f, text, err);
        if (x == NULL)
            break;
        MUST(sk_X509_push(chain, x) > 0);
        if (sk_X509_num(chain) >= CHAIN_MAX) {
            err_set(
                err, ERR_CONFIG, "tls_chain", "more than %d certificates in one chain", CHAIN_MAX);
            break;
        }
        if (X509_check_issued(x, above) != X509_V_OK) {
            err_set(err, ERR_CONFIG, "tls_chain",
                "certificate %d of the chain did not issue the one before it: put the server's "
                "certificate first, then its issuer, and so on",
                sk_X509_num(chain) + 1);
            break;
        }
    }
    BIO_free(text);
    if (err->kind == ERR_NONE)
        return leaf;
    X509_free(leaf);
    return NULL;
}

/* SHA-256 of the DER SubjectPublicKeyInfo. */
static bool key_id_of(struct tls_family *f, X509 *x, uint8_t id[TLS_KEY_ID])
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    size_t n = 0;
    bool ok;

    ok = len > 0 && EVP_Q_digest(f->ctx, "SHA256", NULL, der, (size_t)len, id, &n) == 1;
    OPENSSL_free(der);
    return ok && n == TLS_KEY_ID;
}

static const struct {
    const char *name;
    enum tls_key_type type;
} key_types[] = { { "RSA", TLS_KEY_RSA }, { "EC", TLS_KEY_EC }, { "ED25519", TLS_KEY_ED25519 } };

/* The same public key, but one of the provider that signs by the keeper. */
static EVP_PKEY *key_elsewhere(
    struct tls_family *f, EVP_PKEY *public_key, const char *type, const uint8_t id[TLS_KEY_ID])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(f->ctx, type, TLS_KEYS_PROPERTIES);
    OSSL_PARAM *parts = NULL;
    EVP_PKEY *key = NULL;

    if (EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &parts) == 1 &&
        EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, parts) == 1 &&
        EVP_PKEY_set_octet_string_param(key, TLS_KEY_ID_PARAM, id, TLS_KEY_ID) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_PARAM_free(parts);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static int adopt_key(struct tls_family *f, struct tls_leaf *leaf, struct err *err)
{
    EVP_PKEY *public_key = X509_get0_pubkey(leaf->x509);
    uint8_t id[TLS_KEY_ID];

    for (size_t i = 0; public_key != NULL && i < sizeof(key_types) / sizeof(key_types[0]); i++) {
        if (!EVP_PKEY_is_a(public_key, key_types[i].name))
            continue;
        leaf->type = key_types[i].type;
        if (key_id_of(f, leaf->x509, id))
            leaf->key = key_elsewhere(f, public_key, key_types[i].name, id);
    }
    ERR_clear_error();
    if (leaf->key != NULL)
        return 0;
    return err_set(err, ERR_CONFIG, "tls_certificate",
        "the certificate's key is of no kind that serves here: use RSA, ECDSA on P-256, P-384 or "
        "P-521, or Ed25519");
}

static void leaf_free(struct tls_leaf *leaf)
{
    EVP_PKEY_free(leaf->key);
    X509_free(leaf->x509);
    sk_X509_pop_free(leaf->chain, X509_free);
    buf_free(&leaf->pem);
    free(leaf);
}

static struct tls_leaf *leaf_new(struct tls_family *f, struct str pem, struct err *err)
{
    struct tls_leaf *leaf = xcalloc(1, sizeof(*leaf));

    buf_init(&leaf->pem, PEM_MAX);
    leaf->chain = sk_X509_new_null();
    MUST(leaf->chain != NULL);
    leaf->x509 = read_chain(f, pem, leaf->chain, err);
    if (leaf->x509 == NULL || adopt_key(f, leaf, err) == -1) {
        leaf_free(leaf);
        return NULL;
    }
    buf_str(&leaf->pem, pem);
    return leaf;
}

struct tls_leaf *tls_leaf_ref(struct tls_family *f, struct str pem, struct err *err)
{
    struct tls_leaf *leaf;

    pthread_mutex_lock(&f->lock);
    leaf = tls_table_get(&f->certificates, pem);
    if (leaf == NULL) {
        leaf = leaf_new(f, pem, err);
        if (leaf != NULL)
            tls_table_put(&f->certificates, pem, leaf);
    }
    if (leaf != NULL)
        leaf->refs++;
    pthread_mutex_unlock(&f->lock);
    return leaf;
}

void tls_leaf_unref(struct tls_family *f, struct tls_leaf *leaf)
{
    pthread_mutex_lock(&f->lock);
    if (--leaf->refs == 0) {
        tls_table_remove(&f->certificates, buf_as_str(&leaf->pem));
        leaf_free(leaf);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- tls_inspect() ---- */

static void note_name(void *arg, struct str name)
{
    struct tls_certificate_info *info = arg;

    if (info->nnames == sizeof(info->names) / sizeof(info->names[0]))
        return;
    memcpy(info->names[info->nnames++], name.at, name.len);
}

static int64_t seconds_of(const ASN1_TIME *t)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;

    MUST(epoch != NULL);
    if (ASN1_TIME_diff(&days, &seconds, epoch, t) != 1)
        days = seconds = 0;
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + seconds;
}

static void note_subject(X509 *x, struct tls_certificate_info *info)
{
    BIO *text = BIO_new(BIO_s_mem());
    int n;

    MUST(text != NULL);
    X509_NAME_print_ex(text, X509_get_subject_name(x), 0, XN_FLAG_RFC2253);
    n = BIO_read(text, info->subject, sizeof(info->subject) - 1);
    info->subject[n > 0 ? n : 0] = '\0';
    BIO_free(text);
}

int tls_inspect(struct str chain_pem, struct tls_certificate_info *out, struct err *err)
{
    struct tls_family *f = tls_family_get(0);
    struct stack_st_X509 *chain = sk_X509_new_null();
    struct tls_certificate_info info = { 0 };
    X509 *x = read_chain(f, chain_pem, chain, err);
    int result = -1;

    if (x != NULL && !key_id_of(f, x, info.key_id)) {
        err_set(err, ERR_CONFIG, "tls_certificate", "the certificate's key cannot be read");
    } else if (x != NULL) {
        info.not_before = seconds_of(X509_get0_notBefore(x));
        info.not_after = seconds_of(X509_get0_notAfter(x));
        note_subject(x, &info);
        tls_each_name(x, note_name, &info);
        info.chain_length = 1 + (unsigned)sk_X509_num(chain);
        *out = info;
        result = 0;
    }
    X509_free(x);
    sk_X509_pop_free(chain, X509_free);
    return result;
}
