/*
 * weir check - everything that is wrong with a blueprint, and where.
 *
 * Reads the files and the environment, touches nothing: it can run anywhere,
 * in an editor or before a commit.
 */
#include "cli/commands_int.h"
#include "cli/problems.h"

enum { OUTPUT_MAX = 16 << 20 };

static void print_json(const struct blueprint *b, const struct problems *p)
{
    struct buf out;
    struct json j;

    buf_init(&out, OUTPUT_MAX);
    json_init(&j, &out, true);
    json_open(&j, NULL, '{');
    json_put_bool(&j, "ok", b != NULL);
    json_put_u64(&j, "errors", p->nerrors);
    if (b != NULL) {
        char version[20];

        snprintf(version, sizeof(version), "%016llx", (unsigned long long)b->version);
        json_put_text(&j, "version", version);
    }
    problems_put_json(&j, p);
    json_close(&j, '}');
    printf("%s\n", buf_cstr(&out));
    buf_free(&out);
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void print_summary(const char *file, const struct blueprint *b, const struct problems *p)
{
    size_t warnings = 0;

    for (size_t i = 0; i < p->n; i++)
        warnings += p->at[i].warning;
    if (b == NULL) {
        fprintf(stderr, "weir: %s has %zu error%s\n", file, p->nerrors, plural(p->nerrors));
        return;
    }
    printf("%s: good: %zu listener%s, %zu service%s, %zu route%s, version %016llx", file,
        b->nlisteners, plural(b->nlisteners), b->nservices, plural(b->nservices), b->nroutes,
        plural(b->nroutes), (unsigned long long)b->version);
    if (warnings > 0)
        printf(", %zu warning%s", warnings, plural(warnings));
    printf("\n");
}

static int run(const struct command_line *line)
{
    const char *file = line->nargs > 0 ? line->args[0] : "weir.yaml";
    const struct blueprint_options options = { command_option(line, "environment"), NULL };
    struct problems problems;
    struct blueprint *b = blueprint_load(file, &options, &problems);
    int code = b != NULL ? 0 : 2;

    if (line->json) {
        print_json(b, &problems);
    } else {
        problems_print(stderr, &problems);
        print_summary(file, b, &problems);
    }
    problems_free(&problems);
    blueprint_unref(b);
    return code;
}

static const struct option options[] = {
    { "environment", "NAME", "lay environments/NAME.yaml over the file" },
    { NULL, NULL, NULL },
};

const struct command command_check = {
    .name = "check",
    .arguments = "[FILE]",
    .help = "Say everything that is wrong with a blueprint, with file, line and column.",
    .details =
        "FILE is weir.yaml when absent.  Exits with 0 when the blueprint is good (there may\n"
        "be warnings), with 2 when it has errors.",
    .options = options,
    .max_args = 1,
    .run = run,
};
