/*
 * managed - what a blueprint names is made to exist: policies, transit keys, secrets in a KV engine.
 *
 * Asked by control alone (r->inside), with what the blueprint says; what is there already is left as it is
 * but for what differs.  No answer holds a value: a secret is drawn here, written, and only its
 * version told.  "managed/secret/<name>" keeps when a value was drawn, for its rotation.
 */
#include <stdio.h>

#include "base/hash.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/engines_int.h"
#include "keeper/core/state_int.h"
#include "keeper/sys/managed_int.h"

enum { LENGTH_LEAST = 8, LENGTH_MOST = 1024, POLICY_MOST = 1 << 20 };

/* ---- requests within a request ---- */

struct request *managed_ask(struct request *r, enum operation op, struct str path,
    struct value *body, const struct value *parsed)
{
    struct call *call = call_new(r->core);
    struct request *in = &call->r;

    call->inline_work = true;
    in->inside = true;
    in->op = op;
    in->path = arena_str(&in->arena, path);
    in->body = body != NULL ? value_copy(&in->arena, body) : value_map(&in->arena);
    in->parsed = parsed != NULL ? value_copy(&in->arena, parsed) : value_map(&in->arena);
    call_dispatch(call);
    return in;
}

bool managed_went_well(struct request *r, const struct request *in)
{
    const struct value *errors = in->reply.errors;

    if (in->reply.status >= 200 && in->reply.status < 300)
        return true;
    reply_error(r, in->reply.status >= 400 ? in->reply.status : 500, "%.*s",
        errors != NULL && errors->first != NULL ? (int)errors->first->text.len : 6,
        errors != NULL && errors->first != NULL ? errors->first->text.at : "failed");
    return false;
}

bool managed_done(struct request *r, enum operation op, struct str path, struct value *body,
    const struct value *parsed)
{
    struct request *in = managed_ask(r, op, path, body, parsed);
    bool ok = managed_went_well(r, in);

    request_free(in);
    return ok;
}

/* The request becomes another one: for what may take a worker's time. */
static void become(struct request *r, enum operation op, struct str path, struct value *body)
{
    struct call *call = call_of(r);
    struct mount *m = core_mount_of(r->core, path);

    if (m == NULL) {
        reply_error(r, 404, "there is no engine for %.*s", STR_ARG(path));
        return;
    }
    mount_release(call->mount_held);
    call->mount_held = mount_hold(m);
    r->mount = m;
    r->op = op;
    r->path = path;
    r->rest = (struct str){ path.at + m->path.len, path.len - m->path.len };
    r->body = body;
    if (route_find(r) && r->endpoint->on[op] != NULL)
        r->endpoint->on[op](r);
    else
        reply_error(r, 404, "the engine at %.*s has no %.*s", STR_ARG(m->path), STR_ARG(path));
}

bool managed_from_control(struct request *r)
{
    if (!r->inside)
        reply_error(r, 404, "1 error occurred:\n\t* unsupported path\n\n");
    return r->inside;
}

bool managed_engine(
    struct request *r, struct str mount, const char *type, const char *version, int64_t max_ttl)
{
    struct arena *a = &r->arena;
    struct str path = str_from(arena_printf(a, "%.*s/", STR_ARG(mount)));
    struct mount *m = core_mount_of(r->core, path);
    struct value *body;

    if (m != NULL && str_eq(m->path, path)) {
        struct str has = value_get_text(m->options, "version", STR("1"));

        if (strcmp(m->engine->type, type) == 0 && (version == NULL || str_is(has, version)))
            return true;
        reply_error(r, 400, "at %.*s there is an engine of another kind: %s%s%.*s", STR_ARG(path),
            m->engine->type, version != NULL ? " version " : "", version != NULL ? (int)has.len : 0,
            has.at);
        return false;
    }
    body = value_map(a);
    value_put_text(a, body, "type", str_from(type));
    if (version != NULL) {
        struct value *options = value_map(a);

        value_put_text(a, options, "version", str_from(version));
        value_put(body, "options", options);
    }
    if (max_ttl > 0) {
        struct value *config = value_map(a);

        value_put_i64(a, config, "max_lease_ttl", max_ttl);
        value_put(body, "config", config);
    }
    return managed_done(
        r, OP_WRITE, str_from(arena_printf(a, "sys/mounts/%.*s", STR_ARG(mount))), body, NULL);
}

/* ---- policies ---- */

static void put_texts(struct buf *to, const struct value *list)
{
    const char *comma = "";

    buf_char(to, '[');
    value_each (one, list) {
        buf_printf(to, "%s\"%.*s\"", comma, STR_ARG(one->text));
        comma = ", ";
    }
    buf_char(to, ']');
}

/* As Vault would read it, so that whoever reads it back sees what it says. */
static struct str policy_text(struct request *r, const struct value *rules)
{
    struct str text;
    struct buf b;

    buf_init(&b, POLICY_MOST);
    value_each (rule, rules) {
        const struct value *approvals = value_get(rule, "approvals");

        buf_printf(&b,
            "path \"%.*s\" {\n  capabilities = ", STR_ARG(value_get_text(rule, "path", STR(""))));
        put_texts(&b, value_get(rule, "capabilities"));
        if (approvals != NULL) {
            buf_printf(&b, "\n  approvals = {\n    count = %lld\n    policies = ",
                (long long)value_get_i64(approvals, "count", 0));
            put_texts(&b, value_get(approvals, "policies"));
            buf_text(&b, "\n  }");
        }
        buf_text(&b, "\n}\n");
    }
    text = arena_str(&r->arena, buf_as_str(&b));
    buf_free(&b);
    return text;
}

void sys_managed_policy(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *rules = value_get(r->body, "rules");
    struct value *policy = value_map(a);
    struct value *parsed = value_map(a);
    struct value *body = value_map(a);
    struct str text;

    if (!managed_from_control(r))
        return;
    text = policy_text(r, rules);
    value_put(policy, "rules", rules != NULL ? value_copy(a, rules) : value_list(a));
    value_put_text(a, policy, "text", text);
    value_put(parsed, "policy", policy);
    value_put_text(a, body, "policy", text);
    if (managed_done(r, OP_WRITE,
            str_from(arena_printf(a, "sys/policies/acl/%.*s", STR_ARG(param(r, "name")))), body,
            parsed))
        reply_data(r, value_map(a));
}

/* ---- keys ---- */

struct key_wish {
    struct str mount;
    struct str type;
    int64_t rotate;
    bool exportable;
};

static struct value *key_config(struct request *r, const struct key_wish *w, bool fresh)
{
    struct arena *a = &r->arena;
    struct value *body = value_map(a);

    if (fresh)
        value_put_text(a, body, "type", w->type);
    value_put_i64(a, body, "auto_rotate_period", w->rotate);
    if (fresh || w->exportable)
        value_put_bool(a, body, "exportable", w->exportable);
    return body;
}

void sys_managed_key(struct request *r)
{
    struct arena *a = &r->arena;
    struct key_wish w = { STR("transit"), STR(""), 0, false };
    const struct value *data;
    struct request *in;
    struct str path;
    int status;
    bool same;

    if (!managed_from_control(r))
        return;
    field_text(r, "mount", &w.mount);
    field_text(r, "type", &w.type);
    field_int(r, "rotate", &w.rotate);
    field_bool(r, "exportable", &w.exportable);
    if (refused(r) || !managed_engine(r, w.mount, "transit", NULL, 0))
        return;
    path = str_from(arena_printf(a, "%.*s/keys/%.*s", STR_ARG(w.mount), STR_ARG(param(r, "name"))));
    in = managed_ask(r, OP_READ, path, NULL, NULL);
    status = in->reply.status;
    data = in->reply.data;
    same = status == 200 && str_eq(value_get_text(data, "type", STR("")), w.type);
    if (status != 404 && status != 200) {
        managed_went_well(r, in);
    } else if (status == 200 && !same) {
        reply_error(r, 400, "there is a key of this name already, of the type %.*s",
            STR_ARG(value_get_text(data, "type", STR("?"))));
    } else if (status == 200 && value_get_i64(data, "auto_rotate_period", 0) == w.rotate &&
               value_get_bool(data, "exportable", false) == w.exportable) {
        struct value *told = value_map(a);

        value_put_i64(a, told, "latest_version", value_get_i64(data, "latest_version", 0));
        reply_data(r, told);
    }
    request_free(in);
    if (r->reply.status != 0)
        return;
    if (status == 200)
        path = str_from(arena_printf(a, "%.*s/config", STR_ARG(path)));
    become(r, OP_WRITE, path, key_config(r, &w, status == 404));
}

/* ---- secrets ---- */

struct secret_wish {
    struct str mount;
    struct str path;
    struct str field;
    struct str generate;
    int64_t length;
    int64_t rotate;
};

struct secret_state {
    struct value *values; /* at that path, all of them; NULL: nothing there */
    int64_t version;
    bool there; /* the field is */
};

static bool read_secret(struct request *r, const struct secret_wish *w, struct secret_state *s)
{
    struct arena *a = &r->arena;
    struct str path =
        str_from(arena_printf(a, "%.*s/data/%.*s", STR_ARG(w->mount), STR_ARG(w->path)));
    struct request *in = managed_ask(r, OP_READ, path, NULL, NULL);
    const struct value *data = in->reply.data;
    const struct value *values = value_get(data, "data");
    bool ok = in->reply.status == 404 || managed_went_well(r, in);

    *s = (struct secret_state){ 0 };
    /* A version that was deleted is a 404 with its metadata. */
    s->version = value_get_i64(value_get(data, "metadata"), "version", 0);
    if (ok && values != NULL && values->kind == VALUE_MAP) {
        s->values = value_copy(a, values);
        s->there = value_find(s->values, w->field) != NULL;
    }
    request_free(in);
    return ok;
}

static bool draw(struct request *r, const struct secret_wish *w, struct str *out)
{
    struct arena *a = &r->arena;
    size_t n = (size_t)w->length;
    char *bytes;

    if (w->length < LENGTH_LEAST || w->length > LENGTH_MOST) {
        reply_error(r, 400, "length must be between %d and %d", LENGTH_LEAST, LENGTH_MOST);
        return false;
    }
    if (str_is(w->generate, "password")) {
        *out = random_base62(a, n);
    } else if (str_is(w->generate, "uuid")) {
        *out = random_uuid(a);
    } else {
        bytes = arena_alloc(a, n);
        random_bytes(bytes, n);
        *out = str_is(w->generate, "hex") ? encode_hex(a, (struct str){ bytes, n })
                                          : encode_base64(a, (struct str){ bytes, n });
        explicit_bzero(bytes, n);
    }
    return true;
}

static bool write_secret(struct request *r, const struct secret_wish *w, struct secret_state *s)
{
    struct arena *a = &r->arena;
    struct value *body = value_map(a);
    struct value *options = value_map(a);
    struct request *in;
    struct str value;
    bool ok;

    if (!draw(r, w, &value))
        return false;
    if (s->values == NULL)
        s->values = value_map(a);
    value_set(a, s->values, w->field, value_text(a, value));
    value_put(body, "data", s->values);
    value_put_i64(a, options, "cas", s->version);
    value_put(body, "options", options);
    in = managed_ask(r, OP_WRITE,
        str_from(arena_printf(a, "%.*s/data/%.*s", STR_ARG(w->mount), STR_ARG(w->path))), body,
        NULL);
    ok = managed_went_well(r, in);
    if (ok)
        s->version = value_get_i64(in->reply.data, "version", 0);
    request_free(in);
    return ok;
}

/* Is what was drawn old enough to be drawn anew?  What somebody put there counts from now on. */
static bool is_due(struct request *r, const struct secret_wish *w, struct str row, bool *known)
{
    struct value *kept = entry_get_value(&r->tx, row);
    int64_t drawn = value_get_i64(kept, "drawn", 0);

    *known = kept != NULL;
    return kept != NULL && w->rotate > 0 && r->now / 1000 - drawn >= w->rotate;
}

static void answer_secret(struct request *r, const struct secret_state *s, bool rotated)
{
    struct value *v = value_map(&r->arena);

    value_put_i64(&r->arena, v, "version", s->there ? s->version : 0);
    value_put_bool(&r->arena, v, "rotated", rotated);
    reply_data(r, v);
}

void sys_managed_secret(struct request *r)
{
    struct arena *a = &r->arena;
    struct secret_wish w = { STR("secret"), param(r, "name"), STR("value"), STR("none"), 32, 0 };
    struct str row = entry_path(&r->tx, "managed/secret/%.*s", STR_ARG(param(r, "name")));
    struct secret_state s;
    bool generates;
    bool known;
    bool due;

    if (!managed_from_control(r))
        return;
    field_text(r, "mount", &w.mount);
    field_text(r, "path", &w.path);
    field_text(r, "field", &w.field);
    field_text(r, "generate", &w.generate);
    field_int(r, "length", &w.length);
    field_int(r, "rotate", &w.rotate);
    if (refused(r) || !managed_engine(r, w.mount, "kv", "2", 0) || !read_secret(r, &w, &s))
        return;
    generates = !str_is(w.generate, "none");
    due = is_due(r, &w, row, &known) && s.there;
    if (generates && (!s.there || due)) {
        if (!write_secret(r, &w, &s))
            return;
        s.there = true;
        known = false;
    }
    if (generates && !known) {
        struct value *kept = value_map(a);

        value_put_i64(a, kept, "drawn", r->now / 1000);
        entry_put_value(&r->tx, row, kept, 0);
    }
    answer_secret(r, &s, due);
}
