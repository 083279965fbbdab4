/*
 * fd - see fd.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"

int fd_write_all(int fd, const void *p, size_t n)
{
    const char *from = p;

    while (n > 0) {
        ssize_t put = write(fd, from, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        from += put;
        n -= (size_t)put;
    }
    return 0;
}

enum { READ_STEP = 65536 };

int fd_read_all(int fd, struct buf *b, struct err *err)
{
    for (;;) {
        size_t room = b->max - b->len < READ_STEP ? b->max - b->len : READ_STEP;
        char probe;
        char *to = room > 0 ? buf_reserve(b, room) : &probe;
        ssize_t got = read(fd, to, room > 0 ? room : 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_SYSTEM, "fd_read", "cannot read");
        if (got == 0)
            return 0;
        if (room == 0)
            return err_set(err, ERR_LIMIT, "fd_size", "larger than the limit of %zu bytes", b->max);
        b->len += (size_t)got;
    }
}

int fd_read_file(const char *path, struct buf *b, struct err *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "fd_open", "%s", path);
    if (fd_read_all(fd, b, err) == -1)
        return err_wrap(err, "%s", path);
    return 0;
}

static int sync_folder_of(const char *path)
{
    auto_free char *copy = xstrdup(path);
    auto_close int dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return dir < 0 ? -1 : fsync(dir);
}

int fd_replace_file(const char *path, const void *p, size_t n, unsigned mode, struct err *err)
{
    auto_free char *aside = xasprintf("%s.new", path);
    auto_close int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "fd_open", "%s", aside);
    if (fchmod(fd, (mode_t)mode) == -1 || fd_write_all(fd, p, n) == -1 || fsync(fd) == -1 ||
        rename(aside, path) == -1 || sync_folder_of(path) == -1) {
        err_set(err, ERR_SYSTEM, "fd_write", "%s", path);
        unlink(aside);
        return -1;
    }
    return 0;
}

int fd_memory(const char *name, const void *p, size_t n)
{
    auto_close int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || fd_write_all(fd, p, n) == -1 || lseek(fd, 0, SEEK_SET) == -1 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == -1)
        return -1;
    return take_fd(fd);
}

int fd_set_cloexec(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFD);

    return flags == -1 ? -1 : fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC);
}

int fd_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags == -1 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}
