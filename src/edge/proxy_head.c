/*
 * proxy_head - see proxy_head.h.
 *
 * Messages are never passed on as they came: the head is written anew from
 * what was parsed, without hop-by-hop fields, so that two readers of it cannot
 * differ.
 */
#include "edge/proxy_head.h"
#include "edge/passage.h"
#include "edge/worker.h"
#include "http/uri.h"

bool header_edits_touch(const struct header_edits *e, const struct http_field *f)
{
    for (size_t i = 0; i < e->set.n; i++)
        if (str_eq_nocase(e->set.at[i].name, f->name))
            return true;
    for (size_t i = 0; i < e->remove.n; i++)
        if (str_eq_nocase(e->remove.at[i], f->name))
            return true;
    return false;
}

/* ---- the target ---- */

static bool has_dots(struct str raw)
{
    for (size_t i = 0; i + 1 < raw.len; i++)
        if (raw.at[i] == '/' &&
            (raw.at[i + 1] == '.' || raw.at[i + 1] == '/' || raw.at[i + 1] == '%'))
            return true;
    return false;
}

static void put_encoded(struct buf *b, struct str path)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.at[i];
        bool escape = c == '%' && i + 2 < path.len &&
                      (str_eq_nocase((struct str){ path.at + i, 3 }, STR("%2F")) ||
                          str_eq_nocase((struct str){ path.at + i, 3 }, STR("%5C")) ||
                          str_eq((struct str){ path.at + i, 3 }, STR("%25")));

        if (c <= 0x20 || c >= 0x7f || strchr("\"#<>?\\^`{|}", c) != NULL || (c == '%' && !escape)) {
            char text[3] = { '%', hex[c >> 4], hex[c & 15] };

            buf_add(b, text, 3);
        } else {
            buf_char(b, (char)c);
        }
    }
}

/*
 * The origin must see the path that the routes saw.  What was only
 * percent-encoded goes on as it came; where segments were removed, the
 * normalised path goes.
 */
static void put_path(const struct passage *p, struct buf *b)
{
    struct str prefix = p->route->rewrite.strip_prefix;
    struct str seen = p->route_request.path;
    struct str raw = p->head.path;
    bool as_it_came = seen.at == raw.at || !has_dots(raw);

    if (str_is(raw, "*")) { /* OPTIONS *, of the origin itself */
        buf_char(b, '*');
        return;
    }
    if (as_it_came && str_starts(raw, prefix)) {
        raw = (struct str){ raw.at + prefix.len, raw.len - prefix.len };
    } else if (str_starts(seen, prefix)) {
        seen = (struct str){ seen.at + prefix.len, seen.len - prefix.len };
        as_it_came = false;
    }
    if ((as_it_came ? raw : seen).len == 0 || (as_it_came ? raw : seen).at[0] != '/')
        buf_char(b, '/');
    if (as_it_came)
        buf_str(b, raw);
    else
        put_encoded(b, seen);
}

static void put_target(struct passage *p, struct buf *b)
{
    const struct rewrite *r = &p->route->rewrite;
    size_t from = b->len;

    if (r->path.len > 0) {
        struct template_values v;

        passage_template_values(p, &v);
        template_expand_url(r->path, &v, b);
    } else {
        put_path(p, b);
    }
    if (p->head.query.at != NULL && memchr(b->data + from, '?', b->len - from) == NULL) {
        buf_char(b, '?');
        buf_str(b, p->head.query);
    }
}

/* ---- the fields ---- */

static void put_host(struct passage *p, struct buf *b)
{
    struct str host = p->authority;

    if (p->route->rewrite.host.len > 0)
        host = p->route->rewrite.host;
    else if (!p->proxy.service->service->preserve_host || host.len == 0)
        host = p->proxy.origin_host;
    h1_put_field(b, STR("Host"), host);
}

/* Fields that are written anew further down, or not at all. */
static bool is_ours(const struct passage *p, const struct http_field *f)
{
    switch (f->id) {
    case HTTP_HOST:
    case HTTP_CONTENT_LENGTH:
    case HTTP_TRANSFER_ENCODING:
    case HTTP_EXPECT:
    case HTTP_X_FORWARDED_FOR:
    case HTTP_X_FORWARDED_PROTO:
    case HTTP_X_FORWARDED_HOST:
    case HTTP_FORWARDED:
        return true;
    case HTTP_TRACEPARENT:
        return p->binding->blueprint->trace.propagate;
    case HTTP_X_REQUEST_ID:
    case HTTP_UNKNOWN:
        return p->binding->blueprint->request_id_header.len > 0 &&
               str_eq_nocase(f->name, p->binding->blueprint->request_id_header);
    default:
        return false;
    }
}

static void put_fields(struct passage *p, struct buf *b)
{
    const struct header_edits *e = &p->route->request_headers;
    bool edited = e->set.n + e->remove.n > 0;

    for (unsigned i = 0; i < p->head.nfields; i++) {
        const struct http_field *f = &p->head.fields[i];

        if (!f->hop && !is_ours(p, f) && !(edited && header_edits_touch(e, f)))
            h1_put_field(b, f->name, f->value);
    }
    for (unsigned i = 0; i < p->request_extra.n; i++)
        h1_put_field(b, p->request_extra.at[i].name, p->request_extra.at[i].value);
}

static void put_x_forwarded(struct passage *p, struct buf *b, struct str peer)
{
    struct str chain = p->forwarded_for;
    struct str host = p->peer_trusted ? h1_get(&p->head, HTTP_X_FORWARDED_HOST) : STR_NONE;

    buf_text(b, "X-Forwarded-For: ");
    if (chain.len > 0) {
        buf_str(b, chain);
        buf_text(b, ", ");
    }
    buf_str(b, peer);
    buf_text(b, "\r\nX-Forwarded-Proto: ");
    buf_str(b, p->scheme);
    buf_text(b, "\r\n");
    if (host.len > 0 || p->authority.len > 0)
        h1_put_field(b, STR("X-Forwarded-Host"), host.len > 0 ? host : p->authority);
}

/* RFC 7239: an IPv6 address is quoted and in brackets. */
static void put_forwarded(struct passage *p, struct buf *b, struct str peer)
{
    struct str chain = p->forwarded;

    buf_text(b, "Forwarded: ");
    if (chain.len > 0) {
        buf_str(b, chain);
        buf_text(b, ", ");
    }
    buf_printf(b, p->peer.len == 16 ? "for=\"[%.*s]\";proto=" : "for=%.*s;proto=", STR_ARG(peer));
    buf_str(b, p->scheme);
    if (p->authority.len > 0 && memchr(p->authority.at, '"', p->authority.len) == NULL &&
        memchr(p->authority.at, '\\', p->authority.len) == NULL)
        buf_printf(b, ";host=\"%.*s\"", STR_ARG(p->authority));
    buf_text(b, "\r\n");
}

static void put_forwarding(struct passage *p, struct buf *b)
{
    const struct blueprint *bp = p->binding->blueprint;
    char ip[IP_TEXT_MAX];
    struct str peer = p->peer.len > 0 ? (struct str){ ip, ip_format(p->peer, ip) } : STR("unknown");

    if (bp->forwarded == FORWARDED_X || bp->forwarded == FORWARDED_BOTH)
        put_x_forwarded(p, b, peer);
    if (bp->forwarded == FORWARDED_RFC7239 || bp->forwarded == FORWARDED_BOTH)
        put_forwarded(p, b, peer);
    if (bp->request_id_header.len > 0)
        h1_put_field(b, bp->request_id_header, p->request_id);
    if (bp->trace.propagate) {
        char parent[TRACEPARENT_LEN];

        trace_format(&p->trace, parent);
        h1_put_field(b, STR("traceparent"), (struct str){ parent, sizeof(parent) });
    }
    buf_text(b, "Via: 1.1 weir\r\n");
}

static void put_framing(struct passage *p, struct buf *b)
{
    if (p->head.upgrade.at != NULL && p->route->upgrade) {
        buf_text(b, "Connection: upgrade\r\n");
        h1_put_field(b, STR("Upgrade"), p->head.upgrade);
    }
    if (p->proxy.expect_continue)
        buf_text(b, "Expect: 100-continue\r\n");
    if (p->head.framing == H1_CHUNKED) {
        buf_text(b, "Transfer-Encoding: chunked\r\n");
    } else if (p->head.framing == H1_LENGTH) {
        buf_text(b, "Content-Length: ");
        buf_u64(b, p->head.content_length);
        buf_add(b, "\r\n", 2);
    }
}

void proxy_put_head(struct passage *p, struct buf *b)
{
    buf_str(b, p->head.method);
    buf_char(b, ' ');
    put_target(p, b);
    buf_text(b, " HTTP/1.1\r\n");
    put_host(p, b);
    put_fields(p, b);
    put_forwarding(p, b);
    put_framing(p, b);
    buf_add(b, "\r\n", 2);
}
