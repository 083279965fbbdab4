/*
 * memory_scan - does the memory of a process hold these bytes?
 *
 * Reads all that can be read of /proc/PID/mem, mapping by mapping.
 */
#ifndef WEIR_TESTS_MEMORY_SCAN_H
#define WEIR_TESTS_MEMORY_SCAN_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/sanitized.h"

/* -1 when it cannot be looked at. */
static inline int memory_scan(pid_t pid, const void *needle, size_t len)
{
    enum { STEP = 1 << 20, SHADOW = 1 << 30 }; /* a sanitizer's own maps are terabytes */
    char path[64];
    char line[512];
    char *window = xmalloc(STEP + len);
    FILE *maps;
    int mem;
    int found = 0;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    mem = open(path, O_RDONLY | O_CLOEXEC);
    if (maps == NULL || mem < 0)
        found = -1;
    while (found == 0 && fgets(line, sizeof(line), maps) != NULL) {
        char *rest;
        unsigned long from = strtoul(line, &rest, 16);
        unsigned long to = *rest == '-' ? strtoul(rest + 1, NULL, 16) : 0;

        if (sanitized && to - from > SHADOW)
            continue;
        /* Windows overlap by len - 1, so that nothing hides across an edge. */
        for (unsigned long at = from; at < to && found == 0; at += STEP) {
            size_t want = to - at < STEP + len - 1 ? to - at : STEP + len - 1;
            ssize_t n = pread(mem, window, want, (off_t)at);

            if (n > 0 && memmem(window, (size_t)n, needle, len) != NULL)
                found = 1;
        }
    }
    if (maps != NULL)
        fclose(maps);
    if (mem >= 0)
        close(mem);
    free(window);
    return found;
}

#endif
