/*
 * core fixture - a whole core in a test's process, over a real store in a folder of its own: initialised, unsealed, audited.
 *
 *     struct core_fixture f;
 *     core_fixture_open(&f);
 *     CHECK_U64(core_call(&f, OP_WRITE, "secret/data/shop", f.root, "{\"data\":{\"a\":\"b\"}}"), 200);
 *     CHECK_STR(core_text(&f, "data.version"), "1");
 *     core_fixture_close(&f);
 *
 * Several at once are fine.  Needs core_fixture.c beside the test's file in meson.build.
 */
#ifndef WEIR_TESTS_CORE_FIXTURE_H
#define WEIR_TESTS_CORE_FIXTURE_H

#include <pthread.h>

#include "base/value.h"
#include "keeper/core/core_int.h"
#include "keeper/core/request_int.h"

enum { FIXTURE_SHARES = 3, FIXTURE_THRESHOLD = 2 };

struct core_fixture {
    struct loop *loop;
    struct core *core;
    struct arena arena; /* answers live here, until the fixture is closed */
    char *folder;
    pthread_t store;
    int store_fds[3];
    char root[128];                   /* the root token */
    char shares[FIXTURE_SHARES][100]; /* base64 */
    int status;                       /* of the newest answer */
    struct value *answer;             /* its body; NULL: none */
    struct str raw;                   /* its body when it is no JSON */
    const char *remote;               /* who asks; "127.0.0.1" */
    int64_t wrap_ttl;                 /* seconds, for the next call; 0 afterwards */
    const struct value *certificate;  /* of a TLS client, for all calls; NULL: none */
};

/* Once in main(), before anything else: the clock stands still but for core_fixture_advance(). */
void core_fixture_use_clock(void);
void core_fixture_advance(struct core_fixture *f, int64_t seconds);

void core_fixture_open(struct core_fixture *f);
/* Only the store and an uninitialised core. */
void core_fixture_open_empty(struct core_fixture *f);
/* init and unseal, as core_fixture_open() does. */
void core_fixture_init(struct core_fixture *f);
void core_fixture_unseal(struct core_fixture *f);
/* Everything ends and begins again on the same folder; sealed afterwards. */
void core_fixture_restart(struct core_fixture *f);
void core_fixture_close(struct core_fixture *f);

/* Runs the loop until the answer is there. json: the body, or NULL. token NULL: none. Returns the status. */
int core_call(struct core_fixture *f, enum operation op, const char *path, const char *token,
    const char *json);
/* The same with a body that is no JSON. */
int core_call_raw(struct core_fixture *f, enum operation op, const char *path, const char *token,
    const char *content_type, struct str body);
/* Asks without waiting; core_fixture_run() until all of them are answered. done(arg, status, body). */
void core_ask(struct core_fixture *f, enum operation op, const char *path, const char *token,
    const char *json, void (*done)(void *arg, int status, const struct value *body), void *arg);
void core_fixture_run(struct core_fixture *f);
/* Some rounds of the loop, for work in the background. */
void core_fixture_rounds(struct core_fixture *f, unsigned n);

/* A member of the newest answer by a path like "data.keys.0" (list items by number); NULL: it is not there. */
const struct value *core_at(const struct core_fixture *f, const char *path);
/* Its text or number as it is spelled, "true", "false"; len 0: it is not there. */
struct str core_text(const struct core_fixture *f, const char *path);

#endif
