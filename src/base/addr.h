/*
 * addr - socket addresses as text and as bytes, and sets of networks (CIDR).
 *
 * An IPv4 address mapped into IPv6 (::ffff:a.b.c.d) is treated as IPv4
 * everywhere: in printing, in comparing and in sets.
 */
#ifndef WEIR_BASE_ADDR_H
#define WEIR_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* The bytes of an IP address; len is 4, 16, or 0 for none (a unix socket). */
struct ip {
    uint8_t len;
    uint8_t bytes[16];
};

struct addr {
    socklen_t len; /* 0: none */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    };
};

enum { ADDR_TEXT_MAX = 128, IP_TEXT_MAX = 48 };

/*
 * "127.0.0.1:80", "[::1]:80", ":80" (all addresses, both families), "unix:/path".
 * No names: see addr_split_host_port().  err id: address_syntax.
 */
int addr_parse(struct str text, struct addr *out, struct err *err);
/* Into to[ADDR_TEXT_MAX]; the same syntax as addr_parse(). Returns the length. */
size_t addr_format(const struct addr *a, char *to);
bool addr_eq(const struct addr *a, const struct addr *b);
struct ip addr_ip(const struct addr *a);
uint16_t addr_port(const struct addr *a);
/* "name:80", "[::1]:80", "1.2.3.4:80"; port is 0 when absent. False when malformed. */
bool addr_split_host_port(struct str text, struct str *host, uint16_t *port);
struct addr addr_from_ip(struct ip ip, uint16_t port);

bool ip_parse(struct str text, struct ip *out);
/* Into to[IP_TEXT_MAX]. Returns the length. */
size_t ip_format(struct ip ip, char *to);
bool ip_eq(struct ip a, struct ip b);
/* The first `bits` bits, the rest zero. */
struct ip ip_prefix(struct ip ip, unsigned bits);

struct cidr {
    struct ip ip; /* bits past the prefix are zero */
    uint8_t bits;
};

/* "10.0.0.0/8", "::1", "2001:db8::/32".  Bits set past the prefix are refused: cidr_syntax. */
int cidr_parse(struct str text, struct cidr *out, struct err *err);
bool cidr_contains(const struct cidr *c, struct ip ip);

/* A compiled set: one lookup costs at most the number of bits, however many networks there are. */
struct cidr_set;
/* Built in the arena, which owns it.  n may be 0: then nothing is in it. */
const struct cidr_set *cidr_set_build(struct arena *a, const struct cidr *list, size_t n);
bool cidr_set_contains(const struct cidr_set *s, struct ip ip);

#endif
