/*
 * inside - what struct audit is made of: for audit.c, record.c and start.c alone.
 */
#ifndef WEIR_KEEPER_AUDIT_INSIDE_INT_H
#define WEIR_KEEPER_AUDIT_INSIDE_INT_H

#include "keeper/audit/audit_int.h"
#include "keeper/audit/queue_int.h"

enum {
    AUDIT_PART_MAX = 64 << 10,  /* of one part of a record: past it one HMAC stands for all of it */
    AUDIT_HEAD_EVERY = 1000,    /* ms */
    AUDIT_HEAD_BYTES = 1 << 20, /* of records, then a head comes early */
    AUDIT_ANCHOR_EVERY = 10000, /* ms, while the store has trouble */
    AUDIT_MACS = 256,           /* tokens whose HMACs are remembered */
    AUDIT_TAIL = 8 << 20,       /* how much of the journal is looked at to go on */
};

struct audit_remembered {
    uint64_t key; /* of hash_bytes(); 0: free */
    char hex[CHAIN_HEX];
};

struct audit {
    struct core *core;
    struct queue queue;
    struct chain_mac *mac; /* NULL while closed */
    uint8_t *secret;       /* Ed25519, in secret memory */
    bool known;            /* tree and last are the journal's */
    struct chain_tree tree;
    uint8_t last[CHAIN_HASH];
    uint64_t since_head; /* bytes */
    uint64_t head_seq;   /* of the newest head; 0: none */
    msec_t head_at;
    int64_t head_wall; /* msec since 1970; 0: none since the start */
    msec_t anchored_at;
    uint64_t records;          /* since the start */
    uint64_t unsigned_records; /* that were found behind the newest head at the start */
    bool damaged;
    char damage[160]; /* what is wrong with the journal, or "" */
    int64_t time_msec;
    char time[25];
    struct audit_remembered remembered[AUDIT_MACS];
};

/* ---- record.c ---- */
/* hmac-sha256:<hex> in quotes. */
void record_put_mac(struct audit *a, struct buf *to, struct str s);
/* {"seq":N,"time":"...", : what all lines begin with. Returns where the line begins. */
size_t record_begin(struct audit *a, int64_t now);
/* Chains and queues it. Returns its number. */
uint64_t record_end(struct audit *a, size_t begin);

/* ---- start.c ---- */
/* Finds out where the chain goes on. False: the store does not answer. */
bool audit_find_end(struct audit *a, const char **why);
/* The journal's end, when a new link has come. False: later. */
bool audit_compare(struct audit *a);
void audit_note_damage(struct audit *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
