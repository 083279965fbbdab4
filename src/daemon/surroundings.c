/*
 * surroundings - see surroundings.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "daemon/role.h"
#include "daemon/sandbox.h"
#include "daemon/say.h"
#include "daemon/surroundings.h"

static uint32_t count_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == -1 || CPU_COUNT(&set) < 1)
        return 1;
    return (uint32_t)CPU_COUNT(&set);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

/* As that user would see it. */
static bool may_read(struct identity who, const char *path)
{
    bool yes;

    if (geteuid() != 0)
        return access(path, R_OK) == 0;
    if (setegid(who.gid) == -1 || seteuid(who.uid) == -1)
        return false;
    yes = faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
    if (seteuid(0) == -1 || setegid(0) == -1)
        abort(); /* half of an identity is none */
    return yes;
}

int surroundings_plan(const struct version *v, struct arena *a, struct plan *out, struct err *err)
{
    const struct blueprint *b = v->blueprint;
    struct identity self = { geteuid(), getegid() };
    const char *user = b->user.len > 0 ? b->user.at : "nobody";
    const struct passwd *pw;

    out->workers = b->workers > 0 ? b->workers : count_cores();
    out->state = arena_strdup(a, b->state.at);
    out->log = arena_strdup(a, b->log.to == LOG_FILE ? b->log.path.at : "");
    out->keeper = b->keeper.on;
    out->unseal =
        arena_strdup(a, b->keeper.seal.key_file.at != NULL ? b->keeper.seal.key_file.at : "");
    out->roles = self;
    out->control = self;
    /* Not the user of the origin processes, who could delete what is kept: landlock and the lack of
     * capabilities hold it back, see role_become(). */
    out->store = self;
    if (self.uid != 0)
        return 0;
    pw = getpwnam(user);
    if (pw == NULL)
        return err_set(err, ERR_CONFIG, "user_unknown",
            "there is no user %s on this machine: create it, or set `user` in the blueprint", user);
    out->roles = (struct identity){ pw->pw_uid, pw->pw_gid };
    if (may_read(out->roles, v->path)) {
        out->control = out->roles;
        return 0;
    }
    say("%s may not read %s: control and the origin processes stay root, without its capabilities",
        user, v->path);
    return 0;
}

/* ---- folders ---- */

static int make_folder(const char *path, mode_t mode, struct identity owner, struct err *err)
{
    auto_free char *above = folder_of(path);
    struct stat st;

    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        return err_set(err, ERR_CONFIG, "state_folder", "%s is not a folder", path);
    }
    if (strcmp(above, path) != 0 && strcmp(above, ".") != 0 &&
        make_folder(above, 0755, (struct identity){ geteuid(), getegid() }, err) == -1)
        return -1;
    if (mkdir(path, mode) == -1 && errno != EEXIST)
        return err_set(err, ERR_SYSTEM, "state_folder",
            "cannot make the folder %s (use `--state FOLDER`, or `state` in the blueprint)", path);
    if (geteuid() == 0 && chown(path, owner.uid, owner.gid) == -1)
        return err_set(err, ERR_SYSTEM, "state_folder", "cannot give the folder %s away", path);
    return 0;
}

int surroundings_make_folders(const struct version *v, const struct plan *p, struct err *err)
{
    const struct log_rule *log = &v->blueprint->log;
    auto_free char *control = xasprintf("%s/control", p->state);
    auto_free char *keeper = xasprintf("%s/keeper", p->state);
    struct identity self = { geteuid(), getegid() };

    /* The folder itself is ours, so that only the parent and the issuer write in it; others may
     * pass through to the part that is theirs. */
    if (make_folder(p->state, 0711, self, err) == -1 ||
        make_folder(control, 0700, p->control, err) == -1 ||
        (p->keeper && make_folder(keeper, 0700, p->store, err) == -1))
        return -1;
    if (log->to == LOG_FILE) {
        auto_free char *folder = folder_of(log->path.at);

        if (make_folder(folder, 0755, p->control, err) == -1)
            return -1;
    }
    return 0;
}

/* ---- sandbox ---- */

enum { PATHS_MAX = 32 };

void surroundings_enter_sandbox(const struct version *v, const struct plan *p)
{
    static const char *const system_files[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf",
        "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/ssl", "/etc/pki", "/etc/localtime",
        "/run/systemd/resolve", "/usr/share/ca-certificates", "/usr/lib/ssl",
        "/usr/local/share/ca-certificates" };
    auto_free char *blueprint = folder_of(v->path);
    auto_free char *control = xasprintf("%s/control", p->state);
    auto_free char *log = NULL;
    struct sandbox_path paths[PATHS_MAX];
    size_t n = 0;

    paths[n++] = (struct sandbox_path){ blueprint, false };
    paths[n++] = (struct sandbox_path){ control, true };
    if (v->blueprint->log.to == LOG_FILE) {
        log = folder_of(v->blueprint->log.path.at);
        paths[n++] = (struct sandbox_path){ log, true };
    }
    for (size_t i = 0; i < sizeof(system_files) / sizeof(system_files[0]); i++)
        paths[n++] = (struct sandbox_path){ system_files[i], false };
    role_become(p->control);
    sandbox_enter(SANDBOX_CONTROL, paths, n);
}
