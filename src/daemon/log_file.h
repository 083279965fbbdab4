/*
 * log_file - opens the request log, and puts it aside when it is full: PATH becomes PATH.1, PATH.1
 * becomes PATH.2, and so on.
 *
 * The parent does it for the file of the plan, which may be in a folder that
 * control's user cannot write in; control itself for any other.
 */
#ifndef WEIR_DAEMON_LOG_FILE_H
#define WEIR_DAEMON_LOG_FILE_H

#include <stdint.h>

#include "base/err.h"

/* The descriptor, for appending; -1 with err id log_open. Never through a symbolic link. */
int log_file_open(const char *path, struct err *err);
/* What the file holds already; 0 when that makes no sense (a pipe). */
uint64_t log_file_size(int fd);
/* err id log_rotate. keep 0: removes it. */
int log_file_rotate(const char *path, unsigned keep, struct err *err);

#endif
