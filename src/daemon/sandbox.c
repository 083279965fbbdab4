/*
 * sandbox - see sandbox.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/sanitized.h"
#include "base/time.h"
#include "daemon/sandbox_int.h"
#include "daemon/say.h"

static void end(const char *what)
{
    say("%s: %s; this role does not run without its sandbox", what, strerror(errno));
    _exit(1);
}

/* ---- landlock ---- */

/* As in linux/landlock.h of newer kernels than the headers that we are built with. */
enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,     /* ABI 2 */
    FS_TRUNCATE = 1 << 14,  /* ABI 3 */
    FS_IOCTL_DEV = 1 << 15, /* ABI 5 */

    FS_READ = FS_READ_FILE | FS_READ_DIR,
    FS_WRITE = FS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
               FS_MAKE_REG | FS_REFER | FS_TRUNCATE,
    FS_OF_A_FILE = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,

    NET_BIND_TCP = 1 << 0, /* ABI 4 */
    NET_CONNECT_TCP = 1 << 1,

    SCOPE_ABSTRACT_UNIX = 1 << 0, /* ABI 6 */
    SCOPE_SIGNAL = 1 << 1,

    RULE_PATH_BENEATH = 1,
    CREATE_VERSION = 1,
};

struct ruleset_attr {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct path_attr {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

static uint64_t fs_rights(int abi)
{
    uint64_t all = (FS_MAKE_SYM << 1) - 1;

    if (abi >= 2)
        all |= FS_REFER;
    if (abi >= 3)
        all |= FS_TRUNCATE;
    if (abi >= 5)
        all |= FS_IOCTL_DEV;
    return all;
}

static void allow_path(int ruleset, const struct sandbox_path *p, uint64_t handled)
{
    int fd = open(p->path, O_PATH | O_CLOEXEC);
    struct path_attr rule = { .allowed = p->write ? FS_WRITE : FS_READ, .parent = fd };
    struct stat st;

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed &= FS_OF_A_FILE;
    rule.allowed &= handled;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) == -1)
        end("landlock");
    close(fd);
}

static void give_up_files(enum sandbox_kind kind, const struct sandbox_path *paths, size_t n)
{
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    struct ruleset_attr attr = { 0 };
    size_t size = abi >= 6   ? sizeof(attr)
                  : abi >= 4 ? offsetof(struct ruleset_attr, scoped)
                             : offsetof(struct ruleset_attr, net);
    int ruleset;

    if (abi < 1) {
        if (kind == SANDBOX_CONTROL) /* one of the roles is enough to say it */
            say("this kernel has no landlock: roles keep the file permissions of their user");
        return;
    }
    attr.fs = fs_rights(abi);
    attr.net = kind == SANDBOX_EDGE ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
    if (kind == SANDBOX_CONTROL)
        attr.net = 0; /* it looks for free ports and whether origin processes listen */
    attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0)
        end("landlock");
    for (size_t i = 0; i < n; i++)
        allow_path(ruleset, &paths[i], attr.fs);
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1)
        end("landlock");
    close(ruleset);
}

/* ---- seccomp ---- */

static void add(scmp_filter_ctx f, uint32_t action, int call)
{
    int result = seccomp_rule_add(f, action, call, 0);

    /* A call that this machine's architecture does not have needs no rule. */
    if (result < 0 && result != -EDOM && result != -EACCES) {
        errno = -result;
        end("seccomp");
    }
}

static void add_groups(
    scmp_filter_ctx f, const struct sandbox_group *groups, enum sandbox_kind kind, uint32_t action)
{
    for (const struct sandbox_group *g = groups; g->why != NULL; g++)
        for (const int *call = g->calls; (g->who & 1U << kind) != 0 && *call != SANDBOX_END; call++)
            add(f, action, *call);
}

static void add_if(scmp_filter_ctx f, int call, struct scmp_arg_cmp condition)
{
    int result = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, call, 1, &condition);

    if (result < 0 && result != -EDOM) {
        errno = -result;
        end("seccomp");
    }
}

/* Calls that are harmless with some arguments only. */
static void add_conditions(scmp_filter_ctx f, enum sandbox_kind kind)
{
    static const int domains[] = { AF_INET, AF_INET6, AF_UNIX };

    /* Threads, but no processes; the arguments of clone3 cannot be seen: the C library falls back.
     * The keeper has started its own already. */
    if (kind != SANDBOX_KEEPER)
        add_if(f, SCMP_SYS(clone), SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
    /* No new code; control may load a module that looks up users. */
    if (kind == SANDBOX_CONTROL) {
        add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap));
        add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect));
    } else {
        add_if(f, SCMP_SYS(mmap), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        add_if(f, SCMP_SYS(mprotect), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    /* Names of threads and of memory. */
    add_if(f, SCMP_SYS(prctl), SCMP_A0_64(SCMP_CMP_EQ, PR_SET_NAME, 0));
    add_if(f, SCMP_SYS(prctl), SCMP_A0_64(SCMP_CMP_EQ, 0x53564d41 /* PR_SET_VMA */, 0));
    /* fstat() is newfstatat() with an empty path in newer C libraries. */
    if (kind == SANDBOX_EDGE || kind == SANDBOX_KEEPER || kind == SANDBOX_VAULT)
        add_if(
            f, SCMP_SYS(newfstatat), SCMP_A3_64(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
    if (kind == SANDBOX_EDGE || kind == SANDBOX_CONTROL)
        for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
            add_if(f, SCMP_SYS(socket), SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)domains[i], 0));
}

static void give_up_calls(enum sandbox_kind kind)
{
    bool strict = kind == SANDBOX_KEEPER || time_is_test_clock();
    scmp_filter_ctx f = seccomp_init(strict ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
    int result;

    if (f == NULL)
        end("seccomp");
    seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
    seccomp_attr_set(
        f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary search: the edge is called often */
    add_groups(f, sandbox_groups, kind, SCMP_ACT_ALLOW);
    add_conditions(f, kind);
    if (!strict)
        add_groups(f, sandbox_intruders, kind, SCMP_ACT_KILL_PROCESS);
    result = seccomp_load(f);
    seccomp_release(f);
    if (result == -EINVAL || result == -ENOSYS) {
        say("this kernel has no seccomp filters: roles may make every system call");
    } else if (result < 0) {
        errno = -result;
        end("seccomp");
    }
}

/* What libraries would look up in files later, when they no longer can. */
static void look_up_now(void)
{
    size_t seed = 0;

    tzset();
    while (seed == 0)
        random_bytes(&seed, sizeof(seed));
    json_object_seed(seed);
}

void sandbox_files(enum sandbox_kind kind, const struct sandbox_path *paths, size_t n)
{
    look_up_now();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
        end("no_new_privs");
    if (!sanitized)
        give_up_files(kind, paths, n);
}

void sandbox_calls(enum sandbox_kind kind)
{
    if (!sanitized)
        give_up_calls(kind);
}

void sandbox_enter(enum sandbox_kind kind, const struct sandbox_path *paths, size_t n)
{
    sandbox_files(kind, paths, n);
    sandbox_calls(kind);
}
