/*
 * proxy_int - between the proxy's two halves: tries (proxy.c) and responses
 * (proxy_response.c).
 */
#ifndef WEIR_EDGE_PROXY_INT_H
#define WEIR_EDGE_PROXY_INT_H

#include "edge/origin_conn.h"

struct passage;

void proxy_on_try_timer(struct timer *t);
void proxy_leave_queue(struct passage *p);
/* Answers with the status that fits, or breaks the response off. */
void proxy_give_up(struct passage *p, const char *reason);
/* May this try be repeated?  Counts it against the budget when so. */
bool proxy_may_retry(struct passage *p, unsigned class);
void proxy_retry(struct passage *p);
void proxy_arm(struct passage *p);
/* Reads what the origin sends and passes it on, as far as the client takes it. */
void proxy_read_response(struct passage *p);
/*
 * The try is over and its connection is the caller's, with a reference of its
 * pool: the caller keeps or closes it after it is done with the bytes in it.
 */
struct origin_conn *proxy_detach(struct passage *p);

#endif
