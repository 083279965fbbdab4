/*
 * start - what a role is told first, and what control tells the parent before anything else starts.
 *
 * Control reads the blueprint before its own sandbox goes up, because only
 * the blueprint says which user, which folders and how many workers: the plan.
 * The parent starts the keeper and the edge when it has one.
 */
#ifndef WEIR_DAEMON_START_H
#define WEIR_DAEMON_START_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

enum { START_BODY_MAX = 16384 };

struct identity {
    uint32_t uid;
    uint32_t gid;
};

struct start {
    uint32_t workers;     /* edge: threads; keeper: channels to expect */
    struct identity drop; /* all but control: what to become when started by root */
    uint32_t state_given; /* control: `state` came from the command line */
    uint32_t again;       /* control: a former one died; go on with what was applied */
    uint32_t json;        /* control: problems at the start as JSON */
    char *path;           /* control: of the blueprint */
    char *environment;    /* control: overlay, or "" */
    char *state;          /* control: folder, or "" for the blueprint's */
};

/* Text is copied into the arena. False: malformed. */
bool start_unpack(struct str body, struct arena *a, struct start *out);
void start_pack(const struct start *s, struct buf *b);

struct plan {
    uint32_t workers;
    struct identity roles;   /* the edge and the keeper */
    struct identity control; /* and origin processes without `user:`; root when it must be */
    uint32_t keeper;         /* 1: secrets are kept; there are a vault and a store role */
    struct identity store;   /* of the store role */
    char *state;             /* the folder, absolute */
    char *unseal;            /* the file that opens the keeper's seal, or "" */
    char *log;               /* the request log's file, or "" */
};

bool plan_unpack(struct str body, struct arena *a, struct plan *out);
void plan_pack(const struct plan *p, struct buf *b);

#endif
