/*
 * sandbox: a child goes into each kind of sandbox and tries what it may and what it may not.
 *
 * Each try is a child of its own, for a forbidden call may kill it; how it ended is what is
 * checked.  A sanitizer's build has no sandbox, see sandbox.c: there is nothing to check then.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/hash.h"
#include "check.h"
#include "daemon/sandbox.h"
#include "net/loop.h"

enum outcome { WORKS, FAILS, KILLED };

static char folder[] = "/tmp/weir-sandbox-XXXXXX";
static bool sandboxed;
static int listening = -1;
static uint16_t port;

/* ---- tries: true when it worked ---- */

static bool opens_etc(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool writes_in_folder(void)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/file", folder);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0 && unlink(path) == 0;
}

static bool writes_elsewhere(void)
{
    return open("/tmp/weir-sandbox-elsewhere", O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool runs_a_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return false;
}

static bool forks(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool traces(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool becomes_root(void)
{
    return syscall(SYS_setresuid, 0, 0, 0) == 0;
}

static bool makes_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool makes_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool makes_a_packet_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) >= 0;
}

static bool connects(void)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) }
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static bool listens(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static bool accepts(void)
{
    return accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) >= 0 || errno == EAGAIN;
}

static void *nothing(void *arg)
{
    return arg;
}

static bool starts_a_thread(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static void stop(struct timer *t);
static struct loop *loop;

static void stop(struct timer *t)
{
    (void)t;
    loop_stop(loop);
}

static bool makes_a_loop(void)
{
    return loop_new() != NULL;
}

/* One from before the sandbox. */
static bool runs_a_loop(void)
{
    struct timer t;

    timer_init(&t, stop);
    timer_set(loop, &t, loop_now(loop) + 1);
    loop_run(loop);
    return true;
}

static bool draws_random_bytes(void)
{
    char bytes[32];

    random_bytes(bytes, sizeof(bytes));
    return true;
}

static bool hands_out_memory(void)
{
    int fd = memfd_create("secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    return fd >= 0 && write(fd, "x", 1) == 1 && lseek(fd, 0, SEEK_SET) == 0 &&
           fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

static bool writes_it_through(void)
{
    char path[96];
    int fd;

    snprintf(path, sizeof(path), "%s/journal", folder);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 && write(fd, "x", 1) == 1 && fdatasync(fd) == 0 && ftruncate(fd, 0) == 0 &&
           unlink(path) == 0;
}

/* ---- what each role may ---- */

static const struct attempt {
    const char *name;
    bool (*attempt)(void);
    enum outcome control;
    enum outcome keeper;
    enum outcome edge;
    enum outcome vault;
    enum outcome store;
} attempts[] = {
    { "open /etc/passwd", opens_etc, WORKS, KILLED, FAILS, FAILS, FAILS },
    { "write in its folder", writes_in_folder, WORKS, KILLED, FAILS, FAILS, WORKS },
    { "write elsewhere", writes_elsewhere, FAILS, KILLED, FAILS, FAILS, FAILS },
    { "run a program", runs_a_program, KILLED, KILLED, KILLED, KILLED, KILLED },
    { "fork", forks, FAILS, KILLED, FAILS, FAILS, FAILS },
    { "trace", traces, KILLED, KILLED, KILLED, KILLED, KILLED },
    { "become root", becomes_root, KILLED, KILLED, KILLED, KILLED, KILLED },
    { "make code", makes_code, WORKS, KILLED, FAILS, FAILS, FAILS },
    { "make a socket", makes_a_socket, WORKS, KILLED, WORKS, FAILS, FAILS },
    { "make a packet socket", makes_a_packet_socket, FAILS, KILLED, FAILS, FAILS, FAILS },
    { "connect", connects, WORKS, KILLED, WORKS, FAILS, FAILS },
    { "listen", listens, WORKS, KILLED, FAILS, FAILS, FAILS },
    { "accept", accepts, WORKS, KILLED, WORKS, WORKS, FAILS },
    { "start a thread", starts_a_thread, WORKS, KILLED, WORKS, WORKS, WORKS },
    { "run a loop", runs_a_loop, WORKS, WORKS, WORKS, WORKS, WORKS },
    { "make a loop", makes_a_loop, WORKS, KILLED, WORKS, WORKS, WORKS },
    { "hand out a secret", hands_out_memory, WORKS, WORKS, WORKS, FAILS, FAILS },
    { "write it through", writes_it_through, WORKS, KILLED, FAILS, FAILS, WORKS },
    { "draw random bytes", draws_random_bytes, WORKS, WORKS, WORKS, WORKS, WORKS },
};

static enum outcome outcome_of(enum sandbox_kind kind, bool (*attempt)(void))
{
    const struct sandbox_path paths[] = { { folder, true }, { "/etc/passwd", false },
        { "/nowhere/at/all", false } };
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        sandbox_enter(kind, paths, kind == SANDBOX_CONTROL ? 3 : kind == SANDBOX_STORE ? 1 : 0);
        _exit(attempt() ? 0 : 1);
    }
    MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : FAILS;
    return WEXITSTATUS(status) == 0 ? WORKS : FAILS;
}

static void check(enum sandbox_kind kind, const struct attempt *a, enum outcome want)
{
    static const char *const words[] = { "works", "fails", "kills" };
    enum outcome got = outcome_of(kind, a->attempt);

    if (got != want)
        fprintf(stderr, "kind %d, %s: %s, not %s\n", (int)kind, a->name, words[got], words[want]);
    CHECK(got == want);
}

static void each_role_may_what_it_must_and_no_more(void)
{
    for (size_t i = 0; sandboxed && i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        check(SANDBOX_CONTROL, &attempts[i], attempts[i].control);
        check(SANDBOX_KEEPER, &attempts[i], attempts[i].keeper);
        check(SANDBOX_EDGE, &attempts[i], attempts[i].edge);
        check(SANDBOX_VAULT, &attempts[i], attempts[i].vault);
        check(SANDBOX_STORE, &attempts[i], attempts[i].store);
    }
}

static bool waits_for_the_other(void *arg)
{
    return read(*(int *)arg, &(char){ 0 }, 1) == 1;
}

/* A thread that runs already must not be a way out. */
static void *other_thread(void *arg)
{
    _exit(waits_for_the_other(arg) && opens_etc() ? 0 : 1);
}

static void older_threads_are_in_it_too(void)
{
    int pipes[2];
    pid_t pid;
    int status;

    MUST(pipe(pipes) == 0);
    pid = fork();
    if (pid == 0) {
        pthread_t thread;

        MUST(pthread_create(&thread, NULL, other_thread, &pipes[0]) == 0);
        sandbox_enter(SANDBOX_EDGE, NULL, 0);
        MUST(write(pipes[1], "x", 1) == 1);
        pthread_join(thread, NULL);
        _exit(2);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    CHECK(!sandboxed || (WIFEXITED(status) && WEXITSTATUS(status) == 1));
    close(pipes[0]);
    close(pipes[1]);
}

static void start(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(a);

    MUST(mkdtemp(folder) != NULL);
    loop = loop_new();
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    MUST(bind(listening, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(listening, 64) == 0);
    MUST(getsockname(listening, (struct sockaddr *)&a, &len) == 0);
    port = ntohs(a.sin_port);
    sandboxed = outcome_of(SANDBOX_KEEPER, opens_etc) == KILLED;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    CHECK(sandboxed);
#endif
}

static void finish(void)
{
    rmdir(folder);
    close(listening);
    unlink("/tmp/weir-sandbox-elsewhere");
}

TESTS(CASE(start), CASE(each_role_may_what_it_must_and_no_more), CASE(older_threads_are_in_it_too),
    CASE(finish))
