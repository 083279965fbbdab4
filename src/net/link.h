/*
 * link - messages of up to some megabytes between two of our processes, over a SOCK_STREAM pair.
 *
 * Where channel.h is for small messages with descriptors, this is for requests
 * and records: a frame is  length u32 | type u16 | 0 u16 | id u64 | body, little-endian.
 * Frames are gathered: what is sent in one round of the loop goes out in few
 * writes, what has arrived is read in few reads.  A frame that is not in the
 * table of what the other may send, or is longer than its rule allows, ends the link.
 * What has gone through its buffers is wiped: frames carry secrets.
 */
#ifndef WEIR_NET_LINK_H
#define WEIR_NET_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/str.h"
#include "net/loop.h"

enum { LINK_HEAD = 16, LINK_BODY_MAX = 40 << 20 };

struct link;

struct frame {
    uint16_t type;
    uint64_t id;
    struct str body; /* borrowed for the call */
};

struct frame_rule {
    uint16_t type; /* 0 ends the table */
    const char *name;
    uint32_t max_body;
    void (*handle)(struct link *l, const struct frame *f, void *arg);
};

/* Owns fd. on_close(arg) may be NULL; after it the link is dead, its owner calls link_free(). */
struct link *link_new(struct loop *l, int fd, const struct frame_rule *allowed,
    void (*on_close)(struct link *l, void *arg), void *arg);
void link_free(struct link *l); /* NULL is fine; also inside a handler */
/* Copies, and sends at the end of the loop's round (or at once past 256 KB). False when closed, or
 * when `most` bytes (see link_set_most()) already wait for the other side. */
bool link_send(struct link *l, uint16_t type, uint64_t id, const struct iovec *v, unsigned nv);
bool link_send_str(struct link *l, uint16_t type, uint64_t id, struct str body);
/* Bytes that may wait; 64 MB when never set. */
void link_set_most(struct link *l, size_t most);
size_t link_waiting(const struct link *l);
/* Stops and resumes reading: back-pressure. While stopped the other side's end goes unnoticed. */
void link_pause(struct link *l, bool on);

/* Both ends, close-on-exec, with room for some frames. 0, or -1 with errno. */
int link_pair(int ends[2]);

/*
 * One question and its answer, blocking, for a pair that no loop watches: for
 * roles that have nothing else to do until the answer comes.  The answer's
 * body is put into `answer` (emptied first).  False on time-out, end, or an answer with
 * another id or past answer->max: the descriptor is then of no more use.
 */
bool link_ask(int fd, uint16_t type, uint64_t id, struct str body, msec_t at_most,
    uint16_t *answer_type, struct buf *answer);
/* The other end of that: waits for a frame. 1 got one, 0 end, -1 broken. `max` bounds its body. */
int link_receive(int fd, uint16_t *type, uint64_t *id, struct buf *body);

/*
 * The same with what has arrived behind a frame kept for the next call, so that one system call takes in what came
 * together.  wait false: only what is here already, without a system call; 0 is then also "nothing whole".
 * *body lies in the inbox until the next call that waits; it has at most `most` bytes, a longer one is -1.
 */
struct link_inbox {
    struct buf bytes;
    size_t at;
    size_t most;
};
void link_inbox_init(struct link_inbox *in, size_t most);
void link_inbox_free(struct link_inbox *in);
int link_receive_next(
    int fd, struct link_inbox *in, bool wait, uint16_t *type, uint64_t *id, struct str *body);
bool link_answer(int fd, uint16_t type, uint64_t id, const struct iovec *v, unsigned nv);

#endif
