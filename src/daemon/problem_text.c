/*
 * problem_text - see problem_text.h.
 */
#include "daemon/problem_text.h"

void problem_text(const struct problems *p, struct buf *to)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *x = &p->at[i];

        buf_text(to, x->file);
        if (x->line > 0)
            buf_printf(to, ":%u:%u", x->line, x->column);
        buf_printf(to, ": %s%s\n", x->warning ? "warning: " : "", x->text);
    }
}

void problem_json(const struct problems *p, struct json *j, const char *key)
{
    json_open(j, key, '[');
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *x = &p->at[i];

        json_open(j, NULL, '{');
        json_put_text(j, "file", x->file);
        json_put_u64(j, "line", x->line);
        json_put_u64(j, "column", x->column);
        json_put_text(j, "id", x->id);
        json_put_text(j, "text", x->text);
        json_put_bool(j, "warning", x->warning);
        json_close(j, '}');
    }
    json_close(j, ']');
}
