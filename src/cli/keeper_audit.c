/*
 * weir keeper audit - is the audit journal whole?  Offline: the keeper need not run, and no secret is needed.
 */
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/keeper_actions_int.h"
#include "keeper/audit_verify.h"

enum { SHOWN_MAX = 20, OUTPUT_MAX = 16 << 20 };

struct findings {
    struct json *json;
    unsigned shown;
};

static void on_finding(void *arg, const struct audit_finding *f)
{
    struct findings *all = arg;

    if (all->json != NULL) {
        json_open(all->json, NULL, '{');
        json_put_text(all->json, "kind", audit_finding_word(f->kind));
        json_put_u64(all->json, "record", f->seq);
        json_put_text(all->json, "segment", f->segment);
        json_put_u64(all->json, "line", f->line);
        json_put_text(all->json, "text", f->text);
        json_close(all->json, '}');
    } else if (all->shown++ < SHOWN_MAX) {
        printf("%s:%llu: %s: %s\n", f->segment != NULL ? f->segment : "journal",
            (unsigned long long)f->line, audit_finding_word(f->kind), f->text);
    }
}

static void put_verdict(struct json *j, const struct audit_verdict *v)
{
    json_put_bool(j, "whole", v->findings == 0);
    json_put_u64(j, "findings_count", v->findings);
    json_put_u64(j, "records", v->records);
    json_put_u64(j, "first", v->first);
    json_put_u64(j, "last", v->last);
    json_put_u64(j, "heads", v->heads);
    json_put_u64(j, "covered", v->covered);
    json_put_text(j, "first_time", v->first_time);
    json_put_text(j, "last_time", v->last_time);
    json_put_text(j, "head", v->head);
}

static void say_verdict(const struct audit_verdict *v)
{
    if (v->findings > SHOWN_MAX)
        printf("... and %llu more\n", (unsigned long long)(v->findings - SHOWN_MAX));
    printf("%llu records from %s to %s, signed up to record %llu: %s\n",
        (unsigned long long)v->records, v->first_time[0] != '\0' ? v->first_time : "-",
        v->last_time[0] != '\0' ? v->last_time : "-", (unsigned long long)v->covered,
        v->findings == 0 ? "whole" : "NOT whole");
}

int keeper_audit(const struct command_line *line)
{
    auto_free char *here = NULL;
    const char *state = command_option(line, "state");
    auto_free char *folder = NULL;
    struct audit_verdict *verdict = xcalloc(1, sizeof(*verdict));
    struct findings all = { 0 };
    struct audit_verify_options options = { .on_finding = on_finding, .arg = &all };
    const char *head = command_option(line, "head");
    struct json j;
    struct buf b;
    struct err err;
    int result;

    if (strcmp(line->args[0], "verify") != 0) {
        free(verdict);
        err_set(&err, ERR_CONFIG, "action_unknown", "usage: weir keeper audit verify [FOLDER]");
        return command_fail(line, &err);
    }
    here = state == NULL ? command_state_here() : NULL;
    state = state != NULL ? state : here != NULL ? here : "/var/lib/weir";
    folder = line->nargs > 1 ? xstrdup(line->args[1]) : xasprintf("%s/keeper", state);
    options.folder = folder;
    options.head = head != NULL ? str_from(head) : STR_NONE;
    buf_init(&b, OUTPUT_MAX);
    json_init(&j, &b, false);
    if (line->json) {
        all.json = &j;
        json_open(&j, NULL, '{');
        json_open(&j, "findings", '[');
    }
    result = audit_verify(&options, verdict, &err);
    if (result == 0 && line->json) {
        json_close(&j, ']');
        put_verdict(&j, verdict);
        json_close(&j, '}');
        puts(buf_cstr(&b));
    } else if (result == 0) {
        say_verdict(verdict);
    }
    result = result == -1 ? command_fail(line, &err) : verdict->findings > 0 ? 1 : 0;
    buf_free(&b);
    free(verdict);
    return result;
}
