/*
 * schema - the one table of every word that a blueprint may hold.
 *
 * From it come the reader (fill.c), the canonical text (canon.c), what is said
 * about a wrong file, `weir explain`, the JSON Schema for editors and the
 * reference page: a word that is not here does not exist, and a word that is
 * here is documented.
 */
#ifndef WEIR_MODEL_SCHEMA_H
#define WEIR_MODEL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum word_type {
    WORD_TABLE, /* words of its own, see word.table */
    WORD_TEXT,
    WORD_NAME, /* letters, digits, - _ . */
    WORD_PATH, /* of a file or folder; relative to the file that says it */
    WORD_BOOL,
    WORD_UNSIGNED,
    WORD_SIZE, /* bytes */
    WORD_DURATION,
    WORD_PERCENT,
    WORD_FRACTION, /* 0..1, "5%" */
    WORD_RATE,
    WORD_ADDRESS, /* to listen on */
    WORD_ORIGIN,  /* host:port to connect to */
    WORD_RESOLVER,
    WORD_CIDR,
    WORD_CHOICE,
    WORD_SET, /* several choices */
    WORD_TEMPLATE,
    WORD_HOST,    /* "example.org", "*.example.org" */
    WORD_SUBJECT, /* a name in a certificate */
    WORD_HOST_NAME,
    WORD_AUTHORITY, /* what a Host header holds: host, or host:port */
    WORD_STATUS_RANGE,
    WORD_HEADER_NAME,
    WORD_HEADER_VALUE,
    WORD_METHOD,
    WORD_ROUTE_PATH,
    WORD_URL_PATH,
    WORD_FIELD, /* what a header or query parameter must be */
    WORD_LIMIT_KEY,
    WORD_HASH_ON,
    WORD_SOURCE, /* only in canonical text */
    WORD_TYPES,
};

enum word_shape {
    WORD_ONE,
    WORD_LIST, /* one value stands for a list of one */
    WORD_MAP,  /* by name */
};

enum word_key { WORD_KEY_NAME, WORD_KEY_HEADER, WORD_KEY_ENVIRONMENT, WORD_KEY_ANY };

enum {
    WORD_REQUIRED = 1,
    WORD_HIDDEN = 2,    /* only in canonical text; begins with @ */
    WORD_TREE = 4,      /* used up before the words are read: include, variables */
    WORD_NOT_EMPTY = 8, /* a text or list must have something in it */
};

struct choice {
    const char *name; /* NULL: the end */
    unsigned value;
    const char *help;
};

struct table;
struct word {
    const char *name; /* NULL: the end */
    enum word_type type;
    enum word_shape shape;
    enum word_key keys; /* of a WORD_MAP */
    unsigned flags;
    size_t at;                /* offset of the value in its struct */
    size_t also;              /* of the second half, for types that fill two fields */
    const char *preset;       /* the default as the author would write it; NULL: none */
    const char *preset_means; /* for people, where the preset is a stand-in */
    uint64_t min;
    uint64_t max; /* 0: no range */
    const struct choice *choices;
    const struct table *table;
    bool (*present)(const void *base); /* canonical text has the word only if; NULL: not default */
    const char *help;
    const char *example;
};

struct reading;
struct node;
enum table_switch {
    TABLE_PLAIN,
    TABLE_OFF,  /* has `on`; absent means off */
    TABLE_ON,   /* has `on`; absent means on with the defaults */
    TABLE_ZERO, /* `false` sets off_word to 0 */
};

struct table {
    const char *title; /* "a service" */
    const struct word *words;
    size_t size;
    const char *short_word; /* what a bare value means: `log: none` is `log: {to: none}` */
    enum table_switch has_switch;
    size_t on; /* offset of the bool */
    const char *off_word;
    /* Checks that need the whole of one table, and values that follow from others. */
    void (*finish)(struct reading *r, const struct node *n, void *base);
};

extern const struct table schema_blueprint;

/* "a duration such as 500ms, 10s, 2m, 1h or 1d" */
const char *word_expects(const struct word *w);
const char *word_type_name(const struct word *w);
/* "list of durations", "names to texts"... with the container; into to[96]. */
const char *word_type_text(const struct word *w, char *to);
/* The default for people: "10s", "none", "one per core"; into to[96]. */
const char *word_preset_text(const struct word *w, char *to);
/* "1..1000", "100ms..1h", or "" without a range; into to[80]. */
const char *word_range_text(const struct word *w, char *to);
/* The JSON Schema of one value, without its braces; NULL for choices and tables. */
const char *word_type_json(const struct word *w);
const struct word *table_word(const struct table *t, struct str name);

struct schema_match {
    const struct word *word;
    char path[128]; /* "services.NAME.retry.budget" */
};
/*
 * The words that are meant by a dotted path (names of maps may be in it or not:
 * "services.retry.budget", "services.shop.origins[0].weight"), or by a word
 * alone, wherever it stands.  Returns how many; when 0, *nearest is what may
 * have been meant, or NULL.
 */
size_t schema_find(
    struct str name, struct schema_match *out, size_t max, struct schema_match *nearest);
/* Calls for each word of the schema with its path, parents first. */
typedef void schema_visit(void *ctx, const struct word *w, const char *path, unsigned depth);
void schema_each(schema_visit *visit, void *ctx);

/* A JSON Schema (draft 2020-12) of the whole. */
void schema_json(struct buf *to);

#endif
