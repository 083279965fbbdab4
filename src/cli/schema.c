/*
 * weir schema - the words of a blueprint as a JSON Schema, for editors.
 */
#include <stdio.h>

#include "cli/commands_int.h"
#include "model/schema.h"

static int run(const struct command_line *line)
{
    struct buf out;

    (void)line; /* it is JSON in any case */
    buf_init(&out, 8 << 20);
    schema_json(&out);
    printf("%s\n", buf_cstr(&out));
    buf_free(&out);
    return 0;
}

const struct command command_schema = {
    .name = "schema",
    .arguments = "",
    .help = "Print the JSON Schema of blueprints, for editors.",
    .details =
        "With the YAML extension of an editor, write the output to weir.schema.json and begin\n"
        "the blueprint with:  # yaml-language-server: $schema=weir.schema.json",
    .run = run,
};
