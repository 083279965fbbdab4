/*
 * version - a blueprint with the files that it names, as control hands it to the edge.
 *
 * Immutable once an apply has filled it; control owns the live one.
 */
#ifndef WEIR_DAEMON_VERSION_H
#define WEIR_DAEMON_VERSION_H

#include "base/buf.h"
#include "model/blueprint.h"
#include "net/tls.h"

struct version_certificate {
    struct buf chain; /* PEM */
    struct buf ocsp;  /* DER, or empty */
    struct tls_certificate_info info;
    bool local; /* made by the machine's own authority, perhaps in place of the keeper's */
    bool kept;  /* made by the keeper, which has the key itself */
};

struct version {
    struct blueprint *blueprint; /* one reference */
    char *path;                  /* where it came from, for the next apply without a path */
    char *environment;           /* or NULL */
    uint16_t *ports;             /* by listener: what it listens on, also when it is `:0` */
    struct version_certificate *certificates; /* as many as the blueprint has */
    struct buf *authorities;                  /* by service: PEM of `tls.ca`, or empty */
    struct buf system_ca;                     /* PEM, when a service verifies without `ca` */
    int64_t
        renew; /* seconds since 1970 when the keeper renews the first of its certificates; 0: none */
    usec_t applied; /* wall clock */
};

/* Takes the reference; path and environment are copied. */
struct version *version_new(struct blueprint *b, const char *path, const char *environment);
void version_free(struct version *v);

/* The JSON of EDGE_CONFIG, see edge/edge.h. */
void version_bundle(const struct version *v, struct buf *out);

/* Written to and read from the state folder, so that a new control goes on where the last one was. */
int version_save(const struct version *v, const char *path, struct err *err);
struct version *version_load(const char *path, struct err *err);

#endif
