/*
 * time - the only place that reads the clock.
 *
 * Monotonic times count from an arbitrary start; wall time counts from 1970.
 * A scenario test starts Weir with a shared clock page (time_use_test_clock):
 * then both clocks stand still until the test moves them, in every process
 * that maps the page, and event loops look again every few real milliseconds.
 */
#ifndef WEIR_BASE_TIME_H
#define WEIR_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t msec_t; /* milliseconds */
typedef uint64_t usec_t; /* microseconds */
typedef uint64_t nsec_t; /* nanoseconds */

msec_t time_msec(void); /* monotonic */
usec_t time_usec(void); /* monotonic */
nsec_t time_nsec(void); /* monotonic, always the real clock: for measuring ourselves */
usec_t time_wall_usec(void);

/*
 * The page is two little-endian 64-bit numbers: monotonic usec, wall usec.
 * Returns 0, or -1 with errno when fd cannot be mapped.  Call before any thread.
 */
int time_use_test_clock(int fd);
bool time_is_test_clock(void);

/* "2026-01-31T08:15:30.123Z"; to must hold 25 bytes. Returns the length, 24. */
size_t time_format_rfc3339(usec_t wall, char *to);
/* IMF-fixdate of RFC 9110 5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT"; to must hold 30 bytes. Returns 29. */
size_t time_format_http(usec_t wall, char *to);

#endif
