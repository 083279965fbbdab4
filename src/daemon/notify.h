/*
 * notify - tells systemd how we are (sd_notify(3)): READY=1, STATUS=..., WATCHDOG=1.
 */
#ifndef WEIR_DAEMON_NOTIFY_H
#define WEIR_DAEMON_NOTIFY_H

#include "base/time.h"

/* Does nothing when systemd did not start us. */
void notify_systemd(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* How often WATCHDOG=1 is expected; 0: never. */
msec_t notify_watchdog_interval(void);

#endif
