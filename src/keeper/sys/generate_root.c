/*
 * generate_root - a new root token for those who hold enough shares.
 *
 *     attempt begins with a one-time pad (given, or drawn and shown once) -> shares -> token XOR pad, in base64
 *
 * Kept in memory: a restart forgets the attempt.
 */
#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>

#include "keeper/core/encode_int.h"
#include "keeper/seal/memory_int.h"
#include "keeper/sys/sys_int.h"

enum { TOKEN_LENGTH = 28 }; /* "hvs." and 24 characters */

struct root_attempt {
    struct share_set shares;
    char otp[TOKEN_LENGTH + 1];
};

struct root_attempt *root_attempt_new(void)
{
    return xcalloc(1, sizeof(struct root_attempt));
}

void root_attempt_forget(struct root_attempt *g)
{
    shares_forget(&g->shares);
    sodium_memzero(g->otp, sizeof(g->otp));
}

void root_attempt_free(struct root_attempt *g)
{
    if (g == NULL)
        return;
    root_attempt_forget(g);
    free(g);
}

static struct value *status_value(struct request *r)
{
    const struct root_attempt *g = r->core->root_attempt;
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_text(a, v, "nonce", str_from(g->shares.nonce));
    value_put_bool(a, v, "started", g->shares.nonce[0] != '\0');
    value_put_i64(a, v, "progress", g->shares.n);
    value_put_i64(a, v, "required", seals_config(r->core)->threshold);
    value_put_bool(a, v, "complete", false);
    value_put_text(a, v, "encoded_token", STR(""));
    value_put_text(a, v, "encoded_root_token", STR(""));
    value_put_text(a, v, "pgp_fingerprint", STR(""));
    value_put_text(a, v, "otp", STR(""));
    value_put_i64(a, v, "otp_length", TOKEN_LENGTH);
    return v;
}

void sys_root_status(struct request *r)
{
    reply_bare(r, status_value(r));
}

void sys_root_begin(struct request *r)
{
    struct root_attempt *g = r->core->root_attempt;
    struct str otp = STR("");
    struct str pgp = STR("");
    struct value *v;
    bool drawn;

    field_text(r, "otp", &otp);
    field_text(r, "pgp_key", &pgp);
    if (refused(r))
        return;
    drawn = otp.len == 0;
    if (pgp.len > 0)
        reply_error(r, 400, "PGP is not supported: give an otp, or let one be drawn");
    else if (!drawn && otp.len != TOKEN_LENGTH)
        reply_error(r, 400, "otp string is wrong length");
    else if (g->shares.nonce[0] != '\0')
        reply_error(r, 400, "root generation already in progress");
    for (size_t i = 0; i < otp.len && !refused(r); i++)
        if (!isalnum((unsigned char)otp.at[i]))
            reply_error(r, 400, "otp must be letters and digits");
    if (refused(r))
        return;
    if (drawn)
        otp = random_base62(&r->arena, TOKEN_LENGTH);
    shares_begin(&g->shares);
    memcpy(g->otp, otp.at, TOKEN_LENGTH);
    v = status_value(r);
    if (drawn)
        value_set(&r->arena, v, STR("otp"), value_text(&r->arena, otp));
    reply_bare(r, v);
}

void sys_root_cancel(struct request *r)
{
    root_attempt_forget(r->core->root_attempt);
    reply_empty(r);
}

static void finish(struct request *r, struct value *v)
{
    struct root_attempt *g = r->core->root_attempt;
    struct str token = token_make_root(r);
    char mixed[TOKEN_LENGTH];
    struct str encoded;

    if (token.len != TOKEN_LENGTH) {
        reply_error(r, 500, "no token could be made");
        return;
    }
    for (size_t i = 0; i < TOKEN_LENGTH; i++)
        mixed[i] = (char)(token.at[i] ^ g->otp[i]);
    encoded = encode_base64(&r->arena, (struct str){ mixed, TOKEN_LENGTH });
    while (
        encoded.len > 0 && encoded.at[encoded.len - 1] == '=') /* as clients expect it: unpadded */
        encoded.len--;
    value_set(&r->arena, v, STR("complete"), value_bool(&r->arena, true));
    value_set(&r->arena, v, STR("encoded_token"), value_text(&r->arena, encoded));
    value_set(&r->arena, v, STR("encoded_root_token"), value_text(&r->arena, encoded));
    audit_event(r->core->audit, "generate-root", NULL, "");
}

/* The share that an update brings, added to the set: of this attempt, and of a share's form.  Rekeying asks the same. */
bool share_update(struct request *r, struct share_set *set, const char *what)
{
    struct str key = STR("");
    struct str nonce = STR("");
    struct str share;
    const char *why;

    field_text(r, "key", &key);
    field_text(r, "nonce", &nonce);
    if (refused(r))
        return false;
    if (set->nonce[0] == '\0')
        reply_error(r, 400, "no %s in progress", what);
    else if (key.len == 0)
        reply_error(r, 400, "'key' must be specified in request body as JSON");
    else if (!str_is(nonce, set->nonce))
        reply_error(r, 400, "incorrect nonce supplied; nonce for this %s operation is \"%s\"", what,
            set->nonce);
    else if (!share_decode(&r->arena, key, &share))
        reply_error(r, 400, "'key' must be a valid hex or base64 string of a share");
    else if (!shares_add(set, share, &why))
        reply_error(r, 400, "%s", why);
    return !refused(r);
}

/* Do the shares of a full set open this keeper?  Else the set begins anew, so that one wrong share does not end it all. */
bool shares_prove(struct request *r, struct share_set *set)
{
    uint8_t *root = secret_alloc(SEAL_KEY);
    bool ok = seals_try_shares(r->core, set, root);
    char nonce[sizeof(set->nonce)];

    secret_free(root);
    if (!ok) {
        memcpy(nonce, set->nonce, sizeof(nonce));
        shares_forget(set);
        memcpy(set->nonce, nonce, sizeof(nonce));
        reply_error(r, 400, "the shares do not open this keeper: one is wrong, or of another set");
    }
    return ok;
}

void sys_root_update(struct request *r)
{
    struct root_attempt *g = r->core->root_attempt;
    struct value *v;

    if (!share_update(r, &g->shares, "root generation"))
        return;
    v = status_value(r);
    if (g->shares.n >= seals_config(r->core)->threshold) {
        if (!shares_prove(r, &g->shares))
            return;
        finish(r, v);
        root_attempt_forget(g);
    }
    if (!refused(r))
        reply_bare(r, v);
}
