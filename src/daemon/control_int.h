/*
 * control - the role that knows the blueprint, and tells the others what to do.
 *
 * role_control.c: life; control_start.c: its beginning; apply.c, apply_steps.c: a
 * new blueprint, all of it or nothing;
 * deliver.c: the live one to an edge or a keeper that has just started;
 * keeping.c, keep_*.c: the keeper, its API and what it hands out;
 * origins.c: origin processes; resolver.c: DNS; log_file.c; tickets.c;
 * admin.c, api*.c: the admin API; scrape.c: metrics; ready.c: what is printed.
 *
 * One thread; everything here belongs to its loop.
 */
#ifndef WEIR_DAEMON_CONTROL_INT_H
#define WEIR_DAEMON_CONTROL_INT_H

#include "daemon/asks.h"
#include "daemon/listeners.h"
#include "daemon/messages.h"
#include "daemon/pulse.h"
#include "daemon/start.h"
#include "daemon/tickets.h"
#include "daemon/version.h"
#include "edge/edge.h"

struct control;
struct apply;
struct admin;
struct origins;
struct resolver;
struct keeping;
struct keep_api;

enum { ASK_TIMEOUT = 10000 /* for answers that need no more than another process's attention */ };

struct log_identity { /* which log the edge has */
    enum log_to to;
    uint64_t rotate_size;
    dev_t device;
    ino_t inode;
};

struct control {
    struct loop *loop;
    struct arena arena; /* start, plan */
    struct start start;
    struct plan plan;
    struct channel *life;
    struct channel *edge;   /* NULL while there is none */
    struct channel *keeper; /* NULL while there is none */
    struct channel *vault;  /* the keeper's API; NULL while there is none */
    struct asks asks;
    struct version *live;   /* NULL until the first apply is done */
    struct version *former; /* what a former control had live, until the first apply is done */
    struct apply *applying;
    bool edge_fresh; /* it has had no configuration from us or a former control */
    struct log_identity log;
    struct tickets tickets;
    struct origins *origins;
    struct resolver *resolver;
    struct keeping *keeping;
    struct keep_api *keep_api;
    struct admin *admin;
    struct timer upkeep;
    struct pulse retry; /* of what a former control had applied */
    uint64_t applies_ok;
    uint64_t applies_refused;
    uint64_t scrapes_without_edge; /* it did not answer in time */
    uint64_t scrapes_without_usage;
    uint64_t scrapes_without_keeper;
    bool draining;
};

/* ---- apply.c ---- */

struct apply_request {
    const char *path;         /* NULL: the same as last time */
    const char *environment;  /* NULL: none (with path NULL: the same) */
    struct str canonical;     /* instead of reading path, when len > 0 */
    struct blueprint *loaded; /* instead of either: one reference, taken */
    usec_t applied;           /* when it was applied first, for a new control; 0: now */
};

struct apply_result {
    bool ok;
    struct err err;                  /* when not; the first problem, or what failed */
    const struct problems *problems; /* of the blueprint, warnings too; never NULL */
    const struct version *version;   /* the live one */
    usec_t took;
};

/* done() is called exactly once, perhaps before this returns. */
void apply_start(struct control *c, const struct apply_request *request,
    void (*done)(void *arg, const struct apply_result *result), void *arg);
void apply_edge_attached(struct control *c);
void apply_keeper_attached(struct control *c);

/* ---- deliver.c ---- */

/*
 * Gives the edge listeners, log, tickets, addresses and configuration of a version;
 * done(arg, err) with err NULL when the edge serves it.
 */
void deliver(struct control *c, const struct version *v,
    void (*done)(void *arg, const struct err *err), void *arg);
/*
 * Asks the parent for the sockets of an address; BOUND may come in parts, see messages.h.
 * Clients are spread over all sockets of an address: whoever asks must accept on each that it gets,
 * and it may get another number than it wished when the address has been bound before.
 */
void deliver_ask_socket(struct control *c, struct ask *a, const struct listener_wish *wish,
    void (*answer)(struct ask *a, struct message *m));
/* Has the parent open the key for the keeper, which answers. local: of the machine's own authority. */
void deliver_key(struct control *c, struct ask *ask, const struct certificate *certificate,
    bool local, void (*answer)(struct ask *a, struct message *m));
/* Tells the parent which sockets to keep. */
void deliver_keep(struct control *c, const struct version *v);

/* ---- role_control.c ---- */

/* Path in the state folder; the caller frees. */
char *control_state_path(const struct control *c, const char *name);
/* "unix:STATE/admin.sock", and that of the keeper's API; the caller frees. */
char *control_admin_address(const struct control *c);
char *control_keeper_address(const struct control *c);
void control_drain(struct control *c, msec_t timeout, void (*done)(void *arg), void *arg);
/* Looks after certificates at that time, in seconds since 1970, if not before. */
void control_upkeep_at(struct control *c, int64_t when);
void control_send_status(struct control *c, bool reloading, const char *text);

/* ---- control_start.c ---- */

/* The blueprint of the start, or what a former control had applied; ends the process without one. */
struct version *control_load(struct control *c);
/* Before there is a loop: the parent hears that there is no use in another try. */
void control_give_up(int code);
void control_send_plan(const struct plan *p);
/* The first apply; takes the version. */
void control_begin(struct control *c, struct version *v);

/* ---- ready.c ---- */

void ready_write(const struct control *c, struct buf *words, struct buf *json);

#endif
