/*
 * approval - see approval_int.h.
 */
#include "keeper/core/approval_int.h"
#include "keeper/core/core_int.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/entries_int.h"
#include "keeper/core/token_int.h"
#include "keeper/crypto/key_int.h"

enum {
    TTL_DEFAULT = 3600, /* s */
    TTL_MOST = 30 * 86400,
    WAITING_MOST = 100, /* questions of one token */
    TICK_MOST = 100,
    ACCESSOR = 24,
};

/* ---- which request ---- */

/* Names this operation, path and body: another one of them needs approvals of its own. */
static struct str request_name(struct request *r)
{
    uint8_t sum[64];
    struct buf bytes;
    size_t len;

    buf_init_secret(&bytes, (size_t)ENTRY_DATA_MAX * 2);
    buf_char(&bytes, (char)r->op);
    buf_str(&bytes, r->path);
    buf_char(&bytes, '\0');
    value_encode(r->body, &bytes);
    buf_str(&bytes, r->raw);
    if (bytes.over)
        r->tx.failed = "the request is too long to be approved";
    crypto_digest(DIGEST_SHA256, buf_as_str(&bytes), sum, &len);
    buf_free(&bytes);
    return encode_hex(&r->arena, (struct str){ (const char *)sum, len });
}

static struct str id_path(struct request *r, struct str accessor)
{
    return entry_path(&r->tx, "approval/id/%.*s", STR_ARG(accessor));
}

static struct str of_folder(struct request *r, struct str token)
{
    return entry_path(&r->tx, "approval/of/%.*s/", STR_ARG(token));
}

/* The token that all of these come from: whoever has it can make others. What root made are others' tokens. */
static struct str first_of_line(struct request *r, const struct token *t, struct str hash)
{
    struct str parent = t->parent;

    for (unsigned i = 0; i < TOKEN_DEPTH_MAX && parent.len > 0; i++) {
        t = token_load(r, parent);
        if (t == NULL || t->root)
            break;
        hash = parent;
        parent = t->parent;
    }
    return hash;
}

/* Who somebody is: an entity, whichever token it has; else the token, or the one that it comes from. */
static struct str person(struct request *r, const struct token *t, struct str hash)
{
    if (t->entity.len > 0)
        return str_from(arena_printf(&r->arena, "entity:%.*s", STR_ARG(t->entity)));
    hash = first_of_line(r, t, hash);
    return str_from(arena_printf(&r->arena, "token:%.*s", STR_ARG(hash)));
}

/* ---- asking ---- */

static int64_t lasts(const struct value *rule)
{
    int64_t ttl = value_get_i64(rule, "ttl", 0);

    if (ttl <= 0)
        return TTL_DEFAULT;
    return ttl < TTL_MOST ? ttl : TTL_MOST;
}

static int64_t agreed(const struct value *question)
{
    const struct value *list = value_get(question, "authorizations");

    return list != NULL ? list->n : 0;
}

static bool is_approved(const struct value *question)
{
    return agreed(question) >= value_get_i64(question, "required", INT64_MAX);
}

static bool is_over(const struct request *r, const struct value *question)
{
    return r->now >= value_get_i64(question, "until", 0);
}

static struct value *new_question(
    struct request *r, const struct value *rule, struct str token, struct str name)
{
    static const char *const verbs[OP_COUNT] = { "read", "list", "update", "delete", "patch" };
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    const struct value *policies = value_get(rule, "policies");

    value_put_text(a, v, "token", token);
    value_put_text(a, v, "name", name);
    value_put_text(a, v, "person", person(r, r->who, token));
    value_put_text(a, v, "entity", r->who->entity);
    value_put_text(a, v, "display_name", r->who->display_name);
    value_put_text(a, v, "path", r->path);
    value_put_text(a, v, "operation", str_from(verbs[r->op]));
    value_put_i64(a, v, "required", value_get_i64(rule, "count", 1));
    value_put(v, "policies", policies != NULL ? value_copy(a, policies) : value_list(a));
    value_put_i64(a, v, "until", r->now + lasts(rule) * 1000);
    value_put(v, "authorizations", value_list(a));
    return v;
}

static void say_waiting(struct request *r, struct str accessor, const struct value *question)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *top = value_map(a);
    long long required = (long long)value_get_i64(question, "required", 1);

    reply_error(r, 403,
        "control group: %lld of %lld approvals so far; let others approve %.*s, then ask again",
        (long long)agreed(question), required, STR_ARG(accessor));
    value_put_text(a, v, "accessor", accessor);
    value_put_i64(a, v, "required", required);
    value_put_i64(a, v, "approved", agreed(question));
    value_put_text(a, v, "expire_time", time_text(a, value_get_i64(question, "until", 0) / 1000));
    value_put(top, "control_group", v);
    r->reply.top = top;
}

/* The rule may have become stricter since the question was asked. */
static bool fits_rule(const struct value *question, const struct value *rule)
{
    const struct value *now = value_get(rule, "policies");
    const struct value *then = value_get(question, "policies");

    return value_get_i64(question, "required", 0) == value_get_i64(rule, "count", 1) &&
           ((now == NULL && then->n == 0) || (now != NULL && value_equal(now, then)));
}

static void ask(struct request *r, const struct value *rule, struct str token, struct str name)
{
    struct str accessor = random_base62(&r->arena, ACCESSOR);
    struct str folder = of_folder(r, token);
    struct value *question = new_question(r, rule, token, name);
    int64_t until = value_get_i64(question, "until", 0);

    if (entry_list(&r->tx, folder, STR_NONE, WAITING_MOST)->n >= WAITING_MOST) {
        reply_error(r, 429, "%d requests of this token wait for approvals already", WAITING_MOST);
        return;
    }
    entry_put_value(&r->tx, id_path(r, accessor), question, until);
    entry_put(
        &r->tx, entry_path(&r->tx, "%.*s%.*s", STR_ARG(folder), STR_ARG(name)), accessor, until);
    say_waiting(r, accessor, question);
    r->keep = true; /* the question stays, though the request is refused */
}

/* At once, in a transaction of its own: of two such requests at the same time only one is let through. */
static bool use_up(struct request *r, struct str path, struct str id)
{
    struct tx own;
    uint64_t batch;

    tx_init(&own, core_entries(r->core), &r->arena);
    entry_delete(&own, path);
    entry_delete(&own, id);
    batch = tx_take(&own);
    if (own.failed != NULL) {
        r->tx.failed = own.failed;
        r->tx.busy = own.busy;
        reply_error(r, 503, "%s", own.failed);
        return false;
    }
    if (batch > r->tx.after)
        r->tx.after = batch;
    return true;
}

bool approval_admits(struct request *r, const struct value *rule)
{
    struct str token = token_hash(r, r->token);
    struct str name = request_name(r);
    struct str path = entry_path(&r->tx, "%.*s%.*s", STR_ARG(of_folder(r, token)), STR_ARG(name));
    struct value *question;
    struct str accessor;

    question =
        entry_get(&r->tx, path, &accessor) ? entry_get_value(&r->tx, id_path(r, accessor)) : NULL;
    if (question == NULL || is_over(r, question) || !fits_rule(question, rule)) {
        ask(r, rule, token, name);
        return false;
    }
    if (!is_approved(question)) {
        say_waiting(r, accessor, question);
        return false;
    }
    return use_up(r, path, id_path(r, accessor));
}

/* ---- agreeing ---- */

static struct value *question_asked(struct request *r, struct str *accessor)
{
    struct value *question;

    *accessor = STR("");
    field_text(r, "accessor", accessor);
    if (refused(r))
        return NULL;
    question = accessor->len == ACCESSOR ? entry_get_value(&r->tx, id_path(r, *accessor)) : NULL;
    if (question == NULL || is_over(r, question)) {
        reply_error(r, 400, "invalid accessor: no request waits for approvals under it");
        return NULL;
    }
    return question;
}

static bool has_one(const struct value *wanted, const struct value *has)
{
    value_each (w, wanted) {
        value_each (h, has) {
            if (str_eq(w->text, h->text))
                return true;
        }
    }
    return false;
}

static bool may_agree(struct request *r, const struct value *question, struct str who)
{
    const struct value *wanted = value_get(question, "policies");

    if (str_eq(who, value_get_text(question, "person", STR(""))))
        reply_error(r, 403, "nobody approves a request of his own");
    else if (wanted != NULL && wanted->n > 0 && !has_one(wanted, r->who->policies) &&
             !has_one(wanted, r->who->identity_policies))
        reply_error(r, 403, "none of the policies whose holders may approve this request");
    value_each (it, value_get(question, "authorizations")) {
        if (!refused(r) && str_eq(value_get_text(it, "person", STR("")), who))
            reply_error(r, 400, "approved by the same one already");
    }
    return !refused(r);
}

static void say_approved(struct request *r, const struct value *question)
{
    struct value *v = value_map(&r->arena);

    value_put_bool(&r->arena, v, "approved", is_approved(question));
    reply_data(r, v);
}

void approval_authorize(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *question;
    struct value *one;
    struct str accessor;
    struct str who;

    if (r->who == NULL) {
        reply_error(r, 403, "permission denied");
        return;
    }
    question = question_asked(r, &accessor);
    who = person(r, r->who, token_hash(r, r->token));
    if (question == NULL || !may_agree(r, question, who))
        return;
    one = value_map(a);
    value_put_text(a, one, "person", who);
    value_put_text(a, one, "entity_id", r->who->entity);
    value_put_text(a, one, "entity_name", r->who->display_name);
    value_put_i64(a, one, "time", r->now);
    value_add(value_get(question, "authorizations"), one);
    entry_put_value(&r->tx, id_path(r, accessor), question, value_get_i64(question, "until", 0));
    say_approved(r, question);
}

void approval_status(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *entity = value_map(a);
    struct value *list = value_list(a);
    struct value *question;
    struct str accessor;

    question = question_asked(r, &accessor);
    if (question == NULL)
        return;
    value_each (it, value_get(question, "authorizations")) {
        struct value *one = value_map(a);

        value_put_text(a, one, "entity_id", value_get_text(it, "entity_id", STR("")));
        value_put_text(a, one, "entity_name", value_get_text(it, "entity_name", STR("")));
        value_add(list, one);
    }
    value_put_bool(a, v, "approved", is_approved(question));
    value_put_text(a, v, "request_path", value_get_text(question, "path", STR("")));
    value_put_text(a, v, "request_operation", value_get_text(question, "operation", STR("")));
    value_put_text(a, entity, "id", value_get_text(question, "entity", STR("")));
    value_put_text(a, entity, "name", value_get_text(question, "display_name", STR("")));
    value_put(v, "request_entity", entity);
    value_put(v, "authorizations", list);
    value_put_i64(a, v, "required", value_get_i64(question, "required", 1));
    value_put_text(a, v, "expire_time", time_text(a, value_get_i64(question, "until", 0) / 1000));
    reply_data(r, v);
}

void approval_tick(struct request *r)
{
    value_each (path, entry_due(&r->tx, STR("approval/"), r->now, TICK_MOST)) {
        entry_delete(&r->tx, path->text);
    }
}
