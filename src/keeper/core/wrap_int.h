/*
 * wrap - response wrapping: the answer goes into the cubbyhole of a single-use token.
 */
#ifndef WEIR_KEEPER_CORE_WRAP_INT_H
#define WEIR_KEEPER_CORE_WRAP_INT_H

#include "keeper/core/request_int.h"

/* The reply said so far becomes the content of a new wrapping token, the reply its wrap_info: {token, accessor, ttl,
 * creation_time, creation_path, wrapped_accessor}. False: reply_error() said why. */
bool wrap_reply(struct request *r, int64_t ttl);

/* The endpoints sys/wrapping/wrap, unwrap, rewrap, lookup. */
void wrap_endpoint_wrap(struct request *r);
void wrap_endpoint_unwrap(struct request *r);
void wrap_endpoint_rewrap(struct request *r);
void wrap_endpoint_lookup(struct request *r);

#endif
