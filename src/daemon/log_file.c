/*
 * log_file - see log_file.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "daemon/log_file.h"

static int open_file(const char *path, uint64_t *size, struct err *err)
{
    auto_close int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    struct stat st;

    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "log_open",
            "the log %s cannot be opened for writing (see `log.path`)", path);
    if (fstat(fd, &st) == -1)
        return err_set(err, ERR_SYSTEM, "log_open", "the log %s", path);
    *size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    return take_fd(fd);
}

int log_file_open(const struct log_rule *rule, int *fd, uint64_t *size, struct err *err)
{
    int opened = -1;

    *size = 0;
    switch (rule->to) {
    case LOG_NONE:
        break;
    case LOG_STDOUT:
        opened = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (opened < 0)
            return err_set(err, ERR_SYSTEM, "log_open", "the log goes to stdout, which is closed");
        break;
    case LOG_FILE:
        opened = open_file(rule->path.at, size, err);
        if (opened < 0)
            return -1;
        break;
    }
    *fd = opened;
    return 0;
}

int log_file_rotate(const struct log_rule *rule, struct err *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];

    if (rule->to != LOG_FILE)
        return 0;
    if (rule->path.len + 16 > PATH_MAX)
        return err_set(err, ERR_CONFIG, "log_open", "the path of the log is too long");
    for (unsigned i = rule->rotate_keep; i > 0; i--) {
        snprintf(to, sizeof(to), "%s.%u", rule->path.at, i);
        if (i > 1)
            snprintf(from, sizeof(from), "%s.%u", rule->path.at, i - 1);
        else
            snprintf(from, sizeof(from), "%s", rule->path.at);
        if (rename(from, to) == -1 && errno != ENOENT)
            return err_set(err, ERR_SYSTEM, "log_rotate", "cannot rename %s to %s", from, to);
    }
    if (rule->rotate_keep == 0 && unlink(rule->path.at) == -1 && errno != ENOENT)
        return err_set(err, ERR_SYSTEM, "log_rotate", "cannot remove %s", rule->path.at);
    return 0;
}
