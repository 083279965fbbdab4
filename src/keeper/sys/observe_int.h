/*
 * observe - is the signer well?  Self-tests, how long signatures take, what waits, how old proofs and backups are.
 *
 * Every SIGNERS_EVERY a thread of its own signs and verifies a fresh challenge with each algorithm (or encrypts and decrypts one).
 */
#ifndef WEIR_KEEPER_SYS_OBSERVE_INT_H
#define WEIR_KEEPER_SYS_OBSERVE_INT_H

#include "keeper/core/core_int.h"

enum { SIGNERS_EVERY = 10000 /* ms */ };

struct signers;

/* The thread is there from the start: a sandbox lets none be made later. */
struct signers *signers_new(void);
void signers_free(struct signers *s); /* waits for a test that runs; NULL is fine */
/* From the core's tick while it is open: begins tests when they are due, and looks at what expires. */
void signers_tick(struct core *c);
/* No algorithm has failed its last test. */
bool signers_are_well(struct signers *s);

/* All that is known, for health, metrics and `weir status`; sealed or not. */
void core_observe(struct core *c, struct arena *a, struct value *to);
/* The few members of it that sys/health gives to anybody. */
struct value *observe_health(struct request *r);
/* As lines of Prometheus' text format. */
void observe_metrics(struct core *c, struct buf *to);

#endif
