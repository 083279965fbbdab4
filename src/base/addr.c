/*
 * addr - see addr.h.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/addr.h"

bool ip_parse(struct str text, struct ip *out)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    char z[IP_TEXT_MAX];
    struct ip ip = { 0 };

    if (text.len == 0 || text.len >= sizeof(z) || memchr(text.at, '\0', text.len) != NULL)
        return false;
    memcpy(z, text.at, text.len);
    z[text.len] = '\0';
    if (inet_pton(AF_INET, z, ip.bytes) == 1) {
        ip.len = 4;
    } else if (inet_pton(AF_INET6, z, ip.bytes) == 1) {
        ip.len = 16;
        if (memcmp(ip.bytes, mapped, sizeof(mapped)) == 0) {
            memmove(ip.bytes, ip.bytes + 12, 4);
            memset(ip.bytes + 4, 0, 12);
            ip.len = 4;
        }
    } else {
        return false;
    }
    *out = ip;
    return true;
}

size_t ip_format(struct ip ip, char *to)
{
    if (ip.len == 4) {
        size_t n = 0;

        /* By hand: this is on the path of every log line. */
        for (int i = 0; i < 4; i++) {
            unsigned b = ip.bytes[i];

            if (b >= 100)
                to[n++] = (char)('0' + b / 100);
            if (b >= 10)
                to[n++] = (char)('0' + b / 10 % 10);
            to[n++] = (char)('0' + b % 10);
            to[n++] = '.';
        }
        to[--n] = '\0';
        return n;
    }
    if (ip.len != 16 || inet_ntop(AF_INET6, ip.bytes, to, IP_TEXT_MAX) == NULL) {
        to[0] = '-';
        to[1] = '\0';
    }
    return strlen(to);
}

bool ip_eq(struct ip a, struct ip b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

struct ip ip_prefix(struct ip ip, unsigned bits)
{
    for (unsigned i = 0; i < ip.len; i++) {
        unsigned keep = bits > i * 8 ? bits - i * 8 : 0;

        if (keep < 8)
            ip.bytes[i] &= (uint8_t)(0xff00U >> keep);
    }
    return ip;
}

struct ip addr_ip(const struct addr *a)
{
    struct ip ip = { 0 };

    if (a->len == 0)
        return ip;
    if (a->any.sa_family == AF_INET) {
        ip.len = 4;
        memcpy(ip.bytes, &a->v4.sin_addr, 4);
    } else if (a->any.sa_family == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
            ip.len = 4;
            memcpy(ip.bytes, a->v6.sin6_addr.s6_addr + 12, 4);
        } else {
            ip.len = 16;
            memcpy(ip.bytes, &a->v6.sin6_addr, 16);
        }
    }
    return ip;
}

uint16_t addr_port(const struct addr *a)
{
    if (a->len > 0 && a->any.sa_family == AF_INET)
        return ntohs(a->v4.sin_port);
    if (a->len > 0 && a->any.sa_family == AF_INET6)
        return ntohs(a->v6.sin6_port);
    return 0;
}

struct addr addr_from_ip(struct ip ip, uint16_t port)
{
    struct addr a = { 0 };

    if (ip.len == 4) {
        a.len = sizeof(a.v4);
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(port);
        memcpy(&a.v4.sin_addr, ip.bytes, 4);
    } else if (ip.len == 16) {
        a.len = sizeof(a.v6);
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(port);
        memcpy(&a.v6.sin6_addr, ip.bytes, 16);
    }
    return a;
}

bool addr_split_host_port(struct str text, struct str *host, uint16_t *port)
{
    struct str rest;
    struct str name;
    uint64_t n = 0;

    if (text.len > 0 && text.at[0] == '[') {
        name = str_cut((struct str){ text.at + 1, text.len - 1 }, ']', &rest);
        if (rest.at == NULL || (rest.len > 0 && rest.at[0] != ':'))
            return false;
        rest = rest.len > 0 ? (struct str){ rest.at + 1, rest.len - 1 } : STR_NONE;
    } else {
        name = str_cut(text, ':', &rest);
    }
    if (rest.at != NULL && (!str_to_u64(rest, 65535, &n) || n == 0))
        return false;
    if (name.len == 0 && rest.at == NULL)
        return false;
    *host = name;
    *port = (uint16_t)n;
    return true;
}

static int unix_parse(struct str path, struct addr *out, struct err *err)
{
    struct addr a = { 0 };

    if (path.len == 0 || path.len >= sizeof(a.un.sun_path))
        return err_set(err, ERR_CONFIG, "address_syntax",
            "the path of a unix socket must have 1 to %zu bytes", sizeof(a.un.sun_path) - 1);
    a.un.sun_family = AF_UNIX;
    memcpy(a.un.sun_path, path.at, path.len);
    a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    *out = a;
    return 0;
}

static bool any_port(struct str text, struct str *host, uint16_t *port)
{
    /* Port 0, "any free one", is for tests: addr_split_host_port() refuses it for origins. */
    if (!str_ends(text, STR(":0")))
        return false;
    *host = (struct str){ text.at, text.len - 2 };
    if (host->len > 1 && host->at[0] == '[')
        *host = (struct str){ host->at + 1, host->len - 2 };
    *port = 0;
    return true;
}

int addr_parse(struct str text, struct addr *out, struct err *err)
{
    struct str host;
    uint16_t port;
    struct ip ip = { .len = 16 };

    if (str_starts(text, STR("unix:")))
        return unix_parse((struct str){ text.at + 5, text.len - 5 }, out, err);
    if (!any_port(text, &host, &port) && (!addr_split_host_port(text, &host, &port) || port == 0))
        return err_set(err, ERR_CONFIG, "address_syntax",
            "\"%.*s\" is not an address; write 127.0.0.1:8080, [::1]:8080, :8080 or unix:/path",
            STR_ARG(text));
    if (host.len > 0 && !ip_parse(host, &ip))
        return err_set(
            err, ERR_CONFIG, "address_syntax", "\"%.*s\" is not an IP address", STR_ARG(host));
    *out = addr_from_ip(ip, port);
    return 0;
}

size_t addr_format(const struct addr *a, char *to)
{
    char ip[IP_TEXT_MAX];

    if (a->len > 0 && a->any.sa_family == AF_UNIX)
        return (size_t)snprintf(to, ADDR_TEXT_MAX, "unix:%s", a->un.sun_path);
    ip_format(addr_ip(a), ip);
    return (size_t)snprintf(
        to, ADDR_TEXT_MAX, strchr(ip, ':') != NULL ? "[%s]:%u" : "%s:%u", ip, addr_port(a));
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    if (a->len == 0 || b->len == 0 || a->any.sa_family == AF_UNIX || b->any.sa_family == AF_UNIX)
        return a->len == b->len && memcmp(&a->any, &b->any, a->len) == 0;
    return addr_port(a) == addr_port(b) && ip_eq(addr_ip(a), addr_ip(b));
}
