/*
 * h1_get - asking a head for its fields.
 */
#include "http/h1.h"

struct str h1_find(const struct h1_head *h, struct str name)
{
    enum http_field_id id = http_field_lookup(name);

    if (id != HTTP_UNKNOWN)
        return h1_get(h, id);
    for (unsigned i = 0; i < h->nfields; i++)
        if (h->fields[i].id == HTTP_UNKNOWN && str_eq_nocase(h->fields[i].name, name))
            return h->fields[i].value;
    return STR_NONE;
}

struct str h1_join(const struct h1_head *h, enum http_field_id id, char *to, size_t room)
{
    struct str all = h1_get(h, id);
    size_t n = all.len;
    bool copied = false;

    for (unsigned i = h->known[id]; i < h->nfields && all.at != NULL; i++) {
        struct str more = h->fields[i].value;

        if (h->fields[i].id != id)
            continue;
        if (n > room || room - n < more.len + 2)
            return STR_NONE;
        if (!copied && n > 0)
            memcpy(to, all.at, n);
        copied = true;
        to[n++] = ',';
        to[n++] = ' ';
        memcpy(to + n, more.at, more.len);
        n += more.len;
    }
    return copied ? (struct str){ to, n } : all;
}
