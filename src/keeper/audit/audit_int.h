/*
 * audit - the record of every request and answer, chained and signed, that cannot be switched off.
 *
 * Records are lines of JSON in the shape of Vault's audit log ({"time","type":"request"|"response","auth","request","response","error"}), every
 * value HMAC-SHA256'd ("hmac-sha256:<hex>", numbers and booleans too) but for what a mount's audit_non_hmac_* keys name, plus "seq" and "hash": the
 * SHA-256 chain (chain_int.h).  Each second in which something was recorded, and after a megabyte of records, a line {"type":"head", "size", "root",
 * "signature", ...} follows: an RFC 6962 Merkle tree head over all records, signed (Ed25519) by the audit key.  The format is given in
 * docs/internals/audit.md so that others can verify it.
 *
 * Bytes go over the journal link of the store role, which appends and acknowledges; audit_durable() says up to which.
 */
#ifndef WEIR_KEEPER_AUDIT_AUDIT_INT_H
#define WEIR_KEEPER_AUDIT_AUDIT_INT_H

#include "keeper/core/request_int.h"

struct audit;

struct audit *audit_new(struct core *c);
void audit_free(struct audit *a);
/* The journal's link; owns fd, replaces the one before. */
void audit_attach(struct audit *a, int fd);
/*
 * Unsealed: the chain goes on where it ended (the journal's tail is read and compared with the last head).  False: the store does not
 * answer, *why.  A journal that is not as we left it is no reason to stay shut: see start.c.
 */
bool audit_start(struct audit *a, const char **why);
/* Sealing: a last head, which the open batch notes; its number, or 0.  Once it is written audit_stop() wipes the keys. */
uint64_t audit_last(struct audit *a);
void audit_stop(struct audit *a);
/* After audit_stop(): what was recorded and is not written belonged to a keeper that never came to be. */
void audit_forget(struct audit *a);

/* Queue a record; returns its number. Not while audit_is_stuck().  The response record also for refusals (no token, bad path ...). */
uint64_t audit_request(struct audit *a, struct request *r);
uint64_t audit_response(struct audit *a, struct request *r);
/* Another answer than the one that was recorded is given: also while it is stuck, as long as there is room for the line. */
void audit_late(struct audit *a, struct request *r);
/* A thing the keeper did by itself: rotation, expiry, incident, unseal ("type":"event"). details: MAP, values HMAC'd unless told in `plain` (at most 16 names, comma separated).
 * 0: sealed or stuck, it was not recorded. */
uint64_t audit_event(
    struct audit *a, const char *what, const struct value *details, const char *plain);
/* At the end of a round, before its batch is closed: a signed head when one is due (which the batch notes). Its number, or 0. */
uint64_t audit_round(struct audit *a);
/* Then: hands what is queued to the journal. sync: the round's batch changes something; its records must be on the disk first. */
void audit_flush(struct audit *a, bool sync);
/* Every record up to this number is written. */
uint64_t audit_written(const struct audit *a);
/* Called by the journal's link when that grew. */
void audit_on_written(struct audit *a, void (*call)(void *arg), void *arg);
/* True when the journal has not answered for CORE_ANSWER_WITHIN, or refuses: requests get 503 until it works again. */
bool audit_is_stuck(const struct audit *a);
/* hmac-sha256:..., as sys/audit-hash answers. */
struct str audit_hash(struct audit *a, struct arena *to, struct str s);
/* Ed25519 by the key that signs heads, over "weir report\n" and the text: for reports that are to be believed elsewhere. False: sealed. */
bool audit_sign(struct audit *a, struct str text, uint8_t signature[64], uint8_t key[32]);
/* For health and metrics: records, lag in msec, head age, size. */
void audit_observe(struct audit *a, struct arena *arena, struct value *to);

#endif
