/*
 * pki words - what the tests of the PKI engine share: a core with an authority, and openssl(1) as the judge.
 */
#ifndef WEIR_TESTS_PKI_WORDS_H
#define WEIR_TESTS_PKI_WORDS_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "check.h"
#include "core_fixture.h"

static struct core_fixture f;

/* ---- openssl(1) ---- */

struct folder {
    char path[64];
};

static inline struct folder folder_make(void)
{
    struct folder d;

    snprintf(d.path, sizeof(d.path), "/tmp/weir-pki-XXXXXX");
    MUST(mkdtemp(d.path) != NULL);
    return d;
}

static inline int remove_one(const char *path, const struct stat *s, int kind, struct FTW *w)
{
    (void)s;
    (void)kind;
    (void)w;
    return remove(path);
}

static inline void folder_remove(struct folder *d)
{
    nftw(d->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void save(const struct folder *d, const char *name, struct str bytes)
{
    auto_free char *path = xasprintf("%s/%s", d->path, name);
    auto_file FILE *out = fopen(path, "we");

    MUST(out != NULL && fwrite(bytes.at, 1, bytes.len, out) == bytes.len);
}

static inline struct str load(const struct folder *d, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", d->path, name);
    auto_file FILE *in = fopen(path, "re");
    char *text = arena_alloc(&f.arena, 1 << 16);
    size_t n = in != NULL ? fread(text, 1, 1 << 16, in) : 0;

    return (struct str){ text, n };
}

/* Runs in the folder; true when it ended well and printed `want` (NULL: whatever). */
static inline bool says(const struct folder *d, const char *want, const char *command)
{
    auto_free char *line = xasprintf("cd %s && openssl %s >out 2>&1 </dev/null", d->path, command);
    int status = system(line); /* a test's own words */
    struct str out = load(d, "out");

    return status == 0 && (want == NULL || memmem(out.at, out.len, want, strlen(want)) != NULL);
}

/* The same, and what it printed is shown when it did not. */
static inline bool openssl(const struct folder *d, const char *want, const char *command)
{
    struct str out;

    if (says(d, want, command))
        return true;
    out = load(d, "out");
    fprintf(stderr, "openssl %s\n%.*s\n", command, STR_ARG(out));
    return false;
}

/* Did the last one print this? */
static inline bool printed(const struct folder *d, const char *what)
{
    struct str out = load(d, "out");

    return memmem(out.at, out.len, what, strlen(what)) != NULL;
}

/* ---- asking ---- */

static inline int call(enum operation op, const char *path, const char *json)
{
    return core_call(&f, op, path, f.root, json);
}

/* An answer's text with '\n' put back into JSON for another question. */
static inline const char *quoted(struct str s)
{
    struct buf b;
    const char *text;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\n')
            buf_text(&b, "\\n");
        else
            buf_char(&b, s.at[i]);
    }
    text = arena_strdup(&f.arena, buf_cstr(&b));
    buf_free(&b);
    return text;
}

static inline const char *text_of(const char *path)
{
    return arena_strdup(&f.arena, arena_str(&f.arena, core_text(&f, path)).at);
}

static inline void open_with_root(const char *key)
{
    core_fixture_open(&f);
    CHECK_U64(call(OP_WRITE, "sys/mounts/pki",
                  "{\"type\":\"pki\",\"config\":{\"max_lease_ttl\":\"87600h\"}}"),
        204);
    CHECK_U64(call(OP_WRITE, "pki/config/urls",
                  "{\"issuing_certificates\":\"http://ca.example/ca\",\"crl_distribution_points\":"
                  "\"http://ca.example/crl\",\"ocsp_servers\":\"http://ca.example/ocsp\"}"),
        200);
    CHECK_U64(
        call(OP_WRITE, "pki/root/generate/internal",
            arena_printf(&f.arena,
                "{\"common_name\":\"Root\",\"ttl\":\"8760h\",\"issuer_name\":\"root\",%s}", key)),
        200);
}

static inline int role(const char *name, const char *json)
{
    return call(OP_WRITE, arena_printf(&f.arena, "pki/roles/%s", name), json);
}

static inline int issue(const char *role_name, const char *json)
{
    return call(OP_WRITE, arena_printf(&f.arena, "pki/issue/%s", role_name), json);
}

#endif
