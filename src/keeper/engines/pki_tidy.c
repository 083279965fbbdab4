/*
 * pki_tidy - forgets certificates that have expired, a piece at a time in the background.
 *
 * A run's state is an entry ("tidy"), so that it goes on after a restart:
 *     {state: "Running" | "Finished" | "Cancelled", what: the parameters, phase, after: serial, counts, times}
 * Phases: 0 certificates, 1 revocations, 2 what CRLs are built of, 3 issuers.
 */
#include "keeper/engines/pki_int.h"

enum { PIECE = 200, PHASES = 4 };

static struct str tidy_path(struct request *r)
{
    return mount_path(r, "tidy");
}

static void set_i64(struct request *r, struct value *v, const char *name, int64_t n)
{
    value_set(&r->arena, v, str_from(name), value_i64(&r->arena, n));
}

static void set_text(struct request *r, struct value *v, const char *name, struct str s)
{
    value_set(&r->arena, v, str_from(name), value_text(&r->arena, s));
}

static void count(struct request *r, struct value *v, const char *name)
{
    set_i64(r, v, name, value_get_i64(v, name, 0) + 1);
}

static const struct pki_field tidy_fields[] = {
    { "issuer_safety_buffer", PKI_SECONDS, 31536000, NULL },
    { "pause_duration", PKI_DURATION, 0, "0s" },
    { "safety_buffer", PKI_SECONDS, 259200, NULL },
    { "tidy_cert_store", PKI_BOOL, 0, NULL },
    { "tidy_expired_issuers", PKI_BOOL, 0, NULL },
    { "tidy_revocation_list", PKI_BOOL, 0, NULL },
    { "tidy_revoked_cert_issuer_associations", PKI_BOOL, 0, NULL },
    { "tidy_revoked_certs", PKI_BOOL, 0, NULL },
    { 0 },
};

static struct value *fresh(struct request *r, struct value *what)
{
    struct value *v = value_map(&r->arena);

    set_text(r, v, "state", STR("Running"));
    value_put(v, "what", what);
    set_i64(r, v, "phase", 0);
    set_text(r, v, "after", STR(""));
    set_i64(r, v, "time_started", r->now / 1000);
    set_i64(r, v, "cert_store_deleted_count", 0);
    set_i64(r, v, "revoked_cert_deleted_count", 0);
    return v;
}

void pki_on_tidy(struct request *r)
{
    struct value *what = pki_fields_default(&r->arena, tidy_fields);
    struct value *old = entry_get_value(&r->tx, tidy_path(r));

    if (!pki_fields_read(r, tidy_fields, what))
        return;
    if (value_get_i64(what, "safety_buffer", 0) < 1) {
        reply_error(r, 400, "safety_buffer must be greater than zero");
        return;
    }
    if (str_is(value_get_text(old, "state", STR("")), "Running")) {
        reply_warn(r, "Tidying is under way already.");
    } else {
        reply_warn(r, "Tidying has begun; tidy-status says how far it is.");
        entry_put_value(&r->tx, tidy_path(r), fresh(r, what), 0);
    }
    r->reply.status = 202;
}

/* ---- the status ---- */

static void put_time(struct request *r, struct value *data, const struct value *v, const char *name)
{
    int64_t t = value_get_i64(v, name, 0);

    value_put(data, name,
        t > 0 ? value_text(&r->arena, pki_rfc3339(&r->arena, t)) : value_null(&r->arena));
}

void pki_tidy_status(struct request *r)
{
    static const char *const counts[] = { "cert_store_deleted_count", "revoked_cert_deleted_count",
        "missing_issuer_cert_count", "cross_revoked_cert_deleted_count" };
    static const char *const times[] = { "time_started", "time_finished",
        "last_auto_tidy_finished" };
    struct arena *a = &r->arena;
    struct value *v = entry_get_value(&r->tx, tidy_path(r));
    struct value *what = value_get(v, "what");
    struct value *data = value_map(a);

    value_put_text(a, data, "state", value_get_text(v, "state", STR("Inactive")));
    value_put(data, "error", value_null(a));
    value_put(data, "message", value_null(a));
    for (const struct pki_field *f = tidy_fields; f->name != NULL; f++) {
        const struct value *it = value_get(what, f->name);

        value_put(data, f->name, it != NULL ? value_copy(a, it) : value_null(a));
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        value_put_i64(a, data, counts[i], value_get_i64(v, counts[i], 0));
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        put_time(r, data, v, times[i]);
    reply_data(r, data);
}

void pki_tidy_cancel(struct request *r)
{
    struct value *v = entry_get_value(&r->tx, tidy_path(r));

    if (!str_is(value_get_text(v, "state", STR("")), "Running")) {
        reply_error(r, 400, "Nothing is being tidied.");
        return;
    }
    set_text(r, v, "state", STR("Cancelled"));
    set_i64(r, v, "time_finished", r->now / 1000);
    entry_put_value(&r->tx, tidy_path(r), v, 0);
    pki_tidy_status(r);
}

/* ---- the work ---- */

static int64_t horizon(struct request *r, const struct value *what, const char *buffer)
{
    return r->now / 1000 - value_get_i64(what, buffer, 0);
}

/* A piece of a folder of serial numbers; false: there is no more. */
static bool tidy_folder(struct request *r, struct value *v, const char *folder, const char *counter)
{
    struct value *what = value_get(v, "what");
    int64_t before = horizon(r, what, "safety_buffer");
    struct value *names = entry_list(
        &r->tx, mount_path(r, "%s/", folder), value_get_text(v, "after", STR("")), PIECE);

    value_each (name, names) {
        struct str path = mount_path(r, "%s/%.*s", folder, STR_ARG(name->text));
        struct value *one = entry_get_value(&r->tx, path);
        int64_t expires = value_get_i64(one, "expires", 0);

        if (one != NULL && expires != 0 && expires < before) {
            entry_delete(&r->tx, path);
            count(r, v, counter);
        }
        set_text(r, v, "after", name->text);
    }
    return names != NULL && names->n == PIECE;
}

static void tidy_issuers(struct request *r, const struct value *what)
{
    int64_t before = horizon(r, what, "issuer_safety_buffer");
    struct str usual = pki_default(r, "issuer");

    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);
        struct str name = value_get_text(i != NULL ? i->v : NULL, "name", STR(""));

        if (i == NULL || str_eq(id->text, usual) || pki_time(X509_get0_notAfter(i->x509)) >= before)
            continue;
        entry_delete(&r->tx, mount_path(r, "issuer/%.*s", STR_ARG(id->text)));
        if (name.len > 0)
            entry_delete(&r->tx, mount_path(r, "issuer-name/%.*s", STR_ARG(name)));
    }
}

static bool wanted(const struct value *what, const char *flag)
{
    return value_get_bool(what, flag, false);
}

/* One piece of the phase; true: the phase has more. */
static bool work(struct request *r, struct value *v, int64_t phase)
{
    struct value *what = value_get(v, "what");
    bool revoked = wanted(what, "tidy_revoked_certs") || wanted(what, "tidy_revocation_list");

    if (phase == 0)
        return wanted(what, "tidy_cert_store") &&
               tidy_folder(r, v, "cert", "cert_store_deleted_count");
    if (phase == 1)
        return revoked && tidy_folder(r, v, "revoked", "revoked_cert_deleted_count");
    if (phase == 2 && revoked) {
        value_each (id, pki_ids(r, "issuer"))
            pki_revocations_compact(r, id->text, horizon(r, what, "safety_buffer"));
    } else if (phase == 3 && wanted(what, "tidy_expired_issuers")) {
        tidy_issuers(r, what);
        pki_chain_all(r);
    }
    return false;
}

/* Auto-tidy begins a run when the last one is long enough ago. */
static struct value *begin_auto(struct request *r, const struct value *last)
{
    const struct value *config = entry_get_value(&r->tx, mount_path(r, "config/auto-tidy"));
    int64_t since = value_get_i64(last, "time_started", 0);

    if (!value_get_bool(config, "enabled", false) ||
        since + value_get_i64(config, "interval_duration", 43200) > r->now / 1000)
        return NULL;
    return fresh(r, value_copy(&r->arena, config));
}

void pki_tidy_tick(struct request *r)
{
    struct value *v = entry_get_value(&r->tx, tidy_path(r));
    int64_t phase = value_get_i64(v, "phase", 0);

    if (!str_is(value_get_text(v, "state", STR("")), "Running")) {
        v = begin_auto(r, v);
        if (v != NULL)
            entry_put_value(&r->tx, tidy_path(r), v, 0);
        return;
    }
    if (!work(r, v, phase)) {
        set_i64(r, v, "phase", phase + 1);
        set_text(r, v, "after", STR(""));
    }
    if (phase + 1 >= PHASES) {
        set_text(r, v, "state", STR("Finished"));
        set_i64(r, v, "time_finished", r->now / 1000);
    }
    entry_put_value(&r->tx, tidy_path(r), v, 0);
}
