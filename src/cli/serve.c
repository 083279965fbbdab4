/*
 * weir serve - becomes the parent of the roles; see daemon/daemon.h.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/commands_int.h"
#include "daemon/daemon.h"

static int descriptor(const struct command_line *line, const char *name, int *fd, struct err *err)
{
    const char *text = command_option(line, name);
    uint64_t n;

    *fd = -1;
    if (text == NULL)
        return 0;
    if (!str_to_u64(str_from(text), 1 << 20, &n))
        return err_set(
            err, ERR_CONFIG, "option_value", "--%s takes the number of a descriptor", name);
    *fd = (int)n;
    return 0;
}

static int run_serve(const struct command_line *line)
{
    struct serve_options o = {
        .path = line->args[0],
        .environment = command_option(line, "environment"),
        .state = command_option(line, "state"),
        .json = line->json,
    };
    struct err err;

    if (descriptor(line, "test-clock", &o.test_clock, &err) == -1 ||
        descriptor(line, "ready-fd", &o.ready_fd, &err) == -1)
        return command_fail(line, &err);
    return daemon_serve(&o);
}

static const struct option options[] = {
    { "environment", "NAME", "lay environments/NAME.yaml over the file" },
    { "state", "FOLDER", "the state folder, instead of the blueprint's" },
    { "ready-fd", "N", "write one line of JSON to this descriptor when it serves" },
    { "test-clock", "N", "take the time from this descriptor (for tests)" },
    { 0 },
};

const struct command command_serve = {
    .name = "serve",
    .arguments = "FILE",
    .help = "Serve what a blueprint says, in the foreground, until it is told to stop.",
    .details =
        "TERM and INT drain and stop (a second one stops at once); HUP applies the file again.\n"
        "With --json one line of JSON is printed when it serves.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run_serve,
};
