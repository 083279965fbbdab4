/*
 * fd - small things done with file descriptors.
 */
#ifndef WEIR_BASE_FD_H
#define WEIR_BASE_FD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* All of it, through EINTR and short writes. 0, or -1 with errno. */
int fd_write_all(int fd, const void *p, size_t n);
/* The whole file appended to b; err ids fd_open, fd_read, fd_size (past b->max). */
int fd_read_file(const char *path, struct buf *b, struct err *err);
/* From the current offset to the end. err ids fd_read, fd_size. */
int fd_read_all(int fd, struct buf *b, struct err *err);
/* Aside, fsync, rename, fsync of the folder: readers see the old or the new file, never half. */
int fd_replace_file(const char *path, const void *p, size_t n, unsigned mode, struct err *err);
/* An anonymous file with these bytes, sealed against change, at offset 0. -1 with errno. */
int fd_memory(const char *name, const void *p, size_t n);
int fd_set_cloexec(int fd, bool on);
int fd_set_nonblocking(int fd);

#endif
