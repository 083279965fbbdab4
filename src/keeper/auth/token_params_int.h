/*
 * token params - the token_* fields that the roles and users of every auth engine have, and the token they ask for.
 *
 *     struct token_params p;
 *     token_params_from(&p, stored);        what is stored, or NULL: the defaults
 *     if (!token_params_read(r, &p, true))  over it, what the request says
 *         return;
 *     token_params_put(a, stored, &p);      also what a read of the role answers
 *     ...
 *     token_params_grant(r, &p, auth);      at login, and in renew()
 */
#ifndef WEIR_KEEPER_AUTH_TOKEN_PARAMS_INT_H
#define WEIR_KEEPER_AUTH_TOKEN_PARAMS_INT_H

#include "keeper/core/token_int.h"

struct token_params {
    struct value *policies;    /* LIST of texts, never NULL */
    struct value *bound_cidrs; /* LIST of texts, never NULL */
    struct str type; /* "default", "service", "batch", "default-service", "default-batch" */
    int64_t ttl;     /* seconds; 0: the mount's */
    int64_t max_ttl;
    int64_t period;
    int64_t explicit_max_ttl;
    int64_t num_uses;
    bool no_default_policy;
};

void token_params_from(struct arena *a, struct token_params *p, const struct value *stored);
/* old_names: also "policies", "ttl", "max_ttl", "period", "bound_cidrs", "num_uses", where the token_ one is not there.
 * False: reply_error() said what is wrong. */
bool token_params_read(struct request *r, struct token_params *p, bool old_names);
/* Sets the members token_bound_cidrs ... token_type of a MAP; the lists are copied. */
void token_params_put(struct arena *a, struct value *to, const struct token_params *p);
/* What of `auth` comes from them. Type "default" is what the request's mount says. */
void token_params_grant(struct request *r, const struct token_params *p, struct auth *auth);
/* "userpass-joe" for joe at auth/userpass/; "approle" for nobody. */
struct str login_display_name(struct request *r, struct str name);
/* A list of networks or addresses from a field, checked. */
bool field_networks(struct request *r, const char *name, struct value **to);
/* The same, but "10.0.0.1/32" stays what it is: as Vault keeps what binds secret ids. */
bool field_networks_as_given(struct request *r, const char *name, struct value **to);

#endif
