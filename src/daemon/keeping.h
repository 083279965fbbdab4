/*
 * keeping - what control knows of the keeper, and what it asks of it.
 *
 *     UNKNOWN --observed--> UNINITIALIZED --weir keeper init--> OPEN <--> SEALED
 *
 * While it is not open control looks again and again.  Once it is, what is live is applied anew: keys,
 * secrets, policies and certificates come to be, and origin processes that wait for a secret start.
 * No value of a secret comes here: orders have none in their answers, and what is handed out
 * is a descriptor.
 */
#ifndef WEIR_DAEMON_KEEPING_H
#define WEIR_DAEMON_KEEPING_H

#include "base/value.h"
#include "daemon/control_int.h"

enum keeping_state {
    KEEPING_UNKNOWN,
    KEEPING_UNINITIALIZED,
    KEEPING_SEALED,
    KEEPING_OPEN,
};

struct keeping;
struct keeping *keeping_new(struct control *c);

enum keeping_state keeping_state(const struct keeping *k);
/* "open", "sealed" ... for people. */
const char *keeping_state_word(enum keeping_state s);

/* control->keeper is another one, or gone. */
void keeping_attached(struct keeping *k);
/* KEEPER_CHANGED. */
void keeping_changed(struct keeping *k, struct str body);

/*
 * done(arg, open) when the keeper is open, or when it will not be by itself: at once, or once
 * that is known, at the latest after some seconds.
 */
void keeping_wait(struct keeping *k, void (*done)(void *arg, bool open), void *arg);

/* One order at a time may be in it. */
struct order {
    struct ask ask; /* must stay first */
    void (*done)(struct order *o, int status, const struct value *answer);
};
enum keeping_op { KEEPING_READ, KEEPING_LIST, KEEPING_WRITE, KEEPING_DELETE };
/*
 * done() once: status 0 when the keeper did not answer.  The answer is the body of the response, and
 * lives for the call; its "errors" say what was wrong, see keeping_error().
 */
void keeping_order(struct keeping *k, struct order *o, enum keeping_op op, const char *path,
    struct value *body, void (*done)(struct order *o, int status, const struct value *answer));
/* A sentence about a status that is not 2xx, into to[256]. */
const char *keeping_error(int status, const struct value *answer, char *to);

/* Which version of a secret the last apply found; 0: none, or not known. */
uint64_t keeping_secret(const struct keeping *k, const char *name);
void keeping_note_secret(struct keeping *k, struct str name, uint64_t version);

#endif
