/* version: what the edge is given, and what a new control finds. */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "check.h"
#include "daemon/version.h"

static struct version *make(void)
{
    struct problems problems;
    struct blueprint *b = blueprint_from_canonical(
        STR("{\"name\":\"shop\",\"listeners\":{\"m\":\"127.0.0.1:1\"},"
            "\"certificates\":{\"one\":{\"local\":true,\"hosts\":[\"a.test\"]}},"
            "\"services\":{\"s\":{\"origins\":[\"127.0.0.1:2\"]},\"t\":{\"origins\":[\"127.0.0.1:3\"]}},"
            "\"routes\":[{\"to\":\"s\"}]}"),
        &problems);
    struct version *v;

    for (size_t i = 0; i < problems.n; i++)
        fprintf(stderr, "%s\n", problems.at[i].text);
    MUST(b != NULL);
    problems_free(&problems);
    v = version_new(b, "/etc/weir.yaml", "staging");
    buf_text(&v->certificates[0].chain, "CHAIN\n");
    buf_add(&v->certificates[0].ocsp, "\0\1\2\377", 4);
    buf_text(&v->authorities[1], "AUTHORITY\n");
    return v;
}

static void the_bundle_has_all_that_the_edge_needs(void)
{
    struct version *v = make();
    const json_t *one;
    json_t *root;
    struct buf b;

    version_bundle(v, &b);
    root = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
    CHECK(json_is_object(root));
    CHECK_STR(str_from(json_string_value(json_object_get(root, "blueprint"))),
        v->blueprint->canonical.at);
    one = json_object_get(json_object_get(root, "certificates"), "one");
    CHECK_STR(str_from(json_string_value(json_object_get(one, "chain"))), "CHAIN\n");
    CHECK_STR(str_from(json_string_value(json_object_get(one, "ocsp"))), "AAEC/w==");
    CHECK_U64(json_object_size(json_object_get(root, "authorities")), 1);
    CHECK_STR(
        str_from(json_string_value(json_object_get(json_object_get(root, "authorities"), "t"))),
        "AUTHORITY\n");
    CHECK(json_object_get(root, "system_ca") == NULL);
    json_decref(root);
    buf_free(&b);
    version_free(v);
}

static void what_is_saved_is_found_again(void)
{
    char path[] = "/tmp/weir-version-XXXXXX";
    struct version *v = make();
    struct version *again;
    struct err err;
    int fd = mkstemp(path);

    MUST(fd >= 0);
    close(fd);
    v->applied = 1234567890123;
    CHECK(version_save(v, path, &err) == 0);
    again = version_load(path, &err);
    CHECK(again != NULL);
    if (again != NULL) {
        CHECK_STR(str_from(again->path), "/etc/weir.yaml");
        CHECK_STR(str_from(again->environment), "staging");
        CHECK_U64(again->applied, v->applied);
        CHECK_U64(again->blueprint->version, v->blueprint->version);
        CHECK(str_eq(again->blueprint->canonical, v->blueprint->canonical));
    }
    version_free(again);
    version_free(v);
    MUST(truncate(path, 40) == 0);
    CHECK(version_load(path, &err) == NULL);
    CHECK_STR(str_from(err.id), "version_damaged");
    unlink(path);
    CHECK(version_load(path, &err) == NULL);
    CHECK_STR(str_from(err.id), "fd_open");
}

TESTS(CASE(the_bundle_has_all_that_the_edge_needs), CASE(what_is_saved_is_found_again))
