/*
 * log_ask - see log_ask.h.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/log_ask.h"
#include "daemon/log_file.h"
#include "daemon/pack.h"

struct log_asked {
    struct ask ask; /* must stay first */
    void (*got)(void *arg, int fd, const struct err *err);
    void *arg;
};

static void opened(struct ask *a, struct message *m)
{
    struct log_asked *l = (struct log_asked *)(void *)a;
    struct err err;

    if (m != NULL && m->type == LIFE_LOG && m->nfds == 1) {
        l->got(l->arg, m->fds[0], NULL);
        m->fds[0] = -1;
    } else {
        if (m != NULL)
            err_set(&err, ERR_PEER, "log_open", "%.*s", STR_ARG(m->body));
        else
            err_set(&err, ERR_PEER, "log_open", "the parent does not open the log");
        l->got(l->arg, -1, &err);
    }
    free(l);
}

static void ask_parent(struct control *c, unsigned keep, bool aside,
    void (*got)(void *arg, int fd, const struct err *err), void *arg)
{
    struct log_asked *l = xcalloc(1, sizeof(*l));
    struct buf body;

    l->got = got;
    l->arg = arg;
    buf_init(&body, 64);
    pack_u32(&body, keep);
    pack_u32(&body, aside);
    ask_put(&c->asks, &l->ask,
        &(struct question){ .over = c->life,
            .type = LIFE_OPEN_LOG,
            .body = buf_as_str(&body),
            .timeout = ASK_TIMEOUT },
        opened);
    buf_free(&body);
}

void log_ask(struct control *c, const struct log_rule *rule, bool aside,
    void (*got)(void *arg, int fd, const struct err *err), void *arg)
{
    struct err err;
    int fd = -1;

    if (rule->to == LOG_FILE && str_is(rule->path, c->plan.log)) {
        ask_parent(c, rule->rotate_keep, aside, got, arg);
        return;
    }
    if (rule->to == LOG_STDOUT) {
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            err_set(&err, ERR_SYSTEM, "log_open", "the log goes to stdout, which is closed");
    } else if (rule->to == LOG_FILE) {
        if (!aside || log_file_rotate(rule->path.at, rule->rotate_keep, &err) == 0)
            fd = log_file_open(rule->path.at, &err);
        if (fd < 0)
            err_wrap(&err, "a log in a folder that control may not write in takes a new start");
    }
    got(arg, fd, fd < 0 && rule->to != LOG_NONE ? &err : NULL);
}

static struct log_identity identity_of(const struct log_rule *rule, int fd)
{
    struct log_identity id = { .to = rule->to, .rotate_size = rule->rotate_size };
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0) {
        id.device = st.st_dev;
        id.inode = st.st_ino;
    }
    return id;
}

bool log_differs(const struct control *c, const struct log_rule *rule, int fd)
{
    struct log_identity now = identity_of(rule, fd);

    return now.to != c->log.to || now.rotate_size != c->log.rotate_size ||
           now.device != c->log.device || now.inode != c->log.inode;
}

void log_give(struct control *c, const struct log_rule *rule, int fd)
{
    uint64_t body[2] = { log_file_size(fd), rule->to == LOG_FILE ? rule->rotate_size : 0 };

    c->log = identity_of(rule, fd);
    if (c->edge != NULL)
        channel_send(c->edge, EDGE_LOG_FILE, 0, (struct str){ (const char *)body, sizeof(body) },
            &fd, fd >= 0 ? 1 : 0);
    if (fd >= 0)
        close(fd);
}
