/*
 * sink - what a log daemon does with lines that come over a unix datagram
 * socket: appends them to a file, in bulk.
 *
 *     bench_sink socket=/tmp/log.sock file=/tmp/log
 *
 * It stands in for rsyslog or journald, and is cheaper than either.  What it
 * spends is not charged to the server that sends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "tool.h"

enum { BULK = 1 << 17, LINE_MAX_BYTES = 8192 };

static int bind_socket(const char *path)
{
    struct addr a;
    struct err err;
    char text[ADDR_TEXT_MAX];
    int fd;

    snprintf(text, sizeof(text), "unix:%s", path);
    if (addr_parse(str_from(text), &a, &err) == -1)
        tool_die(err.text);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || bind(fd, &a.any, a.len) == -1)
        tool_die(path);
    return fd;
}

int main(int argc, char **argv)
{
    static char bulk[BULK];
    const char *path = "/tmp/log.sock", *file = "/dev/null";
    const struct option_word words[] = { { "socket", NULL, &path }, { "file", NULL, &file },
        { NULL, NULL, NULL } };
    size_t held = 0;
    int in, out;

    options_read(argc, argv, words);
    in = bind_socket(path);
    out = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (out == -1)
        tool_die(file);
    for (;;) {
        ssize_t n = recv(in, bulk + held, LINE_MAX_BYTES, 0);

        if (n == -1 && errno != EINTR)
            tool_die("recv");
        held += n > 0 ? (size_t)n : 0;
        if (held < sizeof(bulk) - LINE_MAX_BYTES)
            continue;
        if (fd_write_all(out, bulk, held) == -1)
            tool_die("write");
        held = 0;
    }
}
