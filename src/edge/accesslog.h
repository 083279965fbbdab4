/*
 * accesslog - one JSON event a request, and its counters.
 */
#ifndef WEIR_EDGE_ACCESSLOG_H
#define WEIR_EDGE_ACCESSLOG_H

struct passage;
void accesslog_write(struct passage *p);

#endif
