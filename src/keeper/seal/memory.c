/*
 * memory - see memory_int.h.
 *
 *     | guard | block block block ...  never used yet | guard |
 *     block:  head 16 | body, of one of a few sizes
 *
 * Blocks are cut off the room in order and, once given back, kept in a list for their size.  A
 * body that is not in use is all zeros: it is wiped when it comes back, so that
 * what is given out need not be.  All that OpenSSL allocates lies here too (its copies of private numbers lie
 * in objects of every kind), and what does not fit in the room lies in the heap and is wiped as well.
 *
 * A kernel without memfd_secret(2) gives locked pages that core files leave out.  What was there before
 * fork() is not there in the child.
 */
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/keeper.h"
#include "keeper/seal/memory_int.h"

enum {
    ROOM = 32 << 20, /* some 10,000 parsed RSA keys */
    ROOM_LEAST = 1 << 20,
    SMALLEST = 4,                   /* 2^4 bytes */
    STEPS = 4,                      /* sizes between two powers of two */
    CLASSES = (20 - 4) * STEPS + 1, /* up to 1 MB */
    IN_USE = 0x5ec2e7,
};

struct head {
    uint32_t size; /* asked for */
    uint16_t class;
    uint16_t unused;
    union {
        struct head *next; /* of the free ones */
        uint64_t mark;     /* IN_USE: a second free would be seen */
    };
};
_Static_assert(sizeof(struct head) == 16, "bodies are 16-byte aligned");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *room_start;
static char *room_at;
static char *room_end;
static struct head *spare[CLASSES];
static struct secret_memory_stats stats = { .kind = "unlocked" };

/* ---- the room ---- */

static size_t size_of_class(unsigned class)
{
    size_t power = (size_t)1 << (SMALLEST + class / STEPS);

    return (power + power / STEPS * (class % STEPS) + 15) & ~(size_t)15;
}

/* CLASSES when it is larger than all. */
static unsigned class_of_size(size_t n)
{
    unsigned class = 0;

    if (n > 16) {
        unsigned power = 63U - (unsigned)__builtin_clzll(n - 1);

        class = (power - SMALLEST) * STEPS;
    }
    while (class < CLASSES && size_of_class(class) < n)
        class ++;
    return class;
}

static size_t room_allowed(void)
{
    struct rlimit limit = { 0 };

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return ROOM;
    for (size_t room = ROOM; room > ROOM_LEAST; room /= 2) {
        if (room <= limit.rlim_cur)
            return room;
    }
    return ROOM_LEAST;
}

/* The kernel keeps these pages out of its own map: not even root reads them from outside. */
static bool map_secret(char *at, size_t n)
{
    int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return false;
    ok = ftruncate(fd, (off_t)n) == 0 &&
         mmap(at, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == at;
    close(fd);
    return ok;
}

/* A child has none of it: it makes a room of its own, should it need one. */
static void forget_room(void)
{
    static const pthread_once_t not_yet = PTHREAD_ONCE_INIT;
    static const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;

    once = not_yet;
    lock = unlocked;
    room_start = NULL;
    room_at = NULL;
    room_end = NULL;
    memset((void *)spare, 0, sizeof(spare));
    stats = (struct secret_memory_stats){ .kind = "unlocked" };
}

static void make_room(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t n = room_allowed();
    char *at = mmap(NULL, n + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return;
    at += page;
    if (map_secret(at, n)) {
        stats.kind = "memfd_secret";
    } else {
        if (mmap(at, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
            at)
            return;
        if (mlock2(at, n, MLOCK_ONFAULT) == 0)
            stats.kind = "mlock";
        madvise(at, n, MADV_DONTDUMP);
    }
    madvise(at, n, MADV_DONTFORK);
    pthread_atfork(NULL, NULL, forget_room);
    stats.room = n;
    room_start = at;
    room_at = at;
    room_end = at + n;
}

/* ---- blocks ---- */

static struct head *take_block(unsigned class)
{
    size_t n = sizeof(struct head) + size_of_class(class);
    struct head *h = spare[class];

    if (h != NULL) {
        spare[class] = h->next;
        return h;
    }
    if ((size_t)(room_end - room_at) < n)
        return NULL;
    h = (struct head *)(void *)room_at;
    room_at += n;
    return h;
}

static bool is_inside(const void *p)
{
    return (const char *)p >= room_start && (const char *)p < room_end;
}

static void *alloc_outside(size_t n)
{
    void *p = calloc(1, n > 0 ? n : 1);

    if (p != NULL)
        __atomic_fetch_add(&stats.fallen_back, malloc_usable_size(p), __ATOMIC_RELAXED);
    return p;
}

/* NULL: no memory at all. */
static void *alloc(size_t n)
{
    unsigned class = class_of_size(n);
    struct head *h = NULL;

    pthread_once(&once, make_room);
    if (class < CLASSES) {
        pthread_mutex_lock(&lock);
        h = take_block(class);
        if (h != NULL)
            stats.used += size_of_class(class);
        pthread_mutex_unlock(&lock);
    }
    if (h == NULL)
        return alloc_outside(n);
    h->size = (uint32_t)n;
    h->class = (uint16_t) class;
    h->mark = IN_USE;
    return h + 1;
}

static size_t size_of(void *p)
{
    return is_inside(p) ? ((struct head *)p)[-1].size : malloc_usable_size(p);
}

void *secret_alloc(size_t n)
{
    void *p = alloc(n);

    if (p == NULL)
        BUG("out of memory");
    return p;
}

void secret_free(void *p)
{
    struct head *h;

    if (p == NULL)
        return;
    explicit_bzero(p, size_of(p));
    if (!is_inside(p)) {
        __atomic_fetch_sub(&stats.fallen_back, malloc_usable_size(p), __ATOMIC_RELAXED);
        free(p);
        return;
    }
    h = (struct head *)p - 1;
    MUST(h->mark == IN_USE && h->class < CLASSES);
    pthread_mutex_lock(&lock);
    stats.used -= size_of_class(h->class);
    h->next = spare[h->class];
    spare[h->class] = h;
    pthread_mutex_unlock(&lock);
}

void secret_memory_stats(struct secret_memory_stats *s)
{
    pthread_once(&once, make_room);
    pthread_mutex_lock(&lock);
    *s = stats;
    pthread_mutex_unlock(&lock);
}

/* ---- OpenSSL ---- */

static void *give(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n > 0 ? alloc(n) : NULL;
}

static void wipe_and_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    secret_free(p);
}

/* Never in place: the old place could not be wiped any more. */
static void *give_more(void *p, size_t n, const char *file, int line)
{
    size_t had = p != NULL ? size_of(p) : 0;
    void *q;

    if (n == 0) {
        wipe_and_free(p, file, line);
        return NULL;
    }
    q = alloc(n);
    if (q == NULL)
        return NULL;
    if (p != NULL)
        memcpy(q, p, had < n ? had : n);
    wipe_and_free(p, file, line);
    return q;
}

bool keeper_protect_memory(void)
{
    struct rlimit limit = { 0 };
    struct rlimit none = { 0 };
    struct secret_memory_stats s;

    /* Only before OpenSSL has allocated anything. */
    MUST(CRYPTO_set_mem_functions(give, give_more, wipe_and_free) == 1);
    setrlimit(RLIMIT_CORE, &none);
    secret_memory_stats(&s);
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
        mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
    return strcmp(s.kind, "unlocked") != 0;
}
