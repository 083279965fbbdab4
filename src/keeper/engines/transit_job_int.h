/*
 * transit job - one request's inputs, one or a batch of them, on their way through a key.
 *
 *     transit_job_new()  ->  prepare each item (core)  ->  run each item (core, or a worker when all of them are slow)  ->  answer (core)
 *
 * What is wrong with an item is said in the item: a batch goes on.  run() may touch the job and the item alone.
 */
#ifndef WEIR_KEEPER_ENGINES_TRANSIT_JOB_INT_H
#define WEIR_KEEPER_ENGINES_TRANSIT_JOB_INT_H

#include "keeper/engines/transit_int.h"

enum {
    TRANSIT_BATCH_MAX = 131072,
    TRANSIT_SLOW = 2000,      /* usec: longer in a worker */
    TRANSIT_LONGEST = 6000000 /* usec: logins wait for the same workers, and so does sealing */
};

struct transit_item {
    const struct value *from; /* MAP: the body, or one of batch_input */
    const char *error;        /* what is wrong with it, or NULL */
    int status;               /* of the error: 400 or 500 */
    struct str context;
    struct str aad;
    struct str nonce;  /* of the client: convergent encryption of version 1 */
    struct str input;  /* plaintext, or what is signed */
    struct str sealed; /* ciphertext, signature or HMAC, decoded */
    uint32_t version;
    struct crypto_key *key; /* a reference; of that version */
    int convergent;
    uint32_t to_version; /* rewrap: what it is sealed with again */
    struct crypto_key *to;
    int to_convergent;
    bool compromised; /* opened with a version that is */
    struct buf out;
    struct buf public_half; /* of a derived signing key */
    bool valid;
};

struct transit_job {
    struct request *r; /* not for run() */
    struct str name;
    struct transit_key k; /* as it was when the request came */
    bool batch;
    uint32_t n;
    struct transit_item *items;
    struct signing how;
    enum digest digest;
    bool verifies_hmac;
    bool signs; /* its work costs what signing does, else what verifying does */
    void (*run)(const struct transit_job *j, struct transit_item *it);
    /* The members of a result that is no error. */
    void (*answer)(struct transit_job *j, const struct transit_item *it, struct value *to);
    bool
        refuses_batch; /* an error in a batch makes the whole answer 400 (or what the client said) */
};

/* With one item for each input; NULL: refused, and said. */
struct transit_job *transit_job_new(struct request *r, const struct transit_key *k);
/* Runs all items, then answers: now, or when a worker has done it. */
void transit_job_run(struct transit_job *j);

/* A member of an item: false when it is not there (null too) or no text; then the item's error may be set. */
bool transit_item_text(
    struct transit_job *j, struct transit_item *it, const char *member, struct str *to);
/* The same in base64, decoded. False: absent, or it->error says that it is none. */
bool transit_item_bytes(
    struct transit_job *j, struct transit_item *it, const char *member, struct str *to);
void transit_item_fails(struct transit_item *it, int status, const char *sentence);

/* Which words the sentences about a versioned text use. */
struct transit_words {
    const char *what;   /* "invalid ciphertext" */
    const char *old;    /* too old */
    const char *base64; /* cannot be decoded */
};
/* "vault:v3:...": it->version, it->sealed and the key of that version; false: it->error. */
bool transit_item_open(struct transit_job *j, struct transit_item *it, struct str text, bool url,
    const struct transit_words *words);
/* The version that protects: `asked` (0: the latest). Fills *version and *key; false: it->error. */
bool transit_item_version(struct transit_job *j, struct transit_item *it, int64_t asked,
    const char *doing, uint32_t *version, const struct transit_version **v);
/* "vault:v3:" and base64. */
struct str transit_text(struct arena *a, uint32_t version, struct str bytes, bool url);
/* "key_version" of the body; false: refused, and said. */
bool transit_asked_version(struct request *r, int64_t *version);
/* The context a derived key needs; false: it->error. */
bool transit_item_context(struct transit_job *j, struct transit_item *it);

#endif
