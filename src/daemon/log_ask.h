/*
 * log_ask - control gets the request log opened, for the edge: by the parent when it is the
 * plan's, else by itself.
 */
#ifndef WEIR_DAEMON_LOG_ASK_H
#define WEIR_DAEMON_LOG_ASK_H

#include "daemon/control_int.h"

/*
 * got(arg, fd, err) exactly once, perhaps before this returns: fd is -1 for `none`, and the
 * callee's to close; err is NULL unless it failed.  aside: the file is full, begin another.
 */
void log_ask(struct control *c, const struct log_rule *rule, bool aside,
    void (*got)(void *arg, int fd, const struct err *err), void *arg);

/* Hands it to the edge, which it is for; closes fd. */
void log_give(struct control *c, const struct log_rule *rule, int fd);
/* Is this, which log_ask() gave, another log than the edge has now? */
bool log_differs(const struct control *c, const struct log_rule *rule, int fd);

#endif
