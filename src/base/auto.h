/*
 * auto - locals that clean up after themselves when they go out of scope.
 *
 *     auto_free char *text = NULL;
 *     auto_file FILE *f = fopen(path, "re");
 *     auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
 *     ...
 *     *out = take(text);      now the caller owns it
 *     return take_fd(fd);
 */
#ifndef WEIR_BASE_AUTO_H
#define WEIR_BASE_AUTO_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void auto_free_(void *p)
{
    free(*(void **)p);
}

static inline void auto_file_(FILE **f)
{
    if (*f != NULL)
        fclose(*f);
}

static inline void auto_close_(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define auto_free  __attribute__((cleanup(auto_free_)))
#define auto_file  __attribute__((cleanup(auto_file_)))
#define auto_close __attribute__((cleanup(auto_close_)))

/* Hands the pointer on and leaves NULL behind, so that the cleanup does nothing. */
#define take(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

#define take_fd(fd)                                                                                \
    __extension__({                                                                                \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

#endif
