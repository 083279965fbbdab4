/*
 * role_issuer - a process that issues one local certificate and ends: it holds the key of the
 * machine's own authority meanwhile, which no process that lives longer may.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/mem.h"
#include "daemon/issue.h"
#include "daemon/messages.h"
#include "daemon/pack.h"
#include "daemon/role.h"
#include "daemon/sandbox.h"

static int issue(const char *folder, const char *name, struct unpack *hosts, struct err *err)
{
    struct str names[ISSUE_NAMES_MAX];
    size_t n = 0;

    while (hosts->rest.len > 0 && !hosts->bad && n < ISSUE_NAMES_MAX)
        names[n++] = unpack_str(hosts);
    if (!unpack_done(hosts))
        return err_set(
            err, ERR_LIMIT, "issue_names", "%s: more than %d names", name, ISSUE_NAMES_MAX);
    return issue_local(folder, names, n, name, err);
}

static int answer(uint64_t id, const char *folder, const char *name)
{
    auto_free char *path = xasprintf("%s/%s.crt", folder, name);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return channel_send_now(
            ROLE_LIFELINE, LIFE_NOT_ISSUED, id, STR("the certificate cannot be read"), NULL, 0);
    return channel_send_now(ROLE_LIFELINE, LIFE_ISSUED, id, STR_NONE, &fd, 1);
}

int role_issuer(void)
{
    static char buffer[CHANNEL_BODY_MAX];
    auto_free char *folder = NULL;
    auto_free char *name = NULL;
    struct sandbox_path path;
    struct unpack u;
    struct message m;
    struct str text;
    struct err err;

    if (channel_receive_now(ROLE_LIFELINE, &m, buffer) != 1)
        return 1;
    MUST(m.type == LIFE_ISSUE);
    u = unpack_from(m.body);
    text = unpack_str(&u);
    folder = xasprintf("%.*s/local", STR_ARG(text));
    text = unpack_str(&u);
    name = xstrndup(text.at, text.len);
    MUST(!u.bad);
    mkdir(folder, 0700);
    path = (struct sandbox_path){ folder, true };
    sandbox_enter(SANDBOX_ISSUER, &path, 1);
    if (issue(folder, name, &u, &err) == -1)
        return channel_send_now(
                   ROLE_LIFELINE, LIFE_NOT_ISSUED, m.id, str_from(err.text), NULL, 0) == 0
                   ? 0
                   : 1;
    return answer(m.id, folder, name) == 0 ? 0 : 1;
}
