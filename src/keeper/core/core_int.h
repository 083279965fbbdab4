/*
 * core - the keeper's centre: what a request meets on its way, and what is in memory besides entries.
 *
 * Single-threaded, one loop: the thread that signs for TLS.  Storage is asked over two links of the store role: one
 * blocking, for reads (microseconds, at most CORE_READ_WITHIN, then the request fails with 503), one for commits, which are gathered: a
 * batch is what a round of the loop changed.  Audit records of a batch are written before it, answers follow it.
 */
#ifndef WEIR_KEEPER_CORE_CORE_INT_H
#define WEIR_KEEPER_CORE_CORE_INT_H

#include "keeper/core/policy_int.h"
#include "keeper/core/request_int.h"
#include "net/link.h"
#include "net/loop.h"

struct audit; /* keeper/audit/audit_int.h */

enum {
    CORE_READ_WITHIN = 500, /* ms for the store to answer a question, while nothing else goes on */
    CORE_ANSWER_WITHIN =
        1400, /* ms for journal and store; with a read before it, 503 comes within 2 s */
    CORE_TTL_DEFAULT = 2764800 /* s */,
    CORE_CACHE = 64 << 20
};

struct core *core_new(struct loop *l);
void core_free(struct core *c);

/* The three links of the store role; each owns its fd.  Without them every request answers 503. */
void core_attach_store(struct core *c, int read_fd, int write_fd, int journal_fd);
/* An api role's link; owns fd. Several are fine. */
void core_attach_api(struct core *c, int fd);
/* The key file for auto-unseal, as the parent opened it (-1: none); closed. Used at once when sealed. */
void core_give_unseal_key(struct core *c, int fd);

/* From bytes of a KEEPER_REQUEST (core/dispatch.c); answer() gets the bytes of KEEPER_RESPONSE, now or later, once. */
void core_request(
    struct core *c, struct str bytes, void (*answer)(void *arg, struct str bytes), void *arg);
/* Control's orders (core/orders.c) and what it may see. */
void core_order(
    struct core *c, struct str bytes, void (*answer)(void *arg, struct str bytes), void *arg);

/* Who signs TLS takes the keys of certificates that the core issues for the edge (PEM, PKCS#8). */
void core_on_tls_key(struct core *c, bool (*take)(void *arg, struct str pem), void *arg);

/* Control is told of changes it did not ask for: KEEPER_CHANGED. */
void core_on_change(struct core *c, void (*tell)(void *arg, const struct value *what), void *arg);
/* {what: name}: "state" with "open" or "sealed"; "certificate" with the serial number of one that is no longer good. */
void core_tell(struct core *c, const char *what, struct str name);

bool core_is_sealed(const struct core *c);
bool core_is_initialized(const struct core *c);
struct loop *core_loop(struct core *c);
struct entries *core_entries(struct core *c);
struct barrier *core_barrier(struct core *c);
struct audit *core_audit(struct core *c);
/* The mount a path belongs to (longest prefix), and by accessor or uuid; NULL. */
struct mount *core_mount_of(struct core *c, struct str path);
struct mount *core_mount_by_accessor(struct core *c, struct str accessor);
/* Every mount of an engine type, or all for NULL, in the order of their paths. */
struct mount *core_mount_each(struct core *c, const char *type, struct mount *after);
/* The compiled policies of a token (cached until a policy changes). */
const struct acl *core_acl(struct request *r, const struct token *t);

/* All engines, ends with NULL (core/engines.c). */
extern const struct engine *const engines[];

#endif
