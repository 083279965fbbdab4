/*
 * accesslog - see accesslog.h, and event.h.
 *
 * The line is made in the thread's log ring itself; its length has a bound
 * because every text in it is cut.
 */
#include "edge/accesslog.h"
#include "base/hash.h"
#include "base/json.h"
#include "edge/event.h"
#include "edge/passage.h"
#include "edge/worker.h"

enum {
    EVENT_MAX = 16384,
    TEXT_MAX = 1024, /* of one value, before escaping (which makes at most six of one) */
};

static void put(struct buf *b, struct str key_with_colon, struct str value)
{
    if (value.len > TEXT_MAX)
        value.len = TEXT_MAX;
    buf_str(b, key_with_colon);
    json_str(b, value);
}

/* For values that cannot hold anything to escape: addresses, tokens, ids of our own. */
static void put_plain(struct buf *b, struct str key_with_colon, struct str value)
{
    buf_str(b, key_with_colon);
    buf_char(b, '"');
    buf_str(b, value);
    buf_char(b, '"');
}

static void put_number(struct buf *b, struct str key_with_colon, uint64_t n)
{
    buf_str(b, key_with_colon);
    buf_u64(b, n);
}

/* Milliseconds with three digits behind the point. */
static void put_ms(struct buf *b, struct str key_with_colon, usec_t t)
{
    char digits[4] = { '.', (char)('0' + t / 100 % 10), (char)('0' + t / 10 % 10),
        (char)('0' + t % 10) };

    put_number(b, key_with_colon, t / 1000);
    buf_add(b, digits, sizeof(digits));
}

static void put_time(struct buf *b, usec_t wall)
{
    char text[25];

    time_format_rfc3339(wall, text);
    buf_text(b, "{\"time\":\"");
    buf_add(b, text, 24);
    buf_text(b, "\",\"event\":\"");
}

static void put_request(struct buf *b, const struct passage *p)
{
    char ip[IP_TEXT_MAX];
    struct str client = { ip, ip_format(p->client, ip) };

    put_plain(b, STR("request\",\"client\":"), client);
    put(b, STR(",\"listener\":"), p->listener);
    put_plain(b, STR(",\"protocol\":"),
        str_from(p->head.minor == 0 && p->head.method.len > 0 ? "HTTP/1.0" : p->front->protocol));
    buf_text(b, p->tls ? ",\"tls\":true" : ",\"tls\":false");
    if (p->head.method.len > 0)
        put(b, STR(",\"method\":"), p->head.method);
    if (p->authority.len > 0)
        put(b, STR(",\"host\":"), p->authority);
    if (p->head.target.len > 0)
        put(b, STR(",\"target\":"), p->head.target);
    if (p->route != NULL)
        put(b, STR(",\"route\":"), p->route->name);
    if (h1_get(&p->head, HTTP_USER_AGENT).len > 0)
        put(b, STR(",\"user_agent\":"), h1_get(&p->head, HTTP_USER_AGENT));
}

static void put_response(struct buf *b, const struct passage *p, usec_t took)
{
    char id[32];
    char span[16];

    put_number(b, STR(",\"status\":"), p->response.started ? p->response.status : 0);
    if (p->reason != NULL)
        put(b, STR(",\"reason\":"), str_from(p->reason));
    if (p->observed != NULL)
        put(b, STR(",\"observed_limit\":"), p->observed->name);
    put_number(b, STR(",\"bytes_in\":"), p->body_bytes);
    put_number(b, STR(",\"bytes_out\":"), p->response.body_bytes);
    put_ms(b, STR(",\"duration_ms\":"), took);
    if (p->proxy.service != NULL) {
        put(b, STR(",\"service\":"), p->proxy.service->service->name);
        if (p->proxy.origin_label.len > 0)
            put(b, STR(",\"origin\":"), p->proxy.origin_label);
        put_number(b, STR(",\"tries\":"), p->proxy.tries);
        put_ms(b, STR(",\"origin_ms\":"), p->proxy.origin_usec);
    }
    put_plain(b, STR(",\"request_id\":"), p->request_id);
    trace_format_id(&p->trace, id);
    trace_format_span(p->trace.span, span);
    put_plain(b, STR(",\"trace_id\":"), (struct str){ id, sizeof(id) });
    put_plain(b, STR(",\"span_id\":"), (struct str){ span, sizeof(span) });
    buf_text(b, "}\n");
}

static bool is_sampled(const struct passage *p)
{
    double share = p->binding->blueprint->log.sample;

    if (p->route != NULL && p->route->log_sample >= 0)
        share = p->route->log_sample;
    if (share >= 1 || p->reason != NULL || p->response.status >= 500)
        return true;
    return (double)(random_u64() >> 11) * 0x1p-53 < share;
}

static void write_line(struct passage *p, usec_t took)
{
    struct worker *w = p->worker;
    struct buf b;
    char *line;

    if (!is_sampled(p)) {
        cell_add(w->log_sampled_out, 1);
        return;
    }
    line = log_begin(w->log, w->index, EVENT_MAX);
    if (line == NULL)
        return;
    b = (struct buf){ .data = line, .cap = EVENT_MAX, .max = EVENT_MAX };
    put_time(&b, loop_wall(w->loop));
    put_request(&b, p);
    put_response(&b, p, took);
    if (b.over) { /* six texts that are all escapes: say what fits */
        b.len = 0;
        b.over = false;
        put_time(&b, loop_wall(w->loop));
        buf_text(&b, "request\",\"truncated\":true");
        put_response(&b, p, took);
    }
    log_commit(w->log, w->index, (uint32_t)b.len);
}

static void count(struct passage *p, usec_t took)
{
    struct bound_route *r = binding_route(p->binding, p->route);

    cell_add(
        binding_route_class(p->binding, p->route, p->response.started ? p->response.status : 0), 1);
    histogram_record(r->seconds, took * 1000);
    if (p->trace.sampled && p->binding->blueprint->metrics.exemplars)
        histogram_exemplar(r->seconds, took * 1000, p->trace.id, loop_wall(p->worker->loop));
    if (p->body_bytes > 0)
        cell_add(r->bytes_in, p->body_bytes);
    cell_add(r->bytes_out, p->response.body_bytes);
}

void accesslog_write(struct passage *p)
{
    usec_t took = time_usec() - p->started;

    count(p, took);
    if (p->binding->blueprint->log.to != LOG_NONE)
        write_line(p, took);
}

void event_origin_in(
    struct log *log, unsigned ring, const char *name, const struct origin_state *o, msec_t span)
{
    char *line = log_begin(log, ring, EVENT_MAX);
    struct buf b = { .data = line, .cap = EVENT_MAX, .max = EVENT_MAX };

    if (line == NULL)
        return;
    put_time(&b, time_wall_usec());
    buf_text(&b, name);
    put(&b, STR("\",\"service\":"), o->service);
    put(&b, STR(",\"origin\":"), o->label);
    if (span > 0)
        put_number(&b, STR(",\"for_ms\":"), span);
    buf_text(&b, "}\n");
    log_commit(log, ring, (uint32_t)b.len);
}

void event_origin(struct worker *w, const char *name, const struct origin_state *o, msec_t span)
{
    event_origin_in(w->log, w->index, name, o, span);
}
