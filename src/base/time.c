/*
 * time - see time.h.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/time.h"

struct clock_page {
    _Atomic uint64_t monotonic_usec;
    _Atomic uint64_t wall_usec;
};

static struct clock_page *test_clock;

static nsec_t read_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (nsec_t)ts.tv_sec * 1000000000U + (nsec_t)ts.tv_nsec;
}

usec_t time_usec(void)
{
    if (__builtin_expect(test_clock != NULL, 0))
        return atomic_load(&test_clock->monotonic_usec);
    return read_clock(CLOCK_MONOTONIC) / 1000;
}

msec_t time_msec(void)
{
    return time_usec() / 1000;
}

nsec_t time_nsec(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

usec_t time_wall_usec(void)
{
    if (__builtin_expect(test_clock != NULL, 0))
        return atomic_load(&test_clock->wall_usec);
    return read_clock(CLOCK_REALTIME) / 1000;
}

int time_use_test_clock(int fd)
{
    void *page = mmap(NULL, sizeof(struct clock_page), PROT_READ, MAP_SHARED, fd, 0);

    if (page == MAP_FAILED)
        return -1;
    test_clock = page;
    return 0;
}

bool time_is_test_clock(void)
{
    return test_clock != NULL;
}

static void two(char *to, int n)
{
    to[0] = (char)('0' + n / 10 % 10);
    to[1] = (char)('0' + n % 10);
}

size_t time_format_rfc3339(usec_t wall, char *to)
{
    static _Thread_local time_t last = -1;
    static _Thread_local char text[] = "0000-00-00T00:00:00.000Z";
    time_t sec = (time_t)(wall / 1000000);
    unsigned ms = (unsigned)(wall / 1000 % 1000);

    if (sec != last) {
        struct tm tm;

        gmtime_r(&sec, &tm);
        two(text, (tm.tm_year + 1900) / 100);
        two(text + 2, tm.tm_year + 1900);
        two(text + 5, tm.tm_mon + 1);
        two(text + 8, tm.tm_mday);
        two(text + 11, tm.tm_hour);
        two(text + 14, tm.tm_min);
        two(text + 17, tm.tm_sec);
        last = sec;
    }
    memcpy(to, text, 25);
    to[20] = (char)('0' + ms / 100);
    two(to + 21, (int)(ms % 100));
    return 24;
}

size_t time_format_http(usec_t wall, char *to)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static _Thread_local time_t last = -1;
    static _Thread_local char text[] = "Thu, 01 Jan 1970 00:00:00 GMT";
    time_t sec = (time_t)(wall / 1000000);

    if (sec != last) {
        struct tm tm;

        gmtime_r(&sec, &tm);
        memcpy(text, days + (size_t)3 * (size_t)tm.tm_wday, 3);
        two(text + 5, tm.tm_mday);
        memcpy(text + 8, months + (size_t)3 * (size_t)tm.tm_mon, 3);
        two(text + 12, (tm.tm_year + 1900) / 100);
        two(text + 14, tm.tm_year + 1900);
        two(text + 17, tm.tm_hour);
        two(text + 20, tm.tm_min);
        two(text + 23, tm.tm_sec);
        last = sec;
    }
    memcpy(to, text, 30);
    return 29;
}
