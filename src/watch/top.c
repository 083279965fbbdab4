/*
 * top - the view of `weir top`: keeps the last two readings.  See client.h.
 */
#include <stdlib.h>

#include "watch/top_int.h"

struct top *top_new(void)
{
    return xcalloc(1, sizeof(struct top));
}

static void free_rows(struct top *t)
{
    free(t->routes);
    free(t->origins);
    free(t->processes);
}

void top_free(struct top *t)
{
    if (t == NULL)
        return;
    free_rows(t);
    reading_free(t->before);
    reading_free(t->now);
    free(t);
}

int top_feed(struct top *t, struct str document, struct err *err)
{
    struct reading *r;

    if (reading_parse(document, &r, err) == -1)
        return -1;
    reading_free(t->before);
    t->before = t->now;
    t->now = r;
    free_rows(t);
    top_compute(t);
    return 0;
}

bool top_is_ready(const struct top *t)
{
    return t->before != NULL;
}
