/*
 * check - the unit tests' few words.
 *
 *     static void adds_up(void) { CHECK(1 + 1 == 2); CHECK_STR(s, "text"); }
 *     TESTS(CASE(adds_up), ...)  makes main(), runs each, prints what failed
 */
#ifndef WEIR_TESTS_CHECK_H
#define WEIR_TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static int check_failures;

#define CHECK(x)                                                                                   \
    ((x) ? (void)0                                                                                 \
         : (check_failures++,                                                                      \
               (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x)))

#define CHECK_U64(got, want)                                                                       \
    do {                                                                                           \
        unsigned long long got_ = (unsigned long long)(got);                                       \
        unsigned long long want_ = (unsigned long long)(want);                                     \
        if (got_ != want_) {                                                                       \
            check_failures++;                                                                      \
            fprintf(                                                                               \
                stderr, "%s:%d: %s is %llu, not %llu\n", __FILE__, __LINE__, #got, got_, want_);   \
        }                                                                                          \
    } while (0)

#define CHECK_STR(got, want)                                                                       \
    do {                                                                                           \
        struct str got_ = (got);                                                                   \
        struct str want_ = str_from(want);                                                         \
        if (!str_eq(got_, want_)) {                                                                \
            check_failures++;                                                                      \
            fprintf(stderr, "%s:%d: %s is \"%.*s\", not \"%.*s\"\n", __FILE__, __LINE__, #got,     \
                STR_ARG(got_), STR_ARG(want_));                                                    \
        }                                                                                          \
    } while (0)

struct check_case {
    const char *name;
    void (*run)(void);
};

static int check_run(const struct check_case *cases, size_t n)
{
    int bad = 0;

    for (size_t i = 0; i < n; i++) {
        check_failures = 0;
        cases[i].run();
        if (check_failures > 0) {
            fprintf(stderr, "FAILED %s\n", cases[i].name);
            bad++;
        }
    }
    printf("%zu passed, %d failed\n", n - (size_t)bad, bad);
    return bad > 0;
}

#define TESTS(...)                                                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct check_case cases[] = { __VA_ARGS__ };                                  \
        return check_run(cases, sizeof(cases) / sizeof(cases[0]));                                 \
    }
#define CASE(f)                                                                                    \
    {                                                                                              \
#f, f                                                                                      \
    }

#endif
