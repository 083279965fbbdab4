/*
 * record - a request, its answer or an event as a line of the journal.
 *
 * In the shape of Vault's audit log, so that its readers read it.  Every value is under HMAC, numbers and booleans too;
 * names of members are not.  A response does not repeat the request's data: the two have request.id in common.
 */
#include "base/bug.h"
#include "base/hash.h"
#include "base/json.h"
#include "keeper/audit/inside_int.h"
#include "keeper/core/core_int.h"
#include "keeper/core/token_int.h"
#include "keeper/messages.h"

#define PUT(to, literal) buf_add(to, literal, sizeof(literal) - 1)

/* ---- HMACs ---- */

static void put_hex_mac(struct buf *to, const char hex[CHAIN_HEX])
{
    PUT(to, "\"hmac-sha256:");
    buf_add(to, hex, CHAIN_HEX);
    buf_char(to, '"');
}

void record_put_mac(struct audit *a, struct buf *to, struct str s)
{
    uint8_t mac[CHAIN_HASH];
    char hex[CHAIN_HEX];

    chain_mac(a->mac, s, mac);
    chain_hex(mac, CHAIN_HASH, hex);
    put_hex_mac(to, hex);
}

/* For what comes again and again: tokens and their accessors. */
static void put_known_mac(struct audit *a, struct buf *to, struct str s)
{
    uint64_t key = hash_bytes(s.at, s.len) | 1;
    struct audit_remembered *m = &a->remembered[(key >> 1) % AUDIT_MACS];
    uint8_t mac[CHAIN_HASH];

    if (m->key != key) {
        chain_mac(a->mac, s, mac);
        chain_hex(mac, CHAIN_HASH, m->hex);
        m->key = key;
    }
    put_hex_mac(to, m->hex);
}

/* ---- values ---- */

struct writing {
    struct audit *audit;
    struct buf *to;
    size_t begin;
    const struct value
        *plain; /* names of members at the top that are written as they are, or NULL */
};

static bool is_too_long(const struct writing *w)
{
    return w->to->len - w->begin > AUDIT_PART_MAX;
}

static void put_plain(struct writing *w, const struct value *v);

static void put_value(struct writing *w, const struct value *v)
{
    bool comma = false;

    switch (v->kind) {
    case VALUE_NULL:
        PUT(w->to, "null");
        return;
    case VALUE_FALSE:
        record_put_mac(w->audit, w->to, STR("false"));
        return;
    case VALUE_TRUE:
        record_put_mac(w->audit, w->to, STR("true"));
        return;
    case VALUE_NUMBER:
    case VALUE_TEXT:
        record_put_mac(w->audit, w->to, v->text);
        return;
    case VALUE_LIST:
    case VALUE_MAP:
        break;
    }
    buf_char(w->to, v->kind == VALUE_MAP ? '{' : '[');
    value_each (it, v) {
        if (is_too_long(w))
            return;
        if (comma)
            buf_char(w->to, ',');
        comma = true;
        if (v->kind == VALUE_MAP) {
            json_str(w->to, it->name);
            buf_char(w->to, ':');
        }
        put_value(w, it);
    }
    buf_char(w->to, v->kind == VALUE_MAP ? '}' : ']');
}

static void put_plain(struct writing *w, const struct value *v)
{
    bool comma = false;

    if (v->kind == VALUE_TEXT) {
        json_str(w->to, v->text);
    } else if (v->kind == VALUE_NUMBER) {
        buf_str(w->to, v->text);
    } else if (v->kind == VALUE_NULL) {
        PUT(w->to, "null");
    } else if (v->kind == VALUE_TRUE || v->kind == VALUE_FALSE) {
        buf_text(w->to, v->kind == VALUE_TRUE ? "true" : "false");
    } else {
        buf_char(w->to, v->kind == VALUE_MAP ? '{' : '[');
        value_each (it, v) {
            if (is_too_long(w))
                return;
            if (comma)
                buf_char(w->to, ',');
            comma = true;
            if (v->kind == VALUE_MAP) {
                json_str(w->to, it->name);
                buf_char(w->to, ':');
            }
            put_plain(w, it);
        }
        buf_char(w->to, v->kind == VALUE_MAP ? '}' : ']');
    }
}

static bool is_named(const struct value *names, struct str name)
{
    value_each (it, names)
        if (str_eq(it->text, name))
            return true;
    return false;
}

static void put_map(struct writing *w, const struct value *map)
{
    bool comma = false;

    buf_char(w->to, '{');
    value_each (it, map) {
        if (is_too_long(w))
            return;
        if (comma)
            buf_char(w->to, ',');
        comma = true;
        json_str(w->to, it->name);
        buf_char(w->to, ':');
        if (is_named(w->plain, it->name))
            put_plain(w, it);
        else
            put_value(w, it);
    }
    buf_char(w->to, '}');
}

/* A part that is too long becomes one HMAC over its binary form: nothing a client sends makes a record long. */
static void put_data(
    struct audit *a, struct buf *to, const struct value *map, const struct value *plain)
{
    struct writing w = { a, to, to->len, plain };
    struct buf encoded;

    put_map(&w, map);
    if (!is_too_long(&w))
        return;
    to->len = w.begin;
    buf_init_secret(&encoded, KEEPER_REQUEST_MAX);
    value_encode(map, &encoded);
    PUT(to, "{\"hmac_of_all\":");
    record_put_mac(a, to, buf_as_str(&encoded));
    buf_char(to, '}');
    buf_free(&encoded);
}

/* ---- who ---- */

static void put_texts(struct buf *to, const struct value *list)
{
    bool comma = false;

    buf_char(to, '[');
    value_each (it, list) {
        if (comma)
            buf_char(to, ',');
        comma = true;
        json_str(to, it->text);
    }
    buf_char(to, ']');
}

static void put_who(struct audit *a, struct buf *to, const struct token *t)
{
    PUT(to, "\"accessor\":");
    put_known_mac(a, to, t->accessor);
    PUT(to, ",\"display_name\":");
    json_str(to, t->display_name);
    PUT(to, ",\"policies\":");
    put_texts(to, t->policies);
    if (t->identity_policies != NULL && t->identity_policies->n > 0) {
        PUT(to, ",\"identity_policies\":");
        put_texts(to, t->identity_policies);
    }
    if (t->metadata != NULL && t->metadata->n > 0) {
        struct writing w = { a, to, to->len, NULL };

        PUT(to, ",\"metadata\":");
        put_plain(&w, t->metadata);
    }
    if (t->entity.len > 0) {
        PUT(to, ",\"entity_id\":");
        json_str(to, t->entity);
    }
    PUT(to, ",\"token_ttl\":");
    buf_u64(to, (uint64_t)(t->issued_ttl > 0 ? t->issued_ttl : 0));
    buf_text(to, t->batch ? ",\"token_type\":\"batch\"" : ",\"token_type\":\"service\"");
}

static void put_auth(struct audit *a, struct buf *to, const struct request *r)
{
    size_t begin = to->len;

    PUT(to, ",\"auth\":{");
    if (r->token.len > 0) {
        PUT(to, "\"client_token\":");
        put_known_mac(a, to, r->token);
        buf_char(to, ',');
    }
    if (r->who != NULL)
        put_who(a, to, r->who);
    else if (r->inside)
        PUT(to, "\"display_name\":\"weir\",\"token_type\":\"inside\"");
    else
        PUT(to, "\"token_type\":\"default\"");
    buf_char(to, '}');
    if (to->len - begin <= AUDIT_PART_MAX || r->who == NULL)
        return;
    to->len = begin;
    PUT(to, ",\"auth\":{\"accessor\":");
    put_known_mac(a, to, r->who->accessor);
    buf_char(to, '}');
}

/* ---- what was asked ---- */

static const struct value *plain_names(const struct request *r, const char *name)
{
    const struct value *list = r->mount != NULL ? value_get(r->mount->config, name) : NULL;

    return list != NULL && list->kind == VALUE_LIST ? list : NULL;
}

static void put_request_data(struct audit *a, struct buf *to, const struct request *r)
{
    if (r->body != NULL && r->body->n > 0) {
        PUT(to, ",\"data\":");
        put_data(a, to, r->body, plain_names(r, "audit_non_hmac_request_keys"));
    } else if (r->raw.len > 0) {
        PUT(to, ",\"data\":{\"raw\":");
        record_put_mac(a, to, r->raw);
        buf_char(to, '}');
    }
}

static void put_request(struct audit *a, struct buf *to, const struct request *r, bool data)
{
    static const char *const operations[OP_COUNT] = {
        [OP_READ] = "read",
        [OP_LIST] = "list",
        [OP_WRITE] = "update",
        [OP_DELETE] = "delete",
        [OP_PATCH] = "patch",
    };

    PUT(to, ",\"request\":{\"id\":\"");
    buf_str(to, r->id);
    PUT(to, "\",\"operation\":\"");
    buf_text(to, operations[r->op]);
    buf_char(to, '"');
    if (r->mount != NULL) {
        PUT(to, ",\"mount_point\":");
        json_str(to, r->mount->path);
        PUT(to, ",\"mount_type\":\"");
        buf_text(to, r->mount->engine->type);
        buf_char(to, '"');
    }
    if (r->token.len > 0) {
        PUT(to, ",\"client_token\":");
        put_known_mac(a, to, r->token);
    }
    if (r->who != NULL && r->who->accessor.len > 0) {
        PUT(to, ",\"client_token_accessor\":");
        put_known_mac(a, to, r->who->accessor);
    }
    PUT(to, ",\"namespace\":{\"id\":\"root\"},\"path\":");
    json_str(to, r->path);
    if (data)
        put_request_data(a, to, r);
    PUT(to, ",\"remote_address\":");
    json_str(to, r->remote);
    if (r->wrap_ttl > 0) {
        PUT(to, ",\"wrap_ttl\":");
        buf_u64(to, (uint64_t)r->wrap_ttl);
    }
    buf_char(to, '}');
}

/* ---- what was answered ---- */

/* The names of a finished "auth" or "wrap_info" that are no secrets. */
static const char plain_auth[] =
    "policies,token_policies,identity_policies,metadata,lease_duration,"
    "renewable,entity_id,token_type,orphan,num_uses,display_name";
static const char plain_wrap[] = "ttl,creation_time,creation_path";

/* "a,b" as a LIST on the stack: values[] must be large enough. */
static struct value *names_from(const char *csv, struct value *list, struct value *values)
{
    struct str rest = str_from(csv);

    *list = (struct value){ .kind = VALUE_LIST };
    while (rest.at != NULL) {
        *values = (struct value){ .kind = VALUE_TEXT, .text = str_cut(rest, ',', &rest) };
        value_add(list, values++);
    }
    return list;
}

enum { NAMES = 16 };

static void put_part(
    struct audit *a, struct buf *to, const char *name, const struct value *map, const char *plain)
{
    struct value values[NAMES];
    struct value list;

    if (map == NULL || map->kind != VALUE_MAP)
        return;
    buf_text(to, name);
    put_data(a, to, map, names_from(plain, &list, values));
}

static void put_response(struct audit *a, struct buf *to, const struct request *r)
{
    const struct reply *p = &r->reply;

    PUT(to, ",\"response\":{\"status\":");
    buf_u64(to, (uint64_t)p->status);
    put_part(a, to, ",\"auth\":", p->auth_made, plain_auth);
    put_part(a, to, ",\"wrap_info\":", p->wrap_info, plain_wrap);
    if (p->lease_id.len > 0) {
        PUT(to, ",\"secret\":{\"lease_id\":");
        json_str(to, p->lease_id);
        buf_char(to, '}');
    }
    if (p->content_type != NULL) {
        PUT(to, ",\"data\":{\"http_raw_body\":");
        record_put_mac(a, to, p->raw);
        buf_char(to, '}');
    } else if (p->bare ? p->top != NULL : p->data != NULL) {
        PUT(to, ",\"data\":");
        put_data(a, to, p->bare ? p->top : p->data, plain_names(r, "audit_non_hmac_response_keys"));
    }
    buf_char(to, '}');
}

/* Refusals are written in sentences of ours that never repeat a secret. */
static void put_errors(struct buf *to, const struct request *r)
{
    const struct value *first = r->reply.errors != NULL ? r->reply.errors->first : NULL;

    if (first == NULL)
        return;
    PUT(to, ",\"error\":");
    json_str(to, first->text);
}

/* ---- lines ---- */

size_t record_begin(struct audit *a, int64_t now)
{
    struct buf *to = &a->queue.lines;
    size_t begin = to->len;

    if (now != a->time_msec || a->time[0] == '\0') {
        time_format_rfc3339((usec_t)(now > 0 ? now : 0) * 1000, a->time);
        a->time_msec = now;
    }
    PUT(to, "{\"seq\":");
    buf_u64(to, a->tree.size + 1);
    PUT(to, ",\"time\":\"");
    buf_add(to, a->time, 24);
    PUT(to, "\",");
    return begin;
}

uint64_t record_end(struct audit *a, size_t begin)
{
    struct buf *to = &a->queue.lines;
    char hex[CHAIN_HEX];

    chain_leaf(a->last, (struct str){ to->data + begin, to->len - begin }, a->last);
    chain_hex(a->last, CHAIN_HASH, hex);
    PUT(to, ",\"hash\":\"");
    buf_add(to, hex, CHAIN_HEX);
    PUT(to, "\"}\n");
    MUST(!to->over); /* audit_is_stuck() keeps far more room than one record takes */
    chain_tree_add(&a->tree, a->last);
    a->since_head += to->len - begin;
    a->records++;
    queue_added(&a->queue, a->tree.size);
    return a->tree.size;
}

uint64_t audit_request(struct audit *a, struct request *r)
{
    struct buf *to = &a->queue.lines;
    size_t begin = record_begin(a, r->now);

    PUT(to, "\"type\":\"request\"");
    put_auth(a, to, r);
    put_request(a, to, r, true);
    put_errors(to, r);
    return record_end(a, begin);
}

uint64_t audit_response(struct audit *a, struct request *r)
{
    struct buf *to = &a->queue.lines;
    size_t begin = record_begin(a, (int64_t)(loop_wall(a->queue.loop) / 1000));

    PUT(to, "\"type\":\"response\"");
    put_auth(a, to, r);
    put_request(a, to, r, false);
    put_response(a, to, r);
    put_errors(to, r);
    return record_end(a, begin);
}

void audit_late(struct audit *a, struct request *r)
{
    if (a->mac != NULL && a->queue.lines.len < QUEUE_MAX / 2)
        audit_response(a, r);
}

uint64_t audit_event(
    struct audit *a, const char *what, const struct value *details, const char *plain)
{
    struct buf *to = &a->queue.lines;
    struct value values[NAMES];
    struct value list;
    size_t begin;

    if (a->mac == NULL ||
        audit_is_stuck(a)) /* sealed, or nowhere to write it: what did it must not depend on it */
        return 0;
    begin = record_begin(a, (int64_t)(loop_wall(a->queue.loop) / 1000));
    PUT(to, "\"type\":\"event\",\"event\":");
    json_str(to, str_from(what));
    if (details != NULL) {
        PUT(to, ",\"data\":");
        put_data(a, to, details, names_from(plain != NULL ? plain : "", &list, values));
    }
    return record_end(a, begin);
}

struct str audit_hash(struct audit *a, struct arena *to, struct str s)
{
    uint8_t mac[CHAIN_HASH];
    char hex[CHAIN_HEX];

    if (a->mac == NULL)
        return STR("");
    chain_mac(a->mac, s, mac);
    chain_hex(mac, CHAIN_HASH, hex);
    return str_from(arena_printf(to, "hmac-sha256:%.*s", CHAIN_HEX, hex));
}
