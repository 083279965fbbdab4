/*
 * token - who asks: service tokens (kept, in a tree, with a lease), batch tokens (sealed, nothing kept), the root token.
 *
 * A token is never stored: its entry's path is made of HMAC-SHA256(salt, token).  "hvs." + 24
 * base62 characters are service tokens, "hvb." + base64url are batch tokens.  Entries: "token/id/<hash>",
 * "token/accessor/<accessor>", "token/children/<hash of the parent>/<hash>".
 */
#ifndef WEIR_KEEPER_CORE_TOKEN_INT_H
#define WEIR_KEEPER_CORE_TOKEN_INT_H

#include "keeper/core/request_int.h"

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
    int64_t num_uses; /* 0: no limit */
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

extern const struct engine engine_token; /* auth/token/ */

#endif
