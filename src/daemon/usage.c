/*
 * usage - see usage.h; proc(5) says what the fields are.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "daemon/usage.h"

static bool read_small(const char *path, char *to, size_t room)
{
    auto_file FILE *f = fopen(path, "re");
    size_t n;

    if (f == NULL)
        return false;
    n = fread(to, 1, room - 1, f);
    to[n] = '\0';
    return n > 0;
}

static uint64_t count_fds(pid_t pid)
{
    char path[64];
    uint64_t n = 0;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    d = opendir(path);
    if (d == NULL)
        return 0;
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n >= 2 ? n - 2 : 0; /* . and .. */
}

bool usage_of(pid_t pid, struct usage *out)
{
    unsigned long user;
    unsigned long kernel;
    unsigned long pages;
    const char *behind_name;
    char path[64];
    char text[1024];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (!read_small(path, text, sizeof(text)))
        return false;
    behind_name = strrchr(text, ')'); /* the name may hold anything */
    if (behind_name == NULL ||
        sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
            &kernel) != 2)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    if (!read_small(path, text, sizeof(text)) || sscanf(text, "%*u %lu", &pages) != 1)
        return false;
    out->cpu = (usec_t)(user + kernel) * 1000000 / (usec_t)sysconf(_SC_CLK_TCK);
    out->resident = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    out->fds = count_fds(pid);
    return true;
}
