/*
 * The whole front: any bytes from a client, in two pieces.  What reaches the core has the layout that
 * keeper/messages.h promises, and a path that can be read in one way.
 *
 * The first byte of the input says where it is cut.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/utf8.h"
#include "base/value.h"
#include "keeper/messages.h"
#include "net/link.h"
#include "vault/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;
static struct vault *vault;
static struct link *core;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_len = sizeof(sa_family_t);

static struct str part(struct str *s)
{
    uint32_t n;
    struct str p;

    MUST(s->len >= 4);
    memcpy(&n, s->at, sizeof(n));
    MUST(n <= s->len - 4);
    p = (struct str){ s->at + 4, n };
    *s = (struct str){ p.at + n, s->len - 4 - n };
    return p;
}

static void check_path(struct str path)
{
    struct str rest = path;

    MUST(path.len > 0 && path.at[0] != '/');
    for (size_t i = 0; i < path.len;) {
        size_t n = utf8_length((const uint8_t *)path.at + i, path.len - i);

        MUST(n > 0 && (uint8_t)path.at[i] >= 0x20 && path.at[i] != 0x7f);
        i += n;
    }
    while (rest.at != NULL) {
        struct str segment = str_cut(rest, '/', &rest);

        MUST(segment.len > 0 || (rest.at == NULL && path.at[path.len - 1] == '/'));
        MUST(!str_is(segment, ".") && !str_is(segment, ".."));
    }
}

static void on_request(struct link *l, const struct frame *f, void *arg)
{
    static const char answer[] = "\xc8\0\0\0\0\0\0\0\6\1\0\0\0\2\0\0\0ok\2";
    struct str s = { f->body.at + KEEPER_REQUEST_HEAD, f->body.len - KEEPER_REQUEST_HEAD };
    struct arena a;
    struct value *rest;

    (void)arg;
    MUST(f->body.len > KEEPER_REQUEST_HEAD && f->body.at[0] <= 4 && f->body.at[1] <= 1);
    check_path(part(&s));
    for (struct str token = part(&s); token.len > 0; token.len--)
        MUST(token.at[token.len - 1] >= 0x20 && token.at[token.len - 1] < 0x7f);
    part(&s);
    part(&s);
    arena_init(&a, 4096);
    rest = value_decode(&a, part(&s), VALUE_NODES_MAX);
    MUST(rest != NULL && rest->kind == VALUE_MAP && s.len == 0);
    MUST(value_get(rest, "body") == NULL || value_get(rest, "body")->kind == VALUE_MAP);
    arena_free(&a);
    MUST(link_send_str(l, KEEPER_RESPONSE, f->id, (struct str){ answer, sizeof(answer) - 1 }));
}

static const struct frame_rule rules[] = {
    { KEEPER_REQUEST, "request", KEEPER_REQUEST_MAX, on_request },
    { 0 },
};

static void start(void)
{
    struct err err;
    int ends[2];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(bind(fd, (struct sockaddr *)&address, address_len) == 0 && listen(fd, 16) == 0);
    address_len = sizeof(address);
    MUST(getsockname(fd, (struct sockaddr *)&address, &address_len) == 0);
    loop = loop_new();
    vault = vault_new(loop);
    MUST(vault_listen(vault, fd, STR_NONE, &err) == 0 && link_pair(ends) == 0);
    core = link_new(loop, ends[0], rules, NULL, NULL);
    vault_attach_core(vault, ends[1]);
}

static void say(int fd, const uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        loop_once(loop, 0);
        if (sent < 0)
            break;
        data += sent;
        n -= (size_t)sent;
    }
    loop_once(loop, 0);
    loop_once(loop, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char got[4096];
    bool first = true;
    size_t cut;
    ssize_t n;
    int fd;

    if (size < 2 || size > 1 << 16)
        return 0;
    if (loop == NULL)
        start();
    cut = 1 + (size - 1) * data[0] / 256;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(connect(fd, (struct sockaddr *)&address, address_len) == 0);
    say(fd, data + 1, cut - 1);
    say(fd, data + cut, size - cut);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 6; i++) {
        loop_once(loop, 0);
        while ((n = recv(fd, got, sizeof(got), MSG_DONTWAIT)) > 0) {
            MUST(!first || (n >= 9 && memcmp(got, "HTTP/1.1 ", 9) == 0));
            first = false;
        }
    }
    close(fd);
    loop_once(loop, 0);
    return 0;
}
