/*
 * canon - a blueprint as one line of JSON in the grammar it was read from.
 *
 * A word that has its default is left out, so that saying a default changes
 * nothing: equal content has equal text, and so an equal version.
 */
#include "base/bug.h"
#include "base/json.h"
#include "model/values_int.h"

/* The presets of one table as JSON, word by word, to compare with. */
struct presets {
    const struct table *table;
    struct str *json;
};

struct writer {
    struct reading *reading;
    struct buf *to;
    bool positions;
    struct presets known[64];
    size_t nknown;
};

static void write_table(struct writer *w, const struct table *t, const void *base);

static const void *field(const void *base, const struct word *w)
{
    return (const char *)base + w->at;
}

static void write_item(struct writer *w, const struct word *word, const void *item)
{
    if (word->type == WORD_TABLE)
        write_table(w, word->table, item);
    else if (word->shape == WORD_MAP && word->type != WORD_FIELD)
        json_str(w->to, ((const struct name_value *)item)->value);
    else
        value_types[word->type].write(word, item, w->to);
}

static size_t item_size(const struct word *w)
{
    if (w->type == WORD_TABLE)
        return w->table->size;
    if (w->shape == WORD_MAP && w->type != WORD_FIELD)
        return sizeof(struct name_value);
    return value_types[w->type].size;
}

static void write_items(struct writer *w, const struct word *word, const struct seq *seq)
{
    bool map = word->shape == WORD_MAP;
    size_t size = item_size(word);

    buf_char(w->to, map ? '{' : '[');
    for (size_t i = 0; i < seq->n; i++) {
        const void *item = (const char *)seq->at + i * size;

        if (i > 0)
            buf_char(w->to, ',');
        if (map) {
            json_str(w->to, *(const struct str *)item);
            buf_char(w->to, ':');
        }
        write_item(w, word, item);
    }
    buf_char(w->to, map ? '}' : ']');
}

static void write_value(struct writer *w, const struct word *word, const void *base)
{
    const void *from = field(base, word);

    if (word->shape != WORD_ONE)
        write_items(w, word, from);
    else if (word->type == WORD_TABLE)
        write_table(w, word->table, from);
    else
        value_types[word->type].write(word, from, w->to);
}

/* A text that is not there has no word. */
static bool is_absent(const struct word *word, const void *base)
{
    if (word->shape != WORD_ONE)
        return false;
    if (word->type == WORD_SOURCE)
        return *(const char *const *)field(base, word) == NULL;
    return value_types[word->type].is_text && ((const struct str *)field(base, word))->at == NULL;
}

static const struct str *presets_of(struct writer *w, const struct table *t)
{
    struct buf *to = w->to;
    struct presets *p;
    struct buf text;
    void *base;
    size_t n = 0;

    for (size_t i = 0; i < w->nknown; i++)
        if (w->known[i].table == t)
            return w->known[i].json;
    while (t->words[n].name != NULL)
        n++;
    base = arena_calloc(w->reading->scratch, 1, t->size);
    w->reading->folder = "/";
    fill_presets(w->reading, t, base);
    MUST(w->nknown < sizeof(w->known) / sizeof(w->known[0]));
    p = &w->known[w->nknown++];
    *p = (struct presets){ t, arena_calloc(w->reading->scratch, n + 1, sizeof(struct str)) };
    buf_init(&text, 1 << 16);
    w->to = &text;
    for (size_t i = 0; i < n; i++) {
        const struct word *word = &t->words[i];

        if ((word->flags & WORD_TREE) != 0 ||
            (word->type == WORD_TABLE && word->shape == WORD_ONE) || is_absent(word, base))
            continue;
        text.len = 0;
        write_value(w, word, base);
        p->json[i] = arena_str(w->reading->scratch, buf_as_str(&text));
    }
    buf_free(&text);
    w->to = to;
    return p->json;
}

/* A nested table: what is off, or has nothing to say, is left out. */
static bool write_nested(struct writer *w, const struct word *word, const void *base)
{
    const struct table *t = word->table;
    const void *from = field(base, word);
    bool has_on = t->has_switch == TABLE_ON || t->has_switch == TABLE_OFF;
    size_t before = w->to->len;

    if (word->present != NULL && !word->present(base))
        return false;
    if (has_on && !*(const bool *)((const char *)from + t->on)) {
        if (t->has_switch == TABLE_OFF)
            return false;
        buf_text(w->to, "false");
        return true;
    }
    write_table(w, t, from);
    return w->to->len - before > 2 || word->present != NULL || t->has_switch == TABLE_OFF;
}

static bool write_word(
    struct writer *w, const struct word *word, const struct str *preset, const void *base)
{
    size_t before = w->to->len;

    if ((word->flags & WORD_TREE) != 0 || ((word->flags & WORD_HIDDEN) != 0 && !w->positions))
        return false;
    if (word->type == WORD_TABLE && word->shape == WORD_ONE)
        return write_nested(w, word, base);
    if (is_absent(word, base))
        return false;
    write_value(w, word, base);
    MUST(w->to->data != NULL); /* the brace around us is in it */
    return !str_eq(*preset, (struct str){ w->to->data + before, w->to->len - before });
}

static void write_table(struct writer *w, const struct table *t, const void *base)
{
    const struct str *presets = presets_of(w, t);
    bool comma = false;

    buf_char(w->to, '{');
    for (size_t i = 0; t->words[i].name != NULL; i++) {
        size_t before = w->to->len;

        if (comma)
            buf_char(w->to, ',');
        json_str(w->to, str_from(t->words[i].name));
        buf_char(w->to, ':');
        if (write_word(w, &t->words[i], &presets[i], base))
            comma = true;
        else
            w->to->len = before;
    }
    buf_char(w->to, '}');
}

void canonical_write(struct reading *r, const struct blueprint *b, bool positions, struct buf *to)
{
    struct writer w = { .reading = r, .to = to, .positions = positions };

    write_table(&w, &schema_blueprint, b);
}
