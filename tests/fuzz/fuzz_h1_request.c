/*
 * Requests: the outcome is the same under every set of instructions and for
 * every cut, and what is accepted keeps the promises of h1.h.
 *
 * The first byte of the input is the size of the pieces.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "h1_feed.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct str path)
{
    char *to = malloc(path.len + 1);
    char *again = malloc(path.len + 1);
    struct str once, twice;

    if (uri_normalize_path(path, to, &once)) {
        MUST(once.len > 0 && once.len <= path.len && once.at[0] == '/');
        MUST(memmem(once.at, once.len, "//", 2) == NULL);
        MUST(memmem(once.at, once.len, "/../", 4) == NULL);
        if (once.at == path.at)
            MUST(uri_normalize_path(once, again, &twice) && str_eq(once, twice));
    }
    free(to);
    free(again);
}

/* Written anew from its parts, as a proxy does, it must be read in the same way. */
static void check_written_anew(const struct outcome *o, const struct h1_limits *limits)
{
    static struct outcome second;
    const struct h1_head *h = &o->head;
    struct message m = { .limits = limits };
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_printf(&b, "%.*s %.*s HTTP/1.%u\r\n", STR_ARG(h->method), STR_ARG(h->target), h->minor);
    for (unsigned i = 0; i < h->nfields; i++)
        h1_put_field(&b, o->fields[i].name, o->fields[i].value);
    buf_text(&b, "\r\n");
    m.bytes = buf_as_str(&b);
    feed_in_steps(&m, b.len, 1, &second);
    MUST(second.result == (int64_t)b.len);
    MUST(second.head.framing == h->framing && second.head.content_length == h->content_length);
    MUST(second.head.nfields == h->nfields && str_eq(second.head.host, h->host));
    MUST(str_eq(second.head.path, h->path) && second.head.keep_alive == h->keep_alive);
    buf_free(&b);
}

static void check_accepted(const struct outcome *o, struct str bytes)
{
    const struct h1_head *h = &o->head;
    unsigned lengths = 0;
    unsigned codings = 0;

    MUST((size_t)o->result <= bytes.len && h->head_len == o->result);
    for (int64_t i = 0; i < o->result; i++) {
        MUST(bytes.at[i] != '\0');
        MUST((bytes.at[i] == '\n') == (i > 0 && bytes.at[i - 1] == '\r'));
    }
    MUST(http_is_token(h->method));
    for (unsigned i = 0; i < h->nfields; i++) {
        MUST(http_is_token(o->fields[i].name) && http_is_field_value(o->fields[i].value));
        MUST(o->fields[i].id == http_field_lookup(o->fields[i].name));
        lengths += str_eq_nocase(o->fields[i].name, STR("content-length"));
        codings += str_eq_nocase(o->fields[i].name, STR("transfer-encoding"));
    }
    MUST(lengths + codings <= 1);
    MUST((h->framing == H1_LENGTH) == (lengths == 1) && (h->framing == H1_CHUNKED) == codings);
    MUST(h->minor == 0 || h->host.len > 0);
    check_path(h->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h1_limits limits = { .max_head = 2048, .max_uri = 512, .max_fields = 24 };
    static struct outcome whole, pieces;
    const struct scanner *list[8];
    struct message m = { .limits = &limits };
    unsigned n = scanner_list(list, 8);
    size_t step;

    if (size == 0)
        return 0;
    step = data[0] > 0 ? data[0] : 1;
    m.bytes = (struct str){ (const char *)data + 1, size - 1 };
    scanner = list[0];
    feed_in_steps(&m, m.bytes.len, 1, &whole);
    for (unsigned i = 0; i < n; i++) {
        scanner = list[i];
        feed_in_steps(&m, step, step, &pieces);
        MUST(same_outcome(&whole, &pieces));
    }
    if (whole.result > 0) {
        check_accepted(&whole, m.bytes);
        check_written_anew(&whole, &limits);
    }
    return 0;
}
