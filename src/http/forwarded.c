/*
 * forwarded - who the client is, behind proxies that we trust.
 *
 * A header is trusted from its right end only: each trusted proxy vouches for
 * the address that it wrote, and for nothing to the left of that.
 */
#include "http/uri.h"

#include "http/field.h"

enum { HOPS_MAX = 64 };

/* Takes the last element off the list. */
static struct str last_element(struct str *list)
{
    size_t from = list->len;
    struct str e;

    while (from > 0 && list->at[from - 1] != ',')
        from--;
    e = (struct str){ list->at + from, list->len - from };
    list->len = from > 0 ? from - 1 : 0;
    return str_trim(e);
}

/* "1.2.3.4", "1.2.3.4:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static bool node_ip(struct str s, struct ip *out)
{
    struct str host;
    uint16_t port;

    if (ip_parse(s, out))
        return true;
    if (!addr_split_host_port(s, &host, &port))
        return false;
    if (host.len > 1 && host.at[0] == '[' && host.at[host.len - 1] == ']')
        host = (struct str){ host.at + 1, host.len - 2 };
    return ip_parse(host, out);
}

static struct ip walk_list(struct ip peer, struct str list, const struct cidr_set *trusted)
{
    struct ip client = peer;

    for (unsigned hops = 0; list.len > 0; hops++) {
        if (hops == HOPS_MAX || !node_ip(last_element(&list), &client))
            return peer;
        if (!cidr_set_contains(trusted, client))
            break;
    }
    return client;
}

static struct ip walk_forwarded(struct ip peer, struct str header, const struct cidr_set *trusted)
{
    struct forwarded_element e;
    struct str nodes[HOPS_MAX];
    struct ip client = peer;
    unsigned n = 0;
    bool bad = false;

    while (forwarded_next(&header, &e, &bad)) {
        if (n == HOPS_MAX)
            return peer;
        nodes[n++] = e.for_;
    }
    while (!bad && n > 0) {
        if (!node_ip(nodes[--n], &client))
            return peer;
        if (!cidr_set_contains(trusted, client))
            break;
    }
    return bad ? peer : client;
}

struct ip forwarded_client(struct ip peer, struct str x_forwarded_for, struct str forwarded,
    const struct cidr_set *trusted)
{
    if (!cidr_set_contains(trusted, peer))
        return peer;
    if (x_forwarded_for.at != NULL)
        return walk_list(peer, x_forwarded_for, trusted);
    return walk_forwarded(peer, forwarded, trusted);
}

static void skip_ows(struct str *s)
{
    while (s->len > 0 && (s->at[0] == ' ' || s->at[0] == '\t')) {
        s->at++;
        s->len--;
    }
}

static void skip(struct str *s, size_t n)
{
    s->at += n;
    s->len -= n;
}

static bool ends_token(char c)
{
    return c == '=' || c == ';' || c == ',' || c == ' ' || c == '\t';
}

static struct str take_token(struct str *s)
{
    size_t n = 0;

    while (n < s->len && !ends_token(s->at[n]))
        n++;
    skip(s, n);
    return (struct str){ s->at - n, n };
}

/* A token, or what is between quotes; no escapes, since no value here needs one. */
static bool take_value(struct str *s, struct str *value)
{
    const char *close;

    if (s->len == 0 || s->at[0] != '"') {
        *value = take_token(s);
        return http_is_token(*value);
    }
    close = memchr(s->at + 1, '"', s->len - 1);
    if (close == NULL)
        return false;
    *value = (struct str){ s->at + 1, (size_t)(close - s->at) - 1 };
    skip(s, value->len + 2);
    return memchr(value->at, '\\', value->len) == NULL && http_is_field_value(*value);
}

/* name=value into its place; a name may come only once in an element. */
static bool take_pair(struct str *s, struct forwarded_element *out)
{
    struct str name = take_token(s);
    struct str value;
    const struct {
        struct str name;
        struct str *to;
    } places[] = {
        { STR("by"), &out->by },
        { STR("for"), &out->for_ },
        { STR("host"), &out->host },
        { STR("proto"), &out->proto },
    };

    if (!http_is_token(name) || s->len == 0 || s->at[0] != '=')
        return false;
    skip(s, 1);
    if (!take_value(s, &value))
        return false;
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (!str_eq_nocase(name, places[i].name))
            continue;
        if (places[i].to->at != NULL)
            return false;
        *places[i].to = value;
    }
    return true;
}

bool forwarded_next(struct str *header, struct forwarded_element *out, bool *bad)
{
    struct forwarded_element e = { 0 };
    bool any = false;

    *bad = false;
    for (;;) {
        skip_ows(header);
        if (header->len > 0 && header->at[0] != ',' && header->at[0] != ';') {
            *bad = !take_pair(header, &e);
            any = true;
            skip_ows(header);
        }
        if (*bad || header->len == 0)
            break;
        if (header->at[0] == ',' && any) {
            skip(header, 1);
            break;
        }
        if (header->at[0] != ',' && header->at[0] != ';') {
            *bad = true;
            break;
        }
        skip(header, 1);
    }
    if (any && !*bad)
        *out = e;
    return any && !*bad;
}
