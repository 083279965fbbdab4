/*
 * pki_fields - settings and roles read by a table: one line a field, with its kind and what holds when it is not given.
 */
#include "keeper/engines/pki_int.h"

static struct value *csv(struct arena *a, const char *text)
{
    struct value *list = value_list(a);
    struct str rest = str_from(text);

    while (rest.len > 0)
        value_add_text(a, list, str_cut(rest, ',', &rest));
    return list;
}

static struct value *usual(struct arena *a, const struct pki_field *f)
{
    switch (f->kind) {
    case PKI_BOOL:
        return value_bool(a, f->number != 0);
    case PKI_TEXT:
    case PKI_DURATION:
        return value_text(a, str_from(f->text));
    case PKI_LIST:
        return csv(a, f->text);
    case PKI_SECONDS:
    case PKI_INT:
        return value_i64(a, f->number);
    }
    return value_null(a);
}

struct value *pki_fields_default(struct arena *a, const struct pki_field *fields)
{
    struct value *to = value_map(a);

    for (const struct pki_field *f = fields; f->name != NULL; f++)
        value_put(to, f->name, usual(a, f));
    return to;
}

static struct value *duration(struct request *r, const char *name)
{
    struct str text;
    int64_t seconds;

    if (!field_text(r, name, &text))
        return NULL;
    if (duration_parse(text, &seconds) && seconds >= 0)
        return value_text(&r->arena, text);
    reply_error(r, 400, "given duration %s could not be decoded", name);
    return NULL;
}

/* NULL: not given, or refused. */
static struct value *given(struct request *r, const struct pki_field *f)
{
    struct arena *a = &r->arena;
    struct value *list = NULL;
    struct str text = STR_NONE;
    int64_t n = 0;
    bool b = false;

    switch (f->kind) {
    case PKI_BOOL:
        return field_bool(r, f->name, &b) ? value_bool(a, b) : NULL;
    case PKI_TEXT:
        return field_text(r, f->name, &text) ? value_text(a, text) : NULL;
    case PKI_DURATION:
        return duration(r, f->name);
    case PKI_LIST:
        return field_list(r, f->name, &list) ? list : NULL;
    case PKI_SECONDS:
        return field_seconds(r, f->name, &n) ? value_i64(a, n) : NULL;
    case PKI_INT:
        return field_int(r, f->name, &n) ? value_i64(a, n) : NULL;
    }
    return NULL;
}

bool pki_fields_read(struct request *r, const struct pki_field *fields, struct value *to)
{
    for (const struct pki_field *f = fields; f->name != NULL; f++) {
        struct value *v = given(r, f);

        if (v != NULL)
            value_set(&r->arena, to, str_from(f->name), v);
    }
    return !refused(r);
}
