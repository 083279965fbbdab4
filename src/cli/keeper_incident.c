/*
 * weir keeper incident - a key, an issuer or an entity is compromised: what that touches, and its end.
 *
 * Without --do it only says what would be touched.  The report is signed by the keeper; --json has all of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "cli/keeper_actions_int.h"

static void print_value(const char *name, const json_t *v, int depth)
{
    auto_free char *text = NULL;
    const char *key;
    json_t *one;
    size_t i;

    if (json_is_object(v)) {
        printf("%*s%s\n", depth, "", name);
        json_object_foreach((json_t *)(uintptr_t)v, key, one)
        {
            print_value(key, one, depth + 2);
        }
        return;
    }
    if (json_is_array(v)) {
        printf("%*s%s  %zu\n", depth, "", name, json_array_size(v));
        json_array_foreach(v, i, one)
        {
            print_value("-", one, depth + 2);
        }
        return;
    }
    text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    printf("%*s%s  %s\n", depth, "", name, text != NULL ? text : json_string_value(v));
}

/* The report again, as it was signed. */
static bool is_for_programs(const char *key)
{
    return strcmp(key, "report") == 0 || strcmp(key, "signature") == 0 ||
           strcmp(key, "public_key") == 0;
}

static json_t *body_of(const struct command_line *line, struct err *err)
{
    static const char *const kinds[] = { "key", "issuer", "entity" };
    const char *reason = command_option(line, "reason");
    bool act = command_option(line, "do") != NULL;
    json_t *body = json_object();
    unsigned n = 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *name = command_option(line, kinds[i]);

        if (name == NULL)
            continue;
        json_object_set_new(body, kinds[i], json_string(name));
        n++;
    }
    if (n != 1)
        err_set(err, ERR_CONFIG, "incident_what",
            "say what is compromised: one of --key ENGINE/NAME, --issuer ENGINE/NAME, --entity "
            "NAME");
    else if (reason == NULL)
        err_set(err, ERR_CONFIG, "incident_reason", "say why, for the report: --reason TEXT");
    if (n != 1 || reason == NULL) {
        json_decref(body);
        return NULL;
    }
    json_object_set_new(body, "reason", json_string(reason));
    json_object_set_new(body, "dry_run", json_boolean(!act));
    return body;
}

int keeper_incident(const struct command_line *line)
{
    bool act = command_option(line, "do") != NULL;
    struct keeper_answer a;
    struct err err;
    json_t *body = body_of(line, &err);
    const char *key;
    json_t *one;

    if (body == NULL)
        return command_fail(line, &err);
    if (keeper_ask(line,
            &(struct keeper_question){
                .method = "POST", .path = "sys/weir/incident", .body = body },
            &a, &err) == -1)
        return command_fail(line, &err);
    if (line->json) {
        keeper_print_json(&a);
    } else {
        json_object_foreach((json_t *)(uintptr_t)keeper_data(&a), key, one)
        {
            if (!is_for_programs(key))
                print_value(key, one, 0);
        }
        puts(
            act ? "\nthe report and its signature: --json" : "\nnothing was changed; --do does it");
    }
    keeper_answer_free(&a);
    return 0;
}
