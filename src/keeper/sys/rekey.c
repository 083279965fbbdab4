/*
 * rekey - new shares, for those who hold enough of the old ones.
 *
 *     begun --old shares--> new shares shown --(when asked: each new share comes back)--> in force
 *
 * The root key stays; what changes is the key that the shares make, and so the old ones open nothing any more.  The new
 * key is in force with the transaction that writes it.  Kept in memory: a restart forgets the attempt.
 */
#include <sodium.h>
#include <stdlib.h>

#include "keeper/core/encode_int.h"
#include "keeper/sys/sys_int.h"

struct rekey {
    struct share_set old; /* its nonce is the attempt's */
    unsigned shares;
    unsigned threshold;
    bool verify;
    struct seal_draft *draft; /* new shares that wait to be verified */
    struct share_set check;   /* those that came back; its nonce is the verification's */
};

struct rekey *rekey_new(void)
{
    return xcalloc(1, sizeof(struct rekey));
}

void rekey_forget(struct rekey *k)
{
    shares_forget(&k->old);
    shares_forget(&k->check);
    seals_draft_free(k->draft);
    *k = (struct rekey){ 0 };
}

void rekey_free(struct rekey *k)
{
    if (k == NULL)
        return;
    rekey_forget(k);
    free(k);
}

static struct value *status_value(struct request *r)
{
    const struct rekey *k = r->core->rekey;
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    bool started = k->old.nonce[0] != '\0';

    value_put_text(a, v, "nonce", str_from(k->old.nonce));
    value_put_bool(a, v, "started", started);
    value_put_i64(a, v, "t", started ? k->threshold : 0);
    value_put_i64(a, v, "n", started ? k->shares : 0);
    value_put_i64(a, v, "progress", k->draft != NULL ? k->check.n : k->old.n);
    value_put_i64(
        a, v, "required", k->draft != NULL ? k->threshold : seals_config(r->core)->threshold);
    value_put(v, "pgp_fingerprints", value_null(a));
    value_put_bool(a, v, "backup", false);
    value_put_bool(a, v, "verification_required", k->verify);
    if (k->draft != NULL)
        value_put_text(a, v, "verification_nonce", str_from(k->check.nonce));
    return v;
}

void sys_rekey_status(struct request *r)
{
    reply_bare(r, status_value(r));
}

/* Recovery shares are those of a keeper with a key file; without one there are none. */
static bool kind_fits(struct request *r)
{
    if (str_starts(r->rest, STR("rekey-recovery-key")) && !seals_config(r->core)->file) {
        reply_error(r, 400, "recovery rekeying not supported: there is no key file");
        return false;
    }
    return true;
}

void sys_rekey_begin(struct request *r)
{
    struct rekey *k = r->core->rekey;
    const struct value *pgp = value_get(r->body, "pgp_keys");
    int64_t shares = 0;
    int64_t threshold = 0;
    bool verify = false;

    field_int(r, "secret_shares", &shares);
    field_int(r, "secret_threshold", &threshold);
    field_bool(r, "require_verification", &verify);
    if (refused(r) || !kind_fits(r))
        return;
    if (shares == 1 && threshold == 0)
        threshold = 1;
    if (pgp != NULL && pgp->n > 0)
        reply_error(r, 400, "pgp_keys: PGP is not supported; shares are given in the clear");
    else if (k->old.nonce[0] != '\0')
        reply_error(r, 400, "rekey already in progress");
    else if (shares_are_possible(r, shares, threshold)) {
        shares_begin(&k->old);
        k->shares = (unsigned)shares;
        k->threshold = (unsigned)threshold;
        k->verify = verify;
        reply_bare(r, status_value(r));
    }
}

void sys_rekey_cancel(struct request *r)
{
    rekey_forget(r->core->rekey);
    reply_empty(r);
}

static struct value *new_shares(struct request *r)
{
    struct rekey *k = r->core->rekey;
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    uint8_t *shares;
    size_t len;

    k->draft = seals_draft(r->core, a, k->shares, k->threshold, &shares, &len);
    value_put_text(a, v, "nonce", str_from(k->old.nonce));
    value_put_bool(a, v, "complete", true);
    shares_say(a, v, "keys", "keys_base64", shares, k->shares, len);
    value_put(v, "pgp_fingerprints", value_null(a));
    value_put_bool(a, v, "backup", false);
    value_put_bool(a, v, "verification_required", k->verify);
    return v;
}

void sys_rekey_update(struct request *r)
{
    struct rekey *k = r->core->rekey;
    struct value *v;

    if (k->draft != NULL) {
        reply_error(r, 400, "the new shares wait to be verified");
        return;
    }
    if (!kind_fits(r) || !share_update(r, &k->old, "rekey"))
        return;
    if (k->old.n < seals_config(r->core)->threshold) {
        reply_bare(r, status_value(r));
        return;
    }
    if (!shares_prove(r, &k->old))
        return;
    v = new_shares(r);
    if (k->verify) {
        shares_begin(&k->check);
        value_put_text(&r->arena, v, "verification_nonce", str_from(k->check.nonce));
    } else {
        seals_use_draft(r->core, &r->tx, k->draft);
        audit_event(r->core->audit, "rekey", NULL, "");
        rekey_forget(k);
    }
    reply_bare(r, v);
}

/* ---- verification ---- */

void sys_rekey_verify_status(struct request *r)
{
    const struct rekey *k = r->core->rekey;
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    if (k->draft == NULL) {
        reply_error(r, 400, "no rekey verification in progress");
        return;
    }
    value_put_text(a, v, "nonce", str_from(k->check.nonce));
    value_put_bool(a, v, "started", true);
    value_put_i64(a, v, "t", k->threshold);
    value_put_i64(a, v, "n", k->shares);
    value_put_i64(a, v, "progress", k->check.n);
    reply_bare(r, v);
}

void sys_rekey_verify_update(struct request *r)
{
    struct rekey *k = r->core->rekey;
    struct value *v = value_map(&r->arena);

    if (k->draft == NULL) {
        reply_error(r, 400, "no rekey verification in progress");
        return;
    }
    if (!share_update(r, &k->check, "rekey verification"))
        return;
    if (k->check.n < k->threshold) {
        sys_rekey_verify_status(r);
        return;
    }
    if (!seals_draft_opens(k->draft, &k->check)) {
        shares_begin(&k->check);
        reply_error(r, 400, "these are not the new shares");
        return;
    }
    value_put_text(&r->arena, v, "nonce", str_from(k->check.nonce));
    value_put_bool(&r->arena, v, "complete", true);
    seals_use_draft(r->core, &r->tx, k->draft);
    audit_event(r->core->audit, "rekey", NULL, "");
    rekey_forget(k);
    reply_bare(r, v);
}

/* The new shares were lost before they were verified: the old ones stay in force. */
void sys_rekey_verify_cancel(struct request *r)
{
    struct rekey *k = r->core->rekey;

    if (k->draft != NULL)
        rekey_forget(k);
    reply_empty(r);
}

/* Shares are encrypted to nobody, so none are kept. */
void sys_rekey_backup(struct request *r)
{
    reply_error(r, 400, "no backed-up keys found");
}

void sys_rekey_backup_delete(struct request *r)
{
    reply_empty(r);
}
