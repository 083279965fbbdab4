/*
 * values - how a value of each type is read from text and written as canonical JSON.
 *
 * Reading what was written gives the same value: the canonical text depends
 * on it, and a unit test holds every type to it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "model/blueprint.h"
#include "model/values_int.h"

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "WORD_SIZE fills both");
_Static_assert(sizeof(enum balance_method) == sizeof(unsigned), "WORD_CHOICE fills enums");

static bool keep(struct reading *r, struct str text, void *to)
{
    *(struct str *)to = arena_str(r->arena, text);
    return true;
}

static const struct choice *choice_named(const struct choice *c, struct str name)
{
    for (; c->name != NULL; c++)
        if (str_is(name, c->name))
            return c;
    return NULL;
}

/* "expected one of a, b, c; did you mean b?" */
static void explain_choices(const struct word *w, struct str text, struct err *err)
{
    struct nearest near;
    char list[256] = "";
    size_t n = 0;

    nearest_init(&near, text);
    for (const struct choice *c = w->choices; c->name != NULL; c++) {
        nearest_try(&near, c->name);
        n += (size_t)snprintf(
            list + n, n < sizeof(list) ? sizeof(list) - n : 0, "%s%s", n > 0 ? ", " : "", c->name);
        if (n >= sizeof(list))
            n = sizeof(list) - 1;
    }
    if (near.best != NULL)
        err_set(err, ERR_CONFIG, "", "expected one of %s; did you mean %s?", list, near.best);
    else
        err_set(err, ERR_CONFIG, "", "expected one of %s", list);
}

static bool read_text(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    if (text.len == 0 && (w->flags & WORD_NOT_EMPTY) != 0)
        return REFUSE(err, "it may not be empty");
    if (w->choices != NULL && choice_named(w->choices, text) == NULL) {
        explain_choices(w, text, err);
        return false;
    }
    return keep(r, text, to);
}

static void write_text(const struct word *w, const void *from, struct buf *json)
{
    (void)w;
    json_str(json, *(const struct str *)from);
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool value_is_name(struct str s)
{
    if (s.len == 0 || s.len > 64 || !is_alnum(s.at[0]))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.at[i]) && strchr("-_.", s.at[i]) == NULL)
            return false;
    return true;
}

/* token of RFC 9110 section 5.6.2. */
bool value_is_token(struct str s)
{
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.at[i]) && (s.at[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.at[i]) == NULL))
            return false;
    return true;
}

static bool read_name(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    (void)w;
    (void)err;
    return value_is_name(text) && keep(r, text, to);
}

/* Absolute, without "." and ".." and double slashes, so that equal files have equal texts. */
struct str value_absolute(struct arena *a, const char *folder, struct str text)
{
    struct str rest = text.len > 0 && text.at[0] == '/'
                          ? text
                          : str_from(arena_printf(a, "%s/%.*s", folder, STR_ARG(text)));
    char *to = arena_alloc(a, rest.len + 2);
    size_t n = 0;

    while (rest.at != NULL) {
        struct str part = str_cut(rest, '/', &rest);

        if (part.len == 0 || str_is(part, "."))
            continue;
        if (str_is(part, "..")) {
            while (n > 0 && to[--n] != '/')
                continue;
            continue;
        }
        to[n++] = '/';
        memcpy(to + n, part.at, part.len);
        n += part.len;
    }
    if (n == 0)
        to[n++] = '/';
    to[n] = '\0';
    return (struct str){ to, n };
}

static bool read_path(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    (void)w;
    (void)err;
    if (text.len == 0)
        return false;
    *(struct str *)to = value_absolute(r->arena, r->folder, text);
    return true;
}

static bool read_bool(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    static const char *const yes[] = { "true", "True", "yes", "on" };
    static const char *const no[] = { "false", "False", "no", "off" };

    (void)r;
    (void)w;
    (void)err;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (!str_is(text, yes[i]) && !str_is(text, no[i]))
            continue;
        *(bool *)to = str_is(text, yes[i]);
        return true;
    }
    return false;
}

static void write_bool(const struct word *w, const void *from, struct buf *json)
{
    (void)w;
    buf_text(json, *(const bool *)from ? "true" : "false");
}

/* Digits, then the rest. */
static bool leading_number(struct str text, uint64_t *n, struct str *rest)
{
    size_t digits = 0;

    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    *rest = (struct str){ text.at + digits, text.len - digits };
    return str_to_u64((struct str){ text.at, digits }, UINT64_MAX, n);
}

struct unit {
    const char *name;
    uint64_t size;
};

/* Largest first. */
static const struct unit durations[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
    { "s", 1000 }, { "ms", 1 }, { NULL, 0 } };
static const struct unit sizes[] = { { "GB", 1 << 30 }, { "MB", 1 << 20 }, { "KB", 1 << 10 },
    { "GiB", 1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 }, { "G", 1 << 30 }, { "M", 1 << 20 },
    { "K", 1 << 10 }, { "B", 1 }, { NULL, 0 } };

static const struct unit *unit_named(const struct unit *u, struct str name)
{
    for (; u->name != NULL; u++)
        if (str_eq_nocase(name, str_from(u->name)))
            return u;
    return NULL;
}

static void format_unit(const struct unit *u, uint64_t n, char to[32])
{
    while (u[1].name != NULL && (n == 0 || n % u->size != 0))
        u++;
    snprintf(to, 32, "%llu%s", (unsigned long long)(n / u->size), u->name);
}

void value_format_duration(msec_t ms, char to[32])
{
    if (ms == 0)
        snprintf(to, 32, "0s");
    else
        format_unit(durations, ms, to);
}

void value_format_size(uint64_t bytes, char to[32])
{
    format_unit(sizes, bytes, to);
}

static bool in_range(
    const struct word *w, uint64_t n, void (*format)(uint64_t, char[32]), struct err *err)
{
    char min[32];
    char max[32];

    if (w->max == 0 || (n >= w->min && n <= w->max))
        return true;
    format(w->min, min);
    format(w->max, max);
    err_set(err, ERR_CONFIG, "", "it must be from %s to %s", min, max);
    return false;
}

static void format_u64(uint64_t n, char to[32])
{
    snprintf(to, 32, "%llu", (unsigned long long)n);
}

static bool read_unsigned(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    uint64_t n;

    (void)r;
    if (!str_to_u64(text, UINT32_MAX, &n) || !in_range(w, n, format_u64, err))
        return false;
    *(unsigned *)to = (unsigned)n;
    return true;
}

static void write_unsigned(const struct word *w, const void *from, struct buf *json)
{
    (void)w;
    buf_u64(json, *(const unsigned *)from);
}

static bool read_size(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    const struct unit *u = NULL;
    struct str rest;
    uint64_t n;

    (void)r;
    if (!leading_number(text, &n, &rest))
        return false;
    rest = str_trim(rest);
    if (rest.len > 0 && (u = unit_named(sizes, rest)) == NULL)
        return false;
    if (u != NULL && __builtin_mul_overflow(n, u->size, &n))
        return REFUSE(err, "it is too large");
    if (!in_range(w, n, value_format_size, err))
        return false;
    *(uint64_t *)to = n;
    return true;
}

static void write_size(const struct word *w, const void *from, struct buf *json)
{
    char text[32];

    (void)w;
    value_format_size(*(const uint64_t *)from, text);
    json_str(json, str_from(text));
}

/* "1m30s" too. */
bool value_parse_duration(struct str text, msec_t *out)
{
    msec_t sum = 0;

    if (text.len == 0)
        return false;
    if (str_is(text, "0")) {
        *out = 0;
        return true;
    }
    while (text.len > 0) {
        const struct unit *u;
        size_t letters = 0;
        struct str rest;
        uint64_t n;

        if (!leading_number(text, &n, &rest))
            return false;
        while (letters < rest.len && rest.at[letters] >= 'a' && rest.at[letters] <= 'z')
            letters++;
        u = unit_named(durations, (struct str){ rest.at, letters });
        if (u == NULL || n > (UINT64_MAX >> 12) / u->size)
            return false;
        sum += n * u->size;
        if (sum > UINT64_MAX >> 12)
            return false;
        text = (struct str){ rest.at + letters, rest.len - letters };
    }
    *out = sum;
    return true;
}

static bool read_duration(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    uint64_t bare;
    msec_t ms;

    (void)r;
    if (!value_parse_duration(text, &ms)) {
        if (str_to_u64(text, UINT64_MAX, &bare))
            err_set(err, ERR_CONFIG, "", "say the unit: %.*ss, %.*sms, %.*sm or %.*sh",
                STR_ARG(text), STR_ARG(text), STR_ARG(text), STR_ARG(text));
        return false;
    }
    if (!in_range(w, ms, value_format_duration, err))
        return false;
    *(msec_t *)to = ms;
    return true;
}

static void write_duration(const struct word *w, const void *from, struct buf *json)
{
    char text[32];

    (void)w;
    value_format_duration(*(const msec_t *)from, text);
    json_str(json, str_from(text));
}

static bool read_percent(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    uint64_t n;

    (void)r;
    if (text.len > 0 && text.at[text.len - 1] == '%')
        text.len--;
    if (!str_to_u64(text, UINT32_MAX, &n) || !in_range(w, n, format_u64, err))
        return false;
    *(unsigned *)to = (unsigned)n;
    return true;
}

static void write_percent(const struct word *w, const void *from, struct buf *json)
{
    (void)w;
    buf_printf(json, "\"%u%%\"", *(const unsigned *)from);
}

static bool read_fraction(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    char digits[32];
    bool percent = text.len > 0 && text.at[text.len - 1] == '%';
    char *end;
    double d;

    (void)err;
    if (str_is(text, "-1") && (r->canonical || str_is(text, w->preset != NULL ? w->preset : ""))) {
        *(double *)to = -1;
        return true;
    }
    if (percent)
        text.len--;
    if (text.len == 0 || text.len >= sizeof(digits))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (strchr("0123456789.e-", text.at[i]) == NULL || (i == 0 && text.at[i] == '-'))
            return false;
    memcpy(digits, text.at, text.len);
    digits[text.len] = '\0';
    d = strtod(digits, &end);
    if (*end != '\0' || !isfinite(d))
        return false;
    d = percent ? d / 100 : d;
    if (d < 0 || d > 1)
        return false;
    *(double *)to = d;
    return true;
}

static void write_fraction(const struct word *w, const void *from, struct buf *json)
{
    (void)w;
    buf_printf(json, "%.12g", *(const double *)from);
}

/* "10/s", "600/m", "100/10s" */
static bool read_rate(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    struct str per;
    struct str count = str_cut(text, '/', &per);
    msec_t period;
    uint64_t n;

    (void)r;
    if (per.len == 0 || !str_to_u64(str_trim(count), 1000000000, &n))
        return false;
    per = str_trim(per);
    if (unit_named(durations, per) != NULL)
        period = unit_named(durations, per)->size;
    else if (!value_parse_duration(per, &period) || period == 0 || period > 86400000)
        return false;
    if (n == 0)
        return REFUSE(err, "a rate of 0 lets nothing through; use `access`");
    *(uint64_t *)to = n;
    *(msec_t *)(void *)((char *)to - w->at + w->also) = period;
    return true;
}

static void write_rate(const struct word *w, const void *from, struct buf *json)
{
    msec_t period = *(const msec_t *)(const void *)((const char *)from - w->at + w->also);
    char text[32];

    for (const struct unit *u = durations; u->name != NULL; u++)
        if (u->size == period) {
            buf_printf(json, "\"%llu/%s\"", *(const unsigned long long *)from, u->name);
            return;
        }
    value_format_duration(period, text);
    buf_printf(json, "\"%llu/%s\"", *(const unsigned long long *)from, text);
}

static bool read_choice(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    const struct choice *c = choice_named(w->choices, text);

    (void)r;
    if (c == NULL) {
        explain_choices(w, text, err);
        return false;
    }
    *(unsigned *)to = c->value;
    return true;
}

static void write_choice(const struct word *w, const void *from, struct buf *json)
{
    for (const struct choice *c = w->choices; c->name != NULL; c++)
        if (c->value == *(const unsigned *)from) {
            json_str(json, str_from(c->name));
            return;
        }
    buf_text(json, "null");
}

/* One of them: the reader of words calls it for each. */
static bool read_set(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    const struct choice *c = choice_named(w->choices, text);

    (void)r;
    if (c == NULL) {
        explain_choices(w, text, err);
        return false;
    }
    *(unsigned *)to |= c->value;
    return true;
}

static void write_set(const struct word *w, const void *from, struct buf *json)
{
    bool comma = false;

    buf_char(json, '[');
    for (const struct choice *c = w->choices; c->name != NULL; c++) {
        if ((*(const unsigned *)from & c->value) == 0)
            continue;
        if (comma)
            buf_char(json, ',');
        json_str(json, str_from(c->name));
        comma = true;
    }
    buf_char(json, ']');
}

static bool read_source(
    struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
{
    (void)w;
    (void)err;
    *(const char **)to = arena_str(r->arena, text).at;
    return true;
}

static void write_source(const struct word *w, const void *from, struct buf *json)
{
    (void)w;
    json_str(json, str_from(*(const char *const *)from));
}

/* Editors that read YAML 1.2 see on, off, yes and no as text. */
#define BOOLEAN            "\"enum\":[true,false,\"on\",\"off\",\"yes\",\"no\"]"
#define STRING(pattern)    "\"type\":\"string\",\"pattern\":\"" pattern "\""
#define NUMBER_OR(pattern) "\"type\":[\"string\",\"integer\"],\"pattern\":\"" pattern "\""

const struct value_type value_types[WORD_TYPES] = {
    [WORD_TABLE] = { "mapping", "a mapping of words", 0, false, NULL, NULL, NULL },
    [WORD_TEXT] = { "text", "text", sizeof(struct str), true, read_text, write_text,
        "\"type\":[\"string\",\"number\",\"boolean\"]" },
    [WORD_NAME] = { "name", "a name of letters, digits and - _ . (at most 64)", sizeof(struct str),
        true, read_name, write_text, STRING("^[A-Za-z0-9][A-Za-z0-9_.-]*$") },
    [WORD_PATH] = { "path", "the path of a file or folder, relative to this file or absolute",
        sizeof(struct str), true, read_path, write_text, "\"type\":\"string\"" },
    [WORD_BOOL] = { "true or false", "true or false", sizeof(bool), false, read_bool, write_bool,
        BOOLEAN },
    [WORD_UNSIGNED] = { "number", "a whole number such as 10", sizeof(unsigned), false,
        read_unsigned, write_unsigned, "\"type\":\"integer\"" },
    [WORD_SIZE] = { "size", "a size such as 512B, 16KB, 10MB or 1GB", sizeof(uint64_t), false,
        read_size, write_size, NUMBER_OR("^[0-9]+ ?([KMGkmg][iI]?)?[Bb]?$") },
    [WORD_DURATION] = { "duration", "a duration such as 500ms, 10s, 2m, 1h or 1d", sizeof(msec_t),
        false, read_duration, write_duration, NUMBER_OR("^(0|([0-9]+(ms|s|m|h|d))+)$") },
    [WORD_PERCENT] = { "percentage", "a percentage such as 20%", sizeof(unsigned), false,
        read_percent, write_percent, NUMBER_OR("^[0-9]+%?$") },
    [WORD_FRACTION] = { "fraction", "a fraction from 0 to 1 such as 0.1, or 10%", sizeof(double),
        false, read_fraction, write_fraction,
        "\"type\":[\"string\",\"number\"],\"pattern\":\"^[0-9.]+%?$\"" },
    [WORD_RATE] = { "rate", "a rate such as 10/s, 600/m or 100/10s", sizeof(uint64_t), false,
        read_rate, write_rate, STRING("^[0-9]+ */ *([0-9]+)?(ms|s|m|h|d)$") },
    [WORD_ADDRESS] = { "address", "an address such as :443, 127.0.0.1:8080, [::1]:80 or unix:/path",
        sizeof(struct str), true, value_read_address, write_text, "\"type\":\"string\"" },
    [WORD_ORIGIN] = { "origin", "host:port, such as 127.0.0.1:3000, app.internal:80 or unix:/path",
        sizeof(struct str), true, value_read_origin, write_text, "\"type\":\"string\"" },
    [WORD_RESOLVER] = { "DNS server", "the IP address of a DNS server, such as 1.1.1.1 or [::1]:53",
        sizeof(struct str), true, value_read_resolver, write_text, "\"type\":\"string\"" },
    [WORD_CIDR] = { "network", "a network such as 10.0.0.0/8, 2001:db8::/32 or one address",
        sizeof(struct cidr), false, value_read_cidr, value_write_cidr, "\"type\":\"string\"" },
    [WORD_CHOICE] = { "choice", "one of the choices", sizeof(unsigned), false, read_choice,
        write_choice, NULL },
    [WORD_SET] = { "choices", "a list of the choices", sizeof(unsigned), false, read_set, write_set,
        NULL },
    [WORD_TEMPLATE] = { "template", "text that may hold ${host}, ${path} and the like",
        sizeof(struct str), true, value_read_template, write_text,
        "\"type\":[\"string\",\"number\",\"boolean\"]" },
    [WORD_HOST] = { "host", "a host such as example.org or *.example.org, without a port",
        sizeof(struct str), true, value_read_host, write_text, "\"type\":\"string\"" },
    [WORD_SUBJECT] = { "host", "a host such as example.org or *.example.org, or an IP address",
        sizeof(struct str), true, value_read_subject, write_text, "\"type\":\"string\"" },
    [WORD_HOST_NAME] = { "host name", "a host name such as example.org, without a port",
        sizeof(struct str), true, value_read_host_name, write_text, "\"type\":\"string\"" },
    [WORD_AUTHORITY] = { "host", "a host such as example.org, or host:port", sizeof(struct str),
        true, value_read_authority, write_text, "\"type\":\"string\"" },
    [WORD_STATUS_RANGE] = { "status range", "a status or range of statuses such as 200 or 200-399",
        sizeof(unsigned), false, value_read_status_range, value_write_status_range,
        NUMBER_OR("^[1-5][0-9][0-9]( *- *[1-5][0-9][0-9])?$") },
    [WORD_HEADER_NAME] = { "header name", "the name of a header, such as X-Request-Id",
        sizeof(struct str), true, value_read_header_name, write_text, "\"type\":\"string\"" },
    [WORD_HEADER_VALUE] = { "text", "the value of a header", sizeof(struct str), true,
        value_read_header_value, write_text, "\"type\":\"string\"" },
    [WORD_METHOD] = { "method", "a method such as GET or POST", sizeof(struct str), true,
        value_read_method, write_text, STRING("^[A-Z][A-Z-]*$") },
    [WORD_ROUTE_PATH] = { "path of a URL",
        "a path: /a is that one, /a/* is all below it, /a/{id} takes a segment", sizeof(struct str),
        true, value_read_route_path, write_text, STRING("^/") },
    [WORD_URL_PATH] = { "path of a URL", "a path that begins with /", sizeof(struct str), true,
        value_read_url_path, write_text, STRING("^/") },
    [WORD_FIELD] = { "value to match",
        "\"value\", \"value*\" for a beginning, true for present or false for absent",
        sizeof(struct field_match), false, value_read_field, value_write_field,
        "\"type\":[\"string\",\"number\",\"boolean\"]" },
    [WORD_LIMIT_KEY] = { "key", "address, route, host, method, header:NAME or cookie:NAME",
        sizeof(struct limit_part), false, value_read_limit_key, value_write_limit_key,
        STRING("^(address|route|host|method|header:.+|cookie:.+)$") },
    [WORD_HASH_ON] = { "key", "address, header:NAME or cookie:NAME", sizeof(unsigned), false,
        value_read_hash_on, value_write_hash_on, STRING("^(address|header:.+|cookie:.+)$") },
    [WORD_SOURCE] = { "position", "a position", sizeof(char *), false, read_source, write_source,
        "\"type\":\"string\"" },
};
