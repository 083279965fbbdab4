/*
 * field - the table of known fields, found by a perfect hash of three bytes.
 *
 * The hash is of a name's length, first and last byte; two names in the same
 * slot do not compile (-Woverride-init), and a unit test looks up every name.
 */
#include "http/field.h"

#include "http/chars_int.h"
#include "http/field_int.h"

enum { H = FIELD_HOP, N = FIELD_NOT_IN_TRAILER, U = FIELD_HAS_TWIN };

#define NAME(id, text, flags) { text, sizeof(text) - 1 },
const struct str field_names[HTTP_FIELD_COUNT] = { HTTP_FIELDS(NAME) };
#undef NAME
#define FLAGS(id, text, flags) flags,
const uint8_t field_flags[HTTP_FIELD_COUNT + 1] = { HTTP_FIELDS(FLAGS) 0 };
#undef FLAGS

#define AT(id, len, first, last) [FIELD_SLOT(len, first, last)] = (HTTP_##id + 1)

const uint8_t field_slots[FIELD_SLOTS] = {
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

enum http_field_id http_field_lookup(struct str name)
{
    enum http_field_id id = field_candidate(name);

    return id != HTTP_UNKNOWN && str_eq_nocase(name, field_names[id]) ? id : HTTP_UNKNOWN;
}

/* Equal but for case and for one or more '_' in the place of '-'. */
static bool same_twin(struct str name, struct str known)
{
    bool underscore = false;

    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.at[i]);

        underscore = underscore || c == '_';
        if ((c == '_' ? '-' : c) != known.at[i])
            return false;
    }
    return underscore;
}

bool http_field_is_twin(struct str name)
{
    enum http_field_id id = field_candidate(name);

    return id != HTTP_UNKNOWN && (field_flags[id] & U) && same_twin(name, field_names[id]);
}

struct str http_field_name(enum http_field_id id)
{
    return id < HTTP_FIELD_COUNT ? field_names[id] : STR_NONE;
}

bool http_field_is_hop(enum http_field_id id)
{
    return id < HTTP_FIELD_COUNT && (field_flags[id] & H) != 0;
}

bool http_field_in_trailer(enum http_field_id id)
{
    return id >= HTTP_FIELD_COUNT || !(field_flags[id] & N);
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
