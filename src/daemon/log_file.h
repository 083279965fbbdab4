/*
 * log_file - opens the request log for the edge, and rotates it: PATH becomes PATH.1, PATH.1
 * becomes PATH.2, and so on.
 */
#ifndef WEIR_DAEMON_LOG_FILE_H
#define WEIR_DAEMON_LOG_FILE_H

#include "base/err.h"
#include "model/blueprint.h"

/*
 * *fd is -1 for `none`; *size is what the file holds already. The caller closes it.
 * err ids log_open, log_folder.
 */
int log_file_open(const struct log_rule *rule, int *fd, uint64_t *size, struct err *err);
int log_file_rotate(const struct log_rule *rule, struct err *err);

#endif
