/*
 * queue - lines on their way to the journal, kept until it has them.
 *
 *     added --queue_flush()--> under way --JOURNAL_DONE--> written
 *                                  |
 *                                  +--STORE_REFUSED, or a new link--> sent anew from the first that is not written
 *
 * What always holds: the lines reach the journal in order and none twice, whatever is refused and whoever dies.  A link
 * that replaces another is of use only after queue_matches() was told how the journal ends.
 */
#ifndef WEIR_KEEPER_AUDIT_QUEUE_INT_H
#define WEIR_KEEPER_AUDIT_QUEUE_INT_H

#include "keeper/audit/chain_int.h"
#include "net/link.h"
#include "net/loop.h"

enum { QUEUE_MAX = 32 << 20, QUEUE_UNDER_WAY = 256, QUEUE_RETRY = 200 /* ms */ };

struct queue_append {
    uint64_t last; /* its newest record */
    size_t len;
    msec_t since;
    bool sync;
};

struct queue {
    struct loop *loop;
    struct link *link; /* NULL: none */
    struct buf lines;  /* all that is not written */
    size_t sent;       /* bytes of it that are under way */
    struct queue_append under_way[QUEUE_UNDER_WAY];
    unsigned first;
    unsigned n;
    uint64_t added;   /* newest record in `lines` */
    uint64_t written; /* newest record that the journal has */
    msec_t waiting;   /* since when something could not go out; 0: nothing has to wait */
    msec_t retry;     /* when to try again after a refusal; 0: there was none */
    bool refused;
    bool resume;  /* what was refused was forgotten: the next append must say that it goes on */
    bool compare; /* a new link: how does the journal end? */
    bool sync;    /* what is added must be on the disk before it counts as written */
    uint64_t refusals;
    char trouble[160]; /* the last refusal's sentence */
    void (*on_written)(void *arg);
    void *arg;
};

void queue_init(struct queue *q, struct loop *l);
void queue_free(struct queue *q);
void queue_attach(struct queue *q, int fd);
/* Forgets everything, also what was refused: the journal's newest record is this one. */
void queue_begin(struct queue *q, uint64_t written);
/* The line that was just appended to q->lines is complete: it is this record. */
void queue_added(struct queue *q, uint64_t seq);
/* Sends what was added; again what was refused. */
void queue_flush(struct queue *q);
/*
 * How the journal ends (len 0: it is empty): what it has of q->lines is written.  False: it does not end with what
 * we gave it; everything unwritten is sent anew behind whatever it has.
 */
bool queue_matches(struct queue *q, struct str last_line);
bool queue_is_stuck(const struct queue *q, msec_t at_most);

#endif
