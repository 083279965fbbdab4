/*
 * dispatch - the way of a request, as a list of steps; see request_int.h.
 *
 *     path, route, quota, token, policy, approval, audit, handle      then call_finish()
 *
 * A step that answers ends the list.  What was refused is audited like what was done.
 */
#include "keeper/core/approval_int.h"
#include "keeper/core/engines_int.h"
#include "keeper/core/state_int.h"
#include "keeper/sys/quota_int.h"

static const char permission_denied[] = "1 error occurred:\n\t* permission denied\n\n";

/* ---- the steps: true goes on ---- */

static bool step_path(struct call *call)
{
    struct request *r = &call->r;

    if (!route_path_is_canonical(r->path)) {
        reply_error(r, 400, "the path is not canonical");
        return false;
    }
    if (r->core->calls > CORE_CALLS_MAX) {
        reply_error(r, 503, "too many requests are in flight");
        return false;
    }
    return true;
}

/* Before it is open the core has no mounts: only what of sys/ may be asked then. */
static bool route_sealed(struct call *call)
{
    static struct mount sys = { .engine = &engine_sys, .path = { "sys/", 4 } };
    struct request *r = &call->r;

    r->mount = &sys;
    if (str_starts(r->path, sys.path)) {
        r->rest = (struct str){ r->path.at + sys.path.len, r->path.len - sys.path.len };
        if (route_find(r) && (r->endpoint->flags & ENDPOINT_SEALED) != 0)
            return true;
    }
    reply_error(r, 503,
        r->core->state == CORE_NO_STORE        ? "the store does not answer"
        : r->core->state == CORE_UNINITIALIZED ? "Vault is not initialized"
                                               : "Vault is sealed");
    return false;
}

/* Mount and endpoint; what has none is told so only when its token may ask. */
static bool step_route(struct call *call)
{
    struct request *r = &call->r;
    size_t len;

    if (r->core->state != CORE_OPEN)
        return route_sealed(call);
    r->mount = core_mount_of(r->core, r->path);
    if (r->mount == NULL)
        return true;
    call->mount_held = mount_hold(r->mount);
    len = r->mount->path.len < r->path.len ? r->mount->path.len : r->path.len;
    r->rest = (struct str){ r->path.at + len, r->path.len - len };
    r->tx.after = mounts_after(r->core);
    if (r->mount->tainted)
        r->mount = NULL;
    else if (route_find(r))
        r->path.len = len + r->rest.len; /* without a '/' that means nothing there */
    return true;
}

static bool step_quota(struct call *call)
{
    struct request *r = &call->r;

    return r->core->state != CORE_OPEN || r->inside || quota_admits(r);
}

static bool needs_token(const struct call *call)
{
    const struct request *r = &call->r;

    if (r->inside || r->core->state != CORE_OPEN)
        return false;
    if (r->endpoint == NULL)
        return true;
    return (r->endpoint->flags & ENDPOINT_OPEN) == 0;
}

static bool step_token(struct call *call)
{
    struct request *r = &call->r;

    if (!needs_token(call))
        return true;
    if (r->token.len > 0)
        r->who = token_check(r);
    if (r->who == NULL && !refused(r))
        reply_error(r, 403, "permission denied");
    return r->who != NULL;
}

static unsigned capability_needed(struct request *r)
{
    static const unsigned of[OP_COUNT] = {
        [OP_READ] = CAN_READ,
        [OP_LIST] = CAN_LIST,
        [OP_WRITE] = CAN_UPDATE,
        [OP_DELETE] = CAN_DELETE,
        [OP_PATCH] = CAN_PATCH,
    };
    const struct endpoint *e = r->endpoint;
    unsigned need = of[r->op];

    if (r->op == OP_WRITE && e != NULL && e->on[OP_WRITE] != NULL && e->exists != NULL &&
        !e->exists(r))
        need = CAN_CREATE;
    if (e != NULL && (e->flags & ENDPOINT_SUDO) != 0)
        need |= CAN_SUDO;
    return need;
}

/* GET ...?help=1: what there is at a path. */
static bool asks_for_help(const struct request *r)
{
    return r->op == OP_READ && r->endpoint != NULL &&
           str_is(value_get_text(r->body, "help", STR("")), "1");
}

static bool step_policy(struct call *call)
{
    struct request *r = &call->r;
    struct acl_question question;
    struct acl_answer answer = { 0 };
    struct str path = r->path;
    const char *why = NULL;

    if (asks_for_help(r)) /* says nothing of what is there */
        return true;
    if (!needs_token(call) || (r->endpoint != NULL && (r->endpoint->flags & ENDPOINT_ANY) != 0))
        return true;
    if (r->op == OP_LIST && path.at[path.len - 1] == '/')
        path.len--;
    question = (struct acl_question){ .path = path,
        .list = r->op == OP_LIST,
        .need = capability_needed(r),
        .body = r->body,
        .wrap_ttl = r->wrap_ttl };
    if (!acl_permits(core_acl(r, r->who), &question, &answer, &why)) {
        reply_error(r, 403, "%s", permission_denied);
        return false;
    }
    if (answer.approvals != NULL)
        return approval_admits(r, answer.approvals);
    return true;
}

static bool step_audit(struct call *call)
{
    struct request *r = &call->r;

    if (!call_is_audited(call))
        return true;
    if (audit_is_stuck(r->core->audit)) {
        reply_error(r, 503, "the audit log cannot be written");
        return false;
    }
    call->records = audit_request(r->core->audit, r);
    return true;
}

static void help(struct request *r)
{
    static const char *const verbs[OP_COUNT] = { "read", "list", "write", "delete", "patch" };
    struct value *v = value_map(&r->arena);
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(&text, "%s: %s\noperations:", r->mount->engine->type, r->endpoint->pattern);
    for (unsigned i = 0; i < OP_COUNT; i++)
        if (r->endpoint->on[i] != NULL)
            buf_printf(&text, " %s", verbs[i]);
    value_put_text(&r->arena, v, "help", buf_as_str(&text));
    value_put(v, "see_also", value_null(&r->arena));
    reply_bare(r, v);
    buf_free(&text);
}

static bool step_handle(struct call *call)
{
    struct request *r = &call->r;

    if (r->mount == NULL) {
        reply_error(
            r, 404, "no handler for route \"%.*s\". route entry not found.", STR_ARG(r->path));
        return false;
    }
    if (r->endpoint == NULL) {
        reply_error(r, 404, "1 error occurred:\n\t* unsupported path\n\n");
        return false;
    }
    if (asks_for_help(r)) {
        help(r);
        return true;
    }
    if (r->endpoint->on[r->op] == NULL) {
        reply_error(r, 405, "1 error occurred:\n\t* unsupported operation\n\n");
        return false;
    }
    if (r->tx.failed == NULL)
        r->endpoint->on[r->op](r);
    return true;
}

void call_dispatch(struct call *call)
{
    static bool (*const steps[])(struct call *) = {
        step_path,
        step_route,
        step_quota,
        step_token,
        step_policy,
        step_audit,
        step_handle,
    };

    call->r.core->counters.requests++;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (!steps[i](call))
            break;
    if (!call->working)
        call_finish(call);
}
