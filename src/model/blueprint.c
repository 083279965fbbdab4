/*
 * blueprint - from a file, or from canonical text, to a checked snapshot.
 * See blueprint.h.
 */
#include <stdlib.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/hash.h"
#include "model/blueprint.h"
#include "model/router.h"
#include "model/values_int.h"

enum { CANONICAL_MAX = 64 * 1024 * 1024 };

static struct blueprint *blueprint_new(void)
{
    struct blueprint *b = xcalloc(1, sizeof(*b));

    atomic_init(&b->refs, 1);
    arena_init(&b->arena, 1 << 16);
    return b;
}

struct blueprint *blueprint_ref(struct blueprint *b)
{
    MUST(atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed) > 0);
    return b;
}

void blueprint_unref(struct blueprint *b)
{
    if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1)
        return;
    arena_free(&b->arena);
    free(b);
}

static void write_canonical(struct reading *r, struct blueprint *b)
{
    struct buf text;

    buf_init(&text, CANONICAL_MAX);
    canonical_write(r, b, false, &text);
    b->version = hash_stable(text.data, text.len);
    text.len = 0;
    canonical_write(r, b, true, &text);
    if (text.over)
        problem_add(r->problems, node_place(r->root), false, "blueprint_too_large",
            "the whole blueprint is larger than %d MB", CANONICAL_MAX >> 20);
    b->canonical = arena_str(&b->arena, buf_as_str(&text));
    buf_free(&text);
}

/* The rest of loading, once there is a tree. NULL when there are errors. */
static struct blueprint *compile(struct reading *r, struct blueprint *b, const struct node *root)
{
    r->root = root;
    r->arena = &b->arena;
    r->folder = root->file->folder;
    r->no_networks = cidr_set_build(&b->arena, NULL, 0);
    fill_presets(r, &schema_blueprint, b);
    variables_read(r, root);
    fill_table(r, &schema_blueprint, root, b);
    if (r->state != NULL)
        b->state = arena_str(&b->arena, str_from(r->state));
    cross_check(r, b);
    if (r->problems->out->nerrors == 0)
        write_canonical(r, b);
    if (r->problems->out->nerrors == 0) {
        b->router = router_build(&b->arena, b);
        shadow_check(r, b);
        return b;
    }
    blueprint_unref(b);
    return NULL;
}

/* What a command says is relative to where it was said. */
static const char *absolute_state(struct arena *a, const char *state)
{
    auto_free char *here = state != NULL ? realpath(".", NULL) : NULL;

    if (state == NULL)
        return NULL;
    return value_absolute(a, here != NULL ? here : "/", str_from(state)).at;
}

struct blueprint *blueprint_load(
    const char *path, const struct blueprint_options *options, struct problems *problems)
{
    static const struct blueprint_options none = { NULL, NULL };
    struct problem_list list;
    struct arena scratch;
    struct reading r = { .scratch = &scratch, .problems = &list };
    struct blueprint *b = NULL;
    const struct file *file;
    const struct node *root;

    options = options != NULL ? options : &none;
    problem_list_init(&list, problems);
    arena_init(&scratch, 1 << 16);
    root = source_read(&scratch, &list, path, options->environment, &file);
    if (root != NULL) {
        auto_free char *real = realpath(path, NULL);

        b = blueprint_new();
        b->source = arena_str(&b->arena, str_from(real != NULL ? real : path));
        if (options->environment != NULL)
            b->environment = arena_str(&b->arena, str_from(options->environment));
        r.state = absolute_state(&scratch, options->state);
        b = compile(&r, b, root);
    }
    arena_free(&scratch);
    problem_list_finish(&list);
    return b;
}

struct blueprint *blueprint_from_canonical(struct str text, struct problems *problems)
{
    static const struct file file = { "canonical", "/", 0 };
    struct problem_list list;
    struct arena scratch;
    struct reading r = { .scratch = &scratch, .problems = &list, .canonical = true };
    struct blueprint *b = NULL;
    const struct node *root;

    problem_list_init(&list, problems);
    arena_init(&scratch, 1 << 16);
    root = tree_read_json(&scratch, &list, &file, text);
    if (root != NULL)
        b = compile(&r, blueprint_new(), root);
    arena_free(&scratch);
    problem_list_finish(&list);
    return b;
}
