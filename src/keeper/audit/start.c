/*
 * start - where the chain goes on: how the journal ends, and whether that is how we left it.
 *
 * The newest head of the journal's tail gives the tree, the records behind it are hashed anew.  The keeper's own note of its newest
 * head (the plain row "audit-head", written once a head is on the disk) says how far the journal must reach.  A journal that is not
 * as we left it does not keep the keeper shut: the chain goes on from the last record that is certain, so that
 * verification shows for ever what is missing, and health and the first record say so at once.
 */
#include <stdarg.h>
#include <stdio.h>

#include "keeper/audit/inside_int.h"
#include "keeper/core/core_int.h"
#include "keeper/core/entries_int.h"

enum { COMPARED = 1 << 20 };

void audit_note_damage(struct audit *a, const char *fmt, ...)
{
    va_list ap;

    if (a->damaged)
        return; /* the first is the cause */
    va_start(ap, fmt);
    vsnprintf(a->damage, sizeof(a->damage), fmt, ap);
    va_end(ap);
    a->damaged = true;
}

/* A place in the chain. */
struct end {
    struct chain_tree tree;
    uint8_t last[CHAIN_HASH];
};

static void end_add(struct end *e, const struct chain_line *line)
{
    chain_tree_add(&e->tree, line->hash);
    memcpy(e->last, line->hash, CHAIN_HASH);
}

/* Is the line what comes after this place? */
static bool end_continues(const struct end *e, const struct chain_line *line)
{
    uint8_t hash[CHAIN_HASH];

    if (line->seq != e->tree.size + 1)
        return false;
    chain_leaf(e->last, line->text, hash);
    return memcmp(hash, line->hash, CHAIN_HASH) == 0;
}

/* A head of ours, as a line: the place behind it. False: it is not. */
static bool end_of_head(const struct audit *a, struct str text, struct end *e)
{
    struct chain_head head;
    struct chain_line line;

    if (!chain_line_read(text, &line) || !chain_head_read(text, &head) ||
        memcmp(head.key, a->secret + CHAIN_KEY, CHAIN_KEY) != 0 || !chain_head_verify(&head))
        return false;
    e->tree = head.tree;
    memcpy(e->last, head.last, CHAIN_HASH);
    if (!end_continues(e, &line))
        return false;
    end_add(e, &line);
    return true;
}

/* The newest head in the tail, looked for from its end. *rest: the lines behind it. False: there is none. */
static bool newest_head(const struct audit *a, struct str tail, struct end *e, struct str *rest)
{
    size_t behind = tail.len;

    while (behind > 0) {
        size_t stop = behind - (tail.at[behind - 1] == '\n');
        const char *newline = memrchr(tail.at, '\n', stop);
        size_t begin = newline != NULL ? (size_t)(newline - tail.at) + 1 : 0;
        struct str line = { tail.at + begin, stop - begin };
        struct end here;

        if (chain_is_head(line) && end_of_head(a, line, &here)) {
            *e = here;
            *rest = (struct str){ tail.at + behind, tail.len - behind };
            return true;
        }
        behind = begin;
    }
    return false;
}

/* The lines that follow each other, as far as they are what they were. */
static void follow(struct audit *a, struct str rest, struct end *e)
{
    while (rest.len > 0) {
        struct str behind;
        struct str text = str_cut(rest, '\n', &behind);
        struct chain_line line;

        if (!chain_line_read(text, &line) || !end_continues(e, &line)) {
            audit_note_damage(a, "the journal is not as it was written from record %llu on",
                (unsigned long long)e->tree.size + 1);
            return;
        }
        end_add(e, &line);
        a->unsigned_records++;
        rest = behind.at != NULL ? behind : STR("");
    }
}

/* The hash of a record in the tail; false: it is not in there. */
static bool hash_in(struct str tail, uint64_t seq, uint8_t hash[CHAIN_HASH])
{
    while (tail.len > 0) {
        struct str behind;
        struct str text = str_cut(tail, '\n', &behind);
        struct chain_line line;

        if (chain_line_read(text, &line) && line.seq == seq) {
            memcpy(hash, line.hash, CHAIN_HASH);
            return true;
        }
        tail = behind.at != NULL ? behind : STR("");
    }
    return false;
}

/* The journal must reach as far as our note, and say there what the note says. */
static void compare_with_note(
    struct audit *a, struct str tail, uint64_t size, const struct end *note, struct end *e)
{
    uint8_t hash[CHAIN_HASH];
    uint64_t seq = note->tree.size;

    if (seq == 0)
        return;
    if (e->tree.size < seq && size == 0)
        audit_note_damage(
            a, "the journal is empty: records up to %llu are not in it", (unsigned long long)seq);
    else if (e->tree.size < seq)
        audit_note_damage(a, "the journal ends at record %llu, but %llu were written",
            (unsigned long long)e->tree.size, (unsigned long long)seq);
    else if (hash_in(tail, seq, hash) && memcmp(hash, note->last, CHAIN_HASH) != 0)
        audit_note_damage(
            a, "record %llu of the journal is not the one we wrote", (unsigned long long)seq);
    else
        return;
    if (e->tree.size < seq)
        *e = *note;
}

/* -1: the store does not answer. */
static int read_note(struct audit *a, struct arena *arena, struct end *note)
{
    struct str data;
    int there = entries_plain_get(core_entries(a->core), arena, "audit-head", &data);

    memset(note, 0, sizeof(*note));
    if (there == 1 && !end_of_head(a, data, note)) {
        memset(note, 0, sizeof(*note));
        audit_note_damage(a, "the keeper's note of the journal's newest head is not signed by it");
    }
    return there;
}

/* Whole lines: what was cut at the front goes. */
static struct str whole_lines(struct str tail, uint64_t size)
{
    struct str rest;

    if (tail.len == size || tail.len == 0)
        return tail;
    str_cut(tail, '\n', &rest);
    return rest.at != NULL ? rest : STR("");
}

bool audit_find_end(struct audit *a, const char **why)
{
    struct end note;
    struct end e = { 0 };
    struct arena arena;
    struct str tail;
    struct str rest;
    uint64_t size;
    bool ok;

    *why = "the audit journal cannot be read";
    a->damaged = false;
    a->damage[0] = '\0';
    a->unsigned_records = 0;
    arena_init(&arena, 4096);
    ok = read_note(a, &arena, &note) >= 0 &&
         entries_journal_tail(core_entries(a->core), AUDIT_TAIL, &arena, &size, &tail);
    if (ok) {
        rest = tail = whole_lines(tail, size);
        if (newest_head(a, tail, &e, &rest) || tail.len == size)
            follow(a, rest, &e);
        else
            audit_note_damage(a, "the end of the journal holds no head that the keeper signed");
        compare_with_note(a, tail, size, &note, &e);
        a->tree = e.tree;
        memcpy(a->last, e.last, CHAIN_HASH);
        queue_begin(&a->queue, e.tree.size);
    }
    arena_free(&arena);
    return ok;
}

static struct str last_line(struct str tail)
{
    size_t begin;

    if (tail.len > 0 && tail.at[tail.len - 1] == '\n')
        tail.len--;
    begin = tail.len;
    while (begin > 0 && tail.at[begin - 1] != '\n')
        begin--;
    return (struct str){ tail.at + begin, tail.len - begin };
}

bool audit_compare(struct audit *a)
{
    struct arena arena;
    struct str tail;
    uint64_t size;
    bool ok;

    arena_init(&arena, 4096);
    ok = entries_journal_tail(core_entries(a->core), COMPARED, &arena, &size, &tail);
    if (ok && !queue_matches(&a->queue, last_line(tail)))
        audit_note_damage(a, "the journal does not end with record %llu any more",
            (unsigned long long)a->queue.written);
    arena_free(&arena);
    return ok;
}
