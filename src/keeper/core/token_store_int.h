/*
 * token store - how tokens are kept: for token*.c alone.
 */
#ifndef WEIR_KEEPER_CORE_TOKEN_STORE_INT_H
#define WEIR_KEEPER_CORE_TOKEN_STORE_INT_H

#include "keeper/core/token_int.h"

enum { TOKEN_HASH = 64, TOKEN_BATCH_OVERHEAD = 40 };

/* "hvs.", random characters, their checksum. */
struct str token_new_text(struct request *r);
/* Its entry anew, due when it ends. */
void token_put(struct tx *t, const struct token *k);
struct value *token_to_value(struct arena *a, const struct token *k);
void token_from_value(const struct value *v, struct token *k);
/* "hvb." and what is sealed; and back: false when it is not one of ours. */
struct str token_seal_batch(struct request *r, const struct token *k);
bool token_open_batch(struct request *r, struct str text, struct token *k);
/* As stored, ended or not. */
bool token_read(struct request *r, struct str hash, struct token *k);
/* Not ended, not spent, and neither is any ancestor. */
bool token_lives(struct request *r, const struct token *k);
/* Draws its text (or takes the one wanted), stores it, fills r->reply.auth_made. False: reply_error() said why. */
bool token_issue(struct request *r, struct token *k, struct str wanted);
/* +1: a token or lease was given out; -1: it was revoked. */
void tokens_count(struct core *c, int change);
struct str token_index_path(struct request *r, const struct token *k);

#endif
