/*
 * apply_keep - the step of an apply that makes exist what the keeper is to keep: policies, keys,
 * secrets, certificates, one order after the other.
 *
 * The keeper compares and changes what differs, and says what there is; it makes new versions of what is
 * due.  A keeper that is sealed or not initialised does not hold up the rest: the edge serves, with
 * certificates of this machine's own authority in place of those that the keeper would issue, and the
 * step comes again when the keeper is open.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/apply_int.h"
#include "daemon/keeping.h"
#include "daemon/say.h"

enum { AGAIN_AFTER = 30 /* s */ };

struct keeping_step {
    struct order order; /* must stay first */
    struct apply *apply;
    unsigned kind; /* in kinds */
    size_t index;
};

/* ---- what is ordered ---- */

static void add_texts(struct arena *a, struct value *list, const struct strs *from)
{
    for (size_t i = 0; i < from->n; i++)
        value_add_text(a, list, from->at[i]);
}

static struct value *policy_body(struct arena *a, const struct blueprint *b, size_t i)
{
    const struct managed_policy *p = &b->policies[i];
    struct value *body = value_map(a);
    struct value *rules = value_list(a);

    for (size_t k = 0; k < p->npaths; k++) {
        struct value *rule = value_map(a);
        struct value *can = value_list(a);
        const char *word;
        unsigned at = 0;

        while ((word = policy_path_capability(&p->paths[k], &at)) != NULL)
            value_add_text(a, can, str_from(word));
        value_put_text(a, rule, "path", p->paths[k].path);
        value_put(rule, "capabilities", can);
        if (p->paths[k].approvals > 0) {
            struct value *approvals = value_map(a);
            struct value *by = value_list(a);

            add_texts(a, by, &p->paths[k].approvers);
            value_put_i64(a, approvals, "count", p->paths[k].approvals);
            value_put(approvals, "policies", by);
            value_put(rule, "approvals", approvals);
        }
        value_add(rules, rule);
    }
    value_put(body, "rules", rules);
    return body;
}

static struct value *key_body(struct arena *a, const struct blueprint *b, size_t i)
{
    const struct managed_key *k = &b->keys[i];
    struct value *body = value_map(a);

    value_put_text(a, body, "mount", k->mount);
    value_put_text(a, body, "type", str_from(managed_key_type(k)));
    value_put_i64(a, body, "rotate", (int64_t)(k->rotate / 1000));
    value_put_bool(a, body, "exportable", k->exportable);
    return body;
}

static struct value *secret_body(struct arena *a, const struct blueprint *b, size_t i)
{
    const struct managed_secret *s = &b->secrets[i];
    struct value *body = value_map(a);

    value_put_text(a, body, "mount", s->mount);
    value_put_text(a, body, "path", s->path);
    value_put_text(a, body, "field", s->field);
    value_put_text(a, body, "generate", str_from(managed_secret_generator(s)));
    value_put_i64(a, body, "length", s->length);
    value_put_i64(a, body, "rotate", (int64_t)(s->rotate / 1000));
    return body;
}

static struct value *certificate_body(struct arena *a, const struct blueprint *b, size_t i)
{
    const struct certificate *c = &b->certificates[i];
    struct value *body = value_map(a);
    struct value *hosts = value_list(a);

    add_texts(a, hosts, &c->hosts);
    value_put(body, "hosts", hosts);
    value_put_i64(a, body, "ttl", (int64_t)(c->ttl / 1000));
    return body;
}

/* ---- what comes back ---- */

static const struct value *data_of(const struct value *answer)
{
    const struct value *data = value_get(answer, "data");

    return data != NULL ? data : answer;
}

static void take_secret(struct apply *a, size_t i, const struct value *answer)
{
    const struct managed_secret *s = &a->next->blueprint->secrets[i];
    int64_t version = value_get_i64(data_of(answer), "version", 0);

    keeping_note_secret(a->control->keeping, s->name, version > 0 ? (uint64_t)version : 0);
    if (version <= 0)
        say("the secret %s has no value yet: weir secret put %.*s/%.*s %.*s", s->name.at,
            STR_ARG(s->mount), STR_ARG(s->path), STR_ARG(s->field));
    else if (value_get_bool(data_of(answer), "rotated", false))
        say("the secret %s has a new value (version %lld)", s->name.at, (long long)version);
}

static void take_key(struct apply *a, size_t i, const struct value *answer)
{
    if (value_get_bool(data_of(answer), "rotated", false))
        say("the key %s has a new version (%lld)", a->next->blueprint->keys[i].name.at,
            (long long)value_get_i64(data_of(answer), "latest_version", 0));
}

static void take_certificate(struct apply *a, size_t i, const struct value *answer)
{
    struct version_certificate *c = &a->next->certificates[i];
    struct str chain = value_get_text(data_of(answer), "chain", STR_NONE);
    int64_t renew = value_get_i64(data_of(answer), "renew", 0);
    struct err err;

    if (chain.len > 0) {
        c->chain.len = 0;
        buf_str(&c->chain, chain);
        c->kept = true;
        if (a->next->renew == 0 || renew < a->next->renew)
            a->next->renew = renew;
        return;
    }
    err_set(&err, ERR_PEER, "keeper_refused", "certificate %s: the keeper gave none",
        a->next->blueprint->certificates[i].name.at);
    apply_fail(a, &err);
}

/* ---- one after the other ---- */

static bool is_kept(const struct blueprint *b, size_t i)
{
    return b->certificates[i].issuer == ISSUER_KEEPER;
}

static const struct kind {
    const char *word;
    size_t count; /* offset in struct blueprint */
    size_t at;    /* of the pointer, to things that begin with their name */
    size_t size;
    bool (*wanted)(const struct blueprint *b, size_t i);
    struct value *(*body)(struct arena *a, const struct blueprint *b, size_t i);
    void (*take)(struct apply *a, size_t i, const struct value *answer);
} kinds[] = {
    { "policy", offsetof(struct blueprint, npolicies), offsetof(struct blueprint, policies),
        sizeof(struct managed_policy), NULL, policy_body, NULL },
    { "key", offsetof(struct blueprint, nkeys), offsetof(struct blueprint, keys),
        sizeof(struct managed_key), NULL, key_body, take_key },
    { "secret", offsetof(struct blueprint, nsecrets), offsetof(struct blueprint, secrets),
        sizeof(struct managed_secret), NULL, secret_body, take_secret },
    { "certificate", offsetof(struct blueprint, ncertificates),
        offsetof(struct blueprint, certificates), sizeof(struct certificate), is_kept,
        certificate_body, take_certificate },
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static struct str name_of(const struct blueprint *b, const struct kind *k, size_t i)
{
    const char *things = *(const char *const *)(const void *)((const char *)b + k->at);

    return *(const struct str *)(const void *)(things + i * k->size);
}

static void next_order(struct keeping_step *s);
static bool take_live_chain(struct apply *a, size_t i);

/* A start does not fail for it: the edge serves, and the step comes again in a while. */
static void refused(struct apply *a, const struct keeping_step *s, const struct err *err)
{
    if (a->control->live != NULL) {
        apply_fail(a, err);
        return;
    }
    say("%s; it is tried again in %d s", err->text, AGAIN_AFTER);
    if (kinds[s->kind].take == take_certificate && !take_live_chain(a, s->index))
        a->next->certificates[s->index].local = true;
    a->next->renew = (int64_t)(time_wall_usec() / 1000000) + AGAIN_AFTER;
}

static void ordered(struct order *o, int status, const struct value *answer)
{
    struct keeping_step *s = (struct keeping_step *)(void *)o;
    struct apply *a = s->apply;
    const struct kind *k = &kinds[s->kind];

    if (status < 200 || status > 299) {
        char why[256];
        struct err err = { 0 };

        err_set(&err, status >= 500 || status == 0 ? ERR_PEER : ERR_CONFIG, "keeper_refused",
            "%s %.*s: %s", k->word, STR_ARG(name_of(a->next->blueprint, k, s->index)),
            keeping_error(status, answer, why));
        refused(a, s, &err);
    } else if (k->take != NULL) {
        k->take(a, s->index, answer);
    }
    s->index++;
    next_order(s);
}

static void next_order(struct keeping_step *s)
{
    struct apply *a = s->apply;
    const struct blueprint *b = a->next->blueprint;

    for (; s->kind < KINDS && !a->failed; s->kind++, s->index = 0) {
        const struct kind *k = &kinds[s->kind];
        size_t count = *(const size_t *)(const void *)((const char *)b + k->count);
        struct arena arena;

        while (s->index < count && k->wanted != NULL && !k->wanted(b, s->index))
            s->index++;
        if (s->index >= count)
            continue;
        arena_init(&arena, 4096);
        keeping_order(a->control->keeping, &s->order, KEEPING_WRITE,
            arena_printf(
                &arena, "sys/weir/managed/%s/%.*s", k->word, STR_ARG(name_of(b, k, s->index))),
            k->body(&arena, b, s->index), ordered);
        arena_free(&arena);
        return;
    }
    free(s);
    apply_one_done(a);
}

/* ---- when it is not open ---- */

/* What is live stays: the keeper may still sign for it. */
static bool take_live_chain(struct apply *a, size_t i)
{
    const struct version *live = a->control->live != NULL ? a->control->live : a->control->former;
    struct str name = a->next->blueprint->certificates[i].name;

    for (size_t k = 0; live != NULL && k < live->blueprint->ncertificates; k++) {
        const struct version_certificate *c = &live->certificates[k];

        if (!c->kept || !str_eq(live->blueprint->certificates[k].name, name))
            continue;
        buf_str(&a->next->certificates[i].chain, buf_as_str(&c->chain));
        a->next->certificates[i].kept = true;
        return true;
    }
    return false;
}

static void go_on_without(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;
    enum keeping_state state = keeping_state(a->control->keeping);
    unsigned placeholders = 0;

    for (size_t i = 0; i < b->ncertificates; i++)
        if (is_kept(b, i) && !take_live_chain(a, i)) {
            a->next->certificates[i].local = true;
            placeholders++;
        }
    say("the keeper is %s%s; keys, secrets and policies wait for it%s", keeping_state_word(state),
        state == KEEPING_UNINITIALIZED ? ": run \"weir keeper init\""
        : state == KEEPING_SEALED      ? ": run \"weir keeper unseal\""
                                       : "",
        placeholders > 0 ? ", and a local certificate stands in for its own" : "");
}

static void known(void *arg, bool open)
{
    struct keeping_step *s = arg;
    struct apply *a = s->apply;

    if (open) {
        next_order(s);
        return;
    }
    go_on_without(a);
    free(s);
    apply_one_done(a);
}

void apply_keep(struct apply *a)
{
    struct control *c = a->control;
    const struct blueprint *b = a->next->blueprint;
    struct keeping_step *s;
    struct err err;

    for (size_t i = 0; i < b->ncertificates; i++)
        a->next->certificates[i].local = b->certificates[i].local;
    if (!b->keeper.on)
        return;
    if (!c->plan.keeper) {
        err_set(&err, ERR_CONFIG, "keeper_needs_start",
            "this Weir was started without a keeper; one that is added takes a new start (weir stop, "
            "weir serve)");
        apply_fail(a, &err);
        return;
    }
    s = xcalloc(1, sizeof(*s));
    s->apply = a;
    a->pending++;
    if (keeping_state(c->keeping) == KEEPING_SEALED)
        channel_send(c->life, LIFE_ASK_UNSEAL, 0, STR_NONE, NULL, 0);
    keeping_wait(c->keeping, known, s);
}
