/*
 * authority - host[:port] as Host, CONNECT and absolute targets give it.
 *
 * Narrower than RFC 3986: a name is letters, digits, '-', '.' and '_', or an
 * IPv6 address in brackets.  No user, no escapes, no empty port: whatever two
 * servers could read in two ways.
 */
#include "base/addr.h"
#include "http/chars_int.h"
#include "http/h1_int.h"
#include "http/uri.h"

enum { HOST_MAX = 255, PORT_DIGITS = 5, PORT_MAX = 65535 };

/* The length of the "[address]" at the start of s, or 0. */
static size_t literal_len(struct str s)
{
    const char *close = memchr(s.at, ']', s.len);
    struct ip ip;

    if (close == NULL || !ip_parse((struct str){ s.at + 1, (size_t)(close - s.at) - 1 }, &ip))
        return 0;
    return (size_t)(close - s.at) + 1;
}

/* The length of the name at the start of s; 0 when a label is empty (a trailing dot leaves none). */
static size_t name_len(struct str s)
{
    size_t n = 0;

    for (;;) {
        size_t label = n;

        while (n < s.len && chars_has(s.at[n], CHAR_LABEL))
            n++;
        if (n == s.len || s.at[n] != '.')
            return n;
        if (n == label)
            return 0;
        n++;
    }
}

bool authority_split(struct str s, struct str *host, struct str *port)
{
    size_t n = s.len > 0 && s.at[0] == '[' ? literal_len(s) : name_len(s);
    uint64_t number;

    if (n == 0 || n > HOST_MAX)
        return false;
    *host = (struct str){ s.at, n };
    *port = STR_NONE;
    if (n == s.len)
        return true;
    *port = (struct str){ s.at + n + 1, s.len - n - 1 };
    return s.at[n] == ':' && port->len <= PORT_DIGITS && str_to_u64(*port, PORT_MAX, &number);
}

/* Port 80 says nothing in a target of http, nor 443 in one of https; the rest must be equal. */
static bool port_is_default(struct str port)
{
    return port.len == 0 || str_eq(port, STR("80")) || str_eq(port, STR("443"));
}

bool authority_eq(struct str a, struct str b)
{
    struct str host_a, host_b, port_a, port_b;

    return authority_split(a, &host_a, &port_a) && authority_split(b, &host_b, &port_b) &&
           str_eq_nocase(host_a, host_b) &&
           (str_eq(port_a, port_b) || ((port_a.len == 0 || port_b.len == 0) &&
                                          port_is_default(port_a) && port_is_default(port_b)));
}

bool uri_normalize_host(struct str host, char *to, struct str *out)
{
    struct str name, port;

    if (!authority_split(host, &name, &port))
        return false;
    if (name.at[name.len - 1] == '.')
        name.len--;
    for (size_t i = 0; i < name.len; i++)
        to[i] = ascii_lower(name.at[i]);
    *out = (struct str){ to, name.len };
    return true;
}
