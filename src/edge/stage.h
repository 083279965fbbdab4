/*
 * stage - one step of a request's way: a file with one table of hooks.
 *
 * The order is the table in passage.c: route, access, limit, respond, proxy.
 * Later ones (firewall, cache, functions) take their place in it.
 */
#ifndef WEIR_EDGE_STAGE_H
#define WEIR_EDGE_STAGE_H

enum verdict {
    NEXT,     /* go on with the next stage */
    ANSWERED, /* a response has begun, or the passage is over: do not touch it again */
    WAITING,  /* passage_continue() will be called */
};

struct passage;

struct stage {
    const char *name;
    enum verdict (*on_request)(struct passage *p);
    void (*on_response)(struct passage *p); /* before the head goes out; may be NULL */
};

extern const struct stage stage_route;
extern const struct stage stage_access;
extern const struct stage stage_limit;
extern const struct stage stage_headers;
extern const struct stage stage_respond;
extern const struct stage stage_proxy;

#endif
