/*
 * fill - fills the structs of a blueprint from a tree, by the schema.
 *
 * It goes on after a problem, so that one look at the file shows all of them.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/bug.h"
#include "model/values_int.h"

static void write_frames(struct buf *b, const struct frame *f)
{
    if (f == NULL)
        return;
    write_frames(b, f->up);
    if (b->len > 0 && f->name.len > 0 && f->name.at[0] != '[')
        buf_char(b, '.');
    buf_str(b, f->name);
}

const char *reading_where(struct reading *r)
{
    struct buf b;
    const char *where;

    buf_init(&b, 4096);
    write_frames(&b, r->frame);
    where = b.len > 0 ? arena_str(r->scratch, buf_as_str(&b)).at : "the blueprint";
    buf_free(&b);
    return where;
}

const char *reading_word(struct reading *r, struct str word)
{
    struct frame frame = { r->frame, word };
    const char *where;

    r->frame = &frame;
    where = reading_where(r);
    r->frame = frame.up;
    return where;
}

static void *field(void *base, const struct word *w)
{
    return (char *)base + w->at;
}

/* ---- one value ---- */

static bool read_text_value(
    struct reading *r, const struct word *w, const struct node *n, struct str text, void *to)
{
    const struct value_type *type = &value_types[w->type];
    struct err why = { 0 };
    char read[80];

    if (type->read(r, w, text, to, &why))
        return true;
    node_describe(n, read);
    if (why.text[0] != '\0' && strncmp(why.text, "expected", 8) == 0)
        problem_add(r->problems, node_place(n), false, "blueprint_value", "%s: read %s, %s",
            reading_where(r), read, why.text);
    else if (why.text[0] != '\0')
        problem_add(r->problems, node_place(n), false, "blueprint_value", "%s: read %s; %s",
            reading_where(r), read, why.text);
    else
        problem_add(r->problems, node_place(n), false, "blueprint_value",
            "%s: read %s, expected %s", reading_where(r), read, word_expects(w));
    return false;
}

static bool read_scalar(struct reading *r, const struct word *w, const struct node *n, void *to)
{
    struct str text;
    char read[80];

    if (node_is_null(n)) {
        problem_add(r->problems, node_place(n), false, "blueprint_no_value",
            "%s has no value; expected %s", reading_where(r), word_expects(w));
        return false;
    }
    if (n->kind != NODE_SCALAR) {
        problem_add(r->problems, node_place(n), false, "blueprint_type", "%s: read %s, expected %s",
            reading_where(r), node_describe(n, read), word_expects(w));
        return false;
    }
    if (!variables_expand(r, n, w->type == WORD_TEMPLATE, &text))
        return false;
    r->folder = n->file->folder;
    return read_text_value(r, w, n, text, to);
}

/* true and false of a header or parameter are not texts. */
static bool read_field(struct reading *r, const struct word *w, const struct node *n, void *to)
{
    struct field_match *m = to;
    bool present;

    if (node_is_bool(n, &present)) {
        m->absent = !present;
        return true;
    }
    return read_scalar(r, w, n, to);
}

static void read_set(struct reading *r, const struct word *w, const struct node *n, void *to)
{
    *(unsigned *)to = 0;
    if (n->kind != NODE_LIST) {
        read_scalar(r, w, n, to);
        return;
    }
    for (size_t i = 0; i < n->n; i++)
        read_scalar(r, w, n->items[i], to);
}

/* ---- lists and maps ---- */

static size_t item_size(const struct word *w)
{
    if (w->type == WORD_TABLE)
        return w->table->size;
    if (w->shape == WORD_MAP && w->type != WORD_FIELD)
        return sizeof(struct name_value);
    return value_types[w->type].size;
}

static void finish_list(struct reading *r, const struct word *w, void *to)
{
    struct cidrs *networks = to;

    if (w->type == WORD_CIDR)
        networks->set =
            networks->n > 0 ? cidr_set_build(r->arena, networks->at, networks->n) : r->no_networks;
}

static void fill_list(struct reading *r, const struct word *w, const struct node *n, void *to)
{
    struct seq *seq = to;
    const struct node *const *items = n->kind == NODE_LIST ? n->items : &n;
    size_t count = n->kind == NODE_LIST ? n->n : 1;
    size_t size = item_size(w);

    if (count == 0 && (w->flags & WORD_NOT_EMPTY) != 0)
        problem_add(r->problems, node_place(n), false, "blueprint_empty_list",
            "%s: the list is empty; leave the word out instead", reading_where(r));
    seq->n = count;
    seq->at = arena_calloc(r->arena, count, size);
    for (size_t i = 0; i < count; i++) {
        char index[24];
        struct frame frame = { r->frame, { index, 0 } };
        void *item = (char *)seq->at + i * size;

        frame.name.len = (size_t)snprintf(index, sizeof(index), "[%zu]", i);
        if (n->kind == NODE_LIST)
            r->frame = &frame;
        if (w->type == WORD_TABLE) {
            r->folder = items[i]->file->folder;
            fill_presets(r, w->table, item);
            fill_table(r, w->table, items[i], item);
        } else {
            read_scalar(r, w, items[i], (char *)item);
        }
        r->frame = frame.up;
    }
    finish_list(r, w, to);
}

static const char *check_key(const struct word *w, struct str key)
{
    bool good = true;

    switch (w->keys) {
    case WORD_KEY_NAME:
        if (!value_is_name(key))
            return "a name has letters, digits and - _ . (at most 64)";
        break;
    case WORD_KEY_HEADER:
        if (!value_is_token(key))
            return "the name of a header has letters, digits and -";
        break;
    case WORD_KEY_ENVIRONMENT:
        for (size_t i = 0; i < key.len; i++)
            good = good && (key.at[i] == '_' || (i > 0 && key.at[i] >= '0' && key.at[i] <= '9') ||
                               (ascii_lower(key.at[i]) >= 'a' && ascii_lower(key.at[i]) <= 'z'));
        if (!good || key.len == 0)
            return "the name of an environment variable has letters, digits and _";
        break;
    case WORD_KEY_ANY:
        if (key.len == 0)
            return "the name may not be empty";
        break;
    }
    return NULL;
}

static struct str key_text(struct reading *r, const struct word *w, struct str key)
{
    struct str copy = arena_str(r->arena, key);

    if (w->type == WORD_FIELD && w->keys == WORD_KEY_HEADER)
        for (size_t i = 0; i < copy.len; i++)
            ((char *)(uintptr_t)copy.at)[i] = ascii_lower(copy.at[i]);
    return copy;
}

static void fill_map_item(struct reading *r, const struct word *w, const struct pair *p, void *item)
{
    const char *bad = check_key(w, p->key);

    if (bad != NULL)
        problem_add(r->problems, (struct place){ p->file, p->line, p->column }, false,
            "blueprint_name", "\"%.*s\" in %s: %s", STR_ARG(p->key), reading_where(r), bad);
    r->folder = p->file->folder;
    if (w->type == WORD_TABLE)
        fill_presets(r, w->table, item);
    *(struct str *)item = key_text(r, w, p->key);
    if (w->type == WORD_TABLE)
        fill_table(r, w->table, p->value, item);
    else if (w->type == WORD_FIELD)
        read_field(r, w, p->value, item);
    else
        read_scalar(r, w, p->value, &((struct name_value *)item)->value);
}

static void fill_map(struct reading *r, const struct word *w, const struct node *n, void *to)
{
    struct seq *seq = to;
    size_t size = item_size(w);
    char read[80];

    if (n->kind != NODE_MAP) {
        problem_add(r->problems, node_place(n), false, "blueprint_type",
            "%s: read %s, expected a mapping by name, such as %s", reading_where(r),
            node_describe(n, read), w->example);
        return;
    }
    seq->at = arena_calloc(r->arena, n->n, size);
    for (size_t i = 0; i < n->n; i++) {
        struct frame frame = { r->frame, n->pairs[i].key };

        r->frame = &frame;
        fill_map_item(r, w, &n->pairs[i], (char *)seq->at + seq->n++ * size);
        r->frame = frame.up;
    }
}

static void fill_word(struct reading *r, const struct word *w, const struct node *n, void *base)
{
    void *to = field(base, w);

    if (w->shape != WORD_ONE && node_is_null(n))
        problem_add(r->problems, node_place(n), false, "blueprint_no_value",
            "%s has no value; leave the word out, or write %s", reading_where(r),
            w->shape == WORD_LIST ? "[]" : "{}");
    else if (w->shape == WORD_LIST)
        fill_list(r, w, n, to);
    else if (w->shape == WORD_MAP)
        fill_map(r, w, n, to);
    else if (w->type == WORD_TABLE)
        fill_table(r, w->table, n, to);
    else if (w->type == WORD_SET)
        read_set(r, w, n, to);
    else
        read_scalar(r, w, n, to);
}

/* ---- tables ---- */

static void set_switch(const struct table *t, void *base, bool on)
{
    if (t->has_switch == TABLE_ON || t->has_switch == TABLE_OFF)
        *(bool *)((char *)base + t->on) = on;
}

/* The preset of a list is its items with ", " between. */
static void preset_list(struct reading *r, const struct word *w, void *to)
{
    struct node items[8] = { 0 };
    const struct node *at[8];
    struct node list = { .kind = NODE_LIST, .items = at };
    static const struct file nowhere = { "preset", "/", 0 };
    struct str rest = str_from(w->preset);

    while (rest.at != NULL) {
        struct str item = str_trim(str_cut(rest, ',', &rest));

        items[list.n] = (struct node){ .kind = NODE_SCALAR,
            .plain = true,
            .file = &nowhere,
            .text = arena_str(r->scratch, item) };
        at[list.n] = &items[list.n];
        list.n++;
    }
    if (w->type == WORD_SET)
        read_set(r, w, &list, to);
    else
        fill_list(r, w, &list, to);
}

static void preset(struct reading *r, const struct word *w, void *base)
{
    void *to = field(base, w);
    struct err err = { 0 };

    if ((w->flags & WORD_TREE) != 0)
        return;
    if (w->shape != WORD_ONE || w->type == WORD_SET) {
        if (w->preset != NULL)
            preset_list(r, w, to);
        else if (w->shape == WORD_LIST)
            finish_list(r, w, to);
    } else if (w->type == WORD_TABLE) {
        fill_presets(r, w->table, to);
    } else if (w->preset != NULL &&
               !value_types[w->type].read(r, w, str_from(w->preset), to, &err)) {
        BUG("a preset of the schema cannot be read");
    }
}

void fill_presets(struct reading *r, const struct table *t, void *base)
{
    set_switch(t, base, t->has_switch == TABLE_ON);
    for (const struct word *w = t->words; w->name != NULL; w++)
        preset(r, w, base);
}

static void unknown_word(struct reading *r, const struct table *t, const struct pair *p)
{
    struct place at = { p->file, p->line, p->column };
    struct nearest near;
    struct buf known;

    nearest_init(&near, p->key);
    buf_init(&known, 2048);
    for (const struct word *w = t->words; w->name != NULL; w++) {
        if ((w->flags & WORD_HIDDEN) != 0)
            continue;
        nearest_try(&near, w->name);
        buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", w->name);
    }
    if (near.best != NULL)
        problem_add(r->problems, at, false, "blueprint_unknown_word",
            "unknown word \"%.*s\" in %s; did you mean \"%s\"?", STR_ARG(p->key), reading_where(r),
            near.best);
    else
        problem_add(r->problems, at, false, "blueprint_unknown_word",
            "unknown word \"%.*s\" in %s; %s may have %s", STR_ARG(p->key), reading_where(r),
            t->title, buf_cstr(&known));
    buf_free(&known);
}

static void check_required(struct reading *r, const struct table *t, const struct node *n)
{
    for (const struct word *w = t->words; w->name != NULL; w++)
        if ((w->flags & WORD_REQUIRED) != 0 && node_get(n, w->name) == NULL)
            problem_add(r->problems, node_place(n), false, "blueprint_missing_word",
                "%s needs `%s`, such as %s: %s", reading_where(r), w->name, w->name, w->example);
}

static void fill_pairs(struct reading *r, const struct table *t, const struct node *n, void *base)
{
    bool misspelt = false;

    for (size_t i = 0; i < n->n; i++) {
        const struct pair *p = &n->pairs[i];
        const struct word *w = table_word(t, p->key);
        struct frame frame = { r->frame, p->key };

        if (w == NULL || ((w->flags & WORD_HIDDEN) != 0 && !r->canonical)) {
            unknown_word(r, t, p);
            misspelt = true;
            continue;
        }
        if ((w->flags & WORD_TREE) != 0)
            continue;
        r->frame = &frame;
        fill_word(r, w, p->value, base);
        r->frame = frame.up;
    }
    if (!misspelt)
        check_required(r, t, n);
    r->misspelt = misspelt;
}

/* `breaker: false`, `health: true`. False when it is not a switch. */
static bool fill_switch(struct reading *r, const struct table *t, const struct node *n, void *base)
{
    bool on;

    if (t->has_switch == TABLE_PLAIN || !node_is_bool(n, &on))
        return false;
    if (t->has_switch == TABLE_ZERO && !on)
        *(unsigned *)field(base, table_word(t, str_from(t->off_word))) = 0;
    set_switch(t, base, on);
    if (on)
        check_required(r, t, n);
    return true;
}

void fill_table(struct reading *r, const struct table *t, const struct node *n, void *base)
{
    char read[80];

    if (fill_switch(r, t, n, base))
        return;
    if (node_is_null(n)) {
        problem_add(r->problems, node_place(n), false, "blueprint_no_value",
            "%s has no value; leave the word out, or write {} for the defaults", reading_where(r));
        return;
    }
    if (n->kind != NODE_MAP && t->short_word != NULL)
        n = node_wrap(r->scratch, t->short_word, n);
    if (n->kind != NODE_MAP) {
        problem_add(r->problems, node_place(n), false, "blueprint_type",
            "%s: read %s, expected a mapping of words", reading_where(r), node_describe(n, read));
        return;
    }
    set_switch(t, base, true);
    fill_pairs(r, t, n, base);
    if (t->finish != NULL)
        t->finish(r, n, base);
}

const struct node *node_on_way(const struct node *n, ...)
{
    const char *key;
    va_list ap;

    va_start(ap, n);
    while ((key = va_arg(ap, const char *)) != NULL) {
        const struct node *next = node_get(n, key);

        if (next == NULL)
            break;
        n = next;
    }
    va_end(ap);
    return n;
}
