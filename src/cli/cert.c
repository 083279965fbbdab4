/*
 * weir cert - certificates: those that the edge serves, and those of the keeper's own authority (pki).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/commands_int.h"
#include "cli/keeper_int.h"

static const char *engine(const struct command_line *line)
{
    const char *mount = command_option(line, "engine");

    return mount != NULL ? mount : "pki";
}

/* What the edge serves: that the admin socket knows. */
static int list(const struct command_line *line)
{
    json_t *root;
    struct err err;
    size_t i;
    json_t *c;

    if (command_ask(line, &(struct command_question){ "GET", "/v1/status" }, &root, &err) == -1)
        return command_fail(line, &err);
    if (line->json) {
        command_print_json(json_object_get(root, "certificates"));
    } else {
        printf("%-20s %-9s %-26s %s\n", "CERTIFICATE", "FROM", "UNTIL", "SUBJECT");
        json_array_foreach(json_object_get(root, "certificates"), i, c)
        {
            printf("%-20s %-9s %-26s %s\n", json_text_at(c, "name"), json_text_at(c, "from"),
                json_text_at(c, "not_after"), json_text_at(c, "subject"));
        }
    }
    json_decref(root);
    return 0;
}

static int issued(const struct command_line *line)
{
    auto_free char *path = xasprintf("%s/certs", engine(line));

    return keeper_list(line, path);
}

static int show(const struct command_line *line)
{
    auto_free char *path = xasprintf("%s/cert/%s", engine(line), line->args[0]);
    struct keeper_answer a;
    struct err err;

    if (keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = path, .open = true },
            &a, &err) == -1)
        return command_fail(line, &err);
    if (line->json)
        keeper_print_json(&a);
    else
        printf("%s\n", json_text_at(keeper_data(&a), "certificate"));
    keeper_answer_free(&a);
    return 0;
}

static int issue(const struct command_line *line)
{
    auto_free char *path = xasprintf("%s/issue/%s", engine(line), line->args[0]);
    const char *ttl = command_option(line, "ttl");
    json_t *body = json_object();
    struct keeper_answer a;
    struct err err;
    struct buf names;
    const json_t *data;
    size_t i;
    json_t *above;

    json_object_set_new(body, "common_name", json_string(line->args[1]));
    buf_init(&names, 65536);
    for (unsigned k = 2; k < line->nargs; k++)
        buf_printf(&names, "%s%s", k > 2 ? "," : "", line->args[k]);
    if (names.len > 0)
        json_object_set_new(body, "alt_names", json_string(buf_cstr(&names)));
    buf_free(&names);
    if (ttl != NULL)
        json_object_set_new(body, "ttl", json_string(ttl));
    if (keeper_ask(line, &(struct keeper_question){ .method = "POST", .path = path, .body = body },
            &a, &err) == -1)
        return command_fail(line, &err);
    data = keeper_data(&a);
    if (line->json) {
        command_print_json(data);
    } else {
        printf("%s\n", json_text_at(data, "certificate"));
        json_array_foreach(json_object_get(data, "ca_chain"), i, above)
        {
            printf("%s\n", json_string_value(above));
        }
        printf("%s\n", json_text_at(data, "private_key"));
    }
    keeper_answer_free(&a);
    return 0;
}

static int revoke_one(const struct command_line *line)
{
    auto_free char *path = xasprintf("%s/revoke", engine(line));
    json_t *body = json_object();

    json_object_set_new(body, "serial_number", json_string(line->args[0]));
    return keeper_do(line,
        &(struct keeper_question){ .method = "POST", .path = path, .body = body },
        "revoked; the list of revoked certificates and OCSP say so");
}

/* An answer that is no JSON: PEM. */
static int print_pem(const struct command_line *line, const char *what)
{
    auto_free char *path = xasprintf("%s/%s", engine(line), what);
    struct keeper_answer a;
    struct err err;

    if (keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = path, .open = true },
            &a, &err) == -1)
        return command_fail(line, &err);
    if (line->json) {
        json_t *root = json_object();

        json_object_set_new(root, "pem", json_str_value(buf_as_str(&a.bytes)));
        command_print_json(root);
        json_decref(root);
    } else {
        fwrite(a.bytes.data, 1, a.bytes.len, stdout);
        if (a.bytes.len > 0 && a.bytes.data[a.bytes.len - 1] != '\n')
            putchar('\n');
    }
    keeper_answer_free(&a);
    return 0;
}

static int authority(const struct command_line *line)
{
    return print_pem(line, "ca_chain");
}

static int revoked(const struct command_line *line)
{
    return print_pem(line, "crl/pem");
}

static const struct option cert_options[] = {
    OPTIONS_KEEPER,
    { "engine", "NAME", "the pki engine; pki when not given" },
    { "ttl", "TIME", "issue: how long it lasts, as in 720h" },
    { 0 },
};

static const struct action cert_actions[] = {
    { "list", "", "The certificates that the edge serves, and until when.", 0, 0, list },
    { "issued", "", "Serial numbers of what the keeper issued.", 0, 0, issued },
    { "show", "SERIAL", "Print one as PEM.", 1, 1, show },
    { "issue", "ROLE NAME [NAME...]", "Issue one with a new key, and print both.", 2,
        COMMAND_ARGS_MAX, issue },
    { "revoke", "SERIAL", "Revoke one.", 1, 1, revoke_one },
    { "authority", "", "Print the authority's certificates, to be trusted.", 0, 0, authority },
    { "revoked", "", "Print the list of revoked certificates.", 0, 0, revoked },
    { 0 },
};

const struct command command_cert = {
    .name = "cert",
    .arguments = "ACTION",
    .help = "Certificates: what the edge serves, and the keeper's own authority.",
    .options = cert_options,
    .max_args = COMMAND_ARGS_MAX,
    .actions = cert_actions,
};
