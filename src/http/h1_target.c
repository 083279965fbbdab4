/*
 * h1_target - the four forms of a request target (RFC 9112 3.2).
 */
#include "http/h1_int.h"

/* s begins at the path, which may be empty, or at '?'. */
static void split_path(struct h1_head *h, struct str s)
{
    h->path = str_cut(s, '?', &h->query);
}

static enum h1_error authority_form(struct h1_head *h)
{
    struct str host, port;

    if (!authority_split(h->target, &host, &port) || port.len == 0)
        return H1_BAD_TARGET;
    h->host = h->target;
    h->path = (struct str){ h->target.at + h->target.len, 0 };
    return H1_OK;
}

static enum h1_error absolute_form(struct h1_head *h)
{
    static const struct str schemes[] = { { "http://", 7 }, { "https://", 8 } };
    struct str s = h->target;
    struct str host, port;
    size_t scheme = 0;
    size_t n;

    for (unsigned i = 0; i < 2; i++)
        if (s.len > schemes[i].len &&
            str_eq_nocase((struct str){ s.at, schemes[i].len }, schemes[i]))
            scheme = schemes[i].len;
    if (scheme == 0)
        return H1_BAD_TARGET;
    s.at += scheme;
    s.len -= scheme;
    for (n = 0; n < s.len && s.at[n] != '/' && s.at[n] != '?'; n++)
        ;
    h->host = (struct str){ s.at, n };
    if (!authority_split(h->host, &host, &port))
        return H1_BAD_TARGET;
    split_path(h, (struct str){ s.at + n, s.len - n });
    if (h->path.len == 0) /* 3.2.4: the origin sees "OPTIONS *" */
        h->path = h->method_id == HTTP_OPTIONS && h->query.at == NULL ? STR("*") : STR("/");
    return H1_OK;
}

enum h1_error h1_split_target(struct h1_head *h)
{
    if (h->method_id == HTTP_CONNECT)
        return authority_form(h);
    if (h->target.at[0] == '/') {
        split_path(h, h->target);
        return H1_OK;
    }
    if (h->target.at[0] != '*')
        return absolute_form(h);
    if (h->target.len > 1 || h->method_id != HTTP_OPTIONS)
        return H1_BAD_TARGET;
    h->path = h->target;
    return H1_OK;
}
