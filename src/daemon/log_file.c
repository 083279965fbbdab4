/*
 * log_file - see log_file.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "daemon/log_file.h"

int log_file_open(const char *path, struct err *err)
{
    auto_close int fd = open(
        path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW, 0640);

    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "log_open",
            "the log %s cannot be opened for writing (see `log.path`)", path);
    if (fcntl(fd, F_SETFL, O_APPEND) == -1)
        return err_set(err, ERR_SYSTEM, "log_open", "the log %s", path);
    return take_fd(fd);
}

uint64_t log_file_size(int fd)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

int log_file_rotate(const char *path, unsigned keep, struct err *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];

    if (strlen(path) + 16 > PATH_MAX)
        return err_set(err, ERR_CONFIG, "log_rotate", "the path of the log is too long");
    if (keep == 0 && unlink(path) == -1 && errno != ENOENT)
        return err_set(err, ERR_SYSTEM, "log_rotate", "the log %s cannot be removed", path);
    for (unsigned i = keep; i > 0; i--) {
        snprintf(to, sizeof(to), "%s.%u", path, i);
        if (i > 1)
            snprintf(from, sizeof(from), "%s.%u", path, i - 1);
        else
            snprintf(from, sizeof(from), "%s", path);
        if (rename(from, to) == -1 && errno != ENOENT)
            return err_set(
                err, ERR_SYSTEM, "log_rotate", "the log %s cannot be renamed to %s", from, to);
    }
    return 0;
}
