/*
 * state - what struct core is made of: for the files of core/ and sys/ alone.
 *
 *      NO STORE --links--> UNINITIALIZED --sys/init--> SEALED <--> OPEN --> SEALING --all answered--> SEALED
 *
 * A request's life is a struct call: decoded, checked, handled (perhaps in a worker), answered when the journal has its
 * records and the store its batch.
 */
#ifndef WEIR_KEEPER_CORE_STATE_INT_H
#define WEIR_KEEPER_CORE_STATE_INT_H

#include "base/list.h"
#include "keeper/audit/audit_int.h"
#include "keeper/core/core_int.h"
#include "keeper/core/entries_int.h"
#include "keeper/core/token_int.h"
#include "keeper/messages.h"
#include "keeper/seal/barrier_int.h"

enum {
    CORE_CALLS_MAX = 16384, /* requests in flight; past it 503 */
    CORE_CALLS_KEPT = 256,  /* structs kept for reuse */
    CORE_MOUNTS_MAX = 2000,
    CORE_TICK = 1000,        /* ms */
    CORE_TICK_HURRY = 20,    /* ms, while background work waits */
    CORE_SEAL_WITHIN = 4000, /* ms: then keys are wiped whatever the store says */
    CORE_LATE = 100,         /* ms between looks at who waits too long */
    CORE_ARENA = 8192,
};

enum core_state { CORE_NO_STORE, CORE_UNINITIALIZED, CORE_SEALED, CORE_OPEN, CORE_SEALING };

struct call {
    struct request r; /* first: a struct request * of a handler is a struct call * */
    struct list link; /* in one of core's lists */
    struct buf answer_bytes;
    void (*answer)(void *arg, struct str bytes);
    void *arg;
    uint64_t batch;   /* must be durable; 0: none */
    uint64_t records; /* audit record that must be written; 0: none */
    msec_t since;
    bool working;     /* in a worker */
    bool inline_work; /* slow work is done at once: a request of the core's own */
    bool sealing;     /* the core is to be sealed when this is answered */
    bool reloads;     /* changed the mount table: read it anew when it is taken */
    bool repolicy;    /* changed policies */
    bool requota;     /* changed quotas */
    struct mount_object *mount_held;
    struct work *work;
};

static inline struct call *call_of(struct request *r)
{
    return (struct call *)(void *)r;
}

/* A batch that waits for the audit records of its requests. */
struct gate {
    uint64_t batch;
    uint64_t records;
};

struct core_counters {
    uint64_t requests;
    uint64_t refused; /* status >= 400 */
    uint64_t failed;  /* status >= 500 */
    uint64_t late;    /* 503 after CORE_ANSWER_WITHIN */
};

struct mounts;       /* mounts.c */
struct workers;      /* work.c */
struct acls;         /* acls.c */
struct seals;        /* seals.c: configuration, and what is under way with shares */
struct backups;      /* seal/backup.c */
struct signers;      /* sys/observe.c */
struct quotas;       /* sys/quota.c */
struct rekey;        /* sys/rekey.c: new shares under way */
struct root_attempt; /* sys/generate_root.c: a root token under way */
struct tokens;       /* token.c: the keys of tokens, and counts */

struct core {
    struct loop *loop;
    struct entries *entries;
    struct barrier *barrier;
    struct audit *audit;
    struct mounts *mounts;
    struct workers *workers;
    struct acls *acls;
    struct seals *seals;
    struct quotas *quotas;
    struct backups *backups; /* seal/backup.c; NULL until one is made or taken */
    struct signers *signers;
    struct rekey *rekey;
    struct root_attempt *root_attempt;
    struct lockouts *lockouts; /* NULL until a login failed; lockout.c */
    struct tokens *tokens;     /* NULL until a token was looked at since the unseal */
    enum core_state state;
    bool (*take_tls_key)(void *arg, struct str pem); /* see core_on_tls_key(); NULL: nobody */
    void *tls_key_arg;
    void (*tell_change)(
        void *arg, const struct value *what); /* see core_on_change(); NULL: nobody */
    void *change_arg;
    msec_t sealing_since;
    bool stale;             /* mounts or quotas must be read anew, as soon as the store answers */
    bool hurry;             /* background work has more to do */
    bool closing;           /* SEALING: the audit's last head is on its way */
    uint64_t closing_batch; /* with the note of it */
    bool keep_open;         /* there is a key file, and nobody has sealed by command */
    struct list apis;
    uint64_t failures;           /* of batches, as far as was noticed */
    struct list waiting_records; /* calls that changed nothing, oldest first */
    struct list waiting_batch;
    struct list working;
    struct list held; /* calls that go on when the core is sealed for good */
    unsigned nheld;
    struct list idle; /* calls for reuse */
    unsigned nidle;
    unsigned calls; /* in flight */
    struct gate *gates;
    size_t ngates;
    size_t room;
    uint64_t records; /* the newest audit record of the open batch */
    struct timer tick;
    struct timer late;
    uint8_t cluster_id[BARRIER_KEY]; /* its first 16 bytes */
    int64_t opened;                  /* seconds since 1970: when it was unsealed */
    struct core_counters counters;
    uint64_t api_counts[KEEPER_COUNTS]; /* what the api role last said of itself */
};

/* ---- core.c ---- */
/* The barrier is open and holds this store's keys: mounts, policies, audit. False: closed again, *why. */
bool core_open(struct core *c, const char **why);
/* Sealed to all new requests at once, for good when those in flight are answered. */
void core_seal(struct core *c);
/* Its name for ever, drawn at init: a UUID. */
struct str core_cluster_id(struct core *c, struct arena *a);
/* Milliseconds since 1970. */
int64_t core_wall(struct core *c);
/* The store is there, and what it holds is known. */
void core_look_at_store(struct core *c);

/* A call's changes were taken: what is kept in memory of them is read anew. */
void core_took(struct call *call);

/* ---- calls.c ---- */
/* A call that is not yet in any list. */
struct call *call_new(struct core *c);
void call_free(struct call *call);
/* The handler has said its answer: token, wrapping, transaction, audit. */
void call_finish(struct call *call);
/* All but what may be read while sealed (health and the like). */
bool call_is_audited(const struct call *call);
/* Answers those whose records and batch are there. */
void calls_progress(struct core *c);
/* SEALING: the handler is called again once that is done. */
void call_hold(struct call *call);
void calls_let_go(struct core *c);
/* Those that wait for longer than CORE_ANSWER_WITHIN: 503. */
void calls_give_up(struct core *c);
void calls_free_idle(struct core *c);

/* ---- ask.c ---- */
void apis_close(struct core *c);

/* ---- dispatch.c ---- */
/* From the path's check to the handler's end (or its worker's start). */
void call_dispatch(struct call *call);

/* ---- answer.c ---- */
void answer_compose(struct call *call);
void answer_compose_error(struct buf *to, int status, const char *sentence);
/* The body of a KEEPER_RESPONSE as a value in the request's arena; NULL: it has none, or is raw. */
struct value *answer_value(struct request *r);

/* ---- route.c ---- */
/* Fills r->endpoint and r->params; false: no endpoint has this path. */
bool route_find(struct request *r);
/* No empty, "." or ".." segment, no control character, not too long. */
bool route_path_is_canonical(struct str path);

/* ---- mounts.c ---- */
struct mounts *mounts_new(void);
void mounts_free(struct mounts *m);
void mounts_forget(struct mounts *m);
/* Reads the table of mounts; false: it cannot be read. */
bool mounts_load(struct core *c);
struct mount_object *mount_hold(struct mount *m);
void mount_release(struct mount_object *o);
/* Writes (or changes) a row of the table; the caller's request gets `reloads`. */
void mount_put(struct tx *t, const struct mount *m);
void mount_remove(struct tx *t, const struct mount *m);
/* A new one in the arena, with ids drawn; engine NULL when there is no such type. */
struct mount *mount_make(struct arena *a, const struct engine *e, struct str path);
const struct engine *engine_find(struct str type, bool auth);
/* The mounts every keeper has. */
void mounts_put_first(struct tx *t);
size_t mounts_count(const struct core *c);
/* The batch that made the table what it is. */
uint64_t mounts_after(const struct core *c);
/* A mount at this path, above it or below it: it cannot be made. NULL: it is free. */
struct mount *mounts_conflict(const struct core *c, struct str path);

/* ---- work.c ---- */
struct workers *workers_new(struct core *c);
/* Waits for what runs; what waits is not begun. */
void workers_free(struct workers *w);

/* ---- token.c ---- */
/* Sealing, and the core's end: wipes the keys of tokens, and who failed to log in. */
void tokens_forget(struct core *c);

/* ---- acls.c ---- */
struct acls *acls_new(void);
void acls_free(struct acls *a);
void acls_forget(struct acls *a);

#endif
