/* processes: origin processes are started as told, reported once, and take their children along. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "check.h"
#include "daemon/processes.h"
#include "model/blueprint.h"
#include "net/channel.h"

static struct loop *loop;
static struct processes *all;
static struct watch_fd children;
static uint64_t last_number;
static int last_status;
static unsigned exits;
static int said[2]; /* stderr while a case runs */

static void exited(void *arg, uint64_t number, int status)
{
    (void)arg;
    last_number = number;
    last_status = status;
    exits++;
}

static void reap(struct watch_fd *w, unsigned events)
{
    struct signalfd_siginfo info;
    pid_t pid;
    int status;

    (void)events;
    while (read(w->fd, &info, sizeof(info)) > 0)
        continue;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        processes_reaped(all, pid, status); /* or the child of a run that failed */
}

static void start(void)
{
    struct rlimit files;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    loop = loop_new();
    children.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    children.ready = reap;
    MUST(loop_add_level(loop, &children) == 0);
    getrlimit(RLIMIT_NOFILE, &files);
    all = processes_new(loop, files, exited, NULL);
    exits = 0;
}

static void finish(void)
{
    processes_free(all);
    close(children.fd);
    loop_free(loop);
}

/* What is handed to the next process that run() starts. */
static struct process_value values[PROCESS_VALUES_MAX];
static uint32_t nvalues;

static pid_t run(uint64_t number, const char *script, struct err *err)
{
    char shell[] = "sh";
    char c[] = "-c";
    char label[] = "app/1";
    char note[] = "a note";
    char folder[] = "/";
    char variable[] = "GREETING=hello";
    char *argv[] = { shell, c, (char *)(uintptr_t)script, NULL };
    char *environment[] = { variable, NULL };
    struct process_spec s = { .number = number,
        .who = { geteuid(), getegid() },
        .label = label,
        .note = note,
        .folder = folder,
        .argv = argv,
        .environment = environment,
        .nvalues = nvalues };
    struct process_spec copy;
    struct arena a;
    struct buf b;
    pid_t pid;

    memcpy(s.values, values, sizeof(values));
    arena_init(&a, 1024);
    buf_init(&b, CHANNEL_BODY_MAX);
    process_spec_pack(&s, &b);
    CHECK(!process_spec_unpack((struct str){ b.data, b.len - 1 }, &a, &copy));
    MUST(process_spec_unpack(buf_as_str(&b), &a, &copy));
    for (uint32_t i = 0; i < nvalues; i++)
        copy.values[i].fd = values[i].fd; /* beside the message */
    pid = processes_run(all, &copy, true, err);
    buf_free(&b);
    arena_free(&a);
    return pid;
}

static void until_exits(unsigned n)
{
    while (exits < n)
        loop_once(loop, 1000);
}

/* The sentence behind an exit code that a script chose. */
static int code(void)
{
    return WIFEXITED(last_status) ? WEXITSTATUS(last_status) : -WTERMSIG(last_status);
}

static void it_is_what_was_asked_for(void)
{
    struct err err;

    setenv("A_SECRET", "of ours", 1);
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
    start();
    CHECK(
        run(7,
            "test \"$GREETING\" = hello && test \"$PWD\" = / && test -z \"$A_SECRET$NOTIFY_SOCKET\""
            " && test -n \"$PATH\" && exit 42",
            &err) > 0);
    CHECK_U64(processes_count(all), 1);
    until_exits(1);
    CHECK_U64(last_number, 7);
    CHECK(code() == 42);
    CHECK_U64(processes_count(all), 0);
    finish();
    unsetenv("NOTIFY_SOCKET");
}

static void only_its_own_descriptors_are_open(void)
{
    struct err err;

    start();
    CHECK(run(1, "test $(ls /proc/self/fd | wc -l) -le 4", &err) > 0); /* 0 1 2, and ls's own */
    until_exits(1);
    CHECK(code() == 0);
    finish();
}

static void hand(char *variable, enum hand as, const char *value, size_t len)
{
    int fd = fd_memory("a secret", value, len);

    MUST(fd >= 0);
    values[nvalues++] = (struct process_value){ variable, as, fd };
}

static void take_back(void)
{
    for (uint32_t i = 0; i < nvalues; i++)
        close(values[i].fd);
    nvalues = 0;
}

static void values_are_handed_in_three_ways(void)
{
    char plain[] = "PLAIN";
    char file[] = "BY_FILE";
    char descriptor[] = "BY_DESCRIPTOR";
    struct err err;

    start();
    hand(plain, HAND_ENVIRONMENT, "first value", 11);
    hand(file, HAND_FILE, "second", 6);
    hand(descriptor, HAND_DESCRIPTOR, "third", 5);
    CHECK(run(1,
              "test \"$PLAIN\" = 'first value' && test \"$(cat $BY_FILE)\" = second &&"
              " test \"$(cat $BY_FILE)\" = second &&" /* as often as it likes */
              " eval \"exec 9<&$BY_DESCRIPTOR\" && test \"$(cat <&9)\" = third && exit 42",
              &err) > 0);
    take_back();
    until_exits(1);
    CHECK(code() == 42);
    /* And the next has none of it. */
    CHECK(run(2, "test -z \"$PLAIN$BY_FILE\" && test $(ls /proc/self/fd | wc -l) -le 4", &err) > 0);
    until_exits(2);
    CHECK(code() == 0);
    finish();
}

static void what_no_variable_can_hold_is_refused(void)
{
    static const char zeros[PROCESS_VALUE_BYTES + 1] = "a\0b";
    char variable[] = "A";
    struct err err;

    start();
    hand(variable, HAND_ENVIRONMENT, zeros, 3);
    CHECK(run(1, "exit 0", &err) == -1 && err.sys == EILSEQ);
    take_back();
    hand(variable, HAND_ENVIRONMENT, zeros, sizeof(zeros));
    CHECK(run(1, "exit 0", &err) == -1 && err.sys == E2BIG);
    take_back();
    hand(variable, HAND_FILE, zeros, sizeof(zeros)); /* a file can */
    CHECK(run(1, "test $(wc -c < $A) = 65537", &err) > 0);
    take_back();
    until_exits(1);
    CHECK(code() == 0);
    finish();
}

static void what_cannot_be_run_is_said(void)
{
    char program[] = "/nowhere/program";
    char empty[] = "";
    char *argv[] = { program, NULL };
    char *none[] = { NULL };
    struct process_spec s = { .who = { geteuid(), getegid() },
        .label = program,
        .note = empty,
        .folder = empty,
        .argv = argv,
        .environment = none };
    struct err err;

    start();
    CHECK(processes_run(all, &s, true, &err) == -1);
    CHECK_STR(str_from(err.id), "run_failed");
    CHECK(err.sys == ENOENT && strstr(err.text, program) != NULL);
    CHECK_U64(processes_count(all), 0);
    if (geteuid() == 0) {
        CHECK(processes_run(all, &s, false, &err) == -1);
        CHECK_STR(str_from(err.id), "run_denied");
    }
    finish();
}

/* Is there a process of this number that is not a mere zombie? */
static bool lives(int pid)
{
    char path[64];
    char state = 'Z';
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    f = fopen(path, "re");
    if (f == NULL)
        return false;
    if (fscanf(f, "%*d %*s %c", &state) != 1)
        state = 'Z';
    fclose(f);
    return state != 'Z';
}

static void its_children_go_with_it(void)
{
    char path[] = "/tmp/weir-processes-XXXXXX";
    char script[128];
    int child = 0;
    struct err err;
    pid_t pid;
    FILE *f;
    int fd = mkstemp(path);

    MUST(fd >= 0);
    close(fd);
    start();
    snprintf(script, sizeof(script), "sleep 1000 & echo $! > %s; wait", path);
    pid = run(1, script, &err);
    while (child == 0) {
        loop_once(loop, 5);
        f = fopen(path, "re");
        if (fscanf(f, "%d", &child) != 1)
            child = 0;
        fclose(f);
    }
    CHECK(lives(child));
    kill(pid, SIGKILL); /* it alone */
    until_exits(1);
    CHECK(code() == -SIGKILL);
    while (lives(child))
        loop_once(loop, 5);
    unlink(path);
    finish();
}

static void lines_come_out_with_a_label(void)
{
    char text[512] = { 0 };
    struct err err;
    int saved = dup(STDERR_FILENO);
    ssize_t n;

    start();
    MUST(pipe(said) == 0);
    dup2(said[1], STDERR_FILENO);
    CHECK(run(1, "echo one; echo two >&2; printf three", &err) > 0);
    until_exits(1);
    loop_once(loop, 1000);
    finish();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(said[1]);
    n = read(said[0], text, sizeof(text) - 1);
    CHECK(n > 0);
    CHECK_STR(str_from(text), "app/1 | one\napp/1 | two\napp/1 | three\n");
    close(said[0]);
}

static void count_it(void *arg, uint64_t number, pid_t pid, const char *label, const char *note)
{
    unsigned *n = arg;

    CHECK(number == 1 || number == 2);
    CHECK(pid > 0);
    CHECK_STR(str_from(label), "app/1");
    CHECK_STR(str_from(note), "a note");
    (*n)++;
}

static void all_can_be_listed_and_killed(void)
{
    unsigned n = 0;
    struct err err;

    start();
    CHECK(run(1, "exec sleep 1000", &err) > 0);
    CHECK(run(2, "exec sleep 1000", &err) > 0);
    processes_each(all, count_it, &n);
    CHECK_U64(n, 2);
    processes_signal(all, 3, SIGKILL); /* nobody */
    processes_signal_all(all, SIGKILL);
    until_exits(2);
    CHECK(code() == -SIGKILL);
    finish();
}

TESTS(CASE(it_is_what_was_asked_for), CASE(only_its_own_descriptors_are_open),
    CASE(values_are_handed_in_three_ways), CASE(what_no_variable_can_hold_is_refused),
    CASE(what_cannot_be_run_is_said), CASE(its_children_go_with_it),
    CASE(lines_come_out_with_a_label), CASE(all_can_be_listed_and_killed))
