/*
 * stream - a non-blocking byte stream, plain or TLS, with its buffers.
 *
 * The common half of client and origin connections.  Input is read into one
 * buffer that the owner consumes; output goes straight to the socket, and what
 * does not fit is kept until the socket takes it: the owner asks
 * stream_blocked() before producing more, so what is kept is bounded by one
 * write.
 */
#ifndef WEIR_EDGE_STREAM_H
#define WEIR_EDGE_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/str.h"
#include "edge/pages.h"
#include "net/loop.h"
#include "net/tls.h"

struct stream_buffer {
    char *data; /* NULL: none */
    uint32_t at;
    uint32_t end;
    uint32_t cap;
};

struct stream {
    struct watch_fd watch; /* must stay first */
    struct loop *loop;
    struct pages *pages;
    struct tls *tls; /* NULL: plain */
    struct stream_buffer in;
    struct stream_buffer out;
    uint64_t bytes_in; /* off the wire, after TLS */
    uint64_t bytes_out;
    bool readable; /* a read may give something */
    bool hangup;   /* the peer has closed its side: read until the end */
    bool corked;   /* keep output until stream_uncork() */
};

enum stream_got { STREAM_GOT, STREAM_AGAIN, STREAM_FULL, STREAM_EOF, STREAM_FAILED };

void stream_init(struct stream *s, int fd, struct loop *loop, struct pages *pages);
/* Closes the descriptor and gives everything back. */
void stream_close(struct stream *s);
static inline bool stream_is_open(const struct stream *s)
{
    return s->watch.fd >= 0;
}

/*
 * Bytes that the peer has acknowledged, on the wire: the progress of a slow
 * reader, which the loop announces only every few megabytes.  0 where the kernel
 * does not say (unix sockets).
 */
uint64_t stream_acknowledged(const struct stream *s);

/* What comes now is not a proper end: no close_notify when it closes. */
void stream_break(struct stream *s);

/* Takes note of what the loop said. */
void stream_note(struct stream *s, unsigned events);

/* Reads once into `in`.  STREAM_FULL: there is no room (consume or grow). */
enum stream_got stream_fill(struct stream *s);
static inline struct str stream_input(const struct stream *s)
{
    return (struct str){ s->in.data + s->in.at, s->in.end - s->in.at };
}
/* Drops n bytes of the input; the buffer stays (see stream_release_input). */
void stream_consume(struct stream *s, size_t n);
/* Moves the input to the start of a buffer of that size. Pointers into it are stale afterwards. */
void stream_move_input(struct stream *s, enum page_size size);
/* Gives any buffer back that came from this stream. */
void stream_give(struct stream *s, struct stream_buffer *b);
/* Gives the input buffer back if it is empty. */
void stream_release_input(struct stream *s);

/* All of it is sent or kept. False: the connection is broken. */
bool stream_write(struct stream *s, const struct iovec *v, unsigned n);
/* Sends what is kept. False: broken. */
bool stream_flush(struct stream *s);
bool stream_uncork(struct stream *s);
static inline bool stream_blocked(const struct stream *s)
{
    return s->out.data != NULL;
}

#endif
