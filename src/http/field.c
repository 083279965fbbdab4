/*
 * field - the table of known fields, found by a perfect hash of three bytes.
 *
 * The hash is of a name's length, first and last byte; two names in the same
 * slot do not compile (-Woverride-init), and a unit test looks up every name.
 */
#include "http/field.h"

#include "http/chars_int.h"

enum { H = 1, N = 2, U = 4, SLOTS = 128 };

struct known {
    struct str name;
    uint8_t flags;
};

#define KNOWN(id, text, flags) { { text, sizeof(text) - 1 }, flags },
static const struct known known[HTTP_FIELD_COUNT] = { HTTP_FIELDS(KNOWN) };
#undef KNOWN

/* first and last in lower case */
#define SLOT(len, first, last)   (((len) + 6 * (first) + 35 * (last)) % SLOTS)
#define AT(id, len, first, last) [SLOT(len, first, last)] = HTTP_##id + 1

static const uint8_t slots[SLOTS] = {
    AT(HOST, 4, 'h', 't'),
    AT(CONTENT_LENGTH, 14, 'c', 'h'),
    AT(TRANSFER_ENCODING, 17, 't', 'g'),
    AT(CONNECTION, 10, 'c', 'n'),
    AT(KEEP_ALIVE, 10, 'k', 'e'),
    AT(PROXY_CONNECTION, 16, 'p', 'n'),
    AT(TE, 2, 't', 'e'),
    AT(TRAILER, 7, 't', 'r'),
    AT(UPGRADE, 7, 'u', 'e'),
    AT(PROXY_AUTHENTICATE, 18, 'p', 'e'),
    AT(PROXY_AUTHORIZATION, 19, 'p', 'n'),
    AT(EXPECT, 6, 'e', 't'),
    AT(CONTENT_TYPE, 12, 'c', 'e'),
    AT(CONTENT_ENCODING, 16, 'c', 'g'),
    AT(CONTENT_RANGE, 13, 'c', 'e'),
    AT(DATE, 4, 'd', 'e'),
    AT(SERVER, 6, 's', 'r'),
    AT(COOKIE, 6, 'c', 'e'),
    AT(SET_COOKIE, 10, 's', 'e'),
    AT(AUTHORIZATION, 13, 'a', 'n'),
    AT(USER_AGENT, 10, 'u', 't'),
    AT(REFERER, 7, 'r', 'r'),
    AT(LOCATION, 8, 'l', 'n'),
    AT(RETRY_AFTER, 11, 'r', 'r'),
    AT(CACHE_CONTROL, 13, 'c', 'l'),
    AT(VIA, 3, 'v', 'a'),
    AT(FORWARDED, 9, 'f', 'd'),
    AT(X_FORWARDED_FOR, 15, 'x', 'r'),
    AT(X_FORWARDED_PROTO, 17, 'x', 'o'),
    AT(X_FORWARDED_HOST, 16, 'x', 't'),
    AT(X_REQUEST_ID, 12, 'x', 'd'),
    AT(TRACEPARENT, 11, 't', 't'),
    AT(TRACESTATE, 10, 't', 'e'),
};

/* The only known field that the name can be, HTTP_UNKNOWN when its slot is empty or of another length. */
static enum http_field_id candidate(struct str name)
{
    unsigned first, last, slot;

    if (name.len == 0)
        return HTTP_UNKNOWN;
    first = (unsigned char)name.at[0] | 0x20u;
    last = (unsigned char)name.at[name.len - 1] | 0x20u;
    slot = slots[SLOT((unsigned)name.len, first, last)];
    return slot > 0 && known[slot - 1].name.len == name.len ? slot - 1 : HTTP_UNKNOWN;
}

enum http_field_id http_field_lookup(struct str name)
{
    enum http_field_id id = candidate(name);

    return id != HTTP_UNKNOWN && str_eq_nocase(name, known[id].name) ? id : HTTP_UNKNOWN;
}

bool http_field_is_twin(struct str name)
{
    enum http_field_id id = candidate(name);
    bool underscore = false;

    if (id == HTTP_UNKNOWN || !(known[id].flags & U))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.at[i]);

        if (c == '_')
            underscore = true;
        if ((c == '_' ? '-' : c) != known[id].name.at[i])
            return false;
    }
    return underscore;
}

struct str http_field_name(enum http_field_id id)
{
    return id < HTTP_FIELD_COUNT ? known[id].name : STR_NONE;
}

bool http_field_is_hop(enum http_field_id id)
{
    return id < HTTP_FIELD_COUNT && (known[id].flags & H) != 0;
}

bool http_field_in_trailer(enum http_field_id id)
{
    return id >= HTTP_FIELD_COUNT || !(known[id].flags & N);
}

bool http_is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!chars_has(s.at[i], CHAR_TOKEN))
            return false;
    return s.len > 0;
}

bool http_is_field_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (chars_has(s.at[i], CHAR_CONTROL))
            return false;
    return true;
}

/* Where the element ends: a comma outside of quotes, or the end. */
static size_t element_end(struct str s)
{
    bool quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (quoted && s.at[i] == '\\')
            i++;
        else if (s.at[i] == '"')
            quoted = !quoted;
        else if (s.at[i] == ',' && !quoted)
            return i;
    }
    return s.len;
}

bool http_list_next(struct str *list, struct str *element)
{
    while (list->len > 0) {
        size_t end = element_end(*list);
        struct str e = str_trim((struct str){ list->at, end });

        end += end < list->len;
        list->at += end;
        list->len -= end;
        if (e.len > 0) {
            *element = e;
            return true;
        }
    }
    return false;
}

bool http_list_has(struct str list, struct str word)
{
    struct str e;

    while (http_list_next(&list, &e))
        if (str_eq_nocase(e, word))
            return true;
    return false;
}
