/*
 * incident, a key: all its versions are compromised at once, a new one takes their place.
 *
 * The blast radius is its versions, the policies that let somebody use it, and how many tokens have one of those.
 */
#include "keeper/crypto/key_int.h"
#include "keeper/engines/transit_int.h"
#include "keeper/sys/incident_int.h"

struct job {
    struct incident *in;
    struct mount *mount; /* not past a worker: the table may be another one then */
    struct str mount_id;
    struct str name;
    enum key_type type;
    struct crypto_key *fresh; /* NULL: it could not be made */
    struct err err;
};

/* ---- what it touches ---- */

static struct value *versions_of(
    struct request *r, const struct mount *m, struct str name, const struct transit_key *k)
{
    struct arena *a = &r->arena;
    struct value *list = value_list(a);

    for (uint32_t n = k->latest; n > 0 && list->n < INCIDENT_LISTED; n--) {
        const struct transit_version *v = transit_version_get(&r->tx, m, name, n);
        struct value *one;

        if (v == NULL)
            break;
        one = value_map(a);
        value_put_i64(a, one, "version", n);
        value_put_text(a, one, "state", str_from(transit_state_name(transit_state(k, v, n))));
        value_add(list, one);
    }
    return list;
}

/* Does the policy let anybody do something with the key? */
static bool policy_uses(
    struct request *r, struct str policy, const struct mount *m, struct str name)
{
    static const char *const ways[] = { "sign", "encrypt", "decrypt", "hmac", "datakey/plaintext",
        "datakey/wrapped", "export/signing-key", "export/encryption-key", "export/hmac-key", "keys",
        "backup", NULL };
    struct value *v = entry_get_value(&r->tx, entry_path(&r->tx, "policy/%.*s", STR_ARG(policy)));
    struct acl *acl = acl_new();
    const char *why;
    bool uses = false;

    if (v != NULL && acl_add(acl, value_get(v, "rules"), &why)) {
        acl_finish(acl);
        for (const char *const *way = ways; *way != NULL && !uses; way++) {
            struct acl_answer answer;

            acl_look(acl, entry_path(&r->tx, "%.*s%s/%.*s", STR_ARG(m->path), *way, STR_ARG(name)),
                false, &answer);
            uses = (answer.capabilities & CAN_DENY) == 0 &&
                   (answer.capabilities & (CAN_CREATE | CAN_UPDATE | CAN_READ)) != 0;
        }
    }
    acl_free(acl);
    return uses;
}

static struct value *policies_of(struct request *r, const struct mount *m, struct str name)
{
    struct value *list = value_list(&r->arena);

    value_each (it, entry_list(&r->tx, STR("policy/"), STR_NONE, INCIDENT_POLICIES)) {
        if (policy_uses(r, it->text, m, name))
            value_add_text(&r->arena, list, it->text);
    }
    return list;
}

static bool has_one(const struct value *wanted, const struct value *has)
{
    value_each (w, wanted)
        value_each (h, has)
            if (str_eq(w->text, h->text))
                return true;
    return false;
}

static void count_tokens(struct request *r, struct value *radius, const struct value *policies)
{
    struct value *names = entry_list(&r->tx, STR("token/id/"), STR_NONE, INCIDENT_TOKENS);
    int64_t n = 0;

    value_each (it, names) {
        const struct token *t = token_load(r, it->text);

        if (t != NULL &&
            (t->root || has_one(policies, t->policies) || has_one(policies, t->identity_policies)))
            n++;
    }
    value_put_i64(&r->arena, radius, "tokens", n);
    value_put_bool(&r->arena, radius, "tokens_all_counted", names->n < INCIDENT_TOKENS);
}

static void look(struct request *r, struct incident *in, const struct mount *m, struct str name,
    const struct transit_key *k)
{
    struct arena *a = &r->arena;
    struct value *policies = policies_of(r, m, name);

    value_put_text(a, in->radius, "engine", m->path);
    value_put_text(a, in->radius, "key", name);
    value_put_text(a, in->radius, "type", str_from(key_facts(k->type)->name));
    value_put_i64(a, in->radius, "latest_version", k->latest);
    value_put(in->radius, "versions", versions_of(r, m, name, k));
    value_put(in->radius, "policies", policies);
    count_tokens(r, in->radius, policies);
    incident_mark(r, in, "the blast radius is known");
}

/* ---- its end ---- */

static void act(struct request *r, struct job *j)
{
    struct incident *in = j->in;
    const struct transit_key *k;
    uint32_t before;
    struct err err = { 0 };

    k = transit_key_get(&r->tx, j->mount, j->name);
    if (k == NULL) {
        reply_error(r, 404, "there is no such key any more");
        return;
    }
    before = k->latest;
    if (!transit_compromise(r, j->mount, j->name, 0, in->reason, j->fresh, &err)) {
        reply_error(r, 400, "%s", err.text);
        return;
    }
    k = transit_key_get(&r->tx, j->mount, j->name);
    incident_mark(r, in, "every version up to %u is compromised: it signs and encrypts no more",
        (unsigned)before);
    value_put_i64(&r->arena, in->done, "compromised_up_to", before);
    if (k != NULL && k->latest > before) {
        value_put_i64(&r->arena, in->done, "new_version", k->latest);
        incident_mark(r, in, "version %u takes its place", (unsigned)k->latest);
    } else {
        reply_warn(r, "no new version was made: the key may not be rotated here");
    }
    incident_report(r, in);
}

static void make(void *arg)
{
    struct job *j = arg;

    j->fresh = crypto_generate(j->type, 0, &j->err);
}

/* The engine and the key are those that were looked at before the worker made the new one. */
static bool is_still_there(struct request *r, struct job *j)
{
    const struct transit_key *k = NULL;

    j->mount = core_mount_of(r->core, j->in->name);
    if (j->mount != NULL && str_eq(j->mount->id, j->mount_id))
        k = transit_key_get(&r->tx, j->mount, j->name);
    if (k == NULL || k->type != j->type)
        reply_error(r, 404, "there is no such key any more");
    return !refused(r);
}

static void made(struct request *r, void *arg)
{
    struct job *j = arg;

    if (j->fresh == NULL)
        reply_error(r, 500, "no new key could be made");
    else if (is_still_there(r, j))
        act(r, j);
    crypto_unref(j->fresh);
}

void incident_key(struct request *r, struct incident *in)
{
    struct job *j = arena_calloc(&r->arena, 1, sizeof(*j));
    const struct transit_key *k;

    j->in = in;
    j->mount = incident_mount(r, in, "transit", &j->name);
    if (j->mount == NULL)
        return;
    k = transit_key_get(&r->tx, j->mount, j->name);
    if (k == NULL) {
        reply_error(r, 400, "there is no key %.*s", STR_ARG(in->name));
        return;
    }
    j->type = k->type;
    j->mount_id = arena_str(&r->arena, j->mount->id);
    look(r, in, j->mount, j->name, k);
    if (in->dry_run)
        incident_report(r, in);
    else if (crypto_is_slow(j->type))
        request_work(r, make, made, j);
    else
        act(r, j);
}
