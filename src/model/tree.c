/*
 * tree - YAML files as nodes, read from libyaml's events.  See tree_int.h.
 *
 * Refused here, because no word of a blueprint needs them: several documents,
 * merge keys, tags, keys that are not plain text, the same key twice, NUL
 * bytes, and whatever passes the limits in tree_int.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "model/tree_int.h"

/* Aliases look anchors up one by one; past these an alias finds none and says so. */
enum { ANCHORS_MAX = 4096 };

struct anchor {
    struct str name;
    const struct node *node;
};

struct reader {
    struct arena *arena;
    struct problem_list *problems;
    const struct file *file;
    yaml_parser_t parser;
    unsigned depth;
    size_t nodes; /* aliases written out */
    struct anchor *anchors;
    size_t nanchors;
};

static struct place place_of(const struct reader *r, yaml_mark_t mark)
{
    return (struct place){ r->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

static void syntax_error(struct reader *r)
{
    yaml_parser_t *p = &r->parser;
    struct place at = place_of(r, p->problem_mark);
    const char *why = p->problem != NULL ? p->problem : "it cannot be read";

    if (p->error == YAML_READER_ERROR)
        at = (struct place){ r->file, 0, 0 };
    if (strstr(why, "cannot start any token") != NULL && p->buffer.pointer < p->buffer.last &&
        *p->buffer.pointer == '\t')
        problem_add(r->problems, at, false, "blueprint_tab",
            "a tab stands where YAML wants spaces; indent with spaces only");
    else if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
        problem_add(r->problems, at, false, "blueprint_yaml",
            "this is not YAML: %s (%s that began in line %zu)", why, p->context,
            p->context_mark.line + 1);
    else
        problem_add(r->problems, at, false, "blueprint_yaml", "this is not YAML: %s", why);
}

static bool next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return true;
    syntax_error(r);
    return false;
}

static const struct node *read_node(struct reader *r, yaml_event_t *event);

static struct node *new_node(struct reader *r, enum node_kind kind, yaml_mark_t mark)
{
    struct node *n = arena_calloc(r->arena, 1, sizeof(*n));

    n->kind = kind;
    n->file = r->file;
    n->line = (uint32_t)mark.line + 1;
    n->column = (uint32_t)mark.column + 1;
    n->weight = 1;
    return n;
}

/* Counts n nodes; false and a problem once they are too many. */
static bool spend(struct reader *r, size_t n, yaml_mark_t mark)
{
    r->nodes += n;
    if (r->nodes <= TREE_NODES_MAX)
        return true;
    problem_add(r->problems, place_of(r, mark), false, "blueprint_too_large",
        "the file has more than %d values%s", TREE_NODES_MAX,
        n > 1 ? " once this alias is written out" : "");
    return false;
}

static void keep_anchor(struct reader *r, const yaml_char_t *name, const struct node *node)
{
    if (name == NULL || r->nanchors == ANCHORS_MAX)
        return;
    if ((r->nanchors & (r->nanchors - 1)) == 0)
        r->anchors =
            xreallocarray(r->anchors, r->nanchors > 0 ? r->nanchors * 2 : 1, sizeof(*r->anchors));
    r->anchors[r->nanchors++] =
        (struct anchor){ arena_str(r->arena, str_from((const char *)name)), node };
}

static const struct node *read_alias(struct reader *r, const yaml_event_t *event)
{
    struct str name = str_from((const char *)event->data.alias.anchor);

    for (size_t i = r->nanchors; i-- > 0;)
        if (str_eq(r->anchors[i].name, name))
            return spend(r, r->anchors[i].node->weight, event->start_mark) ? r->anchors[i].node
                                                                           : NULL;
    problem_add(r->problems, place_of(r, event->start_mark), false, "blueprint_alias",
        "*%.*s has no anchor &%.*s before it", STR_ARG(name), STR_ARG(name));
    return NULL;
}

static bool check_tag(struct reader *r, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (tag == NULL || strcmp((const char *)tag, "!") == 0 ||
        strcmp((const char *)tag, YAML_STR_TAG) == 0)
        return true;
    problem_add(r->problems, place_of(r, mark), false, "blueprint_tag",
        "YAML tags are not supported; leave out \"%s\"", (const char *)tag);
    return true; /* the value itself can still be checked */
}

static const struct node *read_scalar(struct reader *r, const yaml_event_t *event)
{
    struct node *n = new_node(r, NODE_SCALAR, event->start_mark);
    struct str text = { (const char *)event->data.scalar.value, event->data.scalar.length };

    if (memchr(text.at, '\0', text.len) != NULL) {
        problem_add(r->problems, place_of(r, event->start_mark), false, "blueprint_nul",
            "a value may not hold a NUL byte");
        text.len = strlen(text.at);
    }
    check_tag(r, event->data.scalar.tag, event->start_mark);
    n->text = arena_str(r->arena, text);
    n->plain =
        event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
    keep_anchor(r, event->data.scalar.anchor, n);
    return n;
}

/* A growing array on the heap while a list or mapping is read; its final copy is in the arena. */
static void *grown(void *at, size_t n, size_t size)
{
    return n >= 4 && (n & (n - 1)) == 0 ? xreallocarray(at, n * 2, size)
           : n == 0                     ? xreallocarray(NULL, 4, size)
                                        : at;
}

static const struct node *read_list(struct reader *r, const yaml_event_t *start)
{
    struct node *list = new_node(r, NODE_LIST, start->start_mark);
    auto_free const struct node **items = NULL;
    yaml_event_t event;
    bool done = false;

    check_tag(r, start->data.sequence_start.tag, start->start_mark);
    while (!done) {
        const struct node *item;

        if (!next_event(r, &event))
            return NULL;
        done = event.type == YAML_SEQUENCE_END_EVENT;
        item = done ? NULL : read_node(r, &event);
        yaml_event_delete(&event);
        if (item == NULL && !done)
            return NULL;
        if (done)
            break;
        items = grown((void *)items, list->n, sizeof(const struct node *));
        items[list->n++] = item;
        list->weight += item->weight;
    }
    list->items = arena_alloc(r->arena, list->n * sizeof(const struct node *));
    if (items != NULL)
        memcpy((void *)list->items, (void *)items, list->n * sizeof(const struct node *));
    keep_anchor(r, start->data.sequence_start.anchor, list);
    return list;
}

/*
 * A key that is refused leaves pair->key.at NULL, so that what follows it is
 * still checked.  False when reading cannot go on.
 */
static bool read_key(struct reader *r, yaml_event_t *event, struct pair *pair)
{
    struct place at = place_of(r, event->start_mark);
    struct str text;

    if (event->type != YAML_SCALAR_EVENT) {
        problem_add(r->problems, at, false, "blueprint_key",
            event->type == YAML_ALIAS_EVENT ? "an alias cannot be a key; write the word out"
                                            : "a key must be plain text, not a list or a mapping");
        return read_node(r, event) != NULL;
    }
    text = (struct str){ (const char *)event->data.scalar.value, event->data.scalar.length };
    if (str_is(text, "<<") && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        problem_add(r->problems, at, false, "blueprint_merge_key",
            "YAML merge keys (<<) are not supported; write the words out, or repeat a whole value "
            "with an alias");
    else if (memchr(text.at, '\0', text.len) != NULL)
        problem_add(r->problems, at, false, "blueprint_nul", "a key may not hold a NUL byte");
    else
        *pair = (struct pair){ arena_str(r->arena, text), at.line, at.column, r->file, NULL };
    return true;
}

static bool read_pairs(struct reader *r, struct node *map, struct pair **pairs)
{
    yaml_event_t event;

    for (;;) {
        struct pair pair = { 0 };
        bool more;

        if (!next_event(r, &event))
            return false;
        more = event.type != YAML_MAPPING_END_EVENT && read_key(r, &event, &pair);
        if (!more) {
            bool end = event.type == YAML_MAPPING_END_EVENT;

            yaml_event_delete(&event);
            return end;
        }
        yaml_event_delete(&event);
        if (!next_event(r, &event))
            return false;
        pair.value = read_node(r, &event);
        yaml_event_delete(&event);
        if (pair.value == NULL)
            return false;
        if (pair.key.at == NULL)
            continue;
        *pairs = grown(*pairs, map->n, sizeof(**pairs));
        (*pairs)[map->n++] = pair;
        map->weight += pair.value->weight + 1;
    }
}

/* Drops the second of two equal keys and says so. A table by hash, so that 10,000 keys cost 10,000. */
static void refuse_duplicates(struct reader *r, struct node *map)
{
    size_t cap = 8;
    auto_free uint32_t *slots = NULL;
    size_t kept = 0;

    while (cap < map->n * 2)
        cap *= 2;
    slots = xcalloc(cap, sizeof(*slots));
    for (size_t i = 0; i < map->n; i++) {
        struct pair *p = &map->pairs[i];
        size_t at = hash_bytes(p->key.at, p->key.len) & (cap - 1);

        while (slots[at] > 0 && !str_eq(map->pairs[slots[at] - 1].key, p->key))
            at = (at + 1) & (cap - 1);
        if (slots[at] > 0) {
            problem_add(r->problems, (struct place){ p->file, p->line, p->column }, false,
                "blueprint_duplicate_key", "\"%.*s\" is here twice; the first is in line %u",
                STR_ARG(p->key), map->pairs[slots[at] - 1].line);
            continue;
        }
        map->pairs[kept] = *p;
        slots[at] = (uint32_t)++kept;
    }
    map->n = kept;
}

static const struct node *read_map(struct reader *r, const yaml_event_t *start)
{
    struct node *map = new_node(r, NODE_MAP, start->start_mark);
    auto_free struct pair *pairs = NULL;

    check_tag(r, start->data.mapping_start.tag, start->start_mark);
    if (!read_pairs(r, map, &pairs))
        return NULL;
    map->pairs = arena_alloc(r->arena, map->n * sizeof(*pairs));
    if (pairs != NULL)
        memcpy(map->pairs, pairs, map->n * sizeof(*pairs));
    refuse_duplicates(r, map);
    keep_anchor(r, start->data.mapping_start.anchor, map);
    return map;
}

static const struct node *read_node(struct reader *r, yaml_event_t *event)
{
    const struct node *n = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(r, event);
    if (!spend(r, 1, event->start_mark))
        return NULL;
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(r, event);
    if (++r->depth > TREE_DEPTH_MAX)
        problem_add(r->problems, place_of(r, event->start_mark), false, "blueprint_too_deep",
            "nested more than %d levels deep", TREE_DEPTH_MAX);
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        n = read_list(r, event);
    else if (event->type == YAML_MAPPING_START_EVENT)
        n = read_map(r, event);
    r->depth--;
    return n;
}

/* NULL (said) for nothing, several documents or bad YAML. */
static const struct node *read_document(struct reader *r)
{
    const struct node *root = NULL;
    yaml_event_t event;
    bool end = false;
    bool failed = false;

    while (!end) {
        if (!next_event(r, &event))
            return NULL;
        end = event.type == YAML_STREAM_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT && root != NULL) {
            problem_add(r->problems, place_of(r, event.start_mark), false, "blueprint_documents",
                "a second YAML document begins here; a blueprint is one document (see `include`)");
            end = true;
        } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_STREAM_END_EVENT &&
                   event.type != YAML_DOCUMENT_START_EVENT &&
                   event.type != YAML_DOCUMENT_END_EVENT) {
            root = read_node(r, &event);
            failed = root == NULL;
        }
        yaml_event_delete(&event);
        if (failed)
            return NULL;
    }
    if (root == NULL || node_is_null(root)) {
        problem_add(r->problems, (struct place){ r->file, 0, 0 }, false, "blueprint_empty",
            "the file is empty; `weir explain` lists the words it may hold");
        return NULL;
    }
    return root;
}

/* libyaml names no line for bytes that are not UTF-8, so they are found first. */
static bool check_utf8(struct problem_list *problems, const struct file *file, struct str text)
{
    struct place at = { file, 1, 1 };
    size_t i = 0;

    while (i < text.len) {
        size_t n = utf8_length((const unsigned char *)text.at + i, text.len - i);
        unsigned char c = (unsigned char)text.at[i];

        if (n == 0 || (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
            problem_add(problems, at, false, "blueprint_utf8",
                n == 0 ? "byte 0x%02x is not UTF-8; save the file as UTF-8"
                       : "control character 0x%02x; write \"\\x%02x\" in quotes if it is meant",
                c, c);
            return false;
        }
        at.column++;
        if (c == '\n') {
            at.line++;
            at.column = 1;
        }
        i += n;
    }
    return true;
}

const struct node *tree_read_text(
    struct arena *a, struct problem_list *problems, const struct file *file, struct str text)
{
    struct reader r = { .arena = a, .problems = problems, .file = file };
    const struct node *root;

    if (!check_utf8(problems, file, text))
        return NULL;
    if (!yaml_parser_initialize(&r.parser))
        BUG("out of memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.at, text.len);
    root = read_document(&r);
    yaml_parser_delete(&r.parser);
    free(r.anchors);
    return root;
}

static const struct file *file_new(struct arena *a, struct problem_list *problems, const char *path)
{
    struct file *file = arena_calloc(a, 1, sizeof(*file));
    auto_free char *real = realpath(path, NULL);
    char *slash = real != NULL ? strrchr(real, '/') : NULL;

    file->path = arena_strdup(a, path);
    file->order = problems->nfiles++;
    if (slash != NULL)
        slash[slash == real] = '\0';
    file->folder = arena_strdup(a, slash != NULL ? real : "/");
    return file;
}

const struct node *tree_read_file(
    struct arena *a, struct problem_list *problems, const char *path, const struct file **file)
{
    const struct file *f = *file = file_new(a, problems, path);
    struct place whole = { f, 0, 0 };
    const struct node *root = NULL;
    struct stat st;
    struct buf text;
    struct err err;

    if (stat(path, &st) == -1) {
        problem_add(problems, whole, false, "blueprint_missing",
            errno == ENOENT ? "there is no such file" : "cannot be opened: %s", strerror(errno));
        return NULL;
    }
    if (S_ISDIR(st.st_mode)) {
        problem_add(problems, whole, false, "blueprint_folder",
            "this is a folder; name the file in it, such as %s/weir.yaml", path);
        return NULL;
    }
    buf_init(&text, TREE_FILE_MAX);
    if (fd_read_file(path, &text, &err) == 0)
        root = tree_read_text(a, problems, f, buf_as_str(&text));
    else if (strcmp(err.id, "fd_size") == 0)
        problem_add(problems, whole, false, "blueprint_too_large",
            "the file is over %d MB; split it and `include` the parts", TREE_FILE_MAX >> 20);
    else
        problem_add(problems, whole, false, "blueprint_open", "%s", err.text);
    buf_free(&text);
    return root;
}
