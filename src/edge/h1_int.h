/*
 * h1_int - between the parts of the client's HTTP/1.1: heads (h1_head.c), bodies
 * (h1_body.c), responses (h1_response.c), and what binds them (h1_front.c).
 */
#ifndef WEIR_EDGE_H1_INT_H
#define WEIR_EDGE_H1_INT_H

#include "edge/conn.h"
#include "edge/passage.h"

/* Of a body that nobody wants: more than that closes the connection. */
enum { H1_DRAIN_MAX = 64 * 1024 };

/* The head's bytes stay where they are; what follows goes through a buffer of its own. */
void h1_leave_head(struct conn *c, enum page_size size);
/* The request's body cannot be read on: answers with that, or breaks the response off. */
void h1_broken_body(struct conn *c, unsigned status, const char *reason);
/* Delivers body bytes while somebody wants them and there are some. */
void h1_pump(struct conn *c);
void h1_pull(struct passage *p);
/* Bytes of a tunnel, as far as the origin takes them. */
bool h1_tunnel(struct conn *c);
bool h1_blocked(const struct passage *p);

#endif
