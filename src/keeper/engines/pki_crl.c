/*
 * pki_crl - certificate revocation lists (RFC 5280 section 5), whole and delta, built when somebody asks or the
 * old one ends.
 *
 * What is revoked is kept packed and in the order it came, a few hundred in an
 * entry, so that a list of a hundred thousand is a few hundred reads:
 *     serial length u8 | serial | time u64 | expires u64, little-endian
 * A delta holds what came behind the place up to which the whole list goes.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "keeper/engines/pki_int.h"

enum { PACKED_MAX = PKI_REVOCATIONS_A_CHUNK, SERIAL_ROOM = 64, KEEP_EXPIRED = 86400 };

static struct str crl_path(struct request *r, struct str issuer)
{
    return mount_path(r, "crl/%.*s", STR_ARG(issuer));
}

static struct str chunk_path(struct request *r, struct str issuer, int64_t n)
{
    return mount_path(r, "revocations/%.*s/%08lld", STR_ARG(issuer), (long long)n);
}

void pki_crl_mark(struct request *r, struct str issuer)
{
    if (issuer.len > 0)
        entry_put(&r->tx, mount_path(r, "dirty/%.*s", STR_ARG(issuer)), STR("1"), 0);
}

/* ---- what is revoked ---- */

struct revocation {
    struct str serial; /* big-endian bytes */
    int64_t time;
    int64_t expires;
};

static void put_u64(struct buf *to, int64_t n)
{
    for (int i = 0; i < 8; i++)
        buf_char(to, (char)((uint64_t)n >> (8 * i)));
}

static int64_t get_u64(const char *at)
{
    uint64_t n = 0;

    for (int i = 7; i >= 0; i--)
        n = n << 8 | (uint8_t)at[i];
    return (int64_t)n;
}

static bool next_revocation(struct str *rest, struct revocation *out)
{
    size_t len = rest->len > 0 ? (uint8_t)rest->at[0] : 0;

    if (len == 0 || rest->len < 1 + len + 16)
        return false;
    out->serial = (struct str){ rest->at + 1, len };
    out->time = get_u64(rest->at + 1 + len);
    out->expires = get_u64(rest->at + 9 + len);
    rest->at += 17 + len;
    rest->len -= 17 + len;
    return true;
}

static unsigned count(struct str chunk)
{
    struct revocation one;
    unsigned n = 0;

    while (next_revocation(&chunk, &one))
        n++;
    return n;
}

/* Which chunk is the last; -1: there is none. */
static int64_t last_chunk(struct request *r, struct str issuer)
{
    struct value *names =
        entry_list(&r->tx, mount_path(r, "revocations/%.*s/", STR_ARG(issuer)), STR_NONE, 0);
    uint64_t n = 0;

    if (names == NULL || names->last == NULL || !str_to_u64(names->last->text, INT32_MAX, &n))
        return -1;
    return (int64_t)n;
}

static struct str serial_bytes(struct arena *a, struct str text)
{
    char *to = arena_alloc(a, SERIAL_ROOM);
    size_t n = 0;

    for (size_t i = 0; i + 1 < text.len && n < SERIAL_ROOM; i += 3) {
        char high = text.at[i];
        char low = text.at[i + 1];

        to[n++] = (char)((high <= '9' ? high - '0' : high - 'a' + 10) << 4 |
                         (low <= '9' ? low - '0' : low - 'a' + 10));
    }
    return (struct str){ to, n };
}

static void remember(struct request *r, struct str issuer, const struct revocation *one)
{
    int64_t n = last_chunk(r, issuer);
    struct str old = STR("");
    struct buf b;

    if (n >= 0 && entry_get(&r->tx, chunk_path(r, issuer, n), &old) && count(old) >= PACKED_MAX) {
        old = STR("");
        n++;
    }
    buf_init(&b, 1 << 20);
    buf_str(&b, old);
    buf_char(&b, (char)one->serial.len);
    buf_str(&b, one->serial);
    put_u64(&b, one->time);
    put_u64(&b, one->expires);
    entry_put(&r->tx, chunk_path(r, issuer, n < 0 ? 0 : n), buf_as_str(&b), 0);
    buf_free(&b);
}

bool pki_revoke_serial(
    struct request *r, struct str serial, struct str issuer, int64_t expires, int64_t *when)
{
    struct str path = mount_path(r, "revoked/%.*s", STR_ARG(serial));
    struct value *v = entry_get_value(&r->tx, path);
    struct revocation one = { serial_bytes(&r->arena, serial), r->now / 1000, expires };

    if (v != NULL) {
        *when = value_get_i64(v, "time", 0);
        return false;
    }
    v = value_map(&r->arena);
    value_put_i64(&r->arena, v, "time", one.time);
    value_put_text(&r->arena, v, "issuer", issuer);
    value_put_i64(&r->arena, v, "expires", expires);
    entry_put_value(&r->tx, path, v, 0);
    remember(r, issuer, &one);
    pki_crl_mark(r, issuer);
    /* perhaps the edge serves it: control asks for another */
    if (str_is(r->mount->path, "weir-pki/"))
        core_tell(r->core, "certificate", serial);
    *when = one.time;
    return true;
}

/* One pass over the chunks: those still of interest are packed anew, one chunk at a time. */
void pki_revocations_compact(struct request *r, struct str issuer, int64_t before)
{
    int64_t last = last_chunk(r, issuer);
    bool changed = false;

    for (int64_t n = 0; n <= last; n++) {
        struct revocation one;
        struct str old;
        struct str rest;
        struct buf b;

        if (!entry_get(&r->tx, chunk_path(r, issuer, n), &old))
            continue;
        buf_init(&b, 1 << 20);
        for (rest = old; next_revocation(&rest, &one);) {
            if (one.expires != 0 && one.expires < before)
                continue;
            buf_char(&b, (char)one.serial.len);
            buf_str(&b, one.serial);
            put_u64(&b, one.time);
            put_u64(&b, one.expires);
        }
        if (b.len < old.len) {
            changed = true;
            entry_put(&r->tx, chunk_path(r, issuer, n), buf_as_str(&b), 0);
        }
        buf_free(&b);
    }
    if (changed)
        pki_crl_mark(r, issuer);
}

/* ---- building ---- */

static bool add_revoked(X509_CRL *crl, const struct revocation *one)
{
    X509_REVOKED *x = X509_REVOKED_new();
    BIGNUM *n = BN_bin2bn((const uint8_t *)one->serial.at, (int)one->serial.len, NULL);
    ASN1_INTEGER *serial = n != NULL ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
    ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)one->time);
    bool ok = x != NULL && serial != NULL && t != NULL &&
              X509_REVOKED_set_serialNumber(x, serial) == 1 &&
              X509_REVOKED_set_revocationDate(x, t) == 1 && X509_CRL_add0_revoked(crl, x) == 1;

    if (!ok)
        X509_REVOKED_free(x);
    ASN1_TIME_free(t);
    ASN1_INTEGER_free(serial);
    BN_free(n);
    return ok;
}

/* Those from number `from` on; counts all. */
static bool add_all(
    struct request *r, X509_CRL *crl, struct str issuer, int64_t from, int64_t *upto)
{
    int64_t last = last_chunk(r, issuer);
    int64_t now = r->now / 1000;

    *upto = 0;
    for (int64_t n = 0; n <= last; n++) {
        struct revocation one;
        struct str rest;

        if (!entry_get(&r->tx, chunk_path(r, issuer, n), &rest))
            continue;
        while (next_revocation(&rest, &one)) {
            if ((*upto)++ < from || (one.expires != 0 && one.expires + KEEP_EXPIRED < now))
                continue;
            if (!add_revoked(crl, &one))
                return false;
        }
    }
    return true;
}

static bool set_times(X509_CRL *crl, int64_t now, int64_t next)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)now);
    ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)next);
    bool ok = from != NULL && to != NULL && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
              X509_CRL_set1_nextUpdate(crl, to) == 1;

    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return ok;
}

static bool add_number(X509_CRL *crl, int nid, int64_t n, bool critical)
{
    ASN1_INTEGER *i = ASN1_INTEGER_new();
    bool ok = i != NULL && ASN1_INTEGER_set_int64(i, n) == 1 &&
              X509_CRL_add1_ext_i2d(crl, nid, i, critical, 0) == 1;

    ASN1_INTEGER_free(i);
    return ok;
}

static bool add_authority(X509_CRL *crl, X509 *issuer)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
    AUTHORITY_KEYID *a = AUTHORITY_KEYID_new();
    bool ok = a != NULL;

    if (ok && id != NULL) {
        a->keyid = ASN1_OCTET_STRING_dup(id);
        ok = X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, a, 0, 0) == 1;
    }
    AUTHORITY_KEYID_free(a);
    return ok;
}

/* "SHA384WithRSAPSS", "ECDSAWithSHA512", "" */
static EVP_MD_CTX *signing_of(const struct pki_issuer *i, EVP_PKEY *key)
{
    struct str how = value_get_text(i->v, "revocation_signature_algorithm", STR(""));
    bool pss = how.len > 3 && str_ends(how, STR("PSS"));
    int64_t bits = how.len == 0                                ? 0
                   : memmem(how.at, how.len, "384", 3) != NULL ? 384
                   : memmem(how.at, how.len, "512", 3) != NULL ? 512
                                                               : 256;

    return pki_signing(key, bits, pss);
}

/* What is to be in the entry. */
struct crl_state {
    int64_t number;
    int64_t base; /* number of the whole list that a delta adds to; -1: this is whole */
    int64_t from;
    int64_t upto;
    int64_t next;
};

static struct str build(
    struct request *r, const struct pki_issuer *i, EVP_PKEY *key, struct crl_state *s)
{
    X509_CRL *crl = X509_CRL_new();
    EVP_MD_CTX *ctx = signing_of(i, key);
    uint8_t *der = NULL;
    int n = 0;
    bool ok = crl != NULL && ctx != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(i->x509)) == 1 &&
              set_times(crl, r->now / 1000, s->next) && add_all(r, crl, i->id, s->from, &s->upto) &&
              add_authority(crl, i->x509) && add_number(crl, NID_crl_number, s->number, false) &&
              (s->base < 0 || add_number(crl, NID_delta_crl, s->base, true));
    struct str out = STR_NONE;

    if (ok && X509_CRL_sort(crl) == 1 && X509_CRL_sign_ctx(crl, ctx) > 0)
        n = i2d_X509_CRL(crl, &der);
    if (n > 0)
        out = arena_str(&r->arena, (struct str){ (char *)der, (size_t)n });
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    X509_CRL_free(crl);
    ERR_clear_error();
    return out;
}

static void put_i64(struct request *r, struct value *v, const char *name, int64_t n)
{
    value_set(&r->arena, v, str_from(name), value_i64(&r->arena, n));
}

bool pki_crl_build(struct request *r, const struct pki_issuer *i, bool delta)
{
    EVP_PKEY *key = pki_signer(r, i, USE_CRL);
    struct value *v = entry_get_value(&r->tx, crl_path(r, i->id));
    struct pki_crl_rule rule;
    struct crl_state s = { .base = -1 };
    struct str der;

    if (key == NULL)
        return false;
    pki_crl_rule(r, &rule);
    if (v == NULL)
        v = value_map(&r->arena);
    s.number = value_get_i64(v, "last", 0) + 1;
    s.next = r->now / 1000 + rule.expiry;
    if (delta) {
        s.base = value_get_i64(v, "number", 0);
        s.from = value_get_i64(v, "upto", 0);
    }
    if (rule.disable)
        s.from = INT64_MAX;
    der = build(r, i, key, &s);
    if (der.at == NULL) {
        reply_error(r, 500, "error building the CRL of issuer %.*s", STR_ARG(i->id));
        return false;
    }
    put_i64(r, v, "last", s.number);
    put_i64(r, v, delta ? "delta_next" : "next", s.next);
    put_i64(r, v, delta ? "delta_made" : "made", r->now / 1000);
    value_set(&r->arena, v, delta ? STR("delta") : STR("der"), value_text(&r->arena, der));
    if (!delta) {
        put_i64(r, v, "number", s.number);
        put_i64(r, v, "upto", s.upto);
        value_remove(v, STR("delta"));
        entry_delete(&r->tx, mount_path(r, "dirty/%.*s", STR_ARG(i->id)));
    }
    entry_put_value(&r->tx, crl_path(r, i->id), v, 0);
    return true;
}

/* ---- when ---- */

static bool is_dirty(struct request *r, struct str issuer)
{
    struct str data;

    return entry_get(&r->tx, mount_path(r, "dirty/%.*s", STR_ARG(issuer)), &data);
}

/* auto_rebuild waits for the end of the old one, unless it says otherwise itself. */
static bool is_due(
    struct request *r, const struct value *v, struct str issuer, const struct pki_crl_rule *rule)
{
    int64_t now = r->now / 1000;

    if (v == NULL || value_get_i64(v, "next", 0) - (rule->auto_rebuild ? rule->grace : 0) <= now)
        return true;
    return !rule->auto_rebuild && is_dirty(r, issuer);
}

static bool delta_is_due(
    struct request *r, const struct value *v, struct str issuer, const struct pki_crl_rule *rule)
{
    int64_t now = r->now / 1000;

    if (!rule->delta)
        return false;
    if (value_get(v, "delta") == NULL || value_get_i64(v, "delta_next", 0) <= now)
        return true;
    return is_dirty(r, issuer) && value_get_i64(v, "delta_made", 0) + rule->delta_interval <= now;
}

static bool can_sign(struct request *r, const struct pki_issuer *i)
{
    return (i->usage & USE_CRL) != 0 && pki_key_by_id(r, i->key_id) != NULL;
}

struct str pki_crl(struct request *r, const struct pki_issuer *i, bool delta)
{
    struct value *v = entry_get_value(&r->tx, crl_path(r, i->id));
    struct pki_crl_rule rule;

    pki_crl_rule(r, &rule);
    if (can_sign(r, i)) {
        if (is_due(r, v, i->id, &rule))
            pki_crl_build(r, i, false);
        v = entry_get_value(&r->tx, crl_path(r, i->id));
        if (delta && delta_is_due(r, v, i->id, &rule))
            pki_crl_build(r, i, true);
        v = entry_get_value(&r->tx, crl_path(r, i->id));
    }
    return value_get_text(v, delta ? "delta" : "der", STR(""));
}

/* One list a second at most: a long one costs the core some hundred milliseconds. */
void pki_crl_tick(struct request *r)
{
    struct pki_crl_rule rule;

    pki_crl_rule(r, &rule);
    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);
        struct value *v = entry_get_value(&r->tx, crl_path(r, id->text));

        if (i == NULL || !can_sign(r, i))
            continue;
        if (is_due(r, v, i->id, &rule)) {
            pki_crl_build(r, i, false);
            return;
        }
        if (delta_is_due(r, v, i->id, &rule)) {
            pki_crl_build(r, i, true);
            return;
        }
    }
}

static void rotate(struct request *r, bool delta)
{
    struct value *data = value_map(&r->arena);

    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);

        if (i != NULL && can_sign(r, i) && !pki_crl_build(r, i, delta))
            return;
    }
    value_put_bool(&r->arena, data, "success", true);
    reply_data(r, data);
}

void pki_on_crl_rotate(struct request *r)
{
    rotate(r, false);
}

void pki_on_crl_rotate_delta(struct request *r)
{
    struct pki_crl_rule rule;

    pki_crl_rule(r, &rule);
    if (rule.delta)
        rotate(r, true);
    else
        reply_error(r, 400, "delta CRLs are not enabled");
}
