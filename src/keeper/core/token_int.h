/*
 * token - who asks: service tokens (kept, in a tree, with a lease), batch tokens (sealed, nothing kept), the root token.
 *
 * A token is never stored: its entry's path is made of HMAC-SHA256(salt, token).  "hvs." + 24
 * base62 characters are service tokens, "hvb." + base64url are batch tokens.  The last six characters of a service token
 * are a keyed checksum of the others, so that guesses cost no read of the store.  Entries:
 *     token/id/<hash>                              the token, due when it ends
 *     token/accessor/<accessor>                    its hash
 *     token/children/<hash of the parent>/<hash>   empty
 *     token/custom                                 there: someone has chosen an id, which has no checksum
 *     token/revoking/<hash>                        what a revoked token leaves to be cleared away, due at once
 *     lease/id/<path>/h<hash>                      {token}: so that lease prefixes find tokens too
 *     lease/token/<hash>/<random>                  the id of a lease that hangs on it
 * A token is valid while all of its ancestors are: revoking one refuses the whole tree at once, however large.
 */
#ifndef WEIR_KEEPER_CORE_TOKEN_INT_H
#define WEIR_KEEPER_CORE_TOKEN_INT_H

#include "keeper/core/request_int.h"

enum { TOKEN_SPENT = -1, TOKEN_DEPTH_MAX = 128, TOKEN_TEXT_MAX = 16384 };

struct token {
    struct str hash;                 /* hex; name of its entry; len 0 for batch tokens */
    struct str accessor;             /* len 0 for batch tokens */
    struct str parent;               /* hash, or len 0: orphan */
    struct value *policies;          /* LIST of texts, sorted, lower case */
    struct value *identity_policies; /* of the entity, or NULL */
    struct str display_name;
    struct str path; /* "auth/token/create", "auth/userpass/login/joe" */
    struct str mount_accessor;
    struct str entity; /* id, or len 0 */
    struct str role;   /* token role */
    struct value *metadata;
    struct value *internal; /* of the auth engine */
    struct value *bound_cidrs;
    int64_t created;    /* seconds since 1970 */
    int64_t issued_ttl; /* creation_ttl, seconds */
    int64_t expires;    /* seconds since 1970; 0 never (root) */
    int64_t renewed;    /* last renewal, or 0 */
    int64_t period;
    int64_t explicit_max_ttl;
    int64_t max_ttl;  /* of the login role; 0: the mount's */
    int64_t num_uses; /* 0: no limit; TOKEN_SPENT: the last one was taken */
    int64_t depth;    /* ancestors */
    bool renewable;
    bool batch;
    bool root; /* has the policy "root" */
};

/*
 * The token of r->token, valid now at r->remote; NULL otherwise.  Counts a use of a token with a limit (in a transaction of its
 * own that is durable before the answer; the last use revokes it): of n parallel uses of a 1-use token exactly one wins.
 */
const struct token *token_check(struct request *r);
/* Makes a token of r->reply.auth, stores it in r->tx, fills r->reply.auth_made.  False: reply_error() said why. */
bool token_make(struct request *r, const struct token *parent);
/* With its children, leases and cubbyhole; in r->tx while that is small, the rest in the background but refused at once. */
bool token_revoke(struct request *r, struct str hash);
bool token_revoke_accessor(struct request *r, struct str accessor);
/* hex of HMAC(salt, token), in the arena. */
struct str token_hash(struct request *r, struct str token);
/* By hash; NULL when there is none or it has ended. In the request's arena. */
struct token *token_load(struct request *r, struct str hash);
/* A token that never ends with the policy root; returned once, in the arena. */
struct str token_make_root(struct request *r);
/* A single-use token that may only unwrap: for response wrapping. Returns it; *accessor too. */
struct str token_make_wrapping(struct request *r, int64_t ttl, struct str *accessor);

/* How long a token or lease lasts from now: Vault's order of what caps what.  All in seconds; 0 where there is none. */
struct ttl_rule {
    int64_t increment; /* asked for at renewal */
    int64_t ttl;
    int64_t period;
    int64_t max_ttl;
    int64_t explicit_max_ttl;
    int64_t issued; /* seconds since 1970; 0: now */
};
/* Warns in the reply where something was capped. False: past its end, reply_error() said so. */
bool token_ttl(struct request *r, const struct mount *m, const struct ttl_rule *rule, int64_t *ttl);
int64_t mount_default_ttl(const struct mount *m);
int64_t mount_max_ttl(const struct mount *m);

/* Renews, asks the auth engine's renew() first (r->reply.auth holds ttl, max_ttl, period and policies for it to change; its
 * secret is `internal`), and says the reply's auth_made.  False: reply_error() said why. */
bool token_renew(struct request *r, const struct token *t, struct str text, int64_t increment);
/* "auth" of a response. text: the token as its owner sees it, or len 0. */
struct value *token_auth_value(struct request *r, const struct token *t, struct str text);
/* Is the address ("10.1.2.3") in one of the networks ("10.0.0.0/8", or one address)?  NULL or none: yes. */
bool token_remote_is_bound(const struct value *networks, struct str remote);
/* Seconds it has left; 0: never ends. */
int64_t token_left(const struct request *r, const struct token *t);
/* The token behind an accessor; NULL. */
struct token *token_load_accessor(struct request *r, struct str accessor);
/* The token a text names, service or batch, valid now; uses are not counted. NULL: none. */
struct token *token_load_text(struct request *r, struct str text);
/* Revokes the token, leaves its children as orphans. */
bool token_revoke_orphan(struct request *r, struct str hash);
/* A piece of what revoked tokens left behind; true when there is more. Called by lease_tick(). */
bool token_revoke_more(struct request *r, struct str path);
/* Begins, in the background, to remove accessors whose token is gone. */
void token_tidy_begin(struct request *r);
/* Does the token have sudo at the request's path? */
bool token_has_sudo(struct request *r);
/* Lower case, trimmed, sorted, without repetitions; root swallows the others. */
struct value *policies_clean(struct arena *a, const struct value *names, bool add_default);
bool policies_contain(const struct value *names, const char *name);
/* "response-wrapping" and "control-group", which no one may hand out; NULL: none of them. */
const char *policies_unassignable(const struct value *names);

extern const struct engine engine_token; /* auth/token/ */

#endif
