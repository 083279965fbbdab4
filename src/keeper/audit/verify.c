/*
 * verify - see audit_verify.h.
 *
 * One pass over the segments.  A record is right when its hash is that of its text and of the record before: as that one's hash
 * stands there, or as its text gives it, so that one flipped byte is one finding.  A good head replaces what was reckoned
 * so far, so that one broken place does not spoil the rest.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "keeper/audit/chain_int.h"
#include "keeper/audit_verify.h"
#include "keeper/seal/barrier_int.h"
#include "store/store.h"

enum {
    LINE_MAX_BYTES = 2 << 20,
    PIECE = 256 << 10,
    SEGMENTS_MAX = 1 << 20,
    NAME_DIGITS = 20,
    UNSIGNED_MAX =
        4 << 20, /* bytes of records behind the last head: a keeper that runs has a quarter of it */
};

struct segment {
    uint64_t start;
    char name[32];
};

struct verifying {
    const struct audit_verify_options *o;
    struct audit_verdict *v;
    const struct segment *segment;
    uint64_t line;
    bool begun;      /* there was a record */
    bool has_before; /* `recorded` and `reckoned` are of the record before */
    uint64_t expected;
    uint8_t recorded[CHAIN_HASH];
    uint8_t reckoned[CHAIN_HASH];
    bool has_tree;
    struct chain_tree tree;
    uint64_t at_head; /* findings when the last head was read */
    uint64_t unsigned_bytes;
    uint8_t noted_hash[CHAIN_HASH];
    uint64_t noted_seq; /* 0: none */
};

const char *audit_finding_word(enum audit_finding_kind kind)
{
    static const char *const words[AUDIT_FINDING_KINDS] = {
        [AUDIT_CHANGED] = "changed",
        [AUDIT_MISSING] = "missing",
        [AUDIT_OUT_OF_ORDER] = "out_of_order",
        [AUDIT_UNREADABLE] = "unreadable",
        [AUDIT_BAD_HEAD] = "bad_head",
        [AUDIT_CUT] = "cut",
        [AUDIT_SEGMENT] = "segment",
    };

    return words[kind];
}

static void find(struct verifying *c, enum audit_finding_kind kind, uint64_t seq, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

static void find(
    struct verifying *c, enum audit_finding_kind kind, uint64_t seq, const char *fmt, ...)
{
    char text[256];
    struct audit_finding f = {
        .kind = kind,
        .seq = seq,
        .segment = c->segment != NULL ? c->segment->name : "",
        .line = c->line,
        .text = text,
    };
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->v->findings++;
    if (c->o->on_finding != NULL)
        c->o->on_finding(c->o->arg, &f);
}

/* ---- heads ---- */

static bool key_is_right(struct verifying *c, const struct chain_head *h)
{
    if (!c->v->has_key) {
        memcpy(c->v->key, h->key, CHAIN_KEY);
        c->v->has_key = true;
    }
    return memcmp(c->v->key, h->key, CHAIN_KEY) == 0;
}

/* Good by itself; what it says of the records before is another matter. */
static bool head_is_signed(struct verifying *c, const struct chain_head *h, uint64_t seq)
{
    if (!key_is_right(c, h))
        find(c, AUDIT_BAD_HEAD, seq, "the head names another key");
    else if (!chain_head_verify(h))
        find(c, AUDIT_BAD_HEAD, seq, "the head's signature is wrong");
    else if (h->tree.size != seq - 1)
        find(c, AUDIT_BAD_HEAD, seq, "the head is of %llu records, but is record %llu itself",
            (unsigned long long)h->tree.size, (unsigned long long)seq);
    else
        return true;
    return false;
}

static bool head_fits(const struct verifying *c, const struct chain_head *h)
{
    uint8_t ours[CHAIN_HASH];
    uint8_t theirs[CHAIN_HASH];

    if (c->has_before && memcmp(h->last, c->recorded, CHAIN_HASH) != 0)
        return false;
    if (!c->has_tree)
        return true;
    chain_tree_root(&c->tree, ours);
    chain_tree_root(&h->tree, theirs);
    return memcmp(ours, theirs, CHAIN_HASH) == 0;
}

static void take_head(struct verifying *c, struct str text, const struct chain_line *line)
{
    struct chain_head h;

    if (!chain_head_read(text, &h)) {
        find(c, AUDIT_BAD_HEAD, line->seq,
            "the head cannot be read, or its root is not that of its peaks");
        return;
    }
    if (!head_is_signed(c, &h, line->seq))
        return;
    if (!head_fits(c, &h) && c->v->findings == c->at_head)
        find(c, AUDIT_CHANGED, c->v->covered + 1,
            "records from %llu to %llu are not those that were signed",
            (unsigned long long)c->v->covered + 1, (unsigned long long)h.tree.size);
    c->tree = h.tree;
    c->has_tree = true;
    c->at_head = c->v->findings;
    c->unsigned_bytes = 0;
    c->v->heads++;
    c->v->covered = h.tree.size;
    if (text.len < sizeof(c->v->head)) {
        memcpy(c->v->head, text.at, text.len);
        c->v->head[text.len] = '\0';
    }
}

/* ---- records ---- */

static void keep_time(struct str text, char to[32])
{
    static const char mark[] = ",\"time\":\"";
    const char *at = memmem(text.at, text.len < 64 ? text.len : 64, mark, sizeof(mark) - 1);
    struct str rest;

    if (at == NULL)
        return;
    at += sizeof(mark) - 1;
    rest = str_cut((struct str){ at, (size_t)(text.at + text.len - at) }, '"', &rest);
    if (rest.len < 32) {
        memcpy(to, rest.at, rest.len);
        to[rest.len] = '\0';
    }
}

/* Before the place where it belongs, behind it, or right? False: it is to be left out. */
static bool take_place(struct verifying *c, const struct chain_line *line)
{
    if (!c->begun) {
        c->begun = true;
        c->expected = c->v->first = line->seq;
        c->has_before = line->seq == 1; /* the first record's predecessor is zeros */
        c->has_tree = line->seq == 1;
    }
    if (line->seq < c->expected) {
        find(c, AUDIT_OUT_OF_ORDER, line->seq, "record %llu comes behind record %llu",
            (unsigned long long)line->seq, (unsigned long long)c->expected - 1);
        return false;
    }
    if (line->seq > c->expected) {
        find(c, AUDIT_MISSING, c->expected, "records from %llu to %llu are missing",
            (unsigned long long)c->expected, (unsigned long long)line->seq - 1);
        c->has_before = c->has_tree = false;
    }
    c->expected = line->seq + 1;
    return true;
}

static void take_hash(struct verifying *c, const struct chain_line *line)
{
    uint8_t hash[CHAIN_HASH];

    chain_leaf(c->recorded, line->text, hash);
    if (c->has_before && memcmp(hash, line->hash, CHAIN_HASH) != 0) {
        uint8_t other[CHAIN_HASH];

        chain_leaf(c->reckoned, line->text, other);
        if (memcmp(other, line->hash, CHAIN_HASH) != 0)
            find(c, AUDIT_CHANGED, line->seq, "record %llu is not what was written",
                (unsigned long long)line->seq);
        else
            memcpy(hash, other, CHAIN_HASH);
    }
    memcpy(c->reckoned, c->has_before ? hash : line->hash, CHAIN_HASH);
    memcpy(c->recorded, line->hash, CHAIN_HASH);
    c->has_before = true;
}

static void compare_with_noted(struct verifying *c, const struct chain_line *line)
{
    if (line->seq == c->noted_seq && memcmp(line->hash, c->noted_hash, CHAIN_HASH) != 0)
        find(c, AUDIT_CHANGED, line->seq, "record %llu is not the one that was noted",
            (unsigned long long)line->seq);
}

static void take_line(struct verifying *c, struct str text)
{
    struct chain_line line;

    c->line++;
    if (!chain_line_read(text, &line)) {
        find(c, AUDIT_UNREADABLE, c->expected, "the line is no record");
        return;
    }
    if (!take_place(c, &line))
        return;
    if (chain_is_head(text)) /* it speaks of the records before it */
        take_head(c, text, &line);
    else
        c->unsigned_bytes += text.len;
    take_hash(c, &line);
    compare_with_noted(c, &line);
    if (c->has_tree)
        chain_tree_add(&c->tree, line.hash);
    if (c->v->records++ == 0)
        keep_time(line.text, c->v->first_time);
    keep_time(line.text, c->v->last_time);
    c->v->last = line.seq;
}

/* ---- files ---- */

static int by_start(const void *a, const void *b)
{
    uint64_t x = ((const struct segment *)a)->start;
    uint64_t y = ((const struct segment *)b)->start;

    return (x > y) - (x < y);
}

static bool segment_read_name(const char *name, struct segment *s)
{
    size_t len = strlen(name);

    if (len >= sizeof(s->name) || len < NAME_DIGITS || strcmp(name + NAME_DIGITS, ".jsonl") != 0 ||
        !str_to_u64((struct str){ name, NAME_DIGITS }, UINT64_MAX / 2, &s->start))
        return false;
    memcpy(s->name, name, len + 1);
    return true;
}

/* In the order of the journal; -1 and err. */
static int list_segments(const char *folder, struct segment **out, struct err *err)
{
    DIR *d = opendir(folder);
    struct segment *list = NULL;
    struct segment s;
    struct dirent *entry;
    size_t n = 0;

    if (d == NULL)
        return err_set(err, ERR_SYSTEM, "audit_open", "%s", folder);
    while ((entry = readdir(d)) != NULL && n < SEGMENTS_MAX) {
        if (!segment_read_name(entry->d_name, &s))
            continue;
        if (n % 64 == 0)
            list = xreallocarray(list, n + 64, sizeof(s));
        list[n++] = s;
    }
    closedir(d);
    if (n > 0)
        qsort(list, n, sizeof(s), by_start);
    *out = list;
    return (int)n;
}

/* The whole lines of what was read; what is left waits for more. False: a line is too long to be a record. */
static bool take_lines(struct verifying *c, struct buf *b)
{
    size_t at = 0;
    const char *end;

    while ((end = memchr(b->data + at, '\n', b->len - at)) != NULL) {
        take_line(c, (struct str){ b->data + at, (size_t)(end - b->data) - at });
        at = (size_t)(end - b->data) + 1;
    }
    buf_consume(b, at);
    return b->len < LINE_MAX_BYTES;
}

static int read_segment(struct verifying *c, const char *folder, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", folder, c->segment->name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct buf b;
    ssize_t n;

    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "audit_open", "%s", path);
    buf_init(&b, LINE_MAX_BYTES + PIECE);
    c->line = 0;
    while ((n = read(fd, buf_reserve(&b, PIECE), PIECE)) > 0) {
        b.len += (size_t)n;
        c->v->bytes += (uint64_t)n;
        if (take_lines(c, &b))
            continue;
        find(c, AUDIT_UNREADABLE, c->expected, "a line is too long to be a record");
        buf_clear(&b);
    }
    if (n < 0)
        err_set(err, ERR_SYSTEM, "audit_read", "%s", path);
    else if (b.len > 0)
        find(c, AUDIT_CUT, c->expected,
            "the last line is cut (while the keeper runs it may just be writing it: ask again)");
    buf_free(&b);
    close(fd);
    return n < 0 ? -1 : 0;
}

static int read_segments(
    struct verifying *c, const char *folder, const struct segment *list, int n, struct err *err)
{
    uint64_t end;

    if (list == NULL)
        return 0;
    end = list[0].start;
    for (int i = 0; i < n; i++) {
        uint64_t before = c->v->bytes;

        c->segment = &list[i];
        c->line = 0;
        if (list[i].start != end)
            find(c, AUDIT_SEGMENT, c->expected,
                "the segment begins at byte %llu, but the one before ends at %llu",
                (unsigned long long)list[i].start, (unsigned long long)end);
        if (read_segment(c, folder, err) == -1)
            return -1;
        end = list[i].start + c->v->bytes - before;
    }
    c->v->segments = (uint64_t)n;
    return 0;
}

/* ---- what the keeper noted ---- */

static bool take_noted(struct verifying *c, struct str text)
{
    struct chain_head h;
    struct chain_line line;

    if (!chain_line_read(text, &line) || !chain_head_read(text, &h))
        return false;
    if (!head_is_signed(c, &h, line.seq) || line.seq <= c->noted_seq)
        return true;
    c->noted_seq = line.seq;
    memcpy(c->noted_hash, line.hash, CHAIN_HASH);
    return true;
}

/* The plain row "audit-head" of the store; a store that cannot be read is none. */
static void read_note(struct verifying *c, const char *path)
{
    static const uint8_t no_key[BARRIER_KEY];
    uint8_t id[STORE_ID];
    struct store *s;
    struct arena a;
    struct row row;
    struct err err;

    if (access(path, R_OK) != 0)
        return;
    s = store_open(path, true, &err);
    if (s == NULL)
        return;
    arena_init(&a, 8192);
    barrier_digest(no_key, "weir plain row", STR("audit-head"), id);
    if (store_get(s, id, &a, &row, &err) == 1 && !take_noted(c, row.data))
        find(c, AUDIT_BAD_HEAD, 0, "the keeper's note of the newest head cannot be read");
    arena_free(&a);
    store_close(s);
}

static void look_at_end(struct verifying *c)
{
    c->segment = NULL;
    c->line = 0;
    if (c->noted_seq > c->v->last)
        find(c, AUDIT_CUT, c->v->last + 1, "records from %llu to %llu are missing at the end",
            (unsigned long long)c->v->last + 1, (unsigned long long)c->noted_seq);
    if (c->unsigned_bytes > UNSIGNED_MAX)
        find(c, AUDIT_BAD_HEAD, c->v->covered + 1,
            "the records behind %llu are too many to be without a signed head",
            (unsigned long long)c->v->covered);
}

int audit_verify(
    const struct audit_verify_options *o, struct audit_verdict *verdict, struct err *err)
{
    auto_free char *inner = xasprintf("%s/audit", o->folder);
    auto_free char *db = xasprintf("%s/keeper.db", o->folder);
    const char *folder = access(inner, X_OK) == 0 ? inner : o->folder;
    auto_free struct segment *list = NULL;
    struct verifying c = { .o = o, .v = verdict };
    int n;

    memset(verdict, 0, sizeof(*verdict));
    if (o->key != NULL) {
        memcpy(verdict->key, o->key, CHAIN_KEY);
        verdict->has_key = true;
    }
    if (o->head.len > 0 && !take_noted(&c, o->head))
        return err_set(
            err, ERR_CONFIG, "audit_head", "the given head is no line of an audit journal");
    read_note(&c, db); /* before the journal, which may grow meanwhile */
    n = list_segments(folder, &list, err);
    if (n < 0 || read_segments(&c, folder, list, n, err) == -1)
        return -1;
    verdict->noted = c.noted_seq;
    look_at_end(&c);
    return 0;
}
