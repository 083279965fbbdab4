/*
 * Any bytes as a blueprint: no crash, and what is accepted survives its
 * canonical text.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "model/blueprint.h"
#include "model/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct blueprint *b)
{
    static const char *const paths[] = { "/", "/a/b", "/a/", "*" };
    struct problems problems;
    struct blueprint *again = blueprint_from_canonical(b->canonical, &problems);

    MUST(again != NULL);
    MUST(again->version == b->version && str_eq(again->canonical, b->canonical));
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct route_request q = { .host = STR("example.org"),
            .path = str_from(paths[i]),
            .query = STR("a=1&b=%41+x"),
            .method = STR("GET") };
        struct route_result x;
        struct route_result y;

        router_find(b->router, &q, &x);
        router_find(again->router, &q, &y);
        MUST((x.route == NULL) == (y.route == NULL));
        MUST(x.route == NULL || x.route->id == y.route->id);
    }
    problems_free(&problems);
    blueprint_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blueprint *b;
    struct problems problems;
    char path[64];
    int fd;

    /* Other files and the environment are not the fuzzer's. */
    if (memmem(data, size, "include", 7) != NULL || memmem(data, size, "variables", 9) != NULL)
        return 0;
    fd = fd_memory("blueprint", data, size);
    MUST(fd != -1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    b = blueprint_load(path, NULL, &problems);
    close(fd);
    MUST(b != NULL || problems.nerrors > 0);
    problems_free(&problems);
    if (b != NULL)
        use(b);
    blueprint_unref(b);
    b = blueprint_from_canonical((struct str){ (const char *)data, size }, &problems);
    MUST(b != NULL || problems.nerrors > 0);
    problems_free(&problems);
    if (b != NULL)
        use(b);
    blueprint_unref(b);
    return 0;
}
