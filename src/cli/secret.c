/*
 * weir secret - values in the keeper's KV engines (version 1 and 2).
 *
 * A path begins with its engine: secret/shop/database.  Which version that engine is, the keeper says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/commands_int.h"
#include "cli/keeper_int.h"

/* Where a path is in the API. */
struct place {
    char *mount; /* "secret/" */
    char *rest;  /* "shop/database" */
    bool versioned;
};

static void place_free(struct place *p)
{
    free(p->mount);
    free(p->rest);
}

static char *no_slash(const char *path)
{
    struct str s = str_from(path);

    while (s.len > 0 && s.at[0] == '/')
        s = (struct str){ s.at + 1, s.len - 1 };
    return xstrndup(s.at, s.len);
}

static int place_of(
    const struct command_line *line, const char *path, struct place *out, struct err *err)
{
    auto_free char *plain = no_slash(path);
    auto_free char *question = xasprintf("sys/internal/ui/mounts/%s", plain);
    struct keeper_answer a;
    const json_t *data;
    const char *mount;

    if (keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = question }, &a, err) ==
        -1)
        return err_wrap(err, "%s", plain);
    data = keeper_data(&a);
    mount = json_text_at(data, "path");
    if (strncmp(plain, mount, strlen(mount)) != 0) {
        keeper_answer_free(&a);
        return err_set(err, ERR_CONFIG, "secret_path", "%s is in no engine", plain);
    }
    out->mount = xstrdup(mount);
    out->rest = xstrdup(plain + strlen(mount));
    out->versioned = strcmp(json_text_at(json_object_get(data, "options"), "version"), "2") == 0;
    keeper_answer_free(&a);
    return 0;
}

static char *api_path(const struct place *p, const char *part)
{
    return p->versioned ? xasprintf("%s%s/%s", p->mount, part, p->rest)
                        : xasprintf("%s%s", p->mount, p->rest);
}

/* ---- list ---- */

static int list(const struct command_line *line)
{
    const char *given = line->nargs > 0 ? line->args[0] : "secret/";
    struct place p = { 0 };
    struct err err;
    char *path;
    int result;

    if (place_of(line, given, &p, &err) == -1)
        return command_fail(line, &err);
    path = api_path(&p, "metadata");
    result = keeper_list(line, path);
    free(path);
    place_free(&p);
    return result;
}

/* ---- get ---- */

static const json_t *values_of(const struct place *p, const struct keeper_answer *a)
{
    const json_t *data = keeper_data(a);

    return p->versioned ? json_object_get(data, "data") : data;
}

static void print_value(const json_t *value, bool newline)
{
    auto_free char *text = NULL;

    if (json_is_string(value)) {
        fwrite(json_string_value(value), 1, json_string_length(value), stdout);
    } else {
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        fputs(text != NULL ? text : "null", stdout);
    }
    if (newline)
        putchar('\n');
}

static int print_values(const struct command_line *line, const json_t *values, struct err *err)
{
    const char *field = line->nargs > 1 ? line->args[1] : NULL;
    const char *key;
    json_t *value;

    if (field != NULL) {
        value = json_object_get(values, field);
        if (value == NULL)
            return err_set(err, ERR_CONFIG, "secret_field", "%s has no %s", line->args[0], field);
        if (line->json)
            command_print_json(value);
        else
            print_value(value, command_is_terminal());
        return 0;
    }
    if (line->json) {
        command_print_json(values);
        return 0;
    }
    json_object_foreach((json_t *)(uintptr_t)values, key, value)
    {
        printf("%s = ", key);
        print_value(value, true);
    }
    return 0;
}

static int get(const struct command_line *line)
{
    const char *version = command_option(line, "version");
    auto_free char *query = version != NULL ? xasprintf("version=%s", version) : NULL;
    struct keeper_answer a;
    struct place p = { 0 };
    struct err err;
    char *path;
    int result;

    if (place_of(line, line->args[0], &p, &err) == -1)
        return command_fail(line, &err);
    path = api_path(&p, "data");
    result = keeper_ask(
        line, &(struct keeper_question){ .method = "GET", .path = path, .query = query }, &a, &err);
    free(path);
    if (result == 0) {
        result = print_values(line, values_of(&p, &a), &err);
        keeper_answer_free(&a);
    }
    place_free(&p);
    return result == 0 ? 0 : command_fail(line, &err);
}

/* ---- put ---- */

/* What is there already: other fields stay. */
static json_t *present(const struct command_line *line, const struct place *p)
{
    auto_free char *path = api_path(p, "data");
    struct keeper_answer a;
    struct err err;
    json_t *copy;

    if (keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = path }, &a, &err) ==
        -1)
        return json_object();
    copy = json_deep_copy(values_of(p, &a));
    keeper_answer_free(&a);
    return json_is_object(copy) ? copy : json_object();
}

/* A field for each name, from the terminal or stdin; with --stdin-json all of them at once. */
static int read_fields(const struct command_line *line, json_t *values, struct err *err)
{
    bool whole = command_option(line, "stdin-json") != NULL;
    unsigned n = line->nargs > 1 ? line->nargs - 1 : 1;
    struct buf value;
    json_t *root;
    int result = 0;

    if (n > 1 && !whole && !isatty(STDIN_FILENO))
        return err_set(err, ERR_CONFIG, "value_missing",
            "stdin can be one value alone: give one field, or a JSON object with --stdin-json");
    buf_init_secret(&value, VALUE_MAX);
    for (unsigned i = 0; i < n && result == 0; i++) {
        const char *field = whole ? "JSON object" : line->nargs > 1 ? line->args[1 + i] : "value";

        value.len = 0;
        result = read_value(field, &value, err);
        if (result == 0 && !whole)
            json_object_set_new(values, field, json_str_value(buf_as_str(&value)));
        if (result == 0 && whole) {
            root = json_loadb(value.data, value.len, JSON_REJECT_DUPLICATES, NULL);
            result = json_is_object(root)
                         ? json_object_update(values, root)
                         : err_set(err, ERR_CONFIG, "value_json", "stdin is no JSON object");
            json_decref(root);
            break;
        }
    }
    buf_free(&value);
    return result;
}

static int put(const struct command_line *line)
{
    struct keeper_answer a;
    struct place p = { 0 };
    struct err err;
    json_t *values;
    json_t *body;
    char *path;
    int result;

    if (place_of(line, line->args[0], &p, &err) == -1)
        return command_fail(line, &err);
    values = command_option(line, "replace") != NULL ? json_object() : present(line, &p);
    if (read_fields(line, values, &err) == -1) {
        json_decref(values);
        place_free(&p);
        return command_fail(line, &err);
    }
    body = values;
    if (p.versioned) {
        body = json_object();
        json_object_set_new(body, "data", values);
    }
    path = api_path(&p, "data");
    result = keeper_ask(
        line, &(struct keeper_question){ .method = "PUT", .path = path, .body = body }, &a, &err);
    free(path);
    place_free(&p);
    if (result == -1)
        return command_fail(line, &err);
    if (line->json)
        keeper_print_json(&a);
    else if (json_number_at(keeper_data(&a), "version") > 0)
        printf("%s: version %lld\n", line->args[0],
            (long long)json_number_at(keeper_data(&a), "version"));
    else
        printf("%s is there\n", line->args[0]);
    keeper_answer_free(&a);
    return 0;
}

/* ---- delete, history ---- */

static int erase(const struct command_line *line)
{
    bool all = command_option(line, "all") != NULL;
    struct place p = { 0 };
    struct err err;
    char *path;
    int result;

    if (place_of(line, line->args[0], &p, &err) == -1)
        return command_fail(line, &err);
    path = api_path(&p, all ? "metadata" : "data");
    result = keeper_do(line, &(struct keeper_question){ .method = "DELETE", .path = path },
        all || !p.versioned ? "deleted, with all its versions"
                            : "the newest version is deleted; --all deletes every version");
    free(path);
    place_free(&p);
    return result;
}

static int history(const struct command_line *line)
{
    struct keeper_answer a;
    struct place p = { 0 };
    struct err err;
    const char *version;
    json_t *one;
    char *path;
    int result;

    if (place_of(line, line->args[0], &p, &err) == -1)
        return command_fail(line, &err);
    path = api_path(&p, "metadata");
    result = keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = path }, &a, &err);
    free(path);
    place_free(&p);
    if (result == -1)
        return command_fail(line, &err);
    if (line->json) {
        keeper_print_json(&a);
    } else {
        printf("%-8s %-30s %s\n", "VERSION", "MADE", "STATE");
        json_object_foreach(json_object_get(keeper_data(&a), "versions"), version, one)
        {
            printf("%-8s %-30s %s\n", version, json_text_at(one, "created_time"),
                json_is_true(json_object_get(one, "destroyed")) ? "destroyed"
                : json_text_at(one, "deletion_time")[0] != '\0' ? "deleted"
                                                                : "there");
        }
    }
    keeper_answer_free(&a);
    return 0;
}

static const struct option secret_options[] = {
    OPTIONS_KEEPER,
    { "version", "N", "get: an older version" },
    { "replace", NULL, "put: forget the other fields" },
    { "stdin-json", NULL, "put: all fields, as a JSON object on stdin" },
    { "all", NULL, "delete: every version, and that there was one" },
    { 0 },
};

static const struct action secret_actions[] = {
    { "list", "[PATH]", "Names at a path; secret/ when none is given.", 0, 1, list },
    { "get", "PATH [FIELD]", "Print a secret, or one of its fields.", 1, 2, get },
    { "put", "PATH [FIELD...]", "Set fields (`value` when none is named), read without showing.", 1,
        COMMAND_ARGS_MAX, put },
    { "delete", "PATH", "Delete its newest version.", 1, 1, erase },
    { "history", "PATH", "Its versions.", 1, 1, history },
    { 0 },
};

const struct command command_secret = {
    .name = "secret",
    .arguments = "ACTION",
    .help = "Read, set and delete secrets in the keeper.",
    .details = "weir secret put secret/shop/database password       asks for it, or reads stdin\n"
               "weir secret get secret/shop/database password | psql ...",
    .options = secret_options,
    .max_args = COMMAND_ARGS_MAX,
    .actions = secret_actions,
};
