/*
 * Links: frames whole and in order however the bytes come, back-pressure, and only what is permitted.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "check.h"
#include "net/link.h"

enum { SMALL = 1, LARGE = 2, ECHO = 3, LARGE_MAX = 8 << 20 };

struct ear {
    unsigned heard;
    uint64_t last_id;
    size_t bytes;
    bool bad; /* a body is not what was sent, or out of order */
    bool closed;
    bool pause_each;
    bool free_it;
    struct link *freed;
};

static void hear(struct link *l, const struct frame *f, void *arg)
{
    struct ear *e = arg;

    e->heard++;
    e->bad |= f->id != e->last_id + 1;
    e->last_id = f->id;
    e->bytes += f->body.len;
    for (size_t i = 0; i < f->body.len; i++)
        e->bad |= f->body.at[i] != (char)(f->id + i);
    if (e->pause_each)
        link_pause(l, true);
    if (e->free_it) {
        e->freed = l;
        link_free(l);
    }
}

static void echo(struct link *l, const struct frame *f, void *arg)
{
    ((struct ear *)arg)->heard++;
    CHECK(link_send_str(l, f->type, f->id, f->body));
}

static void closed(struct link *l, void *arg)
{
    (void)l;
    ((struct ear *)arg)->closed = true;
}

static const struct frame_rule rules[] = {
    { SMALL, "small", 64, hear },
    { LARGE, "large", LARGE_MAX, hear },
    { ECHO, "echo", 1 << 20, echo },
    { 0 },
};

static char *pattern(uint64_t id, size_t len)
{
    char *body = xmalloc(len);

    for (size_t i = 0; i < len; i++)
        body[i] = (char)(id + i);
    return body;
}

/* The bytes of one frame. */
static struct str raw(uint16_t type, uint64_t id, size_t len)
{
    int ends[2];
    char *all = xmalloc(LINK_HEAD + len);
    char *body = pattern(id, len);
    struct iovec v = { .iov_base = body, .iov_len = len };

    MUST(link_pair(ends) == 0 && len <= 4096 && link_answer(ends[0], type, id, &v, 1));
    MUST(read(ends[1], all, LINK_HEAD + len) == (ssize_t)(LINK_HEAD + len));
    close(ends[0]);
    close(ends[1]);
    free(body);
    return (struct str){ all, LINK_HEAD + len };
}

static void frames_arrive_whole_and_in_order(void)
{
    struct loop *l = loop_new();
    struct ear ear = { 0 };
    int ends[2];
    struct link *a;
    struct link *b;
    size_t sent = 0;

    MUST(link_pair(ends) == 0);
    a = link_new(l, ends[0], rules, closed, &ear);
    b = link_new(l, ends[1], rules, closed, &ear);
    for (uint64_t id = 1; id <= 300; id++) {
        size_t len = id % 50 == 0 ? 3000000 + id : id * 13 % 5000;
        char *body = pattern(id, len);
        /* in three parts, one of them empty */
        struct iovec v[3] = { { body, len / 3 }, { NULL, 0 }, { body + len / 3, len - len / 3 } };

        CHECK(link_send(a, LARGE, id, v, 3));
        sent += len;
        free(body);
    }
    for (int i = 0; i < 2000 && ear.heard < 300; i++)
        loop_once(l, 10);
    CHECK_U64(ear.heard, 300);
    CHECK_U64(ear.bytes, sent);
    CHECK(!ear.bad && !ear.closed);
    CHECK_U64(link_waiting(a), 0);
    link_free(a);
    link_free(b);
    loop_free(l);
}

static void torn_frames_are_put_together(void)
{
    struct loop *l = loop_new();
    struct ear ear = { 0 };
    struct str one = raw(SMALL, 1, 64);
    struct str two = raw(LARGE, 2, 4000);
    size_t all = one.len + two.len;
    char *bytes = xmalloc(all);
    int ends[2];
    struct link *b;

    memcpy(bytes, one.at, one.len);
    memcpy(bytes + one.len, two.at, two.len);
    MUST(link_pair(ends) == 0);
    b = link_new(l, ends[1], rules, closed, &ear);
    for (size_t i = 0; i < all; i++) {
        CHECK(send(ends[0], bytes + i, 1, 0) == 1);
        loop_once(l, 10);
        CHECK_U64(ear.heard, i + 1 >= all ? 2 : i + 1 >= one.len ? 1 : 0);
    }
    CHECK(!ear.bad && !ear.closed);
    CHECK_U64(ear.bytes, 4064);
    close(ends[0]);
    for (int i = 0; i < 100 && !ear.closed; i++)
        loop_once(l, 10);
    CHECK(ear.closed);
    link_free(b);
    free(bytes);
    free((void *)(uintptr_t)one.at);
    free((void *)(uintptr_t)two.at);
    loop_free(l);
}

static void what_was_sent_before_the_end_still_arrives(void)
{
    struct loop *l = loop_new();
    struct ear ear = { 0 };
    struct str one = raw(SMALL, 1, 64);
    int ends[2];
    struct link *b;

    MUST(link_pair(ends) == 0);
    b = link_new(l, ends[1], rules, closed, &ear);
    CHECK(send(ends[0], one.at, one.len, 0) == (ssize_t)one.len);
    CHECK(send(ends[0], one.at, 7, 0) == 7); /* and half a head of another */
    close(ends[0]);
    for (int i = 0; i < 100 && !ear.closed; i++)
        loop_once(l, 10);
    CHECK_U64(ear.heard, 1);
    CHECK(ear.closed);
    CHECK(!link_send_str(b, SMALL, 1, STR("x")));
    link_free(b);
    free((void *)(uintptr_t)one.at);
    loop_free(l);
}

static void expect_end(const void *bytes, size_t n)
{
    struct loop *l = loop_new();
    struct ear ear = { 0 };
    int ends[2];
    struct link *b;

    MUST(link_pair(ends) == 0);
    b = link_new(l, ends[1], rules, closed, &ear);
    CHECK(send(ends[0], bytes, n, 0) == (ssize_t)n);
    for (int i = 0; i < 100 && !ear.closed; i++)
        loop_once(l, 10);
    CHECK(ear.closed);
    CHECK_U64(ear.heard, 0);
    close(ends[0]);
    link_free(b);
    loop_free(l);
}

static void what_is_not_permitted_ends_the_link(void)
{
    struct str unknown = raw(9, 1, 0);
    struct str too_long = raw(SMALL, 1, 65);
    char odd[LINK_HEAD] = { 0, 0, 0, 0, SMALL, 0, 1 };

    expect_end(unknown.at, unknown.len);
    expect_end(too_long.at, LINK_HEAD); /* the head alone says so */
    expect_end(odd, sizeof(odd));
    expect_end("GET / HTTP/1.1\r\n\r\n", 18);
    free((void *)(uintptr_t)unknown.at);
    free((void *)(uintptr_t)too_long.at);
}

static bool send_pattern(struct link *l, uint64_t id, size_t len)
{
    char *body = pattern(id, len);
    bool sent = link_send_str(l, LARGE, id, (struct str){ body, len });

    free(body);
    return sent;
}

static void what_waits_is_bounded(void)
{
    struct loop *l = loop_new();
    struct ear ear = { 0 };
    int ends[2];
    struct link *a;
    struct link *b;
    uint64_t sent = 0;

    MUST(link_pair(ends) == 0);
    a = link_new(l, ends[0], rules, closed, &ear);
    b = link_new(l, ends[1], rules, closed, &ear);
    link_set_most(a, 2000000);
    link_pause(b, true);
    while (sent < 1000 && send_pattern(a, sent + 1, 100000)) {
        sent++;
        loop_once(l, 0);
    }
    CHECK(sent < 1000);
    CHECK(link_waiting(a) >= 2000000 && link_waiting(a) < 2200000);
    CHECK_U64(ear.heard, 0);
    link_pause(b, false);
    for (int i = 0; i < 2000 && ear.heard < sent; i++)
        loop_once(l, 10);
    CHECK_U64(ear.heard, sent);
    CHECK(!ear.bad && !ear.closed);
    CHECK(send_pattern(a, sent + 1, 5));
    link_free(a);
    link_free(b);
    loop_free(l);
}

static void a_handler_may_pause_after_each_frame(void)
{
    struct loop *l = loop_new();
    struct ear ear = { .pause_each = true };
    int ends[2];
    struct link *a;
    struct link *b;

    MUST(link_pair(ends) == 0);
    a = link_new(l, ends[0], rules, closed, &ear);
    b = link_new(l, ends[1], rules, closed, &ear);
    for (uint64_t id = 1; id <= 5; id++)
        CHECK(link_send_str(a, SMALL, id, (struct str){ NULL, 0 }));
    for (unsigned want = 1; want <= 5; want++) {
        for (int i = 0; i < 50; i++)
            loop_once(l, 0);
        CHECK_U64(ear.heard, want);
        link_pause(b, false);
    }
    CHECK(!ear.bad);
    link_free(a);
    link_free(b);
    loop_free(l);
}

static void a_handler_may_free_the_link(void)
{
    struct loop *l = loop_new();
    struct ear ear = { .free_it = true };
    struct ear other = { 0 };
    int ends[2];
    struct link *a;

    MUST(link_pair(ends) == 0);
    a = link_new(l, ends[0], rules, closed, &other);
    (void)link_new(l, ends[1], rules, closed, &ear);
    CHECK(link_send_str(a, SMALL, 1, (struct str){ NULL, 0 }));
    CHECK(link_send_str(a, SMALL, 2, (struct str){ NULL, 0 }));
    for (int i = 0; i < 100 && !other.closed; i++)
        loop_once(l, 10);
    CHECK_U64(ear.heard, 1);
    CHECK(ear.freed != NULL && !ear.closed && other.closed);
    link_free(a);
    loop_free(l);
}

/* ---- asking ---- */

static void *answerer(void *arg)
{
    int fd = *(int *)arg;
    struct buf body;
    uint16_t type;
    uint64_t id;
    char prefix[] = "re: ";

    buf_init_secret(&body, LARGE_MAX);
    while (link_receive(fd, &type, &id, &body) == 1) {
        struct iovec v[2] = { { prefix, 4 }, { body.data, body.len } };

        MUST(link_answer(fd, (uint16_t)(type + 1), id, v, 2));
    }
    buf_free(&body);
    return NULL;
}

static void a_question_gets_its_answer(void)
{
    char *big = pattern(7, 5 << 20);
    pthread_t thread;
    struct buf answer;
    int ends[2];
    uint16_t type = 0;

    MUST(link_pair(ends) == 0 && pthread_create(&thread, NULL, answerer, &ends[1]) == 0);
    buf_init_secret(&answer, (5 << 20) + 100);
    CHECK(link_ask(ends[0], 4, 11, STR("hello"), 60000, &type, &answer));
    CHECK_U64(type, 5);
    CHECK(str_is(buf_as_str(&answer), "re: hello"));
    CHECK(link_ask(ends[0], 4, 12, (struct str){ big, 5 << 20 }, 60000, &type, &answer));
    CHECK_U64(answer.len, (5 << 20) + 4);
    CHECK(memcmp(answer.data + 4, big, 5 << 20) == 0);
    CHECK(link_ask(ends[0], 4, 13, STR_NONE, 60000, &type, &answer));
    CHECK(str_is(buf_as_str(&answer), "re: "));
    shutdown(ends[0], SHUT_RDWR);
    CHECK(!link_ask(ends[0], 4, 14, STR("x"), 60000, &type, &answer));
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
    buf_free(&answer);
    free(big);
}

static void a_question_without_answer_ends_in_time(void)
{
    char five[] = "12345";
    struct iovec v = { five, 5 };
    struct buf answer;
    int ends[2];
    uint16_t type;

    buf_init(&answer, 4);
    MUST(link_pair(ends) == 0);
    CHECK(!link_ask(ends[0], 1, 1, STR("x"), 1, &type, &answer)); /* nobody there */
    CHECK(link_answer(ends[1], 1, 99, NULL, 0));
    CHECK(!link_ask(ends[0], 1, 2, STR("x"), 1000, &type, &answer)); /* another question's */
    CHECK(link_answer(ends[1], 1, 3, &v, 1));
    CHECK(!link_ask(ends[0], 1, 3, STR("x"), 1000, &type, &answer)); /* too long */
    close(ends[0]);
    close(ends[1]);
    buf_free(&answer);
}

/* ---- an inbox ---- */

static void frames_that_came_together_are_taken_in_together(void)
{
    struct iovec one = { (char[]){ "one" }, 3 };
    struct link_inbox in;
    struct str body;
    int ends[2];
    uint16_t type;
    uint64_t id;

    MUST(link_pair(ends) == 0);
    link_inbox_init(&in, 16);
    CHECK(link_answer(ends[0], 4, 1, &one, 1) && link_answer(ends[0], 5, 2, NULL, 0));
    CHECK(link_receive_next(ends[1], &in, false, &type, &id, &body) == 0); /* looks at no socket */
    CHECK(link_receive_next(ends[1], &in, true, &type, &id, &body) == 1);
    CHECK(type == 4 && id == 1 && str_is(body, "one"));
    shutdown(ends[1], SHUT_RD);
    CHECK(link_receive_next(ends[1], &in, false, &type, &id, &body) == 1);
    CHECK(type == 5 && id == 2 && body.len == 0);
    CHECK(link_receive_next(ends[1], &in, true, &type, &id, &body) == 0);
    link_inbox_free(&in);
    close(ends[0]);
    close(ends[1]);
}

static void *writer_in_pieces(void *arg)
{
    const char *bytes = pattern(7, LARGE_MAX);
    uint8_t head[LINK_HEAD] = { 0 };
    struct iovec v = { (void *)(uintptr_t)bytes, LARGE_MAX };
    int fd = *(int *)arg;

    MUST(link_answer(fd, 4, 1, &v, 1) && link_answer(fd, 4, 2, &v, 1));
    MUST(send(fd, head, 5, MSG_NOSIGNAL) == 5); /* and no more */
    free((void *)(uintptr_t)bytes);
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void an_inbox_puts_large_frames_together(void)
{
    char *bytes = pattern(7, LARGE_MAX);
    struct link_inbox in;
    pthread_t thread;
    struct str body;
    int ends[2];
    uint16_t type;
    uint64_t id;

    MUST(link_pair(ends) == 0 && pthread_create(&thread, NULL, writer_in_pieces, &ends[0]) == 0);
    link_inbox_init(&in, LARGE_MAX);
    for (uint64_t i = 1; i <= 2; i++) {
        CHECK(link_receive_next(ends[1], &in, true, &type, &id, &body) == 1);
        CHECK(id == i && body.len == LARGE_MAX && memcmp(body.at, bytes, LARGE_MAX) == 0);
    }
    CHECK(link_receive_next(ends[1], &in, true, &type, &id, &body) == -1); /* torn */
    pthread_join(thread, NULL);
    link_inbox_free(&in);
    close(ends[0]);
    close(ends[1]);
    free(bytes);
}

static void an_inbox_takes_nothing_too_long(void)
{
    struct iovec five = { (char[]){ "12345" }, 5 };
    struct link_inbox in;
    struct str body;
    int ends[2];
    uint16_t type;
    uint64_t id;

    MUST(link_pair(ends) == 0);
    link_inbox_init(&in, 4);
    CHECK(link_answer(ends[0], 4, 1, &five, 1));
    CHECK(link_receive_next(ends[1], &in, true, &type, &id, &body) == -1);
    link_inbox_free(&in);
    close(ends[0]);
    close(ends[1]);
}

TESTS(CASE(frames_arrive_whole_and_in_order), CASE(torn_frames_are_put_together),
    CASE(what_was_sent_before_the_end_still_arrives), CASE(what_is_not_permitted_ends_the_link),
    CASE(what_waits_is_bounded), CASE(a_handler_may_pause_after_each_frame),
    CASE(a_handler_may_free_the_link), CASE(a_question_gets_its_answer),
    CASE(a_question_without_answer_ends_in_time),
    CASE(frames_that_came_together_are_taken_in_together),
    CASE(an_inbox_puts_large_frames_together), CASE(an_inbox_takes_nothing_too_long))
