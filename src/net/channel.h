/*
 * channel - messages between the process roles over a unix SOCK_SEQPACKET pair.
 *
 * A frame is a header of 16 bytes and a body of at most CHANNEL_BODY_MAX;
 * larger things travel as sealed memfds among the descriptors.  Each end has a
 * table of what the other may send; a message that is not in the table, is too
 * long or carries too many descriptors ends the channel (on_close).
 */
#ifndef WEIR_NET_CHANNEL_H
#define WEIR_NET_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "net/loop.h"

enum { CHANNEL_BODY_MAX = 60000, CHANNEL_FDS_MAX = 16 };

struct message {
    uint16_t type;
    uint64_t id;              /* chosen by the asker; an answer repeats it */
    struct str body;          /* borrowed for the call */
    int fds[CHANNEL_FDS_MAX]; /* closed after the call unless the handler set them to -1 */
    unsigned nfds;
};

struct channel;

struct message_rule {
    uint16_t type; /* 0 ends the table */
    const char *name;
    uint32_t max_body;
    uint8_t max_fds;
    void (*handle)(struct channel *c, struct message *m, void *arg);
};

/* Owns fd. on_close(arg) may be NULL; after it the channel is dead, the owner calls channel_free(). */
struct channel *channel_new(struct loop *l, int fd, const struct message_rule *allowed,
    void (*on_close)(struct channel *c, void *arg), void *arg);
void channel_free(struct channel *c); /* NULL is fine */

/*
 * Queues when the socket is full (bounded: past 4,096 frames the channel closes).
 * Descriptors are duplicated: the caller keeps its own.  False when closed.
 */
bool channel_send(
    struct channel *c, uint16_t type, uint64_t id, struct str body, const int *fds, unsigned nfds);

/* For the time before a loop runs, and for tests: one message each, blocking. -1 with errno. */
int channel_send_now(
    int fd, uint16_t type, uint64_t id, struct str body, const int *fds, unsigned nfds);
/* buffer holds the body and must have CHANNEL_BODY_MAX bytes. 1 got one, 0 end, -1 errno. */
int channel_receive_now(int fd, struct message *m, char *buffer);

/* Both ends, close-on-exec. 0, or -1 with errno. */
int channel_pair(int ends[2]);

#endif
