/*
 * weir top - a live view of a running Weir: rates, errors and latencies.
 *
 * The view itself is watch/top_*.c; here are the terminal, the keys and the
 * clock.  Signals come through a descriptor, so that one poll() waits for all,
 * and whatever ends us, the terminal is given back as it was.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/client_int.h"
#include "cli/commands_int.h"
#include "watch/client.h"

enum {
    ANSWER_TIMEOUT = 5000,
    INTERVAL_DEFAULT = 1000,
    INTERVAL_MIN = 100,
    INTERVAL_MAX = 3600 * 1000,
    PICTURE_MAX = 4 << 20,
    COLUMNS_DEFAULT = 100,
};

struct session {
    const struct command_line *line;
    struct client *client; /* NULL: to be connected */
    struct top *top;
    struct top_look look;
    msec_t interval;
    char trouble[512]; /* why nothing new comes; "": it does */
    struct termios before;
    bool has_screen;
    int signals;
};

/* ---- data ---- */

static int fetch(struct session *s, struct err *err)
{
    struct client_answer answer;
    int result;

    if (s->client == NULL)
        s->client = command_client(s->line, err);
    if (s->client == NULL)
        return -1;
    if (client_ask(s->client,
            &(struct client_question){
                .method = "GET", .target = "/v1/metrics.json", .timeout = ANSWER_TIMEOUT },
            &answer, err) == -1) {
        client_free(s->client);
        s->client = NULL;
        return -1;
    }
    if (answer.status == 200)
        result = top_feed(s->top, buf_as_str(&answer.body), err);
    else
        result = err_set(
            err, ERR_PEER, "top_bad_answer", "Weir has no metrics: it answered %u", answer.status);
    buf_free(&answer.body);
    return result;
}

static void fetch_or_say(struct session *s)
{
    struct err err;

    s->trouble[0] = '\0';
    if (fetch(s, &err) == -1)
        snprintf(s->trouble, sizeof(s->trouble), "%s", err.text);
    s->look.trouble = s->trouble[0] != '\0' ? s->trouble : NULL;
}

/* ---- the terminal ---- */

static void write_out(struct buf *b)
{
    fd_write_all(STDOUT_FILENO, b->data, b->len);
    buf_free(b);
}

static void take_screen(struct session *s)
{
    struct termios raw;
    struct buf b;

    if (tcgetattr(STDIN_FILENO, &s->before) == -1)
        return;
    raw = s->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    s->has_screen = true;
    buf_init(&b, 64);
    buf_text(&b, "\x1b[?1049h\x1b[?25l\x1b[2J"); /* other screen, no cursor, clear */
    write_out(&b);
}

static void give_screen_back(struct session *s)
{
    struct buf b;

    if (!s->has_screen)
        return;
    s->has_screen = false;
    buf_init(&b, 64);
    buf_text(&b, "\x1b[0m\x1b[?25h\x1b[?1049l");
    write_out(&b);
    tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

static void measure(struct session *s)
{
    struct winsize size = { 0 };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col == 0 || size.ws_row == 0) {
        s->look.columns = COLUMNS_DEFAULT;
        s->look.rows = s->look.live ? 24 : 0;
        return;
    }
    s->look.columns = size.ws_col;
    s->look.rows = s->look.live ? size.ws_row : 0;
}

static void draw(struct session *s)
{
    struct buf b;

    measure(s);
    buf_init(&b, PICTURE_MAX);
    top_draw(s->top, &s->look, &b);
    write_out(&b);
}

/* ---- what the user does ---- */

/* False: the user wants to leave. */
static bool on_key(struct session *s, char key)
{
    static const struct {
        char key;
        enum top_sort sort;
    } sorts[] = { { 'r', TOP_BY_RATE }, { 'e', TOP_BY_ERRORS }, { '9', TOP_BY_P99 } };

    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
        if (key == sorts[i].key)
            s->look.sort = sorts[i].sort;
    return key != 'q' && key != 'Q';
}

static bool read_keys(struct session *s)
{
    char keys[32];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        return false; /* the terminal is gone */
    for (ssize_t i = 0; i < n; i++)
        if (!on_key(s, keys[i]))
            return false;
    return true;
}

/* False: it is the end. */
static bool read_signal(struct session *s)
{
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return true;
    if (info.ssi_signo == SIGTSTP) {
        give_screen_back(s);
        raise(SIGSTOP);
        take_screen(s);
    }
    return info.ssi_signo == SIGTSTP || info.ssi_signo == SIGWINCH;
}

static int open_signals(void)
{
    static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        sigaddset(&set, wanted[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Draws, and waits until it is time for the next reading. False: the user wants to leave. */
static bool wait_and_serve(struct session *s, msec_t until)
{
    for (;;) {
        struct pollfd p[] = {
            { .fd = STDIN_FILENO, .events = POLLIN },
            { .fd = s->signals, .events = POLLIN },
        };
        msec_t now = time_msec();

        draw(s);
        if (now >= until)
            return true;
        if (poll(p, 2, (int)(until - now)) <= 0)
            continue;
        if (p[1].revents != 0 && !read_signal(s))
            return false;
        if (p[0].revents != 0 && !read_keys(s))
            return false;
    }
}

static int run_live(struct session *s)
{
    struct err err;
    msec_t next = time_msec();

    if (fetch(s, &err) == -1)
        return command_fail(s->line, &err);
    s->look.live = true;
    s->signals = open_signals();
    take_screen(s);
    do {
        next += s->interval;
        if (next < time_msec()) /* we were stopped for a while */
            next = time_msec() + s->interval;
        if (!wait_and_serve(s, next))
            break;
        fetch_or_say(s);
    } while (true);
    give_screen_back(s);
    close(s->signals);
    return 0;
}

/* Two readings, an interval apart: rates are of the time between. */
static int run_once(struct session *s)
{
    struct err err;
    msec_t until;

    if (fetch(s, &err) == -1)
        return command_fail(s->line, &err);
    until = time_msec() + s->interval;
    for (msec_t now = time_msec(); now < until; now = time_msec())
        poll(NULL, 0, (int)(until - now));
    if (fetch(s, &err) == -1)
        return command_fail(s->line, &err);
    if (s->line->json) {
        struct buf b;

        buf_init(&b, PICTURE_MAX);
        top_json(s->top, s->look.sort, &b);
        write_out(&b);
    } else {
        draw(s);
    }
    return 0;
}

/* ---- the command ---- */

static int read_interval(const char *text, msec_t *out, struct err *err)
{
    char *end;
    double seconds;

    *out = INTERVAL_DEFAULT;
    if (text == NULL)
        return 0;
    seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds * 1000 >= INTERVAL_MIN) ||
        !(seconds * 1000 <= INTERVAL_MAX))
        return err_set(err, ERR_CONFIG, "option_value",
            "--interval takes a number of seconds from 0.1 to 3600, not \"%s\"", text);
    *out = (msec_t)(seconds * 1000);
    return 0;
}

static int read_sort(const char *text, enum top_sort *out, struct err *err)
{
    static const char *const names[] = {
        [TOP_BY_RATE] = "rate",
        [TOP_BY_ERRORS] = "errors",
        [TOP_BY_P99] = "p99",
    };

    *out = TOP_BY_RATE;
    if (text == NULL)
        return 0;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        *out = (enum top_sort)i;
        return 0;
    }
    return err_set(
        err, ERR_CONFIG, "option_value", "--sort takes rate, errors or p99, not \"%s\"", text);
}

static int run(const struct command_line *line)
{
    struct session s = { .line = line };
    bool once = line->json || command_option(line, "once") != NULL || !isatty(STDIN_FILENO) ||
                !isatty(STDOUT_FILENO);
    struct err err;
    int code;

    if (read_interval(command_option(line, "interval"), &s.interval, &err) == -1 ||
        read_sort(command_option(line, "sort"), &s.look.sort, &err) == -1)
        return command_fail(line, &err);
    s.top = top_new();
    s.look.colour = command_is_terminal();
    code = once ? run_once(&s) : run_live(&s);
    top_free(s.top);
    client_free(s.client);
    return code;
}

static const struct option options[] = {
    { "once", NULL, "print one table and end; so it is without a terminal too" },
    { "interval", "SECONDS", "the time between two readings, 1 when absent" },
    { "sort", "ORDER", "rate, errors or p99" },
    OPTIONS_CLIENT,
    { 0 },
};

const struct command command_top = {
    .name = "top",
    .arguments = "",
    .help = "Watch requests, errors and latencies by route and by origin, live.",
    .details =
        "Keys: r sorts by rate, e by errors, 9 by P99, q ends. Rates and quantiles are of the\n"
        "time since the reading before. Errors are answers of 5xx, and for an origin tries\n"
        "that failed too. CONN is open connections / idle ones.",
    .options = options,
    .run = run,
};
