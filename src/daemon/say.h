/*
 * say - what the operator should know, as one sentence on stderr: "weir: ...".
 */
#ifndef WEIR_DAEMON_SAY_H
#define WEIR_DAEMON_SAY_H

/* One write, so that the sentences of several processes do not mix. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
