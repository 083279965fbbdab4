/*
 * managed certificate - the edge's certificates: issued by an authority of the keeper's own, renewed in time, and
 * replaced at once when one is revoked.
 *
 * The authority is an engine like any other, weir-pki/, so that what it issued can be listed and revoked there.  The
 * private key stays here: "managed/certificate/<name>" keeps it, and those that sign TLS are given it with each answer.
 */
#include <stdio.h>

#include "keeper/core/state_int.h"
#include "keeper/sys/managed_int.h"

enum {
    AUTHORITY_SECONDS = 10 * 365 * 24 * 3600,
    CERTIFICATE_SECONDS = 825 * 24 * 3600, /* the longest */
    NAME_IN_SUBJECT = 64,                  /* RFC 5280, ub-common-name */
    HOSTS_MOST = 100,
};

static const struct str engine = { "weir-pki", 8 };

struct wish {
    const struct value *hosts;
    int64_t ttl;
};

/* ---- the authority ---- */

static void put_texts(struct arena *a, struct value *body, const char *const (*pairs)[2])
{
    for (; (*pairs)[0] != NULL; pairs++)
        value_put_text(a, body, (*pairs)[0], str_from((*pairs)[1]));
}

static bool is_there(struct request *r, enum operation op, struct str path, bool *there)
{
    struct request *in = managed_ask(r, op, path, NULL, NULL);
    bool ok = in->reply.status == 404 || managed_went_well(r, in);

    *there = in->reply.status != 404;
    request_free(in);
    return ok;
}

static bool authority(struct request *r)
{
    static const char *const root[][2] = { { "common_name", "Weir: the keeper's own authority" },
        { "key_type", "ec" }, { "key_bits", "256" }, { NULL, NULL } };
    static const char *const role[][2] = { { "allow_any_name", "true" },
        { "enforce_hostnames", "false" }, { "allow_ip_sans", "true" }, { "key_type", "ec" },
        { "key_bits", "256" }, { "client_flag", "false" }, { "require_cn", "false" },
        { NULL, NULL } };
    struct arena *a = &r->arena;
    struct value *body = value_map(a);
    bool there;

    if (!managed_engine(r, engine, "pki", NULL, AUTHORITY_SECONDS) ||
        !is_there(r, OP_LIST, STR("weir-pki/issuers"), &there))
        return false;
    if (!there) {
        put_texts(a, body, root);
        value_put_i64(a, body, "ttl", AUTHORITY_SECONDS);
        if (!managed_done(r, OP_WRITE, STR("weir-pki/root/generate/internal"), body, NULL))
            return false;
    }
    if (!is_there(r, OP_READ, STR("weir-pki/roles/edge"), &there) || there)
        return !refused(r);
    body = value_map(a);
    put_texts(a, body, role);
    value_put_i64(a, body, "max_ttl", CERTIFICATE_SECONDS);
    return managed_done(r, OP_WRITE, STR("weir-pki/roles/edge"), body, NULL);
}

/* ---- issuing ---- */

/* Which authority issues now: another one than before means that the old one is not trusted any more. */
static struct str authority_now(struct request *r)
{
    struct request *in = managed_ask(r, OP_READ, STR("weir-pki/config/issuers"), NULL, NULL);
    struct str id = arena_str(&r->arena, value_get_text(in->reply.data, "default", STR("")));

    request_free(in);
    return id;
}

static bool is_ip(struct str host)
{
    bool digits = true;

    for (size_t i = 0; i < host.len; i++)
        digits = digits && (host.at[i] == '.' || (host.at[i] >= '0' && host.at[i] <= '9'));
    return digits || memchr(host.at, ':', host.len) != NULL;
}

static struct value *issue_body(struct request *r, const struct wish *w)
{
    struct arena *a = &r->arena;
    struct value *body = value_map(a);
    struct value *names = value_list(a);
    struct value *addresses = value_list(a);

    value_each (host, w->hosts)
        value_add_text(a, is_ip(host->text) ? addresses : names, host->text);
    if (names->first != NULL && names->first->text.len <= NAME_IN_SUBJECT)
        value_put_text(a, body, "common_name", names->first->text);
    value_put(body, "alt_names", names);
    value_put(body, "ip_sans", addresses);
    value_put_i64(a, body, "ttl", w->ttl);
    value_put_text(a, body, "private_key_format", STR("pkcs8"));
    return body;
}

static struct str chain_of(struct request *r, const struct value *data)
{
    struct str chain;
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_str(&b, value_get_text(data, "certificate", STR("")));
    value_each (above, value_get(data, "ca_chain")) {
        buf_char(&b, '\n');
        buf_str(&b, above->text);
    }
    buf_char(&b, '\n');
    chain = arena_str(&r->arena, buf_as_str(&b));
    buf_free(&b);
    return chain;
}

/* What is kept of a new one; NULL: refused. */
static struct value *issue(struct request *r, const struct wish *w)
{
    struct arena *a = &r->arena;
    struct request *in =
        managed_ask(r, OP_WRITE, STR("weir-pki/issue/edge"), issue_body(r, w), NULL);
    const struct value *data = in->reply.data;
    struct value *kept = NULL;

    if (managed_went_well(r, in)) {
        kept = value_map(a);
        value_put(kept, "hosts", value_copy(a, w->hosts));
        value_put_i64(a, kept, "ttl", w->ttl);
        value_put_text(a, kept, "chain", chain_of(r, data));
        value_put_text(a, kept, "key", value_get_text(data, "private_key", STR("")));
        value_put_text(a, kept, "serial", value_get_text(data, "serial_number", STR("")));
        value_put_text(a, kept, "authority", authority_now(r));
        value_put_i64(a, kept, "made", r->now / 1000);
        value_put_i64(a, kept, "expires", value_get_i64(data, "expiration", 0));
    }
    request_free(in);
    return kept;
}

/* ---- what is there ---- */

static int64_t renew_at(const struct value *kept)
{
    int64_t made = value_get_i64(kept, "made", 0);

    return made + (value_get_i64(kept, "expires", 0) - made) / 3 * 2;
}

static bool is_revoked(struct request *r, struct str serial)
{
    struct request *in = managed_ask(r, OP_READ,
        str_from(arena_printf(&r->arena, "weir-pki/cert/%.*s", STR_ARG(serial))), NULL, NULL);
    bool gone = in->reply.status != 200 || value_get_i64(in->reply.data, "revocation_time", 0) > 0;

    request_free(in);
    return gone;
}

static bool is_good(struct request *r, const struct value *kept, const struct wish *w)
{
    return kept != NULL && value_equal(value_get(kept, "hosts"), w->hosts) &&
           value_get_i64(kept, "ttl", 0) == w->ttl &&
           str_eq(value_get_text(kept, "authority", STR("")), authority_now(r)) &&
           r->now / 1000 < renew_at(kept) &&
           !is_revoked(r, value_get_text(kept, "serial", STR("")));
}

static bool read_wish(struct request *r, struct wish *w)
{
    struct value *hosts = NULL;

    field_list(r, "hosts", &hosts);
    field_int(r, "ttl", &w->ttl);
    if (!refused(r) && (hosts == NULL || hosts->n == 0 || hosts->n > HOSTS_MOST))
        reply_error(r, 400, "a certificate is for 1 to %d hosts", HOSTS_MOST);
    else if (!refused(r) && (w->ttl < 1 || w->ttl > CERTIFICATE_SECONDS))
        reply_error(r, 400, "a certificate lasts from 1 to %d seconds", CERTIFICATE_SECONDS);
    w->hosts = hosts;
    return !refused(r);
}

static void answer(struct request *r, const struct value *kept, bool renewed)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_text(a, v, "chain", value_get_text(kept, "chain", STR("")));
    value_put_text(a, v, "serial", value_get_text(kept, "serial", STR("")));
    value_put_i64(a, v, "expires", value_get_i64(kept, "expires", 0));
    value_put_i64(a, v, "renew", renew_at(kept));
    value_put_bool(a, v, "renewed", renewed);
    reply_data(r, v);
}

void sys_managed_certificate(struct request *r)
{
    struct core *c = r->core;
    struct str row = entry_path(&r->tx, "managed/certificate/%.*s", STR_ARG(param(r, "name")));
    struct value *kept;
    struct wish w = { 0 };
    bool good;

    if (!managed_from_control(r) || !read_wish(r, &w) || !authority(r))
        return;
    kept = entry_get_value(&r->tx, row);
    good = is_good(r, kept, &w);
    if (!good) {
        kept = issue(r, &w);
        if (kept == NULL)
            return;
        entry_put_value(&r->tx, row, kept, 0);
    }
    if (c->take_tls_key == NULL ||
        !c->take_tls_key(c->tls_key_arg, value_get_text(kept, "key", STR(""))))
        reply_error(r, 500, "the key of the certificate cannot be used");
    else
        answer(r, kept, !good);
}
