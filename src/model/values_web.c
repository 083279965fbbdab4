/*
 * values - addresses, hosts, paths, headers: the types that a network and HTTP bring.
 */
#include <stdio.h>

#include "base/json.h"
#include "model/blueprint.h"
#include "model/template.h"
#include "model/values_int.h"

static bool keep(struct reading *r, struct str text, void *to)
{
    *(struct str *)to = arena_str(r->arena, text);
    return true;
}

static void *also(const struct word *w, void *to)
{
    return (char *)to - w->at + w->also;
}

static const void *also_const(const struct word *w, const void *from)
{
    return (const char *)from - w->at + w->also;
}

static struct str lower(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.len + 1);

    for (size_t i = 0; i < s.len; i++)
        to[i] = ascii_lower(s.at[i]);
    to[s.len] = '\0';
    return (struct str){ to, s.len };
}

/* A relative unix socket lies beside the file, as every path does. */
static struct str absolute_socket(struct reading *r, struct str text)
{
    struct str path;

    if (!str_starts(text, STR("unix:")) || text.len == 5)
        return text;
    path = value_absolute(r->scratch, r->folder, (struct str){ text.at + 5, text.len - 5 });
    return str_from(arena_printf(r->scratch, "unix:%.*s", STR_ARG(path)));
}

VALUE_READER(address)
{
    if (text.len > 0 && strspn(text.at, "0123456789") == text.len)
        text = str_from(arena_printf(r->scratch, ":%.*s", STR_ARG(text)));
    text = absolute_socket(r, text);
    if (addr_parse(text, also(w, to), err) == -1)
        return false;
    return keep(r, text, to);
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of letters, digits, - and _ (which people use, whatever RFC 1123 says). */
static bool is_host(struct str s)
{
    struct str rest = s;

    if (s.len == 0 || s.len > 253)
        return false;
    while (rest.at != NULL) {
        struct str label = str_cut(rest, '.', &rest);

        if (label.len == 0 || label.len > 63)
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!is_host_char(label.at[i]))
                return false;
    }
    return true;
}

static bool refuse_host(struct str text, struct err *err)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] >= 0x80)
            return REFUSE(err, "write an international name as it is sent, in its xn-- form");
    if (str_starts(text, STR("http:")) || str_starts(text, STR("https:")))
        return REFUSE(err, "only the host, without http:// and a path");
    if (memchr(text.at, ':', text.len) != NULL)
        return REFUSE(err, "only the host, without a port");
    if (str_is(text, "*"))
        return REFUSE(err, "for any host, leave the word out");
    if (memchr(text.at, '*', text.len) != NULL)
        return REFUSE(err, "a * may only stand for the first label, as in *.example.org");
    return false;
}

VALUE_READER(host_name)
{
    struct str name = lower(r->arena, text);
    struct ip ip;

    (void)w;
    if (name.len > 1 && name.at[name.len - 1] == '.')
        name.len--;
    if (!is_host(name) && !ip_parse(name, &ip))
        return refuse_host(text, err);
    return keep(r, name, to);
}

VALUE_READER(subject)
{
    struct str name = lower(r->scratch, text);

    if (!str_starts(name, STR("*.")))
        return value_read_host_name(r, w, text, to, err);
    if (!is_host((struct str){ name.at + 2, name.len - 2 }))
        return refuse_host(text, err);
    return keep(r, name, to);
}

/* As a Host header has it: an IPv6 address in brackets. */
VALUE_READER(host)
{
    struct str inside = text;
    char address[IP_TEXT_MAX];
    struct ip ip;

    if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
        inside = (struct str){ text.at + 1, text.len - 2 };
    if (!ip_parse(inside, &ip) || ip.len != 16)
        return value_read_subject(r, w, text, to, err);
    ip_format(ip, address);
    *(struct str *)to = str_from(arena_printf(r->arena, "[%s]", address));
    return true;
}

VALUE_READER(authority)
{
    struct str host;
    struct ip ip;
    uint16_t port;

    (void)w;
    if (str_starts(text, STR("http:")) || str_starts(text, STR("https:")))
        return refuse_host(text, err);
    if (!addr_split_host_port(text, &host, &port) || host.len == 0)
        return ip_parse(text, &ip) && ip.len == 16
                   ? REFUSE(err, "an IPv6 address stands in brackets, as in [::1]")
                   : false;
    if (!ip_parse(host, &ip) && !is_host(lower(r->scratch, host)))
        return refuse_host(host, err);
    *(struct str *)to = lower(r->arena, text);
    return true;
}

VALUE_READER(origin)
{
    struct origin *o = (void *)((char *)to - w->at);
    struct str host;
    uint16_t port = 0;
    struct ip ip;

    if (str_starts(text, STR("http://")) || str_starts(text, STR("https://")))
        return REFUSE(err, "write host:port without http://; `tls: {}` of the service makes it "
                           "HTTPS");
    if (str_starts(text, STR("unix:"))) {
        text = absolute_socket(r, text);
        if (addr_parse(text, &o->address, err) == -1)
            return false;
        o->host = STR("localhost");
        return keep(r, text, to);
    }
    if (!addr_split_host_port(text, &host, &port) || host.len == 0)
        return false;
    if (port == 0)
        return REFUSE(err, "the port is missing, as in %.*s:80", STR_ARG(text));
    if (ip_parse(host, &ip))
        o->address = addr_from_ip(ip, port);
    else if (!is_host(lower(r->scratch, host)))
        return refuse_host(host, err);
    o->host = lower(r->arena, host);
    o->port = port;
    return keep(r, lower(r->scratch, text), to);
}

VALUE_READER(resolver)
{
    struct str host = text;
    uint16_t port = 53;
    struct ip ip;
    char out[ADDR_TEXT_MAX];
    struct addr addr;

    (void)w;
    (void)err;
    if (!ip_parse(text, &ip)) {
        if (!addr_split_host_port(text, &host, &port) || !ip_parse(host, &ip))
            return false;
        port = port == 0 ? 53 : port;
    }
    addr = addr_from_ip(ip, port);
    addr_format(&addr, out);
    return keep(r, str_from(out), to);
}

VALUE_READER(cidr)
{
    (void)r;
    (void)w;
    return cidr_parse(text, to, err) == 0;
}

VALUE_WRITER(cidr)
{
    const struct cidr *c = from;
    char ip[IP_TEXT_MAX];

    (void)w;
    ip_format(c->ip, ip);
    if (c->bits == c->ip.len * 8)
        buf_printf(json, "\"%s\"", ip);
    else
        buf_printf(json, "\"%s/%u\"", ip, c->bits);
}

/* field-value of RFC 9110 section 5.5. */
static bool check_field_value(struct str text, struct err *err)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c == '\r' || c == '\n')
            return REFUSE(err, "it may not hold a line break");
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return REFUSE(err, "it may not hold control characters");
    }
    return true;
}

VALUE_READER(header_value)
{
    (void)w;
    if (text.len == 0 || str_trim(text).len != text.len)
        return REFUSE(err, "it may not be empty, or begin or end with a space");
    return check_field_value(text, err) && keep(r, text, to);
}

VALUE_READER(template)
{
    struct str bad;

    (void)w;
    if (!check_field_value(text, err))
        return false;
    if (!template_check(text, &bad)) {
        char known[256];
        const char *near = template_nearest(bad);

        template_words(known, sizeof(known));
        if (near != NULL)
            return REFUSE(err, "${%.*s} is unknown; did you mean ${%s}?", STR_ARG(bad), near);
        return REFUSE(err, "${%.*s} is unknown; known are %s (\"$${\" is a plain \"${\")",
            STR_ARG(bad), known);
    }
    return keep(r, text, to);
}

static bool status_of(struct str text, unsigned *to)
{
    uint64_t n;

    if (!str_to_u64(str_trim(text), 599, &n) || n < 100)
        return false;
    *to = (unsigned)n;
    return true;
}

VALUE_READER(status_range)
{
    struct str rest;
    struct str first = str_cut(text, '-', &rest);
    unsigned a;
    unsigned b;

    (void)r;
    if (!status_of(first, &a) || !status_of(rest.at != NULL ? rest : first, &b))
        return false;
    if (a > b)
        return REFUSE(err, "the range runs backwards; write %u-%u", b, a);
    *(unsigned *)to = a;
    *(unsigned *)also(w, to) = b;
    return true;
}

VALUE_WRITER(status_range)
{
    unsigned a = *(const unsigned *)from;
    unsigned b = *(const unsigned *)also_const(w, from);

    if (a == b)
        buf_printf(json, "\"%u\"", a);
    else
        buf_printf(json, "\"%u-%u\"", a, b);
}

VALUE_READER(header_name)
{
    (void)w;
    (void)err;
    return value_is_token(text) && keep(r, text, to);
}

VALUE_READER(method)
{
    bool has_lower = false;

    (void)w;
    if (!value_is_token(text) || text.len > 32)
        return false;
    for (size_t i = 0; i < text.len; i++)
        has_lower = has_lower || (text.at[i] >= 'a' && text.at[i] <= 'z');
    if (has_lower)
        return REFUSE(err, "methods are written in capitals, as in GET");
    return keep(r, text, to);
}

VALUE_READER(url_path)
{
    (void)w;
    if (text.len == 0 || text.at[0] != '/')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] <= ' ' || text.at[i] == '#' ||
            (unsigned char)text.at[i] >= 0x7f)
            return REFUSE(err, "write it as it is sent: spaces, # and letters beyond ASCII are "
                               "percent-encoded");
    return keep(r, text, to);
}

static bool is_capture_name(struct str s)
{
    if (s.len == 0 || s.len > 32 || (s.at[0] >= '0' && s.at[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (ascii_lower(s.at[i]) != '_' &&
            !(ascii_lower(s.at[i]) >= 'a' && ascii_lower(s.at[i]) <= 'z') &&
            !(s.at[i] >= '0' && s.at[i] <= '9'))
            return false;
    return true;
}

/* "{id}" or, at the end, "{rest...}". */
static bool check_capture(struct str segment, bool last, struct err *err)
{
    struct str name = { segment.at + 1, segment.len - 2 };

    if (str_ends(name, STR("..."))) {
        if (!last)
            return REFUSE(
                err, "\"%.*s\" takes the rest, so it must be the last segment", STR_ARG(segment));
        name.len -= 3;
    }
    if (!is_capture_name(name))
        return REFUSE(err, "\"%.*s\": a capture is named with letters, digits and _, as in {id}",
            STR_ARG(segment));
    return true;
}

static bool check_literal(struct str segment, bool last, struct err *err)
{
    if (memchr(segment.at, '{', segment.len) != NULL ||
        memchr(segment.at, '}', segment.len) != NULL)
        return REFUSE(
            err, "\"%.*s\": a capture takes a whole segment, as in /a/{id}/b", STR_ARG(segment));
    if (memchr(segment.at, '*', segment.len) != NULL)
        return REFUSE(
            err, "\"%.*s\": a * may only be the whole last segment, as in /a/*", STR_ARG(segment));
    if (str_is(segment, ".") || str_is(segment, "..") || (segment.len == 0 && !last))
        return REFUSE(err, "paths are compared after //, /. and /.. are resolved, so this one "
                           "would never match");
    return true;
}

static bool check_escapes(struct str path, struct err *err)
{
    for (size_t i = 0; i < path.len; i++) {
        struct str escape = { path.at + i, path.len - i < 3 ? path.len - i : 3 };

        if (path.at[i] == '?' || path.at[i] == '#')
            return REFUSE(err, "only the path; for what follows the ? use `query`");
        if (path.at[i] == '%' && !str_is(escape, "%2F") && !str_is(escape, "%5C"))
            return REFUSE(err,
                "paths are compared decoded; write the character instead of "
                "\"%.*s\"",
                STR_ARG(escape));
        if ((unsigned char)path.at[i] < ' ' || path.at[i] == 0x7f)
            return REFUSE(err, "a path holds no control character");
    }
    return true;
}

bool value_path_kind(struct str path, enum path_kind *kind, struct err *err)
{
    struct str rest;
    unsigned captures = 0;
    struct str names[ROUTE_CAPTURES_MAX];

    if (path.len == 0 || path.at[0] != '/')
        return REFUSE(err, "it must begin with /");
    if (!check_escapes(path, err))
        return false;
    *kind = PATH_EXACT;
    rest = (struct str){ path.at + 1, path.len - 1 };
    while (rest.at != NULL) {
        struct str segment = str_cut(rest, '/', &rest);
        bool last = rest.at == NULL;

        if (last && str_is(segment, "*")) {
            if (captures > 0)
                return REFUSE(err, "end a path with captures in {rest...} instead of *");
            *kind = PATH_PREFIX;
        } else if (segment.len > 1 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}') {
            if (captures == ROUTE_CAPTURES_MAX)
                return REFUSE(err, "more than %d captures", ROUTE_CAPTURES_MAX);
            if (!check_capture(segment, last, err))
                return false;
            for (unsigned i = 0; i < captures; i++)
                if (str_eq(names[i], segment))
                    return REFUSE(err, "the capture \"%.*s\" is there twice", STR_ARG(segment));
            names[captures++] = segment;
            *kind = PATH_PATTERN;
        } else if (!check_literal(segment, last, err)) {
            return false;
        }
    }
    return true;
}

VALUE_READER(route_path)
{
    if (!value_path_kind(text, also(w, to), err))
        return false;
    return keep(r, text, to);
}

/* true and false are the reader's of words: here it is text. */
VALUE_READER(field)
{
    struct field_match *m = to;

    (void)w;
    (void)err;
    m->prefix = text.len > 0 && text.at[text.len - 1] == '*';
    if (m->prefix)
        text.len--;
    if (m->prefix && text.len == 0) {
        m->prefix = false; /* "*" is: present */
        return true;
    }
    return keep(r, text, &m->value);
}

VALUE_WRITER(field)
{
    const struct field_match *m = from;

    (void)w;
    if (m->absent || m->value.at == NULL) {
        buf_text(json, m->absent ? "false" : "true");
        return;
    }
    buf_char(json, '"');
    json_escape(json, m->value);
    buf_text(json, m->prefix ? "*\"" : "\"");
}

/* "header:NAME" or "cookie:NAME". */
static bool named_key(struct str text, const char *prefix, struct str *name)
{
    if (!str_starts(text, str_from(prefix)))
        return false;
    *name = (struct str){ text.at + strlen(prefix), text.len - strlen(prefix) };
    return value_is_token(*name);
}

VALUE_READER(limit_key)
{
    static const struct choice plain[] = { { "address", LIMIT_ADDRESS, "" },
        { "route", LIMIT_ROUTE, "" }, { "host", LIMIT_HOST, "" }, { "method", LIMIT_METHOD, "" },
        { NULL, 0, NULL } };
    struct limit_part *part = to;
    struct str name;

    (void)w;
    (void)err;
    for (const struct choice *c = plain; c->name != NULL; c++)
        if (str_is(text, c->name)) {
            part->key = (enum limit_key)c->value;
            return true;
        }
    if (named_key(text, "header:", &name)) {
        part->key = LIMIT_HEADER;
        part->name = lower(r->arena, name);
        return true;
    }
    part->key = LIMIT_COOKIE;
    return named_key(text, "cookie:", &name) && keep(r, name, &part->name);
}

VALUE_WRITER(limit_key)
{
    static const char *const names[] = {
        [LIMIT_ADDRESS] = "address",
        [LIMIT_HEADER] = "header:",
        [LIMIT_COOKIE] = "cookie:",
        [LIMIT_ROUTE] = "route",
        [LIMIT_HOST] = "host",
        [LIMIT_METHOD] = "method",
    };
    const struct limit_part *part = from;

    (void)w;
    buf_char(json, '"');
    buf_text(json, names[part->key]);
    json_escape(json, part->name);
    buf_char(json, '"');
}

VALUE_READER(hash_on)
{
    struct str *hash_name = also(w, to);
    struct str name;

    if (str_is(text, "address")) {
        *(enum hash_on *)to = HASH_ADDRESS;
        return true;
    }
    if (str_is(text, "header:") || str_is(text, "cookie:") || str_is(text, "header") ||
        str_is(text, "cookie"))
        return REFUSE(err, "say which, as in header:X-User or cookie:session");
    if (named_key(text, "header:", &name)) {
        *(enum hash_on *)to = HASH_HEADER;
        *hash_name = lower(r->arena, name);
        return true;
    }
    *(enum hash_on *)to = HASH_COOKIE;
    return named_key(text, "cookie:", &name) && keep(r, name, hash_name);
}

VALUE_WRITER(hash_on)
{
    static const char *const names[] = {
        [HASH_ADDRESS] = "address",
        [HASH_HEADER] = "header:",
        [HASH_COOKIE] = "cookie:",
    };

    buf_char(json, '"');
    buf_text(json, names[*(const enum hash_on *)from]);
    if (*(const enum hash_on *)from != HASH_ADDRESS)
        json_escape(json, *(const struct str *)also_const(w, from));
    buf_char(json, '"');
}
