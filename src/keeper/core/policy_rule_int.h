/*
 * policy rule - one path of a compiled ACL, and whether it fits a request's path.
 *
 * Three kinds, as Vault has them: EXACT ("a/b"), PREFIX ("a/b" with a star behind it, which is not kept), and SEGMENTS, where a
 * segment that is "+" alone fits any one segment ("a/+/c").  Everything here is pure and immutable once
 * policy_rule_merge() has united the rules of one path.
 */
#ifndef WEIR_KEEPER_CORE_POLICY_RULE_INT_H
#define WEIR_KEEPER_CORE_POLICY_RULE_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/value.h"

enum rule_kind { RULE_EXACT, RULE_PREFIX, RULE_SEGMENTS };

struct policy_rule {
    enum rule_kind kind;
    struct str path; /* without a '*' at the end */
    bool star;       /* there was one: PREFIX always, SEGMENTS perhaps */
    size_t wild_at;  /* where the first '+' or the '*' is */
    unsigned pluses; /* segments that are "+" */
    unsigned can;    /* enum capability; CAN_DENY stands alone */
    int64_t min_wrapping_ttl;
    int64_t max_wrapping_ttl;
    struct value *allowed;  /* MAP of LISTs by lower-case name, or NULL */
    struct value *denied;   /* the same */
    struct value *required; /* LIST of lower-case texts, or NULL */
    struct value *approvals;
    const struct policy_rule *within; /* PREFIX: the longest other prefix that it begins with */
};

/* From a row of `rules`; all is copied into the arena. False: *why is a sentence in the arena. */
bool policy_rule_read(
    struct arena *a, const struct value *row, struct policy_rule *out, const char **why);
/* Unites `more`, of the same kind and path, with `to`: capabilities add up, deny beats all, the shorter wrapping times count. */
void policy_rule_merge(struct arena *a, struct policy_rule *to, const struct policy_rule *more);
/* SEGMENTS alone. */
bool policy_rule_fits(const struct policy_rule *r, struct str path);
/* < 0: b decides where both fit, > 0: a does.  Never 0 for two different rules of the wild kinds. */
int policy_rule_compare(const struct policy_rule *a, const struct policy_rule *b);
/* May a request with this body be made?  *why: a word for the audit log. */
bool policy_rule_takes_body(
    const struct policy_rule *r, const struct value *body, const char **why);

#endif
