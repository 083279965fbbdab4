/*
 * disk_faults - see disk_faults.h.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "disk_faults.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum fault fault;
static unsigned at;
static unsigned writes;
static unsigned syncs;

ssize_t faulty_write(int fd, const void *p, size_t n) __asm__("write");
ssize_t faulty_pwrite(int fd, const void *p, size_t n, off_t to) __asm__("pwrite64");
int faulty_fdatasync(int fd) __asm__("fdatasync");
int faulty_fsync(int fd) __asm__("fsync");

void disk_fault_set(enum fault kind, unsigned n)
{
    pthread_mutex_lock(&lock);
    fault = kind;
    at = n;
    writes = 0;
    syncs = 0;
    pthread_mutex_unlock(&lock);
}

unsigned disk_fault_writes(void)
{
    return writes;
}

unsigned disk_fault_syncs(void)
{
    return syncs;
}

static bool is_file(int fd)
{
    struct stat s;

    return fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
}

/* How many of the n bytes are to be written; -1: none, with errno. */
static ssize_t allow_write(int fd, size_t n, bool *kill_after)
{
    ssize_t most = (ssize_t)n;

    *kill_after = false;
    if (!is_file(fd))
        return most;
    pthread_mutex_lock(&lock);
    writes++;
    if (fault == FAULT_FULL && writes >= at) {
        errno = ENOSPC;
        most = -1;
    } else if (fault == FAULT_KILL_WRITE && writes == at) {
        *kill_after = true;
        most = (ssize_t)(n / 2);
    }
    pthread_mutex_unlock(&lock);
    return most;
}

static ssize_t after_write(ssize_t done, bool kill_after)
{
    if (kill_after)
        raise(SIGKILL);
    return done;
}

ssize_t faulty_write(int fd, const void *p, size_t n)
{
    ssize_t (*real)(int, const void *, size_t) =
        (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    bool kill_after;
    ssize_t most = allow_write(fd, n, &kill_after);

    return most < 0 ? -1 : after_write(real(fd, p, (size_t)most), kill_after);
}

ssize_t faulty_pwrite(int fd, const void *p, size_t n, off_t to)
{
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    bool kill_after;
    ssize_t most = allow_write(fd, n, &kill_after);

    return most < 0 ? -1 : after_write(real(fd, p, (size_t)most, to), kill_after);
}

static bool allow_sync(int fd)
{
    bool ok = true;

    (void)fd; /* folders count too */
    pthread_mutex_lock(&lock);
    syncs++;
    if (fault == FAULT_KILL_SYNC && syncs == at)
        raise(SIGKILL);
    if (fault == FAULT_SYNC && syncs == at) {
        errno = EIO;
        ok = false;
    }
    pthread_mutex_unlock(&lock);
    return ok;
}

int faulty_fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

    return allow_sync(fd) ? real(fd) : -1;
}

int faulty_fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

    return allow_sync(fd) ? real(fd) : -1;
}
