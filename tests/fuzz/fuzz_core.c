/*
 * The core: whatever comes over an api's link, and whatever an engine is asked, nothing crashes and everything is answered.
 *
 * The first byte says which: 0 is a whole KEEPER_REQUEST; else an operation with a path and, behind a line end, a
 * JSON body, asked with the root token of a core that has one mount of every engine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/json_read.h"
#include "core_fixture.h"
#include "keeper/core/engines_int.h"

const char *__asan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The core is open all the time, and who looks for leaks cannot see into secret memory, where it keeps pointers. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static struct core_fixture f;
static unsigned rounds;

static void mount_all(void)
{
    for (const struct engine *const *e = engines; *e != NULL; e++) {
        char path[64];
        char body[64];

        if ((*e)->single)
            continue;
        snprintf(path, sizeof(path), "sys/%s/%s", (*e)->auth ? "auth" : "mounts", (*e)->type);
        snprintf(body, sizeof(body), "{\"type\":\"%s\"}", (*e)->type);
        core_call(&f, OP_WRITE, path, f.root, body);
    }
    core_call(&f, OP_WRITE, "sys/mounts/kv2", f.root, "{\"type\":\"kv-v2\"}");
}

static void begin(void)
{
    core_fixture_open(&f);
    mount_all();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    begin();
    return 0;
}

static void ignore(void *arg, struct str bytes)
{
    MUST(bytes.len >= 8);
    *(bool *)arg = true;
}

static void raw(const uint8_t *data, size_t size)
{
    static bool answered;

    answered = false;
    core_request(f.core, (struct str){ (const char *)data, size }, ignore, &answered);
    for (int i = 0; i < 10000 && !answered; i++)
        loop_once(f.loop, 1);
    MUST(answered);
}

static void asked(enum operation op, const uint8_t *data, size_t size)
{
    struct str rest;
    struct str path = str_cut((struct str){ (const char *)data, size }, '\n', &rest);
    struct arena a;
    struct err err;
    char *name;
    char *json;

    if (path.len == 0 || memchr(path.at, '\0', path.len) != NULL)
        return;
    arena_init(&a, 4096);
    name = arena_printf(&a, "%.*s", STR_ARG(path));
    json = arena_printf(&a, "%.*s", (int)rest.len, rest.at != NULL ? rest.at : "");
    if (rest.len == 0)
        core_call(&f, op, name, f.root, NULL);
    else if (json_read(&a, arena_str(&a, str_from(json)), VALUE_NODES_MAX, &err) != NULL)
        core_call(&f, op, name, f.root, json);
    MUST(f.status >= 200 && f.status < 600);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 65536)
        return 0;
    if (data[0] % 8 == 0)
        raw(data + 1, size - 1);
    else
        asked((enum operation)(data[0] % OP_COUNT), data + 1, size - 1);
    if (++rounds % 1000 == 0 ||
        core_is_sealed(f.core)) { /* what inputs left behind must not pile up */
        core_fixture_close(&f);
        begin();
    }
    return 0;
}
