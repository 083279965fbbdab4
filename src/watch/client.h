/*
 * client - what a program that watches a running Weir needs: the view of
 * `weir top` and its data, and the reference page of the metrics.
 *
 * The view is fed with documents of EXPOSITION_JSON, as they come; from the
 * last two it computes rates and quantiles.  It reads no socket and no
 * terminal: bytes in, bytes out.
 */
#ifndef WEIR_WATCH_CLIENT_H
#define WEIR_WATCH_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

struct top;
struct top *top_new(void);
void top_free(struct top *t);

/*
 * The next document.  On failure (err id top_bad_answer) the view stays as it
 * was.  A counter that has fallen belongs to a process that was started anew:
 * it counts from 0.
 */
int top_feed(struct top *t, struct str document, struct err *err);
/* Have there been two documents, so that there are rates? */
bool top_is_ready(const struct top *t);

enum top_sort { TOP_BY_RATE, TOP_BY_ERRORS, TOP_BY_P99 };

struct top_look {
    enum top_sort sort;
    unsigned columns;
    unsigned rows; /* 0: as many as there are */
    bool colour;
    bool live;           /* begin at the top left, clear what is left of each line and the screen */
    const char *trouble; /* one line about why nothing new comes, or NULL */
};

/* The table. Names are made of printable ASCII, whatever a blueprint calls them. */
void top_draw(const struct top *t, const struct top_look *look, struct buf *out);
/* The same as one JSON object. */
void top_json(const struct top *t, enum top_sort sort, struct buf *out);

/* docs/reference/metrics.md */
void metrics_markdown(struct buf *out);
/* The table of metrics as text, one a line and its sentence below. */
void metrics_list(struct buf *out);
/* The same as a JSON array: name, type, unit, labels, help. */
void metrics_list_json(struct buf *out);

#endif
