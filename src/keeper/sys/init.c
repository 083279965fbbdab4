/*
 * init - a new keeper: its root key, shares, first mounts, the policy "default", and the root token.
 *
 * Done once in the life of a store, by whoever comes first.  With a key file the shares are the emergency ones: they
 * open too, when the file is lost.
 */
#include "keeper/core/encode_int.h"
#include "keeper/seal/backup_int.h"
#include "keeper/sys/policies_int.h"
#include "keeper/sys/sys_int.h"

void sys_init_read(struct request *r)
{
    struct value *v = value_map(&r->arena);

    value_put_bool(&r->arena, v, "initialized", core_is_initialized(r->core));
    reply_bare(r, v);
}

struct wish {
    int64_t shares;
    int64_t threshold;
};

/* The shares: for a keeper with a key file they are asked for as recovery_*. */
static bool read_wish(struct request *r, bool file, struct wish *w)
{
    static const char *const unwanted[] = { "pgp_keys", "recovery_pgp_keys", "root_token_pgp_key",
        NULL };
    bool some;

    for (const char *const *name = unwanted; *name != NULL; name++) {
        struct value *v = value_get(r->body, *name);

        if (v != NULL && (v->n > 0 || v->text.len > 0)) {
            reply_error(r, 400, "%s: PGP is not supported; shares are given in the clear", *name);
            return false;
        }
    }
    some = field_int(r, "secret_shares", &w->shares);
    some = field_int(r, "secret_threshold", &w->threshold) || some;
    if (file || !some) {
        some = field_int(r, "recovery_shares", &w->shares) || some;
        some = field_int(r, "recovery_threshold", &w->threshold) || some;
    }
    if (!some && file)
        *w = (struct wish){ 5, 3 };
    if (w->shares == 1 && w->threshold == 0)
        w->threshold = 1;
    return !refused(r) && shares_are_possible(r, w->shares, w->threshold);
}

bool shares_are_possible(struct request *r, int64_t shares, int64_t threshold)
{
    if (shares < 1 || shares > SHAMIR_SHARES_MAX)
        reply_error(r, 400, "invalid seal configuration: shares must be between 1 and %d",
            SHAMIR_SHARES_MAX);
    else if (threshold < 1 || threshold > shares)
        reply_error(r, 400,
            "invalid seal configuration: threshold must be between 1 and the number of shares");
    else if (shares > 1 && threshold == 1)
        reply_error(r, 400,
            "invalid seal configuration: threshold must be greater than one for multiple shares");
    return !refused(r);
}

void shares_say(struct arena *a, struct value *to, const char *hex, const char *base64,
    const uint8_t *shares, unsigned n, size_t len)
{
    struct value *as_hex = value_list(a);
    struct value *as_base64 = value_list(a);

    for (unsigned i = 0; i < n; i++) {
        struct str share = { (const char *)shares + i * len, len };

        value_add(as_hex, value_text(a, encode_hex(a, share)));
        value_add(as_base64, value_text(a, encode_base64(a, share)));
    }
    value_put(to, hex, as_hex);
    value_put(to, base64, as_base64);
}

void sys_init_write(struct request *r)
{
    struct core *c = r->core;
    struct arena *a = &r->arena;
    bool file = seals_has_file(c);
    struct wish w = { 0 };
    struct value *v = value_map(a);
    struct value *made = value_map(a);
    const char *why;
    struct seal_draft *draft;
    uint8_t *shares;
    size_t len;

    if (c->state != CORE_UNINITIALIZED) {
        reply_error(r, 400, "Vault is already initialized");
        return;
    }
    if (backup_blocks_init(c)) {
        reply_error(r, 400, "a backup is being restored here: finish it, or begin another");
        return;
    }
    if (!read_wish(r, file, &w))
        return;
    barrier_create(c->barrier);
    tx_put_keyring(&r->tx);
    draft = seals_draft(c, a, (unsigned)w.shares, (unsigned)w.threshold, &shares, &len);
    seals_use_draft(c, &r->tx, draft);
    seals_draft_free(draft);
    mounts_put_first(&r->tx);
    policies_put_first(&r->tx);
    value_put_i64(a, made, "time", r->now / 1000);
    entry_put_value(&r->tx, STR("core/made"), made, 0);
    tx_take(&r->tx);
    if (r->tx.failed != NULL || !core_open(c, &why)) {
        entries_abandon(c->entries); /* nothing of it was sent yet */
        barrier_close(c->barrier);
        reply_error(r, 503, "the keeper cannot be initialized: %s",
            r->tx.failed != NULL ? r->tx.failed : why);
        return;
    }
    shares_say(a, v, "keys", "keys_base64", shares, (unsigned)w.shares, len);
    if (file)
        shares_say(a, v, "recovery_keys", "recovery_keys_base64", shares, (unsigned)w.shares, len);
    value_put_text(a, v, "root_token", token_make_root(r));
    audit_event(c->audit, "init", v, "");
    call_of(r)->sealing = !file; /* shares open it, as soon as it is durable */
    reply_bare(r, v);
}
