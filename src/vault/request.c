/*
 * request - a call of Vault's HTTP API becomes a KEEPER_REQUEST (keeper/messages.h).
 *
 *     method --> operation     /v1/PATH --> path     X-Vault-Token or Authorization: Bearer --> token
 *     query (GET, LIST, DELETE, HEAD) or JSON or form (POST, PUT, PATCH) --> body
 *
 * What is not understood is refused here with the status and the words of Vault; nothing is decided.
 */
#include "base/json_read.h"
#include "keeper/messages.h"
#include "vault/parsed_int.h"
#include "vault/vault_int.h"

/* ---- methods ---- */

enum source { FROM_QUERY, FROM_BODY };

/* The numbers of enum operation, see keeper/messages.h. */
enum { OP_READ, OP_LIST, OP_WRITE, OP_DELETE, OP_PATCH };

static const struct verb {
    const char *method;
    uint8_t op;
    uint8_t flags;
    enum source source;
} verbs[] = {
    { "GET", OP_READ, 0, FROM_QUERY },
    { "POST", OP_WRITE, 0, FROM_BODY },
    { "PUT", OP_WRITE, 0, FROM_BODY },
    { "LIST", OP_LIST, 0, FROM_QUERY },
    { "DELETE", OP_DELETE, 0, FROM_QUERY },
    { "PATCH", OP_PATCH, 0, FROM_BODY },
    { "HEAD", OP_READ, KEEPER_REQUEST_HEAD_ONLY, FROM_QUERY },
};

static const struct verb *verb_of(struct str method)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (str_is(method, verbs[i].method))
            return &verbs[i];
    return NULL;
}

struct making {
    struct http_call *call;
    const struct h1_head *head;
    struct arena *arena;
    struct refusal *refusal;
    uint8_t op;
    uint8_t flags;
    uint32_t wrap_ttl;
    struct str path;
    struct str token;
    struct str content_type; /* the media type alone */
    struct value *body;      /* a MAP, or NULL: none */
    struct str raw;          /* the body's bytes when they are no JSON */
};

/* ---- fields ---- */

static bool is_clean(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < 0x20 || (unsigned char)s.at[i] >= 0x7f)
            return false;
    return true;
}

static bool take_token(struct making *m)
{
    struct str bearer;

    m->token = h1_find(m->head, STR("x-vault-token"));
    bearer = h1_get(m->head, HTTP_AUTHORIZATION);
    if (m->token.len == 0 && bearer.len > 7 &&
        str_eq_nocase((struct str){ bearer.at, 7 }, STR("Bearer ")))
        m->token = str_trim((struct str){ bearer.at + 7, bearer.len - 7 });
    if (!is_clean(m->token))
        return vault_refuse(m->refusal, 400, "invalid header value");
    if (m->token.len > VAULT_TOKEN_MAX)
        return vault_refuse(m->refusal, 400, "the token has more than %d bytes", VAULT_TOKEN_MAX);
    return true;
}

static bool take_wrap_ttl(struct making *m)
{
    struct str ttl = h1_find(m->head, STR("x-vault-wrap-ttl"));

    if (ttl.len == 0)
        return true;
    if (ttl.at[0] == '-')
        return vault_refuse(m->refusal, 400, "requested wrap ttl cannot be negative");
    if (!vault_parse_seconds(ttl, &m->wrap_ttl))
        return vault_refuse(m->refusal, 400, "error parsing X-Vault-Wrap-TTL header");
    return true;
}

static bool check_namespace(struct making *m)
{
    struct str ns = h1_find(m->head, STR("x-vault-namespace"));

    while (ns.len > 0 && ns.at[ns.len - 1] == '/')
        ns.len--;
    while (ns.len > 0 && ns.at[0] == '/')
        ns = (struct str){ ns.at + 1, ns.len - 1 };
    if (ns.len == 0 || str_is(ns, "root"))
        return true;
    return vault_refuse(m->refusal, 400, "there is no namespace but root");
}

static void take_content_type(struct making *m)
{
    struct str rest;

    m->content_type = str_trim(str_cut(h1_get(m->head, HTTP_CONTENT_TYPE), ';', &rest));
}

/* ---- bodies ---- */

/* Behind what JSON counts as white space. */
static struct str skip_space(struct str s)
{
    while (s.len > 0 && (*s.at == ' ' || *s.at == '\t' || *s.at == '\r' || *s.at == '\n'))
        s = (struct str){ s.at + 1, s.len - 1 };
    return s;
}

/* curl -d says "form" of JSON too: what begins with '{' is none. */
static bool is_form(const struct making *m, struct str body)
{
    if (!str_eq_nocase(m->content_type, STR("application/x-www-form-urlencoded")))
        return false;
    body = skip_space(body);
    return body.len > 0 && body.at[0] != '{';
}

static bool is_raw(const struct making *m)
{
    static const char *const types[] = { "application/ocsp-request", "application/octet-stream" };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq_nocase(m->content_type, str_from(types[i])))
            return true;
    return false;
}

static bool is_deeper(const struct value *v, unsigned most)
{
    if (v->first != NULL && most == 0)
        return true;
    value_each (it, v)
        if (it->first != NULL && is_deeper(it, most - 1))
            return true;
    return false;
}

static bool take_json(struct making *m, struct str body)
{
    struct err err = { 0 };
    struct value *v = json_read(m->arena, body, VAULT_NODES_MAX, &err);

    if (v == NULL)
        return vault_refuse(m->refusal, 400, "error parsing JSON: %s", err.text);
    if (v->kind != VALUE_MAP && v->kind != VALUE_NULL)
        return vault_refuse(m->refusal, 400, "error parsing JSON: expected an object");
    if (is_deeper(v, VAULT_DEPTH_MAX))
        return vault_refuse(m->refusal, 400, "error parsing JSON: nested too deep");
    m->body = v->kind == VALUE_MAP ? v : NULL;
    return true;
}

static bool take_body(struct making *m)
{
    struct str body = http_call_body(m->call);

    if (m->op == OP_PATCH && !str_eq_nocase(m->content_type, STR("application/merge-patch+json")))
        return vault_refuse(m->refusal, 415,
            "PATCH requires Content-Type of application/merge-patch+json, provided %.*s",
            (int)(m->content_type.len < 100 ? m->content_type.len : 100), m->content_type.at);
    if (skip_space(body).len == 0)
        return true;
    if (is_raw(m)) {
        m->raw = body;
        return true;
    }
    if (is_form(m, body)) {
        m->body = value_map(m->arena);
        return vault_query(m->arena, body, m->body, m->refusal);
    }
    return take_json(m, body);
}

static bool take_query(struct making *m)
{
    struct value *list;
    bool on = false;

    if (m->head->query.len == 0)
        return true;
    m->body = value_map(m->arena);
    if (!vault_query(m->arena, m->head->query, m->body, m->refusal))
        return false;
    list = value_get(m->body, "list");
    if (m->op != OP_READ || list == NULL)
        return true;
    if (list->kind != VALUE_TEXT || !vault_parse_bool(list->text, &on))
        return vault_refuse(m->refusal, 400, "%s", "");
    value_remove(m->body, STR("list"));
    if (on)
        m->op = OP_LIST;
    return true;
}

/* ---- the frame ---- */

static void put_u32(struct buf *b, size_t n)
{
    uint8_t bytes[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24) };

    buf_add(b, bytes, sizeof(bytes));
}

static void put_part(struct buf *b, struct str s)
{
    put_u32(b, s.len);
    buf_str(b, s);
}

/* Only logins and renewals look at it, and it is long. */
static struct value *certificate_of(struct making *m)
{
    struct str der[VAULT_CERTIFICATES_MAX];
    unsigned n;

    if (!http_call_is_tls(m->call) || !str_starts(m->path, STR("auth/")))
        return NULL;
    n = http_call_certificates(m->call, der, VAULT_CERTIFICATES_MAX);
    return n > 0 ? parse_client_chain(m->arena, der, n) : NULL;
}

static struct value *rest_of(struct making *m)
{
    struct value *rest = value_map(m->arena);
    struct value *parsed = value_map(m->arena);
    struct value *certificate = certificate_of(m);

    parse_special(m->arena, m->path, m->content_type, m->body,
        m->raw.len > 0 ? m->raw : http_call_body(m->call), parsed);
    if (m->body != NULL)
        value_put(rest, "body", m->body);
    if (parsed->n > 0)
        value_put(rest, "parsed", parsed);
    if (m->raw.len > 0)
        value_put_text(m->arena, rest, "raw", m->raw);
    if (certificate != NULL)
        value_put(rest, "certificate", certificate);
    return rest;
}

static bool pack(struct making *m, struct buf *frame)
{
    size_t at;
    size_t len;

    buf_char(frame, (char)m->op);
    buf_char(frame, (char)m->flags);
    buf_add(frame, "\0", 2);
    put_u32(frame, m->wrap_ttl);
    put_part(frame, m->path);
    put_part(frame, m->token);
    put_part(frame, http_call_remote(m->call));
    put_part(frame, m->content_type);
    at = frame->len;
    put_u32(frame, 0);
    value_encode(rest_of(m), frame);
    if (frame->over)
        return vault_refuse(m->refusal, 413, "request body too large");
    len = frame->len - at - 4;
    for (unsigned i = 0; i < 4; i++)
        frame->data[at + i] = (char)(len >> (8 * i));
    return true;
}

bool vault_pack_request(
    struct http_call *call, struct arena *a, struct buf *frame, struct refusal *r)
{
    struct making m = { .call = call, .head = http_call_head(call), .arena = a, .refusal = r };
    const struct verb *verb = verb_of(m.head->method);

    r->status = 0;
    if (!vault_path(a, m.head->path, &m.path, r))
        return false;
    if (verb == NULL)
        return vault_refuse(r, 405, "%s", "");
    if (verb->flags == KEEPER_REQUEST_HEAD_ONLY && !str_is(m.path, "sys/health"))
        return vault_refuse(r, 405, "unsupported operation");
    m.op = verb->op;
    m.flags = verb->flags;
    take_content_type(&m);
    return take_token(&m) && take_wrap_ttl(&m) && check_namespace(&m) &&
           (verb->source == FROM_BODY ? take_body(&m) : take_query(&m)) && pack(&m, frame);
}
