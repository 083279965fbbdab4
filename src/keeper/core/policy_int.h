/*
 * policy - what a token's ACL policies permit, with Vault's precedence.
 *
 * A request's path is matched against every rule of every policy the token has; the rule with the most specific path
 * decides (exact before prefix and '+'; then by the place of the first wildcard, not ending in '*', fewer '+', longer, lexicographic);
 * equal paths of several policies are united, deny wins always.  LIST also looks at the path with a '/' behind it, and never gets past a deny.
 * Policy names are lower case.  Source: Vault's policy documentation; the tables in tests/unit/keeper/test_policy.c.
 */
#ifndef WEIR_KEEPER_CORE_POLICY_INT_H
#define WEIR_KEEPER_CORE_POLICY_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/value.h"

enum capability {
    CAN_DENY = 1,
    CAN_CREATE = 2,
    CAN_READ = 4,
    CAN_UPDATE = 8,
    CAN_DELETE = 16,
    CAN_LIST = 32,
    CAN_SUDO = 64,
    CAN_PATCH = 128,
    CAN_SUBSCRIBE = 256,
    CAN_RECOVER = 512,
    CAN_ROOT = 1024, /* root: everything */
};

/* A policy that is not stored and that nobody can change, {rules}: "response-wrapping" of wrapping tokens.  NULL: none of these. */
struct value *policy_builtin(struct arena *a, struct str name);

/* Rules whose paths name the entity that asks: are there any, and a copy with them filled in (core/policy_template.c). */
bool policy_has_templates(const struct value *rules);
struct value *policy_fill(struct arena *a, const struct value *rules, const struct value *entity);

struct acl; /* several policies compiled together; immutable */

/* rules: a LIST as messages.h gives it. Several may be added before acl_finish(). False: *why says what is wrong with it, and which rule. */
struct acl *acl_new(void);
bool acl_add(struct acl *a, const struct value *rules, const char **why);
void acl_add_root(struct acl *a);
void acl_finish(struct acl *a);
void acl_free(struct acl *a);
size_t acl_size(const struct acl *a);

struct acl_answer {
    unsigned capabilities;    /* of enum capability; 0 is nothing at all */
    int64_t min_wrapping_ttl; /* seconds; 0: none */
    int64_t max_wrapping_ttl;
    const struct value *approvals; /* {count, policies, ttl} of the rule, or NULL */
};
/* What may be done at the path, list: as LIST sees it. */
void acl_look(const struct acl *a, struct str path, bool list, struct acl_answer *out);

struct acl_question {
    struct str path;
    bool list;
    unsigned need;            /* capabilities that must all be there */
    const struct value *body; /* for allowed, denied and required parameters; may be NULL */
    int64_t wrap_ttl;         /* seconds; 0: none asked */
};
/* May this be done? why: a word for the audit log. */
bool acl_permits(
    const struct acl *a, const struct acl_question *q, struct acl_answer *out, const char **why);

#endif
