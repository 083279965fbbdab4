/*
 * requests - what the roles may ask of the parent, and what it does.
 *
 * The table at the end says who may send what.  The parent trusts control no
 * more than it must: a key file is opened for the keeper and never shown to
 * control, and no origin process runs as root unless control itself has to.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "daemon/log_file.h"
#include "daemon/notify.h"
#include "daemon/pack.h"
#include "daemon/parent_int.h"
#include "daemon/say.h"
#include "daemon/usage.h"

enum { CERTIFICATE_MAX = 4 << 20 };

static void refuse(struct channel *c, uint16_t type, uint64_t id, const struct err *err)
{
    channel_send(c, type, id, str_from(err->text), NULL, 0);
}

/* A message that is in the table but makes no sense ends its sender like one that is not. */
static void malformed(struct role_process *rp)
{
    say("the %s sent a malformed message", role_name(rp->role));
    if (rp->pid > 0)
        kill(rp->pid, SIGKILL);
}

/* ---- state of Weir ---- */

static void on_pong(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;

    (void)c;
    (void)m;
    rp->answered = time_nsec();
}

static void on_plan(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct parent *p = rp->parent;
    struct plan plan;

    (void)c;
    if (p->planned)
        return; /* user, state folder and workers stay as they are until Weir is started anew */
    if (!plan_unpack(m->body, &p->arena, &plan)) {
        malformed(rp);
        return;
    }
    p->plan = plan;
    p->planned = true;
    roles_start_planned(p);
}

static void on_failed(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct unpack u = unpack_from(m->body);
    uint32_t code = unpack_u32(&u);

    (void)c;
    if (rp->parent->state == PARENT_STARTING)
        parent_end(rp->parent, code == 2 ? 2 : 1);
}

static void on_ready(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct unpack u = unpack_from(m->body);
    struct str words = unpack_str(&u);
    struct str json = unpack_str(&u);
    bool log_on_stdout = unpack_u32(&u) != 0;

    (void)c;
    if (unpack_done(&u))
        parent_ready(rp->parent, words, json, log_on_stdout);
    else
        malformed(rp);
}

static void on_status(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct unpack u = unpack_from(m->body);
    bool reloading = unpack_u32(&u) != 0;
    struct str text = unpack_str(&u);

    (void)c;
    if (!unpack_done(&u))
        malformed(rp);
    else if (reloading)
        notify_systemd("RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=%.*s",
            (unsigned long long)(time_nsec() / 1000), STR_ARG(text));
    else
        notify_systemd("READY=1\nSTATUS=%.*s", STR_ARG(text));
}

static void on_stopped(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;

    (void)c;
    (void)m;
    parent_end(rp->parent, 0);
}

/* ---- sockets ---- */

static void on_bind(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct unpack u = unpack_from(m->body);
    struct listener_wish wish;
    const int *fds;
    unsigned n;
    struct err err;

    wish.address = unpack_str(&u);
    wish.backlog = unpack_u32(&u);
    wish.count = unpack_u32(&u);
    wish.mode = unpack_u32(&u) & 0777;
    if (!unpack_done(&u)) {
        malformed(rp);
        return;
    }
    if (listeners_bind(rp->parent->listeners, &wish, &fds, &n, &err) == -1) {
        refuse(c, LIFE_NOT_BOUND, m->id, &err);
        return;
    }
    for (unsigned at = 0; at < n;) {
        unsigned some = n - at < CHANNEL_FDS_MAX ? n - at : CHANNEL_FDS_MAX;
        unsigned left = n - at - some;
        unsigned char body[4] = { (unsigned char)left, (unsigned char)(left >> 8), 0, 0 };

        channel_send(
            c, LIFE_BOUND, m->id, (struct str){ (char *)body, sizeof(body) }, fds + at, some);
        at += some;
    }
}

static bool is_kept(void *arg, struct str address)
{
    struct unpack u = unpack_from(*(struct str *)arg);

    while (!u.bad && u.rest.len > 0)
        if (str_eq(unpack_str(&u), address))
            return true;
    return false;
}

static void on_keep(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;

    (void)c;
    listeners_keep(rp->parent->listeners, is_kept, &m->body);
}

/* ---- keys ---- */

static int open_plain(const char *path, struct stat *st, struct err *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_CONFIG : ERR_SYSTEM, "file_open", "%s: %s", path,
            errno == ENOENT ? "there is no such file" : "cannot be opened");
    if (fstat(fd, st) == -1 || !S_ISREG(st->st_mode))
        return err_set(err, ERR_CONFIG, "file_open", "%s is not a regular file", path);
    return take_fd(fd);
}

static int open_key(const char *path, struct err *err)
{
    struct stat st = { 0 };
    int fd = open_plain(path, &st, err);

    if (fd >= 0 && (st.st_mode & S_IROTH) != 0)
        say("%s can be read by every user of this machine: chmod o-r it", path);
    return fd;
}

/* The parent may read what control may not: it hands on no file with a private key in it. */
static int open_certificate(const char *path, struct err *err)
{
    static const char mark[] = "PRIVATE KEY-----";
    struct buf b;
    struct stat st;
    auto_close int fd = open_plain(path, &st, err);

    if (fd < 0)
        return -1;
    buf_init(&b, CERTIFICATE_MAX);
    if (fd_read_all(fd, &b, err) == -1) {
        buf_free(&b);
        return err_wrap(err, "%s", path);
    }
    if (memmem(b.data, b.len, mark, sizeof(mark) - 1) != NULL)
        err_set(err, ERR_CONFIG, "file_holds_key",
            "%s holds a private key besides the certificate: keep the two in files of their own",
            path);
    else if (lseek(fd, 0, SEEK_SET) == -1)
        err_set(err, ERR_SYSTEM, "file_open", "%s", path);
    else
        err->kind = ERR_NONE;
    explicit_bzero(b.data, b.len);
    buf_free(&b);
    return err->kind == ERR_NONE ? take_fd(fd) : -1;
}

static void on_open_file(struct channel *c, struct message *m, void *arg)
{
    struct unpack u = unpack_from(m->body);
    struct str text = unpack_str(&u);
    auto_free char *path = xstrndup(text.at, text.len);
    auto_close int fd = -1;
    struct err err;

    if (!unpack_done(&u)) {
        malformed(arg);
        return;
    }
    fd = open_certificate(path, &err);
    if (fd < 0)
        refuse(c, LIFE_NO_FILE, m->id, &err);
    else
        channel_send(c, LIFE_FILE, m->id, STR_NONE, &fd, 1);
}

static void on_open_key(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct channel *keeper = rp->parent->roles[ROLE_KEEPER].life;
    struct unpack u = unpack_from(m->body);
    struct str text = unpack_str(&u);
    auto_free char *path = xstrndup(text.at, text.len);
    auto_close int fd = -1;
    struct err err;

    if (!unpack_done(&u)) {
        malformed(rp);
        return;
    }
    fd = open_key(path, &err);
    if (fd < 0) {
        refuse(c, LIFE_NO_KEY, m->id, &err);
    } else if (keeper == NULL) {
        err_set(&err, ERR_PEER, "keeper_away", "the keeper is being restarted; try again");
        refuse(c, LIFE_NO_KEY, m->id, &err);
    } else {
        channel_send(keeper, LIFE_KEY, m->id, STR_NONE, &fd, 1);
    }
}

void requests_send_unseal(struct parent *p)
{
    struct channel *keeper = p->roles[ROLE_KEEPER].life;
    auto_close int fd = -1;
    struct err err;

    if (!p->plan.keeper || p->plan.unseal[0] == '\0' || keeper == NULL)
        return;
    fd = open_key(p->plan.unseal, &err);
    p->unseal_missing = fd < 0;
    if (fd < 0)
        say("%s: the keeper stays sealed until it is there, or shares are given", err.text);
    else
        channel_send(keeper, LIFE_UNSEAL, 0, STR_NONE, &fd, 1);
}

static void on_ask_unseal(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;

    (void)c;
    (void)m;
    if (rp->parent->unseal_missing) /* else it was sealed on purpose, and stays so */
        requests_send_unseal(rp->parent);
}

/* ---- the log ---- */

static void on_open_log(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    const char *path = rp->parent->plan.log;
    struct unpack u = unpack_from(m->body);
    uint32_t keep = unpack_u32(&u);
    uint32_t aside = unpack_u32(&u);
    auto_close int fd = -1;
    struct err err;

    if (!unpack_done(&u) || !rp->parent->planned || path[0] == '\0') {
        malformed(rp);
        return;
    }
    if (aside == 0 || log_file_rotate(path, keep < 1000 ? keep : 1000, &err) == 0)
        fd = log_file_open(path, &err);
    if (fd < 0)
        refuse(c, LIFE_NO_LOG, m->id, &err);
    else
        channel_send(c, LIFE_LOG, m->id, STR_NONE, &fd, 1);
}

/* ---- origin processes ---- */

static void on_run(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct parent *p = rp->parent;
    struct process_spec spec;
    struct arena a;
    struct err err;
    pid_t pid;

    arena_init(&a, 4096);
    if (!process_spec_unpack(m->body, &a, &spec) || spec.nvalues != m->nfds) {
        malformed(rp);
        arena_free(&a);
        return;
    }
    for (unsigned i = 0; i < m->nfds; i++)
        spec.values[i].fd = m->fds[i];
    pid = processes_run(p->processes, &spec, p->plan.control.uid == 0, &err);
    if (pid < 0) {
        refuse(c, LIFE_NOT_RUN, m->id, &err);
    } else {
        struct buf b;

        buf_init(&b, 64);
        pack_u64(&b, (uint64_t)pid);
        channel_send(c, LIFE_RUNNING, m->id, buf_as_str(&b), NULL, 0);
        buf_free(&b);
    }
    arena_free(&a);
}

static void on_signal(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct unpack u = unpack_from(m->body);
    uint64_t number = unpack_u64(&u);
    uint32_t sig = unpack_u32(&u);

    (void)c;
    if (!unpack_done(&u) || sig == 0 || sig >= (uint32_t)SIGRTMIN)
        malformed(rp);
    else
        processes_signal(rp->parent->processes, number, (int)sig);
}

void requests_process_exited(void *arg, uint64_t number, int status)
{
    struct parent *p = arg;
    struct channel *control = p->roles[ROLE_CONTROL].life;
    struct buf b;

    if (control == NULL)
        return; /* the next one is told what still runs */
    buf_init(&b, 64);
    pack_u64(&b, number);
    pack_u32(&b, (uint32_t)status);
    channel_send(control, LIFE_EXITED, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

static void send_process(void *arg, uint64_t number, pid_t pid, const char *label, const char *note)
{
    struct buf b;

    (void)label;
    buf_init(&b, CHANNEL_BODY_MAX);
    pack_u64(&b, number);
    pack_u64(&b, (uint64_t)pid);
    pack_text(&b, note);
    channel_send(arg, LIFE_PROCESS, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

void requests_send_processes(struct parent *p, struct channel *control)
{
    processes_each(p->processes, send_process, control);
}

/* ---- usage ---- */

static void put_usage(struct buf *b, const char *role, pid_t pid, uint64_t restarts)
{
    struct usage u;

    if (pid <= 0 || !usage_of(pid, &u))
        return;
    pack_text(b, role);
    pack_u64(b, (uint64_t)pid);
    pack_u64(b, restarts);
    pack_u64(b, u.cpu);
    pack_u64(b, u.resident);
    pack_u64(b, u.fds);
}

static void put_process_usage(
    void *arg, uint64_t number, pid_t pid, const char *label, const char *note)
{
    struct buf *b = arg;

    (void)number;
    (void)note;
    if (b->len + 512 < CHANNEL_BODY_MAX)
        put_usage(b, label, pid, 0);
}

static void on_ask_usage(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;
    struct parent *p = rp->parent;
    struct buf b;

    buf_init(&b, CHANNEL_BODY_MAX);
    put_usage(&b, "parent", getpid(), 0);
    for (unsigned r = 0; r < ROLE_COUNT; r++) /* those that run */
        put_usage(&b, role_name((enum role)r), p->roles[r].pid, p->roles[r].restarts);
    processes_each(p->processes, put_process_usage, &b);
    channel_send(c, LIFE_USAGE, m->id, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

/* ---- local certificates ---- */

static void on_issue(struct channel *c, struct message *m, void *arg)
{
    struct role_process *rp = arg;

    (void)c;
    issuing_ask(rp->parent, m->id, m->body);
}

/* ---- who may say what ---- */

const struct message_rule control_requests[] = {
    { LIFE_PONG, "PONG", 0, 0, on_pong },
    { LIFE_PLAN, "PLAN", START_BODY_MAX, 0, on_plan },
    { LIFE_FAILED, "FAILED", 4, 0, on_failed },
    { LIFE_READY, "READY", CHANNEL_BODY_MAX, 0, on_ready },
    { LIFE_STATUS, "STATUS", LIFE_SENTENCE_MAX, 0, on_status },
    { LIFE_STOPPED, "STOPPED", 0, 0, on_stopped },
    { LIFE_BIND, "BIND", 1024, 0, on_bind },
    { LIFE_KEEP, "KEEP", CHANNEL_BODY_MAX, 0, on_keep },
    { LIFE_OPEN_KEY, "OPEN_KEY", 8192, 0, on_open_key },
    { LIFE_OPEN_FILE, "OPEN_FILE", 8192, 0, on_open_file },
    { LIFE_OPEN_LOG, "OPEN_LOG", 8, 0, on_open_log },
    { LIFE_RUN, "RUN", CHANNEL_BODY_MAX, CHANNEL_FDS_MAX, on_run },
    { LIFE_SIGNAL, "SIGNAL", 12, 0, on_signal },
    { LIFE_ISSUE, "ISSUE", 32768, 0, on_issue },
    { LIFE_ASK_USAGE, "ASK_USAGE", 0, 0, on_ask_usage },
    { LIFE_ASK_UNSEAL, "ASK_UNSEAL", 0, 0, on_ask_unseal },
    { 0 },
};

const struct message_rule role_answers[] = {
    { LIFE_PONG, "PONG", 0, 0, on_pong },
    { 0 },
};
