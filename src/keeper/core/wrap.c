/*
 * wrap - response wrapping; see wrap_int.h.
 *
 * The response lies there twice: as text in the wrapping token's cubbyhole, for clients that read cubbyhole/response, and as
 * a tree in the entry "wrapped/<hash>" for unwrap, because the core parses no JSON.  Whoever unwraps first revokes the token in the same transaction, and
 * handlers run one after the other: of any number of parallel unwraps one wins.
 *
 * unwrap, rewrap and lookup are open endpoints: holding the wrapping token is the right to do it.
 */
#include "base/json_read.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/lease_int.h"
#include "keeper/core/state_int.h"
#include "keeper/core/token_store_int.h"
#include "keeper/core/wrap_int.h"

enum { WRAPPED_MAX = ENTRY_DATA_MAX / 4 };

static const char invalid[] = "wrapping token is not valid or does not exist";

static struct str parcel_path(struct request *r, struct str hash)
{
    return entry_path(&r->tx, "wrapped/%.*s", STR_ARG(hash));
}

/* ---- wrapping ---- */

struct parcel {
    struct value *response; /* NULL: nothing */
    struct str path;        /* where it was made */
    struct str accessor;    /* of a token in it */
    int64_t ttl;
};

static bool store(struct request *r, const struct parcel *p, struct str hash)
{
    struct arena *a = &r->arena;
    struct value *info = value_map(a);
    struct value *hole = value_map(a);
    struct buf json;

    buf_init(&json, WRAPPED_MAX);
    json_write(p->response, &json);
    if (json.over) {
        buf_free(&json);
        reply_error(r, 400, "a response of over %d bytes cannot be wrapped", WRAPPED_MAX);
        return false;
    }
    value_put_text(a, hole, "response", buf_as_str(&json));
    buf_free(&json);
    entry_put_value(&r->tx, entry_path(&r->tx, "cubbyhole/%.*s/response", STR_ARG(hash)), hole, 0);
    value_put_i64(a, info, "creation_ttl", p->ttl);
    value_put_text(a, info, "creation_time", time_text_fine(a, r->now));
    value_put_text(a, info, "creation_path", p->path);
    value_put_text(a, info, "wrapped_accessor", p->accessor);
    value_put(info, "tree", value_copy(a, p->response));
    entry_put_value(&r->tx, parcel_path(r, hash), info, 0);
    return true;
}

/* Makes the token, and the reply say so. */
static bool send_parcel(struct request *r, const struct parcel *p)
{
    struct arena *a = &r->arena;
    struct value *info = value_map(a);
    struct str accessor;
    struct str text = token_make_wrapping(r, p->ttl, &accessor);
    int status = r->reply.status;

    if (!store(r, p, token_hash(r, text)))
        return false;
    value_put_text(a, info, "token", text);
    value_put_text(a, info, "accessor", accessor);
    value_put_i64(a, info, "ttl", p->ttl);
    value_put_text(a, info, "creation_time", time_text_fine(a, r->now));
    value_put_text(a, info, "creation_path", p->path);
    if (p->accessor.len > 0)
        value_put_text(a, info, "wrapped_accessor", p->accessor);
    r->reply = (struct reply){ .status = status, .wrap_info = info };
    return true;
}

bool wrap_reply(struct request *r, int64_t ttl)
{
    struct reply *said = &r->reply;
    struct parcel p = { .path = r->path, .ttl = ttl };

    if (refused(r) || said->content_type != NULL || said->wrap_info != NULL)
        return true;
    p.response = answer_value(r);
    if (p.response == NULL)
        return true;
    p.accessor = value_get_text(said->auth_made, "accessor", STR_NONE);
    return send_parcel(r, &p);
}

/* ---- using a wrapping token ---- */

static bool is_wrapping(const struct token *k)
{
    return k != NULL && k->policies != NULL && k->policies->n == 1 &&
           policies_contain(k->policies, "response-wrapping");
}

/* The token in the body, else the request's own. A caller who shows both must be allowed to ask. */
static const struct token *wrapping_token(struct request *r)
{
    struct str text = r->token;
    struct token *k;

    if (field_text(r, "token", &text) && text.len == 0) {
        reply_error(r, 400, "empty token in request body");
        return NULL;
    }
    if (refused(r))
        return NULL;
    k = token_load_text(r, text);
    if (!is_wrapping(k)) {
        reply_error(r, 400, "%s", invalid);
        return NULL;
    }
    return k;
}

static bool caller_may(struct request *r)
{
    const struct acl_question question = {
        .path = r->path, .need = CAN_UPDATE, .body = r->body, .wrap_ttl = r->wrap_ttl
    };
    struct acl_answer can;
    const struct token *who;
    const char *why;
    struct str text = STR_NONE;

    if (r->token.len == 0 || !field_text(r, "token", &text) || str_eq_secret(text, r->token))
        return true;
    who = token_check(r);
    if (who != NULL && acl_permits(core_acl(r, who), &question, &can, &why))
        return true;
    reply_error(r, 403, "permission denied");
    return false;
}

static struct value *open_parcel(struct request *r, const struct token *k)
{
    struct value *info = entry_get_value(&r->tx, parcel_path(r, k->hash));

    if (info == NULL)
        reply_error(r, 400, "%s", invalid);
    return info;
}

void wrap_endpoint_wrap(struct request *r)
{
    if (r->wrap_ttl <= 0) {
        reply_error(r, 400, "endpoint requires response wrapping to be used");
        return;
    }
    reply_data(r, value_copy(&r->arena, r->body));
}

void wrap_endpoint_unwrap(struct request *r)
{
    const struct token *k;
    struct value *info;

    if (!caller_may(r) || (k = wrapping_token(r)) == NULL)
        return;
    info = open_parcel(r, k);
    if (info == NULL)
        return;
    token_revoke(r, k->hash);
    r->reply.bare = true;
    r->reply.top = value_copy(&r->arena, value_get(info, "tree"));
    r->reply.status = 200;
}

void wrap_endpoint_rewrap(struct request *r)
{
    const struct token *k;
    struct value *info;
    struct parcel p;

    if (!caller_may(r) || (k = wrapping_token(r)) == NULL)
        return;
    info = open_parcel(r, k);
    if (info == NULL)
        return;
    token_revoke(r, k->hash);
    p = (struct parcel){
        .response = value_get(info, "tree"),
        .path = value_get_text(info, "creation_path", STR("")),
        .accessor = value_get_text(info, "wrapped_accessor", STR_NONE),
        .ttl = value_get_i64(info, "creation_ttl", 0),
    };
    r->reply.status = 200;
    send_parcel(r, &p);
}

void wrap_endpoint_lookup(struct request *r)
{
    const struct token *k;
    struct value *info;
    struct value *data = value_map(&r->arena);

    if (r->token.len == 0 && !field_has(r, "token")) {
        reply_error(r, 400, "missing \"token\" value in input");
        return;
    }
    k = wrapping_token(r);
    info = k != NULL ? open_parcel(r, k) : NULL;
    if (info == NULL)
        return;
    value_put_i64(&r->arena, data, "creation_ttl", value_get_i64(info, "creation_ttl", 0));
    value_put_text(
        &r->arena, data, "creation_time", value_get_text(info, "creation_time", STR("")));
    value_put_text(
        &r->arena, data, "creation_path", value_get_text(info, "creation_path", STR("")));
    reply_data(r, data);
}
