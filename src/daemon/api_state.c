/*
 * api_state - what is live, and changing it: status, apply, check, stop, origins.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json_read.h"
#include "base/mem.h"
#include "daemon/api_int.h"
#include "daemon/gather.h"
#include "daemon/keep_api.h"
#include "daemon/keeping.h"
#include "daemon/origins.h"
#include "daemon/problem_text.h"
#include "daemon/resolver.h"

enum { KEEPER_NODES = 10000 };

/* ---- the body of a POST ---- */

/* An object, or an empty one when there is no body; NULL (and answered) when it is neither. */
static json_t *body_of(struct exchange *x)
{
    json_t *root;
    struct err err;

    if (x->body.len == 0)
        return json_object();
    root = json_loadb(x->body.at, x->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(root))
        return root;
    json_decref(root);
    err_set(&err, ERR_CONFIG, "body_syntax", "the body must be a JSON object");
    exchange_fail(x, &err);
    return NULL;
}

/* ---- status ---- */

static void put_blueprint(struct json *j, const struct control *c)
{
    const struct version *v = c->live;
    char version[32];
    char applied[32];

    json_open(j, "blueprint", '{');
    snprintf(version, sizeof(version), "%016llx", (unsigned long long)v->blueprint->version);
    time_format_rfc3339(v->applied, applied);
    json_put_str(j, "name", v->blueprint->name);
    json_put_text(j, "version", version);
    json_put_text(j, "path", v->path);
    json_put_text(j, "environment", v->environment);
    json_put_str(j, "applied", (struct str){ applied, 24 });
    json_put_u64(j, "applies", c->applies_ok);
    json_put_u64(j, "refused", c->applies_refused);
    json_put_u64(j, "routes", v->blueprint->nroutes);
    json_put_u64(j, "services", v->blueprint->nservices);
    json_close(j, '}');
}

static void put_listeners(struct json *j, const struct version *v)
{
    const struct blueprint *b = v->blueprint;

    json_open(j, "listeners", '[');
    for (size_t i = 0; i < b->nlisteners; i++) {
        json_open(j, NULL, '{');
        json_put_str(j, "name", b->listeners[i].name);
        json_put_str(j, "address", b->listeners[i].address_text);
        json_put_u64(j, "port", v->ports[i]);
        json_put_bool(j, "tls", b->listeners[i].tls.on);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_certificates(struct json *j, const struct version *v)
{
    json_open(j, "certificates", '[');
    for (size_t i = 0; i < v->blueprint->ncertificates; i++) {
        char until[32];

        time_format_rfc3339((usec_t)v->certificates[i].info.not_after * 1000000, until);
        json_open(j, NULL, '{');
        json_put_str(j, "name", v->blueprint->certificates[i].name);
        json_put_bool(j, "local", v->blueprint->certificates[i].local);
        json_put_text(j, "from",
            v->certificates[i].kept    ? "keeper"
            : v->certificates[i].local ? "local"
                                       : "file");
        json_put_text(j, "subject", v->certificates[i].info.subject);
        json_put_str(j, "not_after", (struct str){ until, 24 });
        json_close(j, '}');
    }
    json_close(j, ']');
}

/* What it says of itself goes in as it came, beside where it is. */
static void put_keeper(struct json *j, const struct control *c, struct str observed)
{
    struct arena a;
    struct value *v;
    struct buf text;

    if (!c->plan.keeper)
        return;
    arena_init(&a, 4096);
    v = value_decode(&a, observed, KEEPER_NODES);
    if (v == NULL || v->kind != VALUE_MAP)
        v = value_map(&a);
    value_put_text(&a, v, "state", str_from(keeping_state_word(keeping_state(c->keeping))));
    value_put_text(&a, v, "address", keep_api_address(c->keep_api));
    value_put_text(&a, v, "url", str_from(keep_api_url(c->keep_api)));
    buf_init(&text, API_ANSWER_MAX);
    json_write(v, &text);
    json_put_raw(j, "keeper", buf_as_str(&text));
    buf_free(&text);
    arena_free(&a);
}

static void put_processes(struct json *j, const struct control *c, struct str usage)
{
    struct process_usage u;

    json_open(j, "processes", '[');
    while (gathered_next(&usage, &u)) {
        json_open(j, NULL, '{');
        json_put_str(j, "role", u.role);
        json_put_u64(j, "pid", u.pid);
        json_put_u64(j, "restarts", u.restarts + origins_restarts(c->origins, u.role));
        json_put_double(j, "cpu_seconds", (double)u.cpu / 1e6);
        json_put_u64(j, "resident_bytes", u.resident);
        json_put_u64(j, "descriptors", u.fds);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void status_gathered(void *arg, const struct gathered *g)
{
    struct exchange *x = arg;
    const struct control *c = x->control;
    const char *state = c->draining ? "draining" : c->live == NULL ? "starting" : "serving";
    struct json j;
    struct buf b;

    buf_init(&b, API_ANSWER_MAX);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_put_text(&j, "weir", WEIR_VERSION);
    json_put_text(&j, "state", c->edge == NULL ? "edge_restarting" : state);
    json_put_text(&j, "state_folder", c->plan.state);
    json_put_u64(&j, "workers", c->plan.workers);
    if (c->live != NULL) {
        put_blueprint(&j, c);
        put_listeners(&j, c->live);
        put_certificates(&j, c->live);
    }
    put_keeper(&j, c, buf_as_str(&g->keeper));
    put_processes(&j, c, buf_as_str(&g->usage));
    origins_json(c->origins, &j, "origins");
    buf_text(&b, ",\"edge\":"); /* its own object goes in as it came */
    if (g->edge.len > 0)
        buf_str(&b, buf_as_str(&g->edge));
    else
        buf_text(&b, "null");
    json_close(&j, '}');
    api_answer_json(x, 200, &b);
}

void api_status(struct exchange *x, const struct api_words *words)
{
    (void)words;
    gather(x->control, EDGE_STATUS, STR_NONE, status_gathered, x);
}

/* ---- apply, check ---- */

static void put_result(struct json *j, const struct apply_result *r)
{
    json_open(j, NULL, '{');
    json_put_bool(j, "applied", r->ok);
    if (!r->ok) {
        json_open(j, "error", '{');
        json_put_text(j, "id", r->err.id);
        json_put_text(j, "text", r->err.text);
        json_close(j, '}');
    }
    problem_json(r->problems, j, "problems");
    if (r->version != NULL) {
        char version[32];

        snprintf(version, sizeof(version), "%016llx",
            (unsigned long long)r->version->blueprint->version);
        json_put_text(j, "version", version);
        json_put_text(j, "path", r->version->path);
    }
    json_put_u64(j, "took_us", r->took);
    json_close(j, '}');
}

static void applied(void *arg, const struct apply_result *r)
{
    struct exchange *x = arg;
    struct json j;
    struct buf b;

    buf_init(&b, API_ANSWER_MAX);
    json_init(&j, &b, false);
    put_result(&j, r);
    api_answer_json(x,
        r->ok                       ? 200
        : r->err.kind == ERR_CONFIG ? 422
        : r->err.kind == ERR_LIMIT  ? 503
                                    : 500,
        &b);
}

void api_apply(struct exchange *x, const struct api_words *words)
{
    struct apply_request request = { 0 };
    json_t *canonical;
    json_t *body = body_of(x);

    (void)words;
    if (body == NULL)
        return;
    request.path = json_string_value(json_object_get(body, "path"));
    request.environment = json_string_value(json_object_get(body, "environment"));
    canonical = json_object_get(body, "canonical");
    if (json_is_string(canonical))
        request.canonical =
            (struct str){ json_string_value(canonical), json_string_length(canonical) };
    apply_start(x->control, &request, applied, x);
    json_decref(body);
}

void api_check(struct exchange *x, const struct api_words *words)
{
    json_t *body = body_of(x);
    struct blueprint_options options = { 0 };
    struct problems problems = { 0 };
    struct blueprint *b = NULL;
    const char *path;
    struct json j;
    struct buf out;
    struct err err;

    (void)words;
    if (body == NULL)
        return;
    path = json_string_value(json_object_get(body, "path"));
    options.environment = json_string_value(json_object_get(body, "environment"));
    if (path == NULL) {
        err_set(&err, ERR_CONFIG, "body_syntax", "\"path\" is missing: which blueprint?");
        exchange_fail(x, &err);
        json_decref(body);
        return;
    }
    b = blueprint_load(path, &options, &problems);
    buf_init(&out, API_ANSWER_MAX);
    json_init(&j, &out, false);
    json_open(&j, NULL, '{');
    json_put_bool(&j, "valid", b != NULL);
    problem_json(&problems, &j, "problems");
    json_close(&j, '}');
    api_answer_json(x, 200, &out);
    problems_free(&problems);
    blueprint_unref(b);
    json_decref(body);
}

/* ---- stop ---- */

static void stopped(void *arg)
{
    struct buf b;

    buf_init(&b, 64);
    buf_text(&b, "{\"stopped\":true}");
    api_answer_json(arg, 200, &b);
}

void api_stop(struct exchange *x, const struct api_words *words)
{
    struct control *c = x->control;
    msec_t timeout = c->live != NULL ? c->live->blueprint->client.drain_timeout : 0;
    json_t *body = body_of(x);
    json_t *given;
    struct err err;

    (void)words;
    if (body == NULL)
        return;
    given = json_object_get(body, "timeout_ms");
    if (json_is_integer(given) && json_integer_value(given) >= 0)
        timeout = (msec_t)json_integer_value(given);
    json_decref(body);
    if (c->draining) {
        err_set(&err, ERR_LIMIT, "draining", "this Weir is stopping already");
        exchange_fail(x, &err);
        return;
    }
    control_drain(c, timeout, stopped, x);
}

/* ---- origins ---- */

void api_origins(struct exchange *x, const struct api_words *words)
{
    struct json j;
    struct buf b;

    (void)words;
    buf_init(&b, API_ANSWER_MAX);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    origins_json(x->control->origins, &j, "origins");
    resolver_json(x->control->resolver, &j, "names");
    json_close(&j, '}');
    api_answer_json(x, 200, &b);
}

static const struct {
    const char *word;
    enum origins_action action;
} actions[] = {
    { "stop", ORIGIN_STOP },
    { "start", ORIGIN_START },
    { "restart", ORIGIN_RESTART },
    { "kill", ORIGIN_KILL },
};

void api_origin_act(struct exchange *x, const struct api_words *words)
{
    uint64_t instance;
    struct err err;
    struct buf b;

    if (!str_to_u64(words->at[1], 100000, &instance)) {
        err_set(&err, ERR_CONFIG, "origin_unknown", "%.*s is not the number of an instance",
            STR_ARG(words->at[1]));
        exchange_fail(x, &err);
        return;
    }
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (!str_is(words->at[2], actions[i].word))
            continue;
        if (origins_act(x->control->origins, words->at[0], (unsigned)instance, actions[i].action,
                &err) == -1) {
            exchange_fail(x, &err);
            return;
        }
        buf_init(&b, 64);
        buf_text(&b, "{\"done\":true}");
        api_answer_json(x, 200, &b);
        return;
    }
    err_set(&err, ERR_CONFIG, "action_unknown",
        "an origin can be told to stop, start, restart or "
        "kill, not to %.*s",
        STR_ARG(words->at[2]));
    exchange_fail(x, &err);
}
