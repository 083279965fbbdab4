/*
 * journal - see journal.h.
 *
 * What always holds:
 * (1) size is the sum of what was acknowledged: bytes behind it are cut off before the next append.
 * (2) A new segment's name is on the disk (its folder synced) before its first byte is acknowledged.
 * (3) The file that is written is the file of that name: when somebody has moved or deleted it, a
 *     new segment begins.  What was in the other one stays where they put it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"
#include "store/journal.h"

enum { NAME_DIGITS = 20, NAME_LEN = NAME_DIGITS + 6, PIECE = 1 << 20 };

struct journal {
    int folder;
    int fd; /* the last segment, or -1: none yet, or it is gone */
    uint64_t segment;
    uint64_t start; /* of the last segment */
    uint64_t size;  /* of the whole; read by other threads */
    bool dirty;     /* behind size there may be bytes */
    dev_t dev;      /* of the open file: while it is open no other one has these */
    ino_t ino;
};

static void name_of(uint64_t start, char to[NAME_LEN + 1])
{
    snprintf(to, NAME_LEN + 1, "%020llu.jsonl", (unsigned long long)start);
}

static bool start_of(const char *name, uint64_t *start)
{
    return strlen(name) == NAME_LEN && strcmp(name + NAME_DIGITS, ".jsonl") == 0 &&
           str_to_u64((struct str){ name, NAME_DIGITS }, UINT64_MAX / 2, start);
}

/* The greatest start below `limit`; false: there is none, or -1 in errno of a folder that cannot be read. */
static bool find_segment(const struct journal *j, uint64_t limit, uint64_t *start)
{
    int fd = openat(j->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool found = false;
    uint64_t n;

    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while ((entry = readdir(d)) != NULL) {
        if (start_of(entry->d_name, &n) && n < limit && (!found || n > *start)) {
            *start = n;
            found = true;
        }
    }
    closedir(d);
    return found;
}

static int note_file(struct journal *j, int fd)
{
    struct stat st;

    if (fstat(fd, &st) == -1)
        return -1;
    j->dev = st.st_dev;
    j->ino = st.st_ino;
    return 0;
}

/* ---- opening ---- */

/* The length of the whole lines without NUL at the file's beginning. */
static int measure(int fd, uint64_t *whole)
{
    auto_free char *piece = xmalloc(PIECE);
    uint64_t at = 0;
    ssize_t n;

    *whole = 0;
    while ((n = pread(fd, piece, PIECE, (off_t)at)) > 0) {
        const char *nul = memchr(piece, '\0', (size_t)n);
        size_t len = nul != NULL ? (size_t)(nul - piece) : (size_t)n;
        const char *end = memrchr(piece, '\n', len);

        if (end != NULL)
            *whole = at + (uint64_t)(end - piece) + 1;
        if (nul != NULL)
            return 0;
        at += (uint64_t)n;
    }
    return n == 0 ? 0 : -1;
}

static int open_last(struct journal *j, struct err *err)
{
    char name[NAME_LEN + 1];
    uint64_t whole;

    if (!find_segment(j, UINT64_MAX, &j->start))
        return 0;
    name_of(j->start, name);
    j->fd = openat(j->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (j->fd < 0 || note_file(j, j->fd) == -1 || measure(j->fd, &whole) == -1)
        return err_set(err, ERR_SYSTEM, "journal_open", "the audit journal's segment %s", name);
    if (ftruncate(j->fd, (off_t)whole) == -1 || fdatasync(j->fd) == -1)
        return err_set(err, ERR_SYSTEM, "journal_open", "cutting the torn end off %s", name);
    j->size = j->start + whole;
    return 0;
}

struct journal *journal_open(const char *folder, uint64_t segment, struct err *err)
{
    struct journal *j = xcalloc(1, sizeof(*j));

    j->fd = -1;
    j->segment = segment;
    if (mkdir(folder, 0700) == -1 && errno != EEXIST) {
        err_set(err, ERR_SYSTEM, "journal_open", "%s", folder);
        free(j);
        return NULL;
    }
    j->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->folder < 0) {
        err_set(err, ERR_SYSTEM, "journal_open", "%s", folder);
    } else if (flock(j->folder, LOCK_EX | LOCK_NB) == -1) {
        err_set(err, ERR_SYSTEM, "journal_locked", "%s is written by another process", folder);
    } else if (open_last(j, err) == 0) {
        return j;
    }
    journal_close(j);
    return NULL;
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    if (j->fd >= 0)
        close(j->fd);
    if (j->folder >= 0)
        close(j->folder);
    free(j);
}

/* ---- appending ---- */

static int refuse(struct err *err)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return err_set(err, ERR_SYSTEM, "journal_full", "the audit journal cannot grow");
    return err_set(err, ERR_SYSTEM, "journal_io", "the audit journal");
}

/* Is the open file still the one of that name? */
static bool is_in_place(const struct journal *j)
{
    char name[NAME_LEN + 1];
    struct stat named;

    name_of(j->start, name);
    return fstatat(j->folder, name, &named, 0) == 0 && named.st_ino == j->ino &&
           named.st_dev == j->dev;
}

static int begin_segment(struct journal *j, struct err *err)
{
    char name[NAME_LEN + 1];
    int fd;

    name_of(j->size, name);
    fd = openat(j->folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || ftruncate(fd, 0) == -1 || fsync(j->folder) == -1 || note_file(j, fd) == -1) {
        refuse(err);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->start = j->size;
    j->dirty = false;
    return 0;
}

static int write_at(int fd, struct str bytes, off_t at)
{
    while (bytes.len > 0) {
        ssize_t put = pwrite(fd, bytes.at, bytes.len, at);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes = (struct str){ bytes.at + put, bytes.len - (size_t)put };
        at += put;
    }
    return 0;
}

int journal_append(struct journal *j, struct str bytes, struct err *err)
{
    uint64_t used;

    if (bytes.len == 0)
        return 0;
    if (j->fd >= 0 && j->size - j->start >= j->segment && journal_sync(j, err) == -1)
        return -1;
    if (j->fd < 0 || j->size - j->start >= j->segment || !is_in_place(j)) {
        if (begin_segment(j, err) == -1)
            return -1;
    }
    used = j->size - j->start;
    if (j->dirty && ftruncate(j->fd, (off_t)used) == -1)
        return refuse(err);
    j->dirty = true;
    if (write_at(j->fd, bytes, (off_t)used) == -1) {
        refuse(err);
        if (ftruncate(j->fd, (off_t)used) == 0)
            j->dirty = false;
        return -1;
    }
    j->dirty = false;
    __atomic_store_n(&j->size, j->size + bytes.len, __ATOMIC_RELEASE);
    return 0;
}

int journal_sync(struct journal *j, struct err *err)
{
    if (j->fd >= 0 && fdatasync(j->fd) == -1)
        return refuse(err);
    return 0;
}

/* ---- reading ---- */

uint64_t journal_size(const struct journal *j)
{
    return __atomic_load_n(&j->size, __ATOMIC_ACQUIRE);
}

/* The bytes [from, to) of the whole, which lie in the segment that begins at start. */
static int read_segment(
    const struct journal *j, uint64_t start, uint64_t from, uint64_t to, char *out)
{
    char name[NAME_LEN + 1];
    auto_close int fd = -1;

    name_of(start, name);
    fd = openat(j->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    while (from < to) {
        ssize_t n = pread(fd, out, to - from, (off_t)(from - start));

        if (n < 0)
            return -1;
        if (n == 0) {
            errno = ENODATA; /* shorter than it was */
            return -1;
        }
        out += n;
        from += (uint64_t)n;
    }
    return 0;
}

int journal_tail(const struct journal *j, uint32_t most, struct buf *to, struct err *err)
{
    uint64_t size = journal_size(j);
    uint64_t from = size > most ? size - most : 0;
    uint64_t end = size;
    uint64_t start;
    char *out = size > from ? buf_reserve(to, size - from) : NULL;

    if (size == from)
        return 0;
    if (out == NULL)
        return err_set(err, ERR_LIMIT, "journal_io", "the audit journal: too much was asked for");
    while (end > from && find_segment(j, end, &start)) {
        uint64_t first = start > from ? start : from;

        if (read_segment(j, start, first, end, out + (first - from)) == -1)
            return err_set(err, ERR_SYSTEM, "journal_io", "reading the audit journal");
        end = start;
    }
    if (end > from) /* older segments were archived */
        memmove(out, out + (end - from), size - end);
    to->len += size - (end > from ? end : from);
    return 0;
}
