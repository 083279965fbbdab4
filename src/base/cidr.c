/*
 * cidr - networks, and sets of them as a bit trie.  See addr.h.
 */
#include "base/addr.h"

int cidr_parse(struct str text, struct cidr *out, struct err *err)
{
    struct str bits_text;
    struct str ip_text = str_cut(text, '/', &bits_text);
    struct cidr c = { 0 };
    uint64_t bits;

    if (!ip_parse(ip_text, &c.ip))
        return err_set(err, ERR_CONFIG, "cidr_syntax",
            "\"%.*s\" is not a network; write 10.0.0.0/8, 2001:db8::/32 or one address",
            STR_ARG(text));
    bits = (uint64_t)c.ip.len * 8;
    if (bits_text.at != NULL && !str_to_u64(bits_text, (uint64_t)c.ip.len * 8, &bits))
        return err_set(err, ERR_CONFIG, "cidr_syntax", "\"/%.*s\" must be a number from 0 to %u",
            STR_ARG(bits_text), c.ip.len * 8U);
    c.bits = (uint8_t)bits;
    if (!ip_eq(ip_prefix(c.ip, c.bits), c.ip)) {
        char network[IP_TEXT_MAX];

        ip_format(ip_prefix(c.ip, c.bits), network);
        return err_set(err, ERR_CONFIG, "cidr_syntax",
            "\"%.*s\" has bits set past its prefix; did you mean %s/%u?", STR_ARG(text), network,
            c.bits);
    }
    *out = c;
    return 0;
}

bool cidr_contains(const struct cidr *c, struct ip ip)
{
    return c->ip.len == ip.len && ip_eq(ip_prefix(ip, c->bits), c->ip);
}

struct node {
    const struct node *child[2];
    bool member;
};

struct cidr_set {
    struct node v4;
    struct node v6;
};

static unsigned bit_at(const struct ip *ip, unsigned i)
{
    return ip->bytes[i / 8] >> (7 - i % 8) & 1;
}

const struct cidr_set *cidr_set_build(struct arena *a, const struct cidr *list, size_t n)
{
    struct cidr_set *s = arena_calloc(a, 1, sizeof(*s));

    for (size_t k = 0; k < n; k++) {
        struct node *at = list[k].ip.len == 4 ? &s->v4 : &s->v6;

        for (unsigned i = 0; i < list[k].bits; i++) {
            unsigned bit = bit_at(&list[k].ip, i);

            if (at->child[bit] == NULL)
                at->child[bit] = arena_calloc(a, 1, sizeof(struct node));
            at = (struct node *)(uintptr_t)at->child[bit]; /* ours until we return */
        }
        at->member = true;
    }
    return s;
}

bool cidr_set_contains(const struct cidr_set *s, struct ip ip)
{
    const struct node *at = ip.len == 4 ? &s->v4 : ip.len == 16 ? &s->v6 : NULL;

    for (unsigned i = 0; at != NULL; i++) {
        if (at->member)
            return true;
        if (i == ip.len * 8U)
            return false;
        at = at->child[bit_at(&ip, i)];
    }
    return false;
}
