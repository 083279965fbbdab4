/*
 * exposition - which format a scraper gets, and documents of two processes made one.
 */
#include "http/field.h"
#include "watch/metrics_int.h"

#define PROTOBUF_TYPE                                                                              \
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

/*
 * What a media range asks for.  A parameter that is not listed for the type
 * (but q) must not be there: another version is another format.
 */
static const struct offer {
    const char *type;
    enum exposition exposition;
    const char *params[3]; /* NAME=VALUE, each may be absent */
} offers[] = {
    { "application/vnd.google.protobuf", EXPOSITION_PROTOBUF,
        { "proto=io.prometheus.client.metricfamily", "encoding=delimited" } },
    { "application/openmetrics-text", EXPOSITION_OPENMETRICS,
        { "version=1.0.0", "charset=utf-8" } },
    { "application/json", EXPOSITION_JSON, { "charset=utf-8" } },
    { "text/plain", EXPOSITION_TEXT, { "version=0.0.4", "charset=utf-8" } },
    { "text/*", EXPOSITION_TEXT, { NULL } },
    { "*/*", EXPOSITION_TEXT, { NULL } },
};

/* qvalue of RFC 9110 12.4.2 in thousandths; 0 when malformed. */
static unsigned read_quality(struct str s)
{
    unsigned q = 0;
    unsigned scale = 100;

    if (s.len == 0 || s.len > 5 || (s.at[0] != '0' && s.at[0] != '1'))
        return 0;
    q = s.at[0] == '1' ? 1000 : 0;
    if (s.len > 1 && s.at[1] != '.')
        return 0;
    for (size_t i = 2; i < s.len; i++, scale /= 10) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return 0;
        q += (unsigned)(s.at[i] - '0') * scale;
    }
    return q <= 1000 ? q : 0;
}

static bool offer_has_param(const struct offer *offer, struct str name, struct str value)
{
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = (struct str){ value.at + 1, value.len - 2 };
    for (unsigned i = 0; i < 3 && offer->params[i] != NULL; i++) {
        struct str have_value;
        struct str have_name = str_cut(str_from(offer->params[i]), '=', &have_value);

        if (str_eq_nocase(have_name, name) && str_eq_nocase(have_value, value))
            return true;
    }
    return false;
}

static const struct offer *find_offer(struct str type)
{
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
        if (str_eq_nocase(type, str_from(offers[i].type)))
            return &offers[i];
    return NULL;
}

/* The quality of one media range, 0 when it is none of ours. */
static unsigned read_range(struct str range, enum exposition *out)
{
    struct str rest;
    const struct offer *offer = find_offer(str_trim(str_cut(range, ';', &rest)));
    unsigned quality = 1000;

    if (offer == NULL)
        return 0;
    while (rest.at != NULL) {
        struct str value;
        struct str name = str_trim(str_cut(str_trim(str_cut(rest, ';', &rest)), '=', &value));

        value = str_trim(value);
        if (str_eq_nocase(name, STR("q")))
            quality = read_quality(value);
        else if (name.len > 0 && !offer_has_param(offer, name, value))
            return 0;
    }
    *out = offer->exposition;
    return quality;
}

enum exposition exposition_negotiate(struct str accept)
{
    enum exposition best = EXPOSITION_TEXT;
    unsigned best_quality = 0;
    struct str range;

    while (http_list_next(&accept, &range)) {
        enum exposition e;
        unsigned quality = read_range(range, &e);

        if (quality > best_quality) {
            best = e;
            best_quality = quality;
        }
    }
    return best;
}

const char *exposition_content_type(enum exposition e)
{
    static const char *const types[] = {
        [EXPOSITION_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
        [EXPOSITION_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        [EXPOSITION_PROTOBUF] = PROTOBUF_TYPE,
        [EXPOSITION_JSON] = "application/json",
    };

    return types[e];
}

void metrics_render(struct metrics *m, enum exposition e, struct buf *out)
{
    static void (*const renderers[])(const struct metrics *m, struct buf *out) = {
        [EXPOSITION_TEXT] = render_text,
        [EXPOSITION_OPENMETRICS] = render_openmetrics,
        [EXPOSITION_PROTOBUF] = render_protobuf,
        [EXPOSITION_JSON] = render_json,
    };

    renderers[e](m, out);
}

static bool drop_tail(struct buf *out, struct str tail)
{
    if (!str_ends(buf_as_str(out), tail))
        return false;
    out->len -= tail.len;
    return true;
}

/* From {...,"metrics":{A}} and {...,"metrics":{B}}: the first with A,B. */
static bool join_json(struct buf *out, struct str more)
{
    struct str head = STR("\"metrics\":{");
    const char *inner = memmem(more.at, more.len, head.at, head.len);
    struct str rest;

    if (inner == NULL)
        return false;
    inner += head.len;
    rest = (struct str){ inner, more.len - (size_t)(inner - more.at) };
    if (str_eq(rest, STR("}}\n")))
        return true;
    if (!drop_tail(out, STR("}}\n")))
        return false;
    if (out->len > 0 && out->data[out->len - 1] != '{')
        buf_char(out, ',');
    buf_str(out, rest);
    return true;
}

bool exposition_join(enum exposition e, struct buf *out, struct str more)
{
    switch (e) {
    case EXPOSITION_JSON:
        return join_json(out, more);
    case EXPOSITION_OPENMETRICS:
        if (!drop_tail(out, STR("# EOF\n")))
            return false;
        break;
    case EXPOSITION_TEXT:
    case EXPOSITION_PROTOBUF:
        break;
    }
    buf_str(out, more);
    return true;
}
