/*
 * processes - see processes.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/list.h"
#include "daemon/pack.h"
#include "daemon/processes.h"
#include "model/blueprint.h"

#define LINE_MAX_BYTES ((size_t)4096)

struct process {
    struct watch_fd output; /* must stay first; what it writes */
    struct list link;
    struct processes *all;
    uint64_t number;
    pid_t pid; /* 0: reaped, only its output is still open */
    char *label;
    char *note;
    unsigned nline;
    char line[LINE_MAX_BYTES];
};

struct processes {
    struct loop *loop;
    struct rlimit files;
    struct list list;
    unsigned n;
    void (*exited)(void *arg, uint64_t number, int status);
    void *arg;
};

/* ---- specification ---- */

static void pack_list(struct buf *b, char *const *list)
{
    uint32_t n = 0;

    while (list[n] != NULL)
        n++;
    pack_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        pack_text(b, list[i]);
}

void process_spec_pack(const struct process_spec *s, struct buf *b)
{
    pack_u64(b, s->number);
    pack_u32(b, s->who.uid);
    pack_u32(b, s->who.gid);
    pack_text(b, s->label);
    pack_text(b, s->note);
    pack_text(b, s->folder);
    pack_list(b, s->argv);
    pack_list(b, s->environment);
    pack_u32(b, s->nvalues);
    for (uint32_t i = 0; i < s->nvalues; i++) {
        pack_text(b, s->values[i].variable);
        pack_u32(b, s->values[i].as);
    }
}

static char *copy_str(struct arena *a, struct str s)
{
    return arena_printf(a, "%.*s", STR_ARG(s));
}

static char **unpack_list(struct unpack *u, struct arena *a)
{
    uint32_t n = unpack_u32(u);
    char **list;

    if (n > PROCESS_WORDS_MAX) {
        u->bad = true;
        n = 0;
    }
    list = arena_calloc(a, n + 1, sizeof(*list));
    for (uint32_t i = 0; i < n; i++)
        list[i] = copy_str(a, unpack_str(u));
    return list;
}

static void unpack_values(struct unpack *u, struct arena *a, struct process_spec *s)
{
    s->nvalues = unpack_u32(u);
    if (s->nvalues > PROCESS_VALUES_MAX) {
        u->bad = true;
        s->nvalues = 0;
    }
    for (uint32_t i = 0; i < s->nvalues; i++) {
        s->values[i].variable = copy_str(a, unpack_str(u));
        s->values[i].as = unpack_u32(u);
        s->values[i].fd = -1;
        u->bad = u->bad || s->values[i].variable[0] == '\0' || s->values[i].as > HAND_DESCRIPTOR;
    }
}

bool process_spec_unpack(struct str body, struct arena *a, struct process_spec *out)
{
    struct unpack u = unpack_from(body);
    struct process_spec s = { 0 };

    s.number = unpack_u64(&u);
    s.who.uid = unpack_u32(&u);
    s.who.gid = unpack_u32(&u);
    s.label = copy_str(a, unpack_str(&u));
    s.note = copy_str(a, unpack_str(&u));
    s.folder = copy_str(a, unpack_str(&u));
    s.argv = unpack_list(&u, a);
    s.environment = unpack_list(&u, a);
    unpack_values(&u, a, &s);
    if (!unpack_done(&u) || s.argv[0] == NULL)
        return false;
    *out = s;
    return true;
}

/* ---- life ---- */

struct processes *processes_new(struct loop *l, struct rlimit files,
    void (*exited)(void *arg, uint64_t number, int status), void *arg)
{
    struct processes *p = xcalloc(1, sizeof(*p));

    p->loop = l;
    p->files = files;
    p->exited = exited;
    p->arg = arg;
    list_init(&p->list);
    return p;
}

static void process_free(struct process *x)
{
    if (x->output.fd >= 0) {
        loop_remove(x->all->loop, &x->output);
        close(x->output.fd);
    }
    list_remove(&x->link);
    x->all->n--;
    free(x->label);
    free(x->note);
    free(x);
}

void processes_free(struct processes *p)
{
    if (p == NULL)
        return;
    processes_signal_all(p, SIGKILL);
    list_each (it, after, &p->list)
        process_free(list_item(it, struct process, link));
    free(p);
}

/* ---- what it writes ---- */

/* A stuck terminal must not stop the parent: what does not go at once is lost. */
static void print_line(const struct process *x, const char *line, size_t n)
{
    struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
    struct buf b;

    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0)
        return;
    buf_init(&b, 2 * LINE_MAX_BYTES);
    buf_printf(&b, "%s | ", x->label);
    buf_add(&b, line, n);
    buf_char(&b, '\n');
    if (!b.over && write(STDERR_FILENO, b.data, b.len) < 0)
        b.len = 0; /* nobody to tell */
    buf_free(&b);
}

static void print_lines(struct process *x)
{
    char *end;

    while ((end = memchr(x->line, '\n', x->nline)) != NULL) {
        unsigned used = (unsigned)(end - x->line) + 1;

        print_line(x, x->line, used - 1);
        memmove(x->line, x->line + used, x->nline - used);
        x->nline -= used;
    }
    if (x->nline == sizeof(x->line)) {
        print_line(x, x->line, x->nline);
        x->nline = 0;
    }
}

static void output_ready(struct watch_fd *w, unsigned events)
{
    struct process *x = (struct process *)(void *)w;
    ssize_t n;

    (void)events;
    while ((n = read(w->fd, x->line + x->nline, sizeof(x->line) - x->nline)) > 0) {
        x->nline += (unsigned)n;
        print_lines(x);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (x->nline > 0)
        print_line(x, x->line, x->nline);
    x->nline = 0;
    loop_remove(x->all->loop, w);
    close(w->fd);
    w->fd = -1;
    if (x->pid == 0)
        process_free(x);
}

/* ---- starting ---- */

static void become(struct identity who)
{
    if (geteuid() != 0)
        return;
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* an exec by root would bring them back */
    if (setgroups(0, NULL) == -1 || setresgid(who.gid, who.gid, who.gid) == -1 ||
        setresuid(who.uid, who.uid, who.uid) == -1)
        _exit(126);
}

/*
 * What it gets of our own environment is what every program may expect; the rest, which may hold
 * secrets, it gets when the blueprint says so.
 */
static void set_environment(char *const *environment, bool same_user)
{
    static const char *const names[] = { "PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ",
        "TMPDIR", "TERM", "HOME", "USER", "LOGNAME", "SHELL" };
    enum { OF_THE_USER = 8 }; /* from HOME on */
    const char *values[sizeof(names) / sizeof(names[0])];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        values[i] = getenv(names[i]);
    clearenv();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (values[i] != NULL && (same_user || i < OF_THE_USER))
            setenv(names[i], values[i], 1);
    for (; *environment != NULL; environment++)
        putenv(*environment);
}

/* In the child: what the keeper handed out. -1: errno. */
static int take_values(const struct process_spec *s)
{
    static char value[PROCESS_VALUE_BYTES + 1];

    for (uint32_t i = 0; i < s->nvalues; i++) {
        const struct process_value *v = &s->values[i];
        ssize_t n;

        if (lseek(v->fd, 0, SEEK_SET) == -1)
            return -1;
        if (v->as == HAND_ENVIRONMENT) {
            n = pread(v->fd, value, sizeof(value), 0);
            if (n < 0)
                return -1;
            errno = n > PROCESS_VALUE_BYTES ? E2BIG : EILSEQ; /* a variable cannot hold a NUL */
            if (n > PROCESS_VALUE_BYTES || memchr(value, '\0', (size_t)n) != NULL)
                return -1;
            value[n] = '\0';
        } else {
            snprintf(value, sizeof(value), "%s%d", v->as == HAND_FILE ? "/dev/fd/" : "", v->fd);
            if (fcntl(v->fd, F_SETFD, 0) == -1)
                return -1;
        }
        if (setenv(v->variable, value, 1) == -1)
            return -1;
    }
    return 0;
}

/* In the child; tells errno over `failed` when it cannot become the program. */
static void child(const struct processes *p, const struct process_spec *s, int output, int failed)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    bool same_user = geteuid() != 0 || s->who.uid == 0;
    sigset_t none;
    int why;

    sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++)
        sigaction(sig, &plain, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* what whoever started us left open */
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    setrlimit(RLIMIT_NOFILE, &p->files);
    become(s->who);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after become(), which clears it */
    set_environment(s->environment, same_user);
    if (take_values(s) == 0 && (s->folder[0] == '\0' || chdir(s->folder) == 0))
        execvp(s->argv[0], s->argv);
    why = errno;
    if (write(failed, &why, sizeof(why)) < 0)
        _exit(126);
    _exit(127);
}

static struct process *process_new(
    struct processes *p, const struct process_spec *s, pid_t pid, int output)
{
    struct process *x = xcalloc(1, sizeof(*x));

    x->all = p;
    x->number = s->number;
    x->pid = pid;
    x->label = xstrdup(s->label);
    x->note = xstrdup(s->note);
    x->output.fd = output;
    x->output.ready = output_ready;
    list_append(&p->list, &x->link);
    p->n++;
    if (fd_set_nonblocking(output) == -1 || loop_add(p->loop, &x->output) == -1) {
        close(output);
        x->output.fd = -1;
    }
    return x;
}

pid_t processes_run(struct processes *p, const struct process_spec *s, bool root, struct err *err)
{
    int output[2];
    int failed[2];
    int why = 0;
    pid_t pid;

    if (p->n >= PROCESSES_MAX)
        return err_set(err, ERR_LIMIT, "run_limit", "%s: more than %d origin processes", s->label,
            PROCESSES_MAX);
    if (geteuid() == 0 && s->who.uid == 0 && !root)
        return err_set(err, ERR_DENIED, "run_denied",
            "%s: Weir starts no origin process as root; give `run.user` another user", s->label);
    if (pipe2(output, O_CLOEXEC) == -1)
        return err_set(err, ERR_SYSTEM, "run_failed", "%s: no pipe", s->label);
    if (pipe2(failed, O_CLOEXEC) == -1) {
        close(output[0]);
        close(output[1]);
        return err_set(err, ERR_SYSTEM, "run_failed", "%s: no pipe", s->label);
    }
    pid = fork();
    if (pid == 0)
        child(p, s, output[1], failed[1]);
    close(output[1]);
    close(failed[1]);
    if (pid > 0) {
        ssize_t n;

        do
            n = read(failed[0], &why, sizeof(why)); /* ends when exec closes the other end */
        while (n < 0 && errno == EINTR);
    } else {
        why = errno;
    }
    close(failed[0]);
    if (why != 0) {
        close(output[0]);
        errno = why;
        return err_set(err, ERR_SYSTEM, "run_failed", "%s: cannot run %s in %s", s->label,
            s->argv[0], s->folder);
    }
    process_new(p, s, pid, output[0]);
    return pid;
}

/* ---- signals, ends ---- */

void processes_signal(struct processes *p, uint64_t number, int sig)
{
    list_each (it, after, &p->list) {
        struct process *x = list_item(it, struct process, link);

        if (x->number == number && x->pid > 0)
            kill(-x->pid, sig);
    }
}

void processes_signal_all(struct processes *p, int sig)
{
    list_each (it, after, &p->list) {
        struct process *x = list_item(it, struct process, link);

        if (x->pid > 0)
            kill(-x->pid, sig);
    }
}

bool processes_reaped(struct processes *p, pid_t pid, int status)
{
    list_each (it, after, &p->list) {
        struct process *x = list_item(it, struct process, link);
        uint64_t number = x->number;

        if (x->pid != pid)
            continue;
        kill(-pid, SIGKILL); /* what it left behind */
        x->pid = 0;
        if (x->output.fd < 0)
            process_free(x);
        p->exited(p->arg, number, status);
        return true;
    }
    return false;
}

unsigned processes_count(const struct processes *p)
{
    unsigned n = 0;

    list_each (it, after, &p->list)
        n += list_item(it, struct process, link)->pid > 0;
    return n;
}

void processes_each(const struct processes *p,
    void (*call)(void *arg, uint64_t number, pid_t pid, const char *label, const char *note),
    void *arg)
{
    list_each (it, after, &p->list) {
        const struct process *x = list_item(it, struct process, link);

        if (x->pid > 0)
            call(arg, x->number, x->pid, x->label, x->note);
    }
}
