/*
 * meter - how long signatures take and how many fail, by algorithm.
 *
 * Durations are kept in two windows of a minute or so: readings are of the last one to two.  A bucket is a quarter of a power of two wide, so
 * that a reading is at most a quarter too large.  From any thread.
 */
#ifndef WEIR_KEEPER_CRYPTO_METER_INT_H
#define WEIR_KEEPER_CRYPTO_METER_INT_H

#include "base/time.h"
#include "keeper/crypto/key_int.h"

/* KEY_TYPES, an algorithm that is none of ours, is not counted. */
void meter_note(enum key_type t, nsec_t took, bool ok);
/* Each minute: the older window is forgotten. */
void meter_turn(void);

struct meter_reading {
    uint64_t signatures; /* ever */
    uint64_t failures;
    uint64_t recent; /* in the windows */
    double p50;      /* microseconds; 0: none recently */
    double p95;
    double p99;
};
void meter_read(enum key_type t, struct meter_reading *out);

#endif
