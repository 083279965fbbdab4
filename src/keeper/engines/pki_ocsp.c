/*
 * pki_ocsp - what a certificate's state is, signed by its issuer (RFC 6960).
 *
 * The request arrives as plain values.  Issuers that are not ours get
 * "unauthorized", as section 2.3 has it.  A number that nobody ever got is "unknown" as
 * long as this mount keeps all it issues; where it does not (no_store, imports), it is "good", as Vault answers always.
 */
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "keeper/engines/pki_int.h"

static const char *const type = "application/ocsp-response";

static void answer(struct request *r, int status, OCSP_BASICRESP *basic)
{
    OCSP_RESPONSE *response = OCSP_response_create(status, basic);
    uint8_t *der = NULL;
    int n = response != NULL ? i2d_OCSP_RESPONSE(response, &der) : 0;

    reply_raw(
        r, 200, type, arena_str(&r->arena, (struct str){ (char *)der, n > 0 ? (size_t)n : 0 }));
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
}

static const EVP_MD *hash_of(struct str name)
{
    if (str_is(name, "sha256"))
        return EVP_sha256();
    if (str_is(name, "sha384"))
        return EVP_sha384();
    return str_is(name, "sha512") ? EVP_sha512() : EVP_sha1();
}

static bool digest_is(const void *bytes, size_t n, const EVP_MD *md, struct str want)
{
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return EVP_Digest(bytes, n, out, &len, md, NULL) == 1 &&
           str_eq((struct str){ (char *)out, len }, want);
}

/* Name and key of the issuer, hashed (section 4.1.1). */
static bool is_meant(const struct pki_issuer *i, const struct value *asked)
{
    const EVP_MD *md = hash_of(value_get_text(asked, "hash", STR("")));
    const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(i->x509);
    const uint8_t *name = NULL;
    size_t n = 0;

    return X509_NAME_get0_der(X509_get_subject_name(i->x509), &name, &n) == 1 &&
           digest_is(name, n, md, value_get_text(asked, "name_hash", STR_NONE)) &&
           digest_is(
               key->data, (size_t)key->length, md, value_get_text(asked, "key_hash", STR_NONE));
}

static const struct pki_issuer *issuer_meant(struct request *r, const struct value *asked)
{
    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);

        if (i != NULL && is_meant(i, asked))
            return i;
    }
    return NULL;
}

/* The certificate's id, made anew from the values. */
static OCSP_CERTID *id_of(const struct pki_issuer *i, const struct value *asked)
{
    struct str serial = value_get_text(asked, "serial", STR("\0"));
    BIGNUM *n = BN_bin2bn((const uint8_t *)serial.at, (int)serial.len, NULL);
    ASN1_INTEGER *number = n != NULL ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
    OCSP_CERTID *id = NULL;

    if (number != NULL)
        id = OCSP_cert_id_new(hash_of(value_get_text(asked, "hash", STR(""))),
            X509_get_subject_name(i->x509), X509_get0_pubkey_bitstr(i->x509), number);
    ASN1_INTEGER_free(number);
    BN_free(n);
    return id;
}

struct state {
    int status;
    int64_t revoked;
};

static struct state state_of(struct request *r, const struct pki_issuer *i, struct str serial)
{
    struct value *v = entry_get_value(&r->tx, mount_path(r, "revoked/%.*s", STR_ARG(serial)));
    struct str data;

    if (v != NULL && str_eq(value_get_text(v, "issuer", STR("")), i->id))
        return (struct state){ V_OCSP_CERTSTATUS_REVOKED, value_get_i64(v, "time", 0) };
    v = entry_get_value(&r->tx, mount_path(r, "cert/%.*s", STR_ARG(serial)));
    if (v != NULL ? str_eq(value_get_text(v, "issuer", STR("")), i->id)
                  : entry_get(&r->tx, mount_path(r, "unstored"), &data))
        return (struct state){ V_OCSP_CERTSTATUS_GOOD, 0 };
    return (struct state){ V_OCSP_CERTSTATUS_UNKNOWN, 0 };
}

static bool add_status(struct request *r, OCSP_BASICRESP *basic, const struct pki_issuer *i,
    const struct value *asked, int64_t expiry)
{
    struct str serial = pki_serial_text(&r->arena, value_get_text(asked, "serial", STR("\0")));
    struct state s = state_of(r, i, serial);
    OCSP_CERTID *id = id_of(i, asked);
    ASN1_TIME *now = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(r->now / 1000));
    ASN1_TIME *next =
        expiry > 0 ? ASN1_GENERALIZEDTIME_set(NULL, (time_t)(r->now / 1000 + expiry)) : NULL;
    ASN1_TIME *since = ASN1_GENERALIZEDTIME_set(NULL, (time_t)s.revoked);
    bool ok = id != NULL && now != NULL && since != NULL &&
              OCSP_basic_add1_status(basic, id, s.status, OCSP_REVOKED_STATUS_NOSTATUS,
                  s.status == V_OCSP_CERTSTATUS_REVOKED ? since : NULL, now, next) != NULL;

    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    ASN1_TIME_free(since);
    OCSP_CERTID_free(id);
    return ok;
}

static bool add_nonce(OCSP_BASICRESP *basic, struct str nonce)
{
    uint8_t copy[128];

    if (nonce.len == 0 || nonce.len > sizeof(copy))
        return true;
    memcpy(copy, nonce.at, nonce.len);
    return OCSP_basic_add1_nonce(basic, copy, (int)nonce.len) == 1;
}

static bool fill(struct request *r, OCSP_BASICRESP *basic, const struct pki_issuer *i,
    const struct value *ocsp, int64_t expiry)
{
    bool ok = add_nonce(basic, value_get_text(ocsp, "nonce", STR_NONE));

    value_each (asked, value_get(ocsp, "requests")) {
        /* One response has one signer: numbers of another issuer are not ours to speak of. */
        ok = ok && is_meant(i, asked) && add_status(r, basic, i, asked, expiry);
    }
    return ok;
}

/* What a signature needs, apart from the request: RSA takes long, and anybody may ask. */
struct signing {
    OCSP_BASICRESP *basic;
    X509 *issuer;
    EVP_PKEY *key;
    bool pss;
    bool ok;
};

static void sign(void *arg)
{
    struct signing *s = arg;
    EVP_MD_CTX *ctx = pki_signing(s->key, 0, s->pss);

    s->ok =
        ctx != NULL && OCSP_basic_sign_ctx(s->basic, s->issuer, ctx, NULL, OCSP_RESPID_KEY) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
}

static void is_signed(struct request *r, void *arg)
{
    struct signing *s = arg;

    if (s->ok)
        answer(r, OCSP_RESPONSE_STATUS_SUCCESSFUL, s->basic);
    else
        answer(r, OCSP_RESPONSE_STATUS_INTERNALERROR, NULL);
    OCSP_BASICRESP_free(s->basic);
    X509_free(s->issuer);
    EVP_PKEY_free(s->key);
}

static void sign_and_answer(
    struct request *r, const struct pki_issuer *i, EVP_PKEY *key, OCSP_BASICRESP *basic)
{
    struct signing *s = arena_calloc(&r->arena, 1, sizeof(*s));
    struct str how = value_get_text(i->v, "revocation_signature_algorithm", STR(""));

    X509_up_ref(i->x509);
    EVP_PKEY_up_ref(key);
    *s = (struct signing){ basic, i->x509, key, how.len > 3 && str_ends(how, STR("PSS")), false };
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        sign(s);
        is_signed(r, s);
    } else if (!request_work(r, sign, is_signed, s)) {
        OCSP_BASICRESP_free(basic);
        X509_free(i->x509);
        EVP_PKEY_free(key);
    }
}

static void respond(struct request *r, const struct pki_issuer *i, const struct value *ocsp,
    const struct pki_crl_rule *rule)
{
    const struct pki_key *key = pki_key_by_id(r, i->key_id);
    OCSP_BASICRESP *basic;

    if (key == NULL || (i->usage & USE_OCSP) == 0) {
        answer(r, OCSP_RESPONSE_STATUS_UNAUTHORIZED, NULL);
        return;
    }
    basic = OCSP_BASICRESP_new();
    if (basic != NULL && fill(r, basic, i, ocsp, rule->ocsp_expiry)) {
        sign_and_answer(r, i, key->pkey, basic);
        return;
    }
    answer(r, OCSP_RESPONSE_STATUS_INTERNALERROR, NULL);
    OCSP_BASICRESP_free(basic);
}

void pki_on_ocsp(struct request *r)
{
    const struct value *ocsp = value_get(r->parsed, "ocsp");
    const struct value *list = value_get(ocsp, "requests");
    const struct pki_issuer *issuer = list != NULL ? issuer_meant(r, list->first) : NULL;
    struct pki_crl_rule rule;

    pki_crl_rule(r, &rule);
    if (list == NULL)
        answer(r, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, NULL);
    else if (rule.ocsp_disable || issuer == NULL)
        answer(r, OCSP_RESPONSE_STATUS_UNAUTHORIZED, NULL);
    else
        respond(r, issuer, ocsp, &rule);
    ERR_clear_error();
}
