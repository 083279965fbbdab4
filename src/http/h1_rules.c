/*
 * h1_rules - what fields mean for the message that they head (RFC 9112).
 *
 * Each rule is asked when its line is there; what only a whole head can show
 * (no Host, which framing) is asked at its end.  Refused is whatever another
 * server may read in another way:
 *
 * (1) One Content-Length or one Transfer-Encoding, never both, never twice,
 *     not even when they agree.
 * (2) Transfer-Encoding is "chunked" and nothing else, and not in HTTP/1.0.
 * (3) One Host, and an absolute target must agree with it.
 * (4) Connection cannot take away a field that the next hop must see.
 */
#include "http/field_int.h"
#include "http/h1_int.h"

enum { CONNECTION_NAMES_MAX = 32 }; /* fields that one head may name in Connection */

static bool has(const struct h1_head *h, enum http_field_id id)
{
    return h->known[id] > 0;
}

static enum h1_error host_rule(struct h1_parser *p, const struct http_field *f)
{
    struct h1_head *h = p->head;
    struct str host, port;

    if (has(h, HTTP_HOST))
        return H1_REPEATED_HOST;
    if (!authority_split(f->value, &host, &port))
        return H1_BAD_HOST;
    if (h->host.at != NULL)
        return authority_eq(h->host, f->value) ? H1_OK : H1_BAD_HOST;
    h->host = f->value;
    return H1_OK;
}

static enum h1_error content_length_rule(struct h1_parser *p, const struct http_field *f)
{
    struct h1_head *h = p->head;

    if (has(h, HTTP_CONTENT_LENGTH))
        return H1_REPEATED_CONTENT_LENGTH;
    if (!str_to_u64(f->value, INT64_MAX, &h->content_length))
        return H1_BAD_CONTENT_LENGTH;
    return has(h, HTTP_TRANSFER_ENCODING) ? H1_LENGTH_WITH_CHUNKED : H1_OK;
}

/* Not "chunked": a coding that we do not have, or nonsense? */
static enum h1_error other_coding(struct str value)
{
    struct str rest = value;

    do {
        struct str coding = str_trim(str_cut(rest, ',', &rest));

        if (!http_is_token(coding) || (str_eq_nocase(coding, STR("chunked"))))
            return rest.at == NULL && http_is_token(coding) ? H1_UNKNOWN_TRANSFER_ENCODING
                                                            : H1_BAD_TRANSFER_ENCODING;
    } while (rest.at != NULL);
    return H1_UNKNOWN_TRANSFER_ENCODING;
}

static enum h1_error transfer_encoding_rule(struct h1_parser *p, const struct http_field *f)
{
    struct h1_head *h = p->head;

    if (h->minor == 0)
        return H1_TRANSFER_ENCODING_IN_1_0;
    if (has(h, HTTP_TRANSFER_ENCODING))
        return H1_BAD_TRANSFER_ENCODING;
    if (!str_eq_nocase(f->value, STR("chunked")))
        return other_coding(f->value);
    return has(h, HTTP_CONTENT_LENGTH) ? H1_LENGTH_WITH_CHUNKED : H1_OK;
}

static enum h1_error connection_option(struct h1_parser *p, struct str option)
{
    enum http_field_id id;

    if (str_eq_nocase(option, STR("keep-alive"))) {
        p->said |= H1_SAID_KEEP_ALIVE;
    } else if (str_eq_nocase(option, STR("close"))) {
        p->said |= H1_SAID_CLOSE;
    } else if (str_eq_nocase(option, STR("upgrade"))) {
        p->said |= H1_SAID_UPGRADE;
    } else if (!http_is_token(option)) {
        return H1_BAD_FIELD_VALUE;
    } else {
        id = http_field_lookup(option);
        if (id == HTTP_HOST || id == HTTP_CONTENT_LENGTH || id == HTTP_TRANSFER_ENCODING)
            return H1_BAD_FIELD_VALUE;
        if (id == HTTP_UNKNOWN && ++p->named > CONNECTION_NAMES_MAX)
            return H1_BAD_FIELD_VALUE;
        p->said |= id == HTTP_UNKNOWN ? H1_SAID_NAMES : 0;
    }
    return H1_OK;
}

static enum h1_error connection_rule(struct h1_parser *p, const struct http_field *f)
{
    struct str rest = f->value;

    do {
        struct str option = str_trim(str_cut(rest, ',', &rest));
        enum h1_error error = option.len > 0 ? connection_option(p, option) : H1_OK;

        if (error != H1_OK)
            return error;
    } while (rest.at != NULL);
    return H1_OK;
}

static enum h1_error expect_rule(struct h1_parser *p, const struct http_field *f)
{
    struct h1_head *h = p->head;

    if (has(h, HTTP_EXPECT) || !str_eq_nocase(f->value, STR("100-continue")))
        return H1_BAD_EXPECT;
    h->expect_continue = true;
    return H1_OK;
}

/* protocol-name [ "/" protocol-version ], both tokens (RFC 9110 7.8). */
static enum h1_error upgrade_rule(struct h1_parser *p, const struct http_field *f)
{
    struct str rest = f->value;

    if (has(p->head, HTTP_UPGRADE))
        return H1_BAD_UPGRADE;
    do {
        struct str version;
        struct str protocol = str_trim(str_cut(rest, ',', &rest));
        struct str name = str_cut(protocol, '/', &version);

        if (!http_is_token(name) || (version.at != NULL && !http_is_token(version)))
            return H1_BAD_UPGRADE;
    } while (rest.at != NULL);
    return H1_OK;
}

typedef enum h1_error rule(struct h1_parser *p, const struct http_field *f);

static rule *const request_rules[HTTP_FIELD_COUNT] = {
    [HTTP_HOST] = host_rule,
    [HTTP_CONTENT_LENGTH] = content_length_rule,
    [HTTP_TRANSFER_ENCODING] = transfer_encoding_rule,
    [HTTP_CONNECTION] = connection_rule,
    [HTTP_EXPECT] = expect_rule,
    [HTTP_UPGRADE] = upgrade_rule,
};

static rule *const response_rules[HTTP_FIELD_COUNT] = {
    [HTTP_CONTENT_LENGTH] = content_length_rule,
    [HTTP_TRANSFER_ENCODING] = transfer_encoding_rule,
    [HTTP_CONNECTION] = connection_rule,
    [HTTP_UPGRADE] = upgrade_rule,
};

enum h1_step h1_check_fields(struct h1_parser *p, unsigned from)
{
    rule *const *rules = p->response ? response_rules : request_rules;
    struct h1_head *h = p->head;

    for (unsigned i = from; i < h->nfields; i++) {
        struct http_field *f = &h->fields[i];
        bool maybe_twin;
        enum http_field_id id = field_lookup_token(f->name, &maybe_twin);
        enum h1_error error = H1_OK;

        f->id = (uint8_t)id;
        f->hop = (field_flags[id] & FIELD_HOP) != 0;
        if (id == HTTP_UNKNOWN) {
            if (maybe_twin && !p->response && http_field_is_twin(f->name))
                return h1_fail(p, H1_BAD_FIELD_NAME);
            continue;
        }
        if (rules[id] != NULL)
            error = rules[id](p, f);
        if (error != H1_OK)
            return h1_fail(p, error);
        if (h->known[id] == 0)
            h->known[id] = (uint16_t)(i + 1);
    }
    return H1_STEP_NEXT;
}

static void mark_hop(struct h1_head *h, struct str name)
{
    for (unsigned i = 0; i < h->nfields; i++)
        if (h->fields[i].id == HTTP_UNKNOWN && str_eq_nocase(h->fields[i].name, name))
            h->fields[i].hop = true;
}

/*
 * The fields that Connection names are for this hop alone.  Known ones keep
 * the class that the table gives them: a client must not be able to have its
 * Cookie or our X-Forwarded-For taken out on the way.  Only CONNECTION_NAMES_MAX
 * unknown ones get this far, so that the search has a bound.
 */
static void mark_named(struct h1_head *h)
{
    for (unsigned i = 0; i < h->nfields; i++) {
        struct str list = h->fields[i].value;
        struct str name;

        while (h->fields[i].id == HTTP_CONNECTION && http_list_next(&list, &name))
            if (http_field_lookup(name) == HTTP_UNKNOWN)
                mark_hop(h, name);
    }
}

static void apply_connection(struct h1_parser *p)
{
    struct h1_head *h = p->head;

    h->keep_alive =
        !(p->said & H1_SAID_CLOSE) && (h->minor == 1 || (p->said & H1_SAID_KEEP_ALIVE) != 0);
    /* A 200 that offers h2 by Upgrade, as some origins send, switches nothing. */
    if ((p->said & H1_SAID_UPGRADE) && h->minor == 1 && (!p->response || h->status == 101))
        h->upgrade = h1_get(h, HTTP_UPGRADE);
    if (p->said & H1_SAID_NAMES)
        mark_named(h);
}

enum h1_step h1_finish_request(struct h1_parser *p)
{
    struct h1_head *h = p->head;
    bool body;

    if (h->minor == 1 && !has(h, HTTP_HOST))
        return h1_fail(p, H1_MISSING_HOST);
    if (has(h, HTTP_TRANSFER_ENCODING))
        h->framing = H1_CHUNKED;
    else if (has(h, HTTP_CONTENT_LENGTH))
        h->framing = H1_LENGTH;
    body = h->framing == H1_CHUNKED || h->content_length > 0;
    apply_connection(p);
    h->expect_continue = h->expect_continue && body && h->minor == 1;
    /* h2c goes round every rule of the proxy that lets it through. */
    if (h->upgrade.at != NULL && (body || http_list_has(h->upgrade, STR("h2c"))))
        h->upgrade = STR_NONE;
    return H1_STEP_NEXT;
}

/* RFC 9112 6.3, 1 and 2: these end with the head whatever their fields say. */
static bool is_bodiless(const struct h1_parser *p)
{
    unsigned status = p->head->status;

    return status < 200 || status == 204 || status == 304 || p->to_head_request ||
           (p->request_method == HTTP_CONNECT && status < 300);
}

enum h1_step h1_finish_response(struct h1_parser *p)
{
    struct h1_head *h = p->head;
    bool chunked = has(h, HTTP_TRANSFER_ENCODING);

    apply_connection(p);
    if (is_bodiless(p)) {
        h->framing = H1_NO_BODY;
        /* Where no body can be and yet one is said to come, nothing may follow on this connection. */
        if ((h->status < 200 || h->status == 204) && (chunked || h->content_length > 0))
            h->keep_alive = false;
    } else if (chunked) {
        h->framing = H1_CHUNKED;
    } else if (has(h, HTTP_CONTENT_LENGTH)) {
        h->framing = H1_LENGTH;
    } else {
        h->framing = H1_UNTIL_CLOSE;
        h->keep_alive = false;
    }
    return H1_STEP_NEXT;
}
