/*
 * prompt - values that nobody else is to see: from the terminal without showing them, or from stdin.
 *
 * Never from the command line, which every user of the machine can read.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "cli/keeper_int.h"

enum { LINE_MOST = 65536 };

bool can_prompt(void)
{
    int fd;

    if (isatty(STDIN_FILENO))
        return true;
    fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static volatile sig_atomic_t interrupted;

static void note_interrupt(int sig)
{
    interrupted = sig;
}

/* A line of the terminal, not shown.  Ctrl-C ends the program, but not before the terminal shows again. */
static bool read_hidden(int fd, const char *what, char *to, size_t room)
{
    struct sigaction note = { .sa_handler = note_interrupt };
    struct sigaction before;
    struct termios shown;
    struct termios hidden;
    size_t len = 0;

    if (tcgetattr(fd, &shown) == -1)
        return false;
    sigaction(SIGINT, &note, &before);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
    hidden.c_lflag |= ECHONL;
    dprintf(STDERR_FILENO, "%s (not shown): ", what);
    tcsetattr(fd, TCSAFLUSH, &hidden);
    while (len + 1 < room && read(fd, to + len, 1) == 1 && to[len] != '\n')
        len++;
    tcsetattr(fd, TCSAFLUSH, &shown);
    sigaction(SIGINT, &before, NULL);
    to[len] = '\0';
    if (interrupted != 0) {
        explicit_bzero(to, len);
        raise(interrupted);
    }
    return len > 0;
}

/* Byte by byte: what is behind the line is the next one's. */
static bool read_plain(char *to, size_t room)
{
    size_t len = 0;
    bool any = false;

    while (len + 1 < room) {
        ssize_t n = read(STDIN_FILENO, to + len, 1);

        if (n < 0 && errno == EINTR)
            continue;
        if (n != 1)
            break;
        any = true;
        if (to[len] == '\n')
            break;
        len++;
    }
    to[len] = '\0';
    return any;
}

bool read_line(const char *what, char *to, size_t room)
{
    int fd;
    bool ok;

    if (isatty(STDIN_FILENO))
        return read_hidden(STDIN_FILENO, what, to, room);
    if (strcmp(what, "token") != 0)
        return read_plain(to, room);
    /* stdin may be the value that the token is needed for */
    fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    ok = read_hidden(fd, what, to, room);
    close(fd);
    return ok;
}

int read_value(const char *what, struct buf *to, struct err *err)
{
    if (isatty(STDIN_FILENO)) {
        char *line = malloc(LINE_MOST);
        bool ok = line != NULL && read_hidden(STDIN_FILENO, what, line, LINE_MOST);

        if (ok)
            buf_text(to, line);
        if (line != NULL)
            explicit_bzero(line, LINE_MOST);
        free(line);
        if (!ok)
            return err_set(err, ERR_CONFIG, "value_missing", "no %s was given", what);
        return 0;
    }
    if (fd_read_all(STDIN_FILENO, to, err) == -1)
        return err_wrap(err, "stdin");
    if (to->len > 0 && to->data[to->len - 1] == '\n')
        to->len--;
    if (to->len > 0 && to->data[to->len - 1] == '\r')
        to->len--;
    if (to->len == 0)
        return err_set(err, ERR_CONFIG, "value_missing",
            "no %s was given: write it on stdin, or run this on a terminal", what);
    return 0;
}

/* ---- base64 ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

void put_base64(struct buf *to, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = 0;

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)bytes.at[i + k] : 0U);
        for (size_t k = 0; k < 4; k++)
            buf_char(to, digits[k <= n ? bits >> (18 - 6 * k) & 63 : 64]); /* the last fills up */
    }
}

bool get_base64(struct str text, struct buf *to)
{
    uint32_t bits = 0;
    unsigned have = 0;

    while (text.len > 0 && text.at[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        const char *at =
            text.at[i] != '\0' && text.at[i] != '=' ? strchr(digits, text.at[i]) : NULL;

        if (at == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(at - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_char(to, (char)(bits >> have));
        }
    }
    return !to->over;
}

json_t *json_str_value(struct str s)
{
    return json_stringn(s.len > 0 ? s.at : "", s.len);
}
