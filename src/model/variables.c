/*
 * variables - ${env.NAME} in values, for names that `variables:` declares.
 *
 * Only declared ones: a reader of the file sees all that it depends on, and a
 * misspelt name is an error and not an empty text.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "model/read_int.h"

static struct variable *variable_named(struct reading *r, struct str name)
{
    for (size_t i = 0; i < r->nvariables; i++)
        if (str_eq(r->variables[i].name, name))
            return &r->variables[i];
    return NULL;
}

static bool is_variable_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] != '_' && !(ascii_lower(s.at[i]) >= 'a' && ascii_lower(s.at[i]) <= 'z') &&
            !(i > 0 && s.at[i] >= '0' && s.at[i] <= '9'))
            return false;
    return s.len > 0;
}

static void declare(struct reading *r, struct str name, struct place at, const struct node *value)
{
    const struct node *preset = value != NULL && value->kind == NODE_SCALAR && !node_is_null(value)
                                    ? value
                                    : node_get(value, "default");
    const char *set;

    if (!is_variable_name(name)) {
        problem_add(r->problems, at, false, "blueprint_variable_name",
            "\"%.*s\" is not the name of an environment variable: letters, digits and _",
            STR_ARG(name));
        return;
    }
    for (size_t i = 0; value != NULL && value->kind == NODE_MAP && i < value->n; i++)
        if (!str_is(value->pairs[i].key, "default") && !str_is(value->pairs[i].key, "help"))
            problem_add(r->problems,
                (struct place){
                    value->pairs[i].file, value->pairs[i].line, value->pairs[i].column },
                false, "blueprint_unknown_word",
                "unknown word \"%.*s\" in variables.%.*s; a variable may have default, help",
                STR_ARG(value->pairs[i].key), STR_ARG(name));
    set = getenv(arena_str(r->scratch, name).at);
    r->variables[r->nvariables++] = (struct variable){
        .name = name,
        .preset = preset != NULL && preset->kind == NODE_SCALAR ? preset->text : STR_NONE,
        .value = str_from(set),
    };
}

void variables_read(struct reading *r, const struct node *root)
{
    const struct node *n = node_get(root, "variables");

    if (n == NULL)
        return;
    r->variables = arena_calloc(r->scratch, n->n + 1, sizeof(*r->variables));
    if (n->kind == NODE_MAP) {
        for (size_t i = 0; i < n->n; i++)
            declare(r, n->pairs[i].key,
                (struct place){ n->pairs[i].file, n->pairs[i].line, n->pairs[i].column },
                n->pairs[i].value);
    } else if (n->kind == NODE_LIST) {
        for (size_t i = 0; i < n->n; i++)
            declare(r, n->items[i]->text, node_place(n->items[i]), NULL);
    } else {
        problem_add(r->problems, node_place(n), false, "blueprint_type",
            "variables: expected a list of names, or a mapping such as {PORT: {default: \"80\"}}");
    }
}

static void undeclared(struct reading *r, const struct node *n, struct str name)
{
    struct nearest near;

    nearest_init(&near, name);
    for (size_t i = 0; i < r->nvariables; i++)
        nearest_try(&near, arena_str(r->scratch, r->variables[i].name).at);
    if (near.best != NULL)
        problem_add(r->problems, node_place(n), false, "blueprint_variable_undeclared",
            "${env.%.*s} is not declared in `variables`; did you mean ${env.%s}?", STR_ARG(name),
            near.best);
    else
        problem_add(r->problems, node_place(n), false, "blueprint_variable_undeclared",
            "${env.%.*s} is not declared; add %.*s to `variables`", STR_ARG(name), STR_ARG(name));
}

/* False (said) when there is no value. */
static bool lookup(struct reading *r, const struct node *n, struct str name, struct str *value)
{
    const struct variable *v = variable_named(r, name);

    if (v == NULL) {
        undeclared(r, n, name);
        return false;
    }
    *value = v->value.at != NULL ? v->value : v->preset;
    if (value->at != NULL)
        return true;
    problem_add(r->problems, node_place(n), false, "blueprint_variable_unset",
        "the environment variable %.*s is not set, and `variables` gives it no default",
        STR_ARG(name));
    return false;
}

/* In a template, what comes from outside must not become a template. */
static void add_value(struct buf *out, struct str value, bool template)
{
    for (size_t i = 0; i < value.len; i++) {
        if (template && value.at[i] == '$' && i + 1 < value.len && value.at[i + 1] == '{')
            buf_char(out, '$');
        buf_char(out, value.at[i]);
    }
}

bool variables_expand(struct reading *r, const struct node *n, bool template, struct str *out)
{
    static const struct str open = { "${env.", 6 };
    static const struct str quoted = { "$${env.", 7 };
    struct str rest = n->text;
    struct buf text;
    bool good = true;

    *out = n->text;
    if (r->canonical || rest.len < 8 || memmem(rest.at, rest.len, open.at, open.len) == NULL)
        return true;
    buf_init(&text, 1 << 20);
    while (rest.len > 0 && good) {
        const char *close;
        struct str value = STR_NONE;

        if (str_starts(rest, quoted)) {
            buf_str(&text, template ? quoted : open);
            rest = (struct str){ rest.at + quoted.len, rest.len - quoted.len };
            continue;
        }
        if (!str_starts(rest, open) || (close = memchr(rest.at, '}', rest.len)) == NULL) {
            buf_char(&text, rest.at[0]);
            rest = (struct str){ rest.at + 1, rest.len - 1 };
            continue;
        }
        good = lookup(
            r, n, (struct str){ rest.at + open.len, (size_t)(close - rest.at) - open.len }, &value);
        add_value(&text, value, template);
        rest = (struct str){ close + 1, rest.len - (size_t)(close - rest.at) - 1 };
    }
    if (good)
        *out = arena_str(r->scratch, buf_as_str(&text));
    buf_free(&text);
    return good;
}
