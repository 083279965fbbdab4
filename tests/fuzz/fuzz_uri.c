/*
 * Paths, hosts, queries and cookies.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "http/scan_int.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void path(struct str raw, char *to)
{
    const struct scanner *list[8];
    unsigned n = scanner_list(list, 8);
    char *first = malloc(raw.len + 1);
    struct str one, other;
    bool ok;

    scanner = list[0];
    ok = uri_normalize_path(raw, first, &one);
    for (unsigned i = 1; i < n; i++) {
        scanner = list[i];
        MUST(uri_normalize_path(raw, to, &other) == ok);
        MUST(!ok || (str_eq(one, other) && (one.at == raw.at) == (other.at == raw.at)));
    }
    if (ok) {
        MUST(one.len > 0 && one.len <= raw.len && one.at[0] == '/');
        MUST(memmem(one.at, one.len, "//", 2) == NULL);
        MUST(memmem(one.at, one.len, "/./", 3) == NULL);
        MUST(memmem(one.at, one.len, "/../", 4) == NULL);
        MUST(!str_ends(one, STR("/..")) && !str_ends(one, STR("/.")));
        MUST(memchr(one.at, '\0', one.len) == NULL && memchr(one.at, '\\', one.len) == NULL);
    }
    free(first);
}

static void host(struct str s)
{
    char to[256];
    char again[256];
    struct str once, twice;

    if (!uri_normalize_host(s, to, &once))
        return;
    MUST(once.len > 0 && once.len <= sizeof(to));
    MUST(uri_normalize_host(once, again, &twice));
    MUST(str_eq(once, twice));
}

static void pairs(struct str s, char *to)
{
    struct str rest = s;
    struct str name, value;

    while (uri_query_next(&rest, &name, &value))
        MUST(uri_query_decode(name, to) <= name.len && uri_query_decode(value, to) <= value.len);
    rest = s;
    while (cookie_next(&rest, &name, &value))
        MUST(name.len + value.len <= s.len);
    MUST(cookie_get(s, STR("sid")).len <= s.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = { (const char *)data, size };
    char *to = malloc(size + 1);

    path(s, to);
    host(s);
    pairs(s, to);
    free(to);
    return 0;
}
