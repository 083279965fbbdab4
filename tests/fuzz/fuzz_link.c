/*
 * What a broken process may send over a link: any bytes, in any pieces.
 *
 * The first byte of the input is the size of the pieces.  What was heard must be a prefix
 * of whole frames of the input, whatever the pieces; nothing past a rule is heard.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "net/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 1 << 16 };

struct ear {
    struct buf heard; /* the frames as they would be written */
    bool closed;
};

static void hear(struct link *l, const struct frame *f, void *arg)
{
    struct ear *e = arg;
    uint32_t length = (uint32_t)f->body.len;
    uint16_t type[2] = { f->type, 0 };

    (void)l;
    MUST(f->body.len <= (f->type == 1 ? 8 : LONGEST));
    buf_add(&e->heard, &length, sizeof(length));
    buf_add(&e->heard, type, sizeof(type));
    buf_add(&e->heard, &f->id, sizeof(f->id));
    buf_str(&e->heard, f->body);
}

static void closed(struct link *l, void *arg)
{
    (void)l;
    ((struct ear *)arg)->closed = true;
}

static const struct frame_rule rules[] = {
    { 1, "small", 8, hear },
    { 2, "large", LONGEST, hear },
    { 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loop *loop;
    struct ear ear = { 0 };
    struct link *l;
    size_t step;
    int ends[2];

    if (size < 1 || size > LONGEST)
        return 0;
    if (loop == NULL)
        loop = loop_new();
    buf_init(&ear.heard, 1 << 20);
    MUST(link_pair(ends) == 0);
    l = link_new(loop, ends[0], rules, closed, &ear);
    step = data[0] == 0 ? size : data[0];
    for (size_t at = 1; at < size && !ear.closed; at += step) {
        size_t n = size - at < step ? size - at : step;

        MUST(send(ends[1], data + at, n, MSG_NOSIGNAL) == (ssize_t)n);
        loop_once(loop, 0);
    }
    close(ends[1]);
    for (int i = 0; i < 4; i++)
        loop_once(loop, 0);
    MUST(ear.closed);
    MUST(ear.heard.len <= size - 1);
    MUST(ear.heard.len == 0 || memcmp(ear.heard.data, data + 1, ear.heard.len) == 0);
    link_free(l);
    buf_free(&ear.heard);
    return 0;
}
