/*
 * weir status, weir stop - what is live; and the end of it.
 */
#include <stdio.h>

#include "base/str.h"
#include "base/time.h"
#include "cli/client_int.h"
#include "cli/commands_int.h"

static void print_blueprint(const json_t *root)
{
    const json_t *b = json_object_get(root, "blueprint");

    printf("%s  weir %s, %s\n",
        json_text_at(b, "name")[0] != '\0' ? json_text_at(b, "name") : json_text_at(b, "path"),
        json_text_at(root, "weir"), json_text_at(root, "state"));
    if (b == NULL)
        return;
    printf("  blueprint  %s%s%s\n", json_text_at(b, "path"),
        json_text_at(b, "environment")[0] != '\0' ? ", environment " : "",
        json_text_at(b, "environment"));
    printf("  version    %s, applied %s (%lld applied, %lld refused)\n", json_text_at(b, "version"),
        json_text_at(b, "applied"), (long long)json_number_at(b, "applies"),
        (long long)json_number_at(b, "refused"));
    printf("  state      %s\n", json_text_at(root, "state_folder"));
}

/* When, or "never". */
static void print_time(const char *what, json_int_t seconds)
{
    char text[32] = "never";

    if (seconds > 0) {
        time_format_rfc3339((usec_t)seconds * 1000000, text);
        text[19] = '\0'; /* whole seconds will do */
    }
    printf(", %s %s", what, text);
}

static void print_keeper(const json_t *k)
{
    const json_t *audit = json_object_get(k, "audit");
    const json_t *backups = json_object_get(k, "backups");

    printf("  keeper     %s, %s\n", json_text_at(k, "state"), json_text_at(k, "url"));
    if (backups == NULL) /* sealed: it says no more */
        return;
    printf("             self-tests %s",
        json_is_false(json_object_get(k, "signers_ok")) ? "FAIL" : "pass");
    if (json_is_true(json_object_get(audit, "stuck")))
        printf(", the audit journal CANNOT be written");
    if (json_is_true(json_object_get(audit, "damaged")))
        printf(", the audit journal was TOUCHED");
    print_time("backup", json_number_at(backups, "last_backup"));
    print_time("proven", json_number_at(backups, "last_proven_drill"));
    putchar('\n');
}

static void print_listeners(const json_t *root)
{
    size_t i;
    json_t *l;

    json_array_foreach(json_object_get(root, "listeners"), i, l)
    {
        printf("  listener   %s %s%s\n", json_text_at(l, "name"), json_text_at(l, "address"),
            json_is_true(json_object_get(l, "tls")) ? " (TLS)" : "");
    }
    json_array_foreach(json_object_get(root, "certificates"), i, l)
    {
        printf("  certificate %s until %s (%s)\n", json_text_at(l, "name"),
            json_text_at(l, "not_after"), json_text_at(l, "from"));
    }
    if (json_object_get(root, "keeper") != NULL)
        print_keeper(json_object_get(root, "keeper"));
}

static void print_processes(const json_t *root)
{
    size_t i;
    json_t *p;

    printf("\n%-16s %8s %9s %10s %10s %6s\n", "PROCESS", "PID", "RESTARTS", "CPU s", "MEMORY MB",
        "FDS");
    json_array_foreach(json_object_get(root, "processes"), i, p)
    {
        printf("%-16s %8lld %9lld %10.2f %10.1f %6lld\n", json_text_at(p, "role"),
            (long long)json_number_at(p, "pid"), (long long)json_number_at(p, "restarts"),
            json_number_value(json_object_get(p, "cpu_seconds")),
            (double)json_number_at(p, "resident_bytes") / 1e6,
            (long long)json_number_at(p, "descriptors"));
    }
}

static void print_services(const json_t *root)
{
    const json_t *services = json_object_get(json_object_get(root, "edge"), "services");
    size_t i;
    size_t k;
    json_t *s;
    json_t *o;

    if (json_array_size(services) == 0)
        return;
    printf("\n%-16s %-24s %-9s %-10s %9s\n", "SERVICE", "ORIGIN", "HEALTH", "BREAKER", "REQUESTS");
    json_array_foreach(services, i, s)
    {
        if (json_array_size(json_object_get(s, "origins")) == 0)
            printf("%-16s no origin is known\n", json_text_at(s, "name"));
        json_array_foreach(json_object_get(s, "origins"), k, o)
        {
            const char *health = json_is_true(json_object_get(o, "ejected"))    ? "ejected"
                                 : json_is_false(json_object_get(o, "healthy")) ? "unhealthy"
                                                                                : "healthy";

            printf("%-16s %-24s %-9s %-10s %9lld\n", json_text_at(s, "name"),
                json_text_at(o, "address"), health, json_text_at(o, "breaker"),
                (long long)json_number_at(o, "requests_in_flight"));
        }
    }
}

static int run_status(const struct command_line *line)
{
    json_t *root;
    struct err err;

    if (command_ask(line, &(struct command_question){ "GET", "/v1/status" }, &root, &err) == -1)
        return command_fail(line, &err);
    if (line->json) {
        command_print_json(root);
    } else {
        print_blueprint(root);
        print_listeners(root);
        print_processes(root);
        print_services(root);
    }
    json_decref(root);
    return 0;
}

static const struct option status_options[] = { OPTIONS_CLIENT, { 0 } };

const struct command command_status = {
    .name = "status",
    .arguments = "",
    .help = "Say what is live: the blueprint, the processes, the origins and their health.",
    .options = status_options,
    .run = run_status,
};

enum { STOP_TIMEOUT = 3600000 }; /* longer than any drain */

static int run_stop(const struct command_line *line)
{
    const char *seconds = command_option(line, "timeout");
    json_t *body = json_object();
    uint64_t timeout = 0;
    json_t *root;
    struct err err;

    if (seconds != NULL && !str_to_u64(str_from(seconds), 86400, &timeout)) {
        err_set(&err, ERR_CONFIG, "option_value", "--timeout takes a number of seconds");
        json_decref(body);
        return command_fail(line, &err);
    }
    if (seconds != NULL)
        json_object_set_new(body, "timeout_ms", json_integer((json_int_t)timeout * 1000));
    if (command_ask(line, &(struct command_question){ "POST", "/v1/stop", body, STOP_TIMEOUT },
            &root, &err) == -1)
        return command_fail(line, &err);
    if (line->json)
        command_print_json(root);
    else
        printf("stopped\n");
    json_decref(root);
    return 0;
}

static const struct option stop_options[] = {
    { "timeout", "SECONDS", "how long requests under way may take; the blueprint's when absent" },
    OPTIONS_CLIENT,
    { 0 },
};

const struct command command_stop = {
    .name = "stop",
    .arguments = "",
    .help = "Drain a running Weir: no new connections, what is under way ends, then it stops.",
    .options = stop_options,
    .run = run_stop,
};
