/*
 * fields - what a request says, read as weakly typed as clients write it; see request_int.h.
 *
 * Clients send numbers as texts, texts as numbers, lists as CSV, and null for what they leave out; all of these are
 * read.  What cannot be read is refused, and the sentence names the field, never the value.
 */
#include <stdlib.h>

#include "keeper/core/encode_int.h"
#include "keeper/core/request_int.h"

enum { SECONDS_MAX = INT32_MAX }; /* 68 years; sums of a few stay far from an overflow */

struct str param(const struct request *r, const char *name)
{
    size_t len = strlen(name);

    for (unsigned i = 0; i < r->nparams; i++) {
        const char *known = r->params[i].name; /* in the pattern: "name}/..." or "path*}" */

        if (strncmp(known, name, len) == 0 && (known[len] == '}' || known[len] == '*'))
            return r->params[i].value;
    }
    return STR_NONE;
}

bool refused(const struct request *r)
{
    return r->reply.status >= 400;
}

static bool not_a(struct request *r, const char *name, const char *what)
{
    if (!refused(r))
        reply_error(r, 400,
            "Field validation failed: error converting input for field \"%s\": expected %s", name,
            what);
    return false;
}

/* NULL: absent, or null. */
static const struct value *member(const struct request *r, const char *name)
{
    const struct value *v = value_get(r->body, name);

    return v != NULL && v->kind != VALUE_NULL ? v : NULL;
}

bool field_has(struct request *r, const char *name)
{
    return member(r, name) != NULL;
}

static bool scalar_text(const struct value *v, struct str *to)
{
    if (v->kind == VALUE_TEXT || v->kind == VALUE_NUMBER)
        *to = v->text;
    else if (v->kind == VALUE_TRUE || v->kind == VALUE_FALSE)
        *to = v->kind == VALUE_TRUE ? STR("1") : STR("0");
    else
        return false;
    return true;
}

bool field_text(struct request *r, const char *name, struct str *to)
{
    const struct value *v = member(r, name);

    if (v == NULL)
        return false;
    return scalar_text(v, to) || not_a(r, name, "a text");
}

static bool one_of(struct str s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (str_is(s, *words))
            return true;
    return false;
}

bool field_bool(struct request *r, const char *name, bool *to)
{
    static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True", NULL };
    static const char *const no[] = { "", "0", "f", "F", "false", "FALSE", "False", NULL };
    const struct value *v = member(r, name);

    if (v == NULL)
        return false;
    if (v->kind == VALUE_TRUE || v->kind == VALUE_FALSE)
        *to = v->kind == VALUE_TRUE;
    else if (v->kind == VALUE_TEXT && one_of(v->text, yes))
        *to = true;
    else if (v->kind == VALUE_TEXT && one_of(v->text, no))
        *to = false;
    else if (v->kind == VALUE_NUMBER)
        *to = !str_is(v->text, "0");
    else
        return not_a(r, name, "a boolean");
    return true;
}

bool field_int(struct request *r, const char *name, int64_t *to)
{
    const struct value *v = member(r, name);
    struct value number = { .kind = VALUE_NUMBER };

    if (v == NULL)
        return false;
    if (v->kind == VALUE_TRUE || v->kind == VALUE_FALSE) {
        *to = v->kind == VALUE_TRUE;
        return true;
    }
    if (v->kind == VALUE_TEXT && v->text.len == 0) {
        *to = 0;
        return true;
    }
    if (v->kind == VALUE_TEXT || v->kind == VALUE_NUMBER) {
        number.text = v->text;
        if (value_to_i64(&number, to))
            return true;
    }
    return not_a(r, name, "a whole number");
}

bool field_seconds(struct request *r, const char *name, int64_t *to)
{
    const struct value *v = member(r, name);

    if (v == NULL)
        return false;
    if ((v->kind == VALUE_TEXT || v->kind == VALUE_NUMBER) && duration_parse(v->text, to))
        return true;
    return not_a(r, name, "a duration");
}

static void add_trimmed(struct arena *a, struct value *list, struct str s)
{
    s = str_trim(s);
    if (s.len > 0)
        value_add_text(a, list, s);
}

static void add_csv(struct arena *a, struct value *list, struct str s)
{
    while (s.at != NULL)
        add_trimmed(a, list, str_cut(s, ',', &s));
}

bool field_list(struct request *r, const char *name, struct value **to)
{
    const struct value *v = member(r, name);
    struct value *list;
    struct str s;

    if (v == NULL)
        return false;
    list = value_list(&r->arena);
    if (v->kind != VALUE_LIST) {
        if (!scalar_text(v, &s))
            return not_a(r, name, "a list");
        add_csv(&r->arena, list, s);
        *to = list;
        return true;
    }
    value_each (it, v) {
        if (it->kind == VALUE_NULL)
            continue;
        if (!scalar_text(it, &s))
            return not_a(r, name, "a list of texts");
        add_trimmed(&r->arena, list, s);
    }
    *to = list;
    return true;
}

/* ["a=b", ...]: as the command line tools say a map. */
static bool pairs(struct arena *a, const struct value *list, struct value *map)
{
    value_each (it, list) {
        struct str value;
        struct str name;

        if (it->kind != VALUE_TEXT)
            return false;
        name = str_cut(it->text, '=', &value);
        if (value.at == NULL)
            return false;
        value_set(a, map, name, value_text(a, value));
    }
    return true;
}

bool field_map(struct request *r, const char *name, struct value **to)
{
    const struct value *v = member(r, name);
    struct value one = { .kind = VALUE_LIST };
    struct value *map;

    if (v == NULL)
        return false;
    if (v->kind == VALUE_MAP) {
        *to = value_copy(&r->arena, v);
        return true;
    }
    map = value_map(&r->arena);
    if (v->kind == VALUE_TEXT) {
        struct value *copy = value_copy(&r->arena, v);

        copy->next = NULL;
        if (copy->text.len > 0)
            value_add(&one, copy);
        v = &one;
    }
    if (v->kind != VALUE_LIST || !pairs(&r->arena, v, map))
        return not_a(r, name, "a map");
    *to = map;
    return true;
}

bool field_bytes(struct request *r, const char *name, struct str *to)
{
    const struct value *v = member(r, name);

    if (v == NULL)
        return false;
    if (v->kind == VALUE_TEXT && decode_base64(&r->arena, v->text, to))
        return true;
    return not_a(r, name, "base64");
}

/* ---- durations ---- */

struct str duration_text(struct arena *a, int64_t seconds)
{
    const char *sign = seconds < 0 ? "-" : "";
    unsigned long long s =
        seconds < 0 ? 0 - (unsigned long long)seconds : (unsigned long long)seconds;

    if (s >= 3600)
        return str_from(arena_printf(a, "%s%lluh%llum%llus", sign, s / 3600, s / 60 % 60, s % 60));
    if (s >= 60)
        return str_from(arena_printf(a, "%s%llum%llus", sign, s / 60, s % 60));
    return str_from(arena_printf(a, "%s%llus", sign, s));
}

static const struct unit {
    const char *word;
    double seconds;
} units[] = {
    { "ns", 1e-9 },
    { "us", 1e-6 },
    { "\xc2\xb5s", 1e-6 }, /* micro sign */
    { "\xce\xbcs", 1e-6 }, /* the letter mu */
    { "ms", 1e-3 },
    { "s", 1 },
    { "m", 60 },
    { "h", 3600 },
    { "d", 86400 },
};

/* A decimal number, of at most 18 digits; takes it off s. */
static bool take_number(struct str *s, double *to)
{
    double scale = 0;
    unsigned digits = 0;

    for (*to = 0; s->len > 0; s->at++, s->len--) {
        if (*s->at == '.' && scale == 0) {
            scale = 1;
            continue;
        }
        if (*s->at < '0' || *s->at > '9')
            break;
        if (++digits > 18)
            return false;
        *to = *to * 10 + (*s->at - '0');
        scale *= 10;
    }
    if (scale > 1)
        *to /= scale;
    return digits > 0;
}

/* The longest unit that s begins with. */
static const struct unit *take_unit(struct str *s)
{
    const struct unit *best = NULL;

    for (const struct unit *u = units; u < units + sizeof(units) / sizeof(units[0]); u++)
        if (str_starts(*s, str_from(u->word)) &&
            (best == NULL || strlen(u->word) > strlen(best->word)))
            best = u;
    if (best != NULL)
        *s = (struct str){ s->at + strlen(best->word), s->len - strlen(best->word) };
    return best;
}

bool duration_parse(struct str s, int64_t *seconds)
{
    bool minus = s.len > 0 && s.at[0] == '-';
    double sum = 0;

    s = str_trim(s);
    if (s.len > 0 && (s.at[0] == '-' || s.at[0] == '+'))
        s = (struct str){ s.at + 1, s.len - 1 };
    else if (s.len == 0) { /* what clients send for "none" */
        *seconds = 0;
        return true;
    }
    do {
        const struct unit *u;
        double n;

        if (!take_number(&s, &n))
            return false;
        if (s.len == 0 && sum == 0) /* a number alone: seconds */
            u = &units[5];
        else
            u = take_unit(&s);
        if (u == NULL)
            return false;
        sum += n * u->seconds;
    } while (s.len > 0);
    if (sum > SECONDS_MAX)
        return false;
    *seconds = (int64_t)(minus ? -sum : sum);
    return true;
}
