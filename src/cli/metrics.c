/*
 * weir metrics - what a running Weir counts; and which metrics there are, from the table.
 */
#include <stdio.h>

#include "cli/client_int.h"
#include "cli/commands_int.h"
#include "watch/client.h"

enum { REFERENCE_MAX = 1 << 20 };

static int print_table(void (*write)(struct buf *out))
{
    struct buf out;

    buf_init(&out, REFERENCE_MAX);
    write(&out);
    fwrite(out.data, 1, out.len, stdout);
    buf_free(&out);
    return 0;
}

static int print_metrics(const struct command_line *line)
{
    struct client_answer answer;
    struct client *c;
    struct err err;
    int result;

    c = command_client(line, &err);
    if (c == NULL)
        return command_fail(line, &err);
    result = client_ask(c,
        &(struct client_question){ .method = "GET",
            .target = line->json ? "/v1/metrics.json" : "/metrics",
            .accept = "text/plain",
            .timeout = CLIENT_TIMEOUT },
        &answer, &err);
    client_free(c);
    if (result == -1)
        return command_fail(line, &err);
    if (answer.status == 200)
        fwrite(answer.body.data, 1, answer.body.len, stdout);
    else
        err_set(&err, ERR_PEER, "metrics_refused", "Weir has no metrics: it answered %u",
            answer.status);
    buf_free(&answer.body);
    return answer.status == 200 ? 0 : command_fail(line, &err);
}

static int run(const struct command_line *line)
{
    if (command_option(line, "markdown") != NULL)
        return print_table(metrics_markdown);
    if (command_option(line, "list") != NULL)
        return print_table(line->json ? metrics_list_json : metrics_list);
    return print_metrics(line);
}

static const struct option options[] = {
    { "list", NULL, "which metrics there are, without asking a running Weir" },
    { "markdown", NULL, "the same as the reference page" },
    OPTIONS_CLIENT,
    { 0 },
};

const struct command command_metrics = {
    .name = "metrics",
    .arguments = "",
    .help = "Print the metrics of a running Weir, as Prometheus text.",
    .options = options,
    .run = run,
};
