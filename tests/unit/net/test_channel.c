/*
 * Messages between roles: whole, in order, with descriptors, and only what is permitted.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "check.h"
#include "net/channel.h"

struct ear {
    unsigned heard;
    uint64_t last_id;
    size_t last_len;
    unsigned fds;
    bool closed;
};

static void hear(struct channel *c, struct message *m, void *arg)
{
    struct ear *e = arg;

    (void)c;
    e->heard++;
    e->last_id = m->id;
    e->last_len = m->body.len;
    e->fds += m->nfds;
    for (unsigned i = 0; i < m->nfds; i++)
        CHECK(fcntl(m->fds[i], F_GETFD) == FD_CLOEXEC);
}

static void closed(struct channel *c, void *arg)
{
    (void)c;
    ((struct ear *)arg)->closed = true;
}

static const struct message_rule rules[] = {
    { 1, "small", 8, 0, hear },
    { 2, "large", CHANNEL_BODY_MAX, 2, hear },
    { 0 },
};

static void messages_arrive_whole_and_in_order(void)
{
    static char body[CHANNEL_BODY_MAX];
    struct loop *l = loop_new();
    struct ear ear = { 0 };
    int ends[2];
    struct channel *a;
    struct channel *b;

    MUST(channel_pair(ends) == 0);
    a = channel_new(l, ends[0], rules, closed, &ear);
    b = channel_new(l, ends[1], rules, closed, &ear);
    for (uint64_t i = 1; i <= 200; i++) /* more than the socket holds: the rest is queued */
        CHECK(channel_send(a, 2, i, (struct str){ body, sizeof(body) }, &ends[0], 1));
    for (int i = 0; i < 1000 && ear.heard < 200; i++)
        loop_once(l, 10);
    CHECK_U64(ear.heard, 200);
    CHECK_U64(ear.last_id, 200);
    CHECK_U64(ear.last_len, sizeof(body));
    CHECK_U64(ear.fds, 200);
    CHECK(!ear.closed);
    channel_free(a);
    channel_free(b);
    loop_free(l);
}

static void expect_end(uint16_t type, size_t len, unsigned nfds)
{
    static char body[64];
    struct loop *l = loop_new();
    struct ear ear = { 0 };
    int ends[2];
    int fds[2];
    struct channel *c;

    MUST(channel_pair(ends) == 0);
    fds[0] = fds[1] = ends[1];
    c = channel_new(l, ends[0], rules, closed, &ear);
    CHECK(channel_send_now(ends[1], type, 1, (struct str){ body, len }, fds, nfds) == 0);
    for (int i = 0; i < 100 && !ear.closed; i++)
        loop_once(l, 10);
    CHECK(ear.closed);
    CHECK_U64(ear.heard, 0);
    close(ends[1]);
    channel_free(c);
    loop_free(l);
}

static void what_is_not_permitted_ends_the_channel(void)
{
    expect_end(3, 0, 0); /* no such message */
    expect_end(1, 9, 0); /* too long */
    expect_end(1, 4, 1); /* carries a descriptor */
}

static void bytes_that_are_no_frame_end_it_too(void)
{
    struct loop *l = loop_new();
    struct ear ear = { 0 };
    int ends[2];
    struct channel *c;

    MUST(channel_pair(ends) == 0);
    c = channel_new(l, ends[0], rules, closed, &ear);
    CHECK(send(ends[1], "nonsense", 8, 0) == 8);
    for (int i = 0; i < 100 && !ear.closed; i++)
        loop_once(l, 10);
    CHECK(ear.closed);
    close(ends[1]);
    channel_free(c);
    loop_free(l);
}

TESTS(CASE(messages_arrive_whole_and_in_order), CASE(what_is_not_permitted_ends_the_channel),
    CASE(bytes_that_are_no_frame_end_it_too))
