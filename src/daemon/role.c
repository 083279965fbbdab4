/*
 * role - see role.h.
 */
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bug.h"
#include "daemon/daemon.h"
#include "daemon/messages.h"
#include "daemon/role.h"
#include "daemon/say.h"

static const struct {
    const char *name;
    int (*run)(void);
} roles[] = {
    { "control", role_control },
    { "keeper", role_keeper },
    { "edge", role_edge },
    { "vault", role_vault },
    { "store", role_store },
    { "issuer", role_issuer },
};

/* Everything above the last descriptor we were given, whoever left it open. */
static void close_others(int last)
{
    if (close_range((unsigned)last + 1, ~0U, 0) == 0)
        return;
    for (int fd = last + 1; fd < 1024; fd++)
        close(fd);
}

int daemon_role(int argc, char **argv)
{
    const char *name = argv[1] + strlen("--role=");
    bool test_clock = argc > 2 && strcmp(argv[2], "--test-clock") == 0;

    close_others(test_clock ? ROLE_TEST_CLOCK : ROLE_LIFELINE);
    if (test_clock && time_use_test_clock(ROLE_TEST_CLOCK) == -1) {
        say("the test clock cannot be used");
        return 1;
    }
    if (test_clock)
        close(ROLE_TEST_CLOCK);
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (strcmp(name, roles[i].name) == 0) {
            prctl(PR_SET_NAME, argv[1] + 2);
            return roles[i].run();
        }
    say("there is no role \"%s\"; roles are started by \"weir serve\" alone", name);
    return 2;
}

void role_receive_start(struct arena *a, struct start *out)
{
    static char buffer[CHANNEL_BODY_MAX];
    struct message m;

    if (channel_receive_now(ROLE_LIFELINE, &m, buffer) != 1)
        _exit(1);
    if (m.type != LIFE_START || m.nfds > 0 || !start_unpack(m.body, a, out))
        BUG("the parent did not begin with START");
}

bool role_unpack_attach(const struct message *m, uint32_t *peer, uint32_t *index)
{
    const unsigned char *b = (const unsigned char *)m->body.at;

    if (m->body.len != 8 || m->nfds != 1)
        return false;
    *peer = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    *index = b[4] | (uint32_t)b[5] << 8 | (uint32_t)b[6] << 16 | (uint32_t)b[7] << 24;
    return *peer < ROLE_COUNT;
}

void role_pong(struct channel *c, struct message *m, void *arg)
{
    (void)arg;
    channel_send(c, LIFE_PONG, m->id, STR_NONE, NULL, 0);
}

void role_lifeline_closed(struct channel *c, void *arg)
{
    (void)c;
    (void)arg;
    _exit(0); /* whatever it is in the middle of: nobody waits for it any more */
}

static void drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { 0 };

    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    MUST(syscall(SYS_capset, &head, none) == 0);
}

void role_become(struct identity who)
{
    if (geteuid() == 0) {
        MUST(setgroups(0, NULL) == 0);
        MUST(setresgid(who.gid, who.gid, who.gid) == 0);
        for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        MUST(setresuid(who.uid, who.uid, who.uid) == 0);
    }
    drop_capabilities();
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    /* The lifeline says the same; this holds for a role that is stuck, too.  A change of user clears
     * it, so it comes last. */
    MUST(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
}
