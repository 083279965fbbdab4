/*
 * incident - see incident_int.h: what was asked, the report and its signature.
 */
#include <stdio.h>

#include "base/json_read.h"
#include "keeper/core/encode_int.h"
#include "keeper/sys/incident_int.h"

enum { REASON_MAX = 1024, REPORT_MAX = 4 << 20, SIGNATURE = 64, PUBLIC_KEY = 32 };

static struct str time_now(struct arena *a)
{
    return time_text_fine(a, (int64_t)(time_wall_usec() / 1000));
}

void incident_mark(struct request *r, struct incident *in, const char *fmt, ...)
{
    struct arena *a = &r->arena;
    struct value *one = value_map(a);
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    value_put_text(a, one, "time", time_now(a));
    value_put_text(a, one, "what", str_from(text));
    value_add(in->timeline, one);
}

struct mount *incident_mount(
    struct request *r, const struct incident *in, const char *type, struct str *name)
{
    struct mount *m = core_mount_of(r->core, in->name);

    if (m == NULL || strcmp(m->engine->type, type) != 0 || m->path.len >= in->name.len) {
        reply_error(r, 400, "%s must be ENGINE/NAME, with a %s engine at ENGINE", in->kind, type);
        return NULL;
    }
    *name = (struct str){ in->name.at + m->path.len, in->name.len - m->path.len };
    return m;
}

bool incident_within(struct request *r, struct mount *m, enum operation op, struct str rest,
    struct value *body, struct value **data)
{
    struct call *call = call_of(r);
    struct mount *mount = r->mount;
    const struct endpoint *endpoint = r->endpoint;
    enum operation was = r->op;
    struct str old_rest = r->rest;
    struct value *old_body = r->body;
    bool inline_work = call->inline_work;
    bool known;

    r->mount = m;
    r->op = op;
    r->rest = rest;
    r->body = body != NULL ? body : value_map(&r->arena);
    call->inline_work = true; /* the transaction is one, so nothing may come between */
    known = route_find(r) && r->endpoint->on[op] != NULL;
    if (known)
        r->endpoint->on[op](r);
    else
        reply_error(r, 500, "the engine at %.*s has no %.*s", STR_ARG(m->path), STR_ARG(rest));
    if (data != NULL)
        *data = r->reply.data;
    call->inline_work = inline_work;
    r->mount = mount;
    r->endpoint = endpoint;
    r->op = was;
    r->rest = old_rest;
    r->body = old_body;
    if (refused(r))
        return false;
    r->reply = (struct reply){ 0 };
    return true;
}

/* ---- the report ---- */

static struct value *report_of(struct request *r, const struct incident *in)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_text(a, v, "id", in->id);
    value_put_text(a, v, "kind", str_from(in->kind));
    value_put_text(a, v, "name", in->name);
    value_put_text(a, v, "reason", in->reason);
    value_put_bool(a, v, "dry_run", in->dry_run);
    value_put_text(a, v, "time", time_now(a));
    value_put_text(a, v, "by", r->who != NULL ? r->who->display_name : STR("weir"));
    value_put_text(a, v, "request_id", r->id);
    value_put(v, "blast_radius", in->radius);
    value_put(v, "done", in->done);
    value_put(v, "timeline", in->timeline);
    return v;
}

/* Adds report (its very text), signature and public_key, in base64. False: reply_error(). */
static bool sign(struct request *r, struct value *report)
{
    struct arena *a = &r->arena;
    uint8_t signature[SIGNATURE];
    uint8_t key[PUBLIC_KEY];
    struct buf text;
    bool ok;

    buf_init(&text, REPORT_MAX);
    json_write(report, &text);
    ok = !text.over && audit_sign(r->core->audit, buf_as_str(&text), signature, key);
    if (ok) {
        value_put_text(a, report, "report", buf_as_str(&text));
        value_put_text(a, report, "signature",
            encode_base64(a, (struct str){ (char *)signature, sizeof(signature) }));
        value_put_text(
            a, report, "public_key", encode_base64(a, (struct str){ (char *)key, sizeof(key) }));
    } else {
        reply_error(r, 500, "the report cannot be signed");
    }
    buf_free(&text);
    return ok;
}

static void record(struct request *r, const struct incident *in)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_text(a, v, "id", in->id);
    value_put_text(a, v, "kind", str_from(in->kind));
    value_put_text(a, v, "name", in->name);
    value_put_text(a, v, "reason", in->reason);
    audit_event(r->core->audit, "incident", v, "id,kind,name,reason");
}

void incident_report(struct request *r, struct incident *in)
{
    struct value *report;

    incident_mark(
        r, in, in->dry_run ? "looked at, nothing was changed" : "all is written down together");
    report = report_of(r, in);
    if (!sign(r, report))
        return;
    if (!in->dry_run) {
        entry_put_value(&r->tx, entry_path(&r->tx, "incident/%.*s", STR_ARG(in->id)), report, 0);
        record(r, in);
    }
    reply_data(r, report);
}

/* ---- what was asked ---- */

static const struct kind {
    const char *name;
    void (*run)(struct request *r, struct incident *in);
} kinds[] = {
    { "key", incident_key },
    { "issuer", incident_issuer },
    { "entity", incident_entity },
};

static const struct kind *asked_kind(struct request *r, struct incident *in)
{
    const struct kind *found = NULL;
    unsigned n = 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct str name;

        if (!field_text(r, kinds[i].name, &name) || name.len == 0)
            continue;
        found = &kinds[i];
        in->kind = found->name;
        in->name = name;
        n++;
    }
    if (n == 1)
        return found;
    if (!refused(r))
        reply_error(r, 400, "say what is compromised: one of key, issuer and entity");
    return NULL;
}

void sys_incident(struct request *r)
{
    struct arena *a = &r->arena;
    struct incident *in = arena_calloc(a, 1, sizeof(*in));
    const struct kind *kind;

    in->dry_run = true;
    in->reason = STR("");
    kind = asked_kind(r, in);
    field_text(r, "reason", &in->reason);
    field_bool(r, "dry_run", &in->dry_run);
    if (kind == NULL || refused(r))
        return;
    if (in->reason.len == 0 || in->reason.len > REASON_MAX) {
        reply_error(
            r, 400, "a reason of up to %d characters is needed, for the report", REASON_MAX);
        return;
    }
    in->id = random_uuid(a);
    in->radius = value_map(a);
    in->done = value_map(a);
    in->timeline = value_list(a);
    incident_mark(r, in, "declared");
    kind->run(r, in);
}

void sys_incident_list(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, STR("incident/"), STR_NONE, 0));
}

void sys_incident_read(struct request *r)
{
    struct value *report =
        entry_get_value(&r->tx, entry_path(&r->tx, "incident/%.*s", STR_ARG(param(r, "id"))));

    if (report == NULL)
        reply_not_found(r);
    else
        reply_data(r, report);
}
