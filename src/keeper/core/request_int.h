/*
 * request - one call of the API inside the core, and the tables that engines give.
 *
 * The way of a request (core/dispatch.c): decode, find the mount, find the
 * endpoint, check the token, check the policies (and approvals), audit it, call the handler, wrap the response if asked,
 * audit the response, take the transaction, wait until audit and store have it, answer.
 *
 * A handler is synchronous: it reads r->param, r->body and entries through &r->tx, and
 * says its answer with reply_*(); slow work (RSA keys, password hashes) goes to a worker with request_work(). It never
 * blocks otherwise.  After reply_error() nothing of r->tx is kept (see r->keep).
 */
#ifndef WEIR_KEEPER_CORE_REQUEST_INT_H
#define WEIR_KEEPER_CORE_REQUEST_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/value.h"
#include "keeper/core/entry_int.h"

struct core;
struct token;
struct request;
struct mount;

/* READ is GET, LIST is LIST or GET with list=true, WRITE is POST and PUT, PATCH, DELETE. */
enum operation { OP_READ, OP_LIST, OP_WRITE, OP_DELETE, OP_PATCH, OP_COUNT };

enum endpoint_flags {
    ENDPOINT_OPEN =
        1, /* needs no token (login, health, a CRL); one that is given is not looked at */
    ENDPOINT_SUDO = 2,   /* needs the capability sudo too */
    ENDPOINT_SEALED = 4, /* also when sealed or not initialised; then r->tx is not to be used */
    ENDPOINT_ANY =
        8, /* any valid token, whatever its policies (lookup-self comes by the default policy, not by this) */
    ENDPOINT_APPROVE =
        16, /* what a policy should want approvals for: destroy, export, seal, incident */
    ENDPOINT_RAW = 32, /* body may be no JSON: r->raw */
};

/* "keys/{name}/rotate": {name} is one segment (not empty), {path*} is all the rest, also empty. The first that fits wins;
 * a literal before a parameter. A '/' at the end of the request's path is left out for LIST; else it counts. */
struct endpoint {
    const char *pattern;
    void (*on[OP_COUNT])(struct request *r); /* NULL: 405 {"errors":["unsupported operation"]} */
    /* Is what a WRITE names there already?  Then it needs "update", else "create". NULL: always "update". */
    bool (*exists)(struct request *r);
    unsigned flags;
};

struct engine {
    const char *type; /* "kv", "transit", "approle" */
    bool auth;        /* mounted under auth/ */
    bool single;      /* sys, cubbyhole, identity, token: exactly one, cannot be made or moved */
    const struct endpoint *endpoints; /* ends with pattern NULL */
    /* A mount is being made (config, options and r->body's are in r->mount already). False: refused, reply_error() said why. May be NULL. */
    bool (*mount)(struct request *r, struct mount *m);
    /* Its options or config change (tune). May be NULL. */
    bool (*tune)(struct request *r, struct mount *m, const struct value *options);
    /* A lease of this engine is revoked: undo what it stands for. secret: what was given to lease_add(). May be NULL. */
    void (*revoke)(struct request *r, struct mount *m, const struct value *secret);
    /* Renewed: false refuses. May be NULL: renewal always extends. */
    bool (*renew)(struct request *r, struct mount *m, const struct value *secret);
    /* Every second or so, in an own transaction: due rotations, tidying. Does a bounded piece of work. May be NULL. */
    void (*tick)(struct request *r, struct mount *m);
    /* For metrics, health and the catalogue of `weir status`: adds members to `to`. May be NULL. */
    void (*observe)(struct request *r, struct mount *m, struct value *to);
};

/* A row of the mount table. Read by engines, changed by sys alone. */
struct mount {
    const struct engine *engine;
    struct str path;     /* "secret/", "auth/approle/": with the '/' */
    struct str id;       /* its entries are under "mount/<id>/" */
    struct str accessor; /* "kv_1a2b3c4d" */
    struct str description;
    struct value *options; /* MAP of texts, e.g. {"version":"2"} */
    int64_t default_ttl;   /* seconds; 0: the system's, 2764800 */
    int64_t max_ttl;
    struct value *
        config; /* the rest of what tune set: listing_visibility, audit_non_hmac_request_keys, ... */
    struct str uuid;
    bool local;
    bool seal_wrap;
    bool tainted; /* being unmounted: no new requests */
};

struct param {
    const char *name; /* points into the pattern, behind its '{': use param() */
    struct str value;
};

enum { REQUEST_PARAMS = 6 };

/* What a login, or a token's making, hands out: becomes "auth" of the response.  Filled by auth engines; the token store does the rest. */
struct auth {
    struct value
        *policies; /* LIST of texts: as asked; "default" and limits are added by the token store */
    struct value *metadata;  /* MAP of texts or NULL */
    struct value *internal;  /* kept with the token for the engine's renew(), or NULL */
    struct str display_name; /* "userpass-joe" */
    struct str alias_name;   /* who it is at this mount: entity alias */
    struct str role_name;    /* of the token role or login role, or len 0 */
    struct str path;         /* "auth/userpass/login/joe" */
    int64_t ttl;             /* seconds; 0: the mount's default */
    int64_t max_ttl;         /* 0: the mount's max */
    int64_t period;          /* > 0: periodic */
    int64_t explicit_max_ttl;
    int64_t num_uses;          /* 0: no limit */
    struct value *bound_cidrs; /* LIST of texts or NULL */
    bool renewable;
    bool no_default_policy;
    bool batch;  /* type batch instead of service */
    bool orphan; /* logins are orphans: the token store sets it */
};

struct reply {
    int status;         /* 200, 204, 400 ...; 0 until said */
    struct value *data; /* "data" */
    struct value *
        top; /* MAP whose members stand at the top of the response beside the usual ones; or instead of them when bare */
    bool bare;               /* `top` is the whole body (sys/health, seal-status ...) */
    struct auth *auth;       /* a token is to be made of it */
    struct value *auth_made; /* the finished "auth" map (token store, unwrap) */
    struct value *warnings;  /* LIST or NULL */
    struct value *errors;    /* LIST of texts; "errors" of a refusal */
    /* A secret with a lease: set by lease_add(). */
    struct str lease_id;
    int64_t lease_duration; /* seconds */
    bool renewable;
    struct value *wrap_info;
    struct str raw; /* a body that is no JSON (CRL, OCSP, certificate, metrics) */
    const char *content_type;
};

struct request {
    struct core *core;
    struct arena arena;
    struct tx tx;
    struct str id; /* "2c1ff5a0-....": request_id */
    enum operation op;
    struct str path; /* "secret/data/shop": canonical, without "v1/" */
    struct str rest; /* behind the mount's path: "data/shop" */
    struct mount *mount;
    const struct endpoint *endpoint;
    struct param params[REQUEST_PARAMS];
    unsigned nparams;
    struct value
        *body; /* a MAP, never NULL; query parameters of GET, LIST and DELETE are members too */
    struct value *
        parsed; /* what the api parsed out of the body (policy rules, CSR ...), see vault/parsed.h's words in messages.h; never NULL */
    struct str raw;                   /* ENDPOINT_RAW: the body's bytes */
    struct str token;                 /* as it came, or len 0 */
    const struct token *who;          /* NULL without one */
    struct str remote;                /* "127.0.0.1" */
    struct value *client_certificate; /* of the TLS connection: see messages.h; NULL without one */
    int64_t wrap_ttl;                 /* seconds; 0: none asked */
    bool inside;                      /* made by the core or asked by control, not over HTTP */
    int64_t now;                      /* msec since 1970, when it came */
    bool keep; /* take r->tx even when the answer is an error (counts of failed logins) */
    struct reply reply;
};

/* ---- parameters ---- */

/* Of the path. */
struct str param(const struct request *r, const char *name);

/*
 * Of the body, as weakly typed as Vault's fields: a text "3600", "1h" or 3600 is a duration; "true" and 1 are booleans;
 * "a,b" and ["a","b"] are lists; null is absent.  Each returns true when it was there and is such a thing; when it was
 * there and is not, says reply_error(r, 400, "error converting input ... for field %q") and r->reply.status is 400: check
 * with `if (refused(r)) return;` after reading all of them.
 */
bool field_has(struct request *r, const char *name);
bool field_text(struct request *r, const char *name, struct str *to);
bool field_bool(struct request *r, const char *name, bool *to);
bool field_int(struct request *r, const char *name, int64_t *to);
bool field_seconds(struct request *r, const char *name, int64_t *to); /* duration in seconds */
bool field_list(struct request *r, const char *name,
    struct value **to); /* LIST of texts: list or CSV, trimmed, without empties */
bool field_map(struct request *r, const char *name, struct value **to); /* MAP */
bool field_bytes(
    struct request *r, const char *name, struct str *to); /* standard base64, decoded */
bool refused(const struct request *r);
/* Go's duration for output: "30m0s", "768h0m0s", "0s". */
struct str duration_text(struct arena *a, int64_t seconds);
/* "1h30m", "90", "90s", "1.5h", "1d"; false: not one. */
bool duration_parse(struct str s, int64_t *seconds);

/* ---- answers ---- */

void reply_error(struct request *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void reply_not_found(struct request *r); /* 404 {"errors":[]} */
void reply_empty(struct request *r);     /* 204 */
/* 200; data is a MAP made in r->arena. */
void reply_data(struct request *r, struct value *data);
void reply_keys(
    struct request *r, struct value *keys); /* {"keys":[...]}, or 404 when it is empty */
void reply_warn(struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* data's members at the top too, as sys/mounts and the like answer. */
void reply_data_and_top(struct request *r, struct value *data);
/* 200; the MAP is the whole body, without the envelope (sys/health, sys/seal-status). */
void reply_bare(struct request *r, struct value *body);
void reply_raw(struct request *r, int status, const char *content_type, struct str bytes);

/* "mount/<id>/<fmt>" of the request's mount. */
struct str mount_path(struct request *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- slow work ---- */

/*
 * run(arg) in a worker thread: must not touch r, the core or entries; then done(r, arg) in the core's thread, which says
 * the answer (r->tx may be read and written there; what was read before may have changed: read it again).
 * run must wipe nothing that done needs.  When too many wait: 503 at once and false.
 */
bool request_work(struct request *r, void (*run)(void *arg),
    void (*done)(struct request *r, void *arg), void *arg);

/* ---- what other parts offer to engines ---- */

/* A lease for a secret this request gives out (core/lease.c): sets the reply's lease_id and duration. */
void lease_add(
    struct request *r, const struct value *secret, int64_t ttl, int64_t max_ttl, bool renewable);
/* Runs a request of the core's own as if root had made it; the reply is in the result, whose arena the caller frees with
 * request_free().  For control's orders, incident and tests. */
struct request *request_inside(
    struct core *c, enum operation op, struct str path, struct value *body);
void request_free(struct request *r);
/* The same when nobody waits: slow work goes to a worker, the answer is in the audit log alone. For ticks. */
void request_background(struct core *c, enum operation op, struct str path, struct value *body);

#endif
