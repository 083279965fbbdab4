/*
 * passage - one request on its way through the edge, and its response.
 *
 *     client -> front -> stages -> proxy -> origin
 *            <-       <-        <-
 *
 * The front is the client's protocol (HTTP/1.1 now, more later): it parses,
 * fills `head`, delivers the body, and writes the response.  The stages decide;
 * the proxy talks to origins.  Everything a request needs is in its arena, or
 * points into the client's buffer, which stays until the passage ends.
 */
#ifndef WEIR_EDGE_PASSAGE_H
#define WEIR_EDGE_PASSAGE_H

#include "base/mem.h"
#include "base/time.h"
#include "edge/binding.h"
#include "edge/proxy.h"
#include "edge/worker.h"
#include "http/h1.h"
#include "model/router.h"
#include "model/template.h"
#include "watch/trace.h"

struct passage;
struct stage;

/* What a client's protocol does for a passage. */
struct front {
    const char *protocol; /* "HTTP/1.1" for logs */
    /* The head, and the first piece of the body; end: there is no more. */
    void (*respond)(struct passage *p, struct str body, bool end);
    void (*body)(struct passage *p, struct str data, bool end);
    /* 100 Continue and the like. */
    void (*interim)(
        struct passage *p, unsigned status, const struct http_field *fields, unsigned nfields);
    /* Output is kept because the client does not read: produce no more until proxy_resume(). */
    bool (*blocked)(const struct passage *p);
    /* body_wanted was set: deliver the request's body (to proxy_body), now and when some comes. */
    void (*pull)(struct passage *p);
    /* After a 101: bytes both ways. */
    void (*tunnel)(struct passage *p);
    /* The response broke off: the client must notice. */
    void (*abort)(struct passage *p);
};

struct response {
    unsigned status;
    enum h1_framing framing; /* of the body that comes; the front chooses the client's */
    uint64_t content_length;
    struct http_field *fields; /* an empty name: removed */
    unsigned nfields;
    struct http_field *extra; /* added by stages */
    unsigned nextra;
    unsigned extra_room;
    bool started; /* respond() was called */
    bool ended;
    bool upgraded; /* a 101 */
    uint64_t body_bytes;
    struct str trailers; /* lines with CRLF, sent after a chunked body */
};

struct passage {
    struct arena arena;
    struct worker *worker;
    struct binding *binding;
    const struct front *front;
    void *front_self; /* the connection, or the stream on it */

    /* the request */
    struct h1_parser parser;
    struct h1_head head;
    uint16_t fields_room;
    bool was_parsed;
    bool tls;
    struct str listener;
    struct ip peer;
    uint16_t peer_port;
    struct ip client; /* behind trusted proxies */
    bool peer_trusted;
    struct str forwarded_for; /* the whole lists, of a trusted peer */
    struct str forwarded;
    struct str scheme;
    struct str authority; /* as the client wrote it */
    struct str request_id;
    struct trace trace;
    usec_t started;
    bool continued;   /* was sent a 100 */
    bool body_wanted; /* somebody reads the request's body */
    bool body_ended;  /* all of it was delivered */
    uint64_t body_bytes;
    uint64_t max_body;

    /* routing */
    struct route_request route_request;
    struct route_result route_result;
    const struct route *route;
    struct header_additions {
        struct http_field *at;
        unsigned n;
        unsigned room;
    } request_extra;

    /* going through the stages */
    unsigned stage;
    struct timer total_timer;
    struct proxy proxy;
    struct response response;
    const char *reason;           /* word for the log: why it was refused or failed; NULL: fine */
    const struct limit *observed; /* a limit in observe mode that would have refused it */
    bool client_gone;
    bool logged;

    struct list link; /* in a service's queue */
    struct passage *next_free;
    struct graveyard grave;
    struct http_field *fields;     /* room for the request's, behind this struct */
    struct http_field *res_fields; /* and the response's */
};

/* From the worker's free list; the binding is the worker's present one. */
struct passage *passage_new(struct worker *w, const struct front *front, void *self);
/* Logs, counts and gives it back.  The front calls this when the response is out. */
void passage_finish(struct passage *p);
/* Without a log line: a connection that closed before it sent a whole head. */
void passage_drop(struct passage *p);

/* Frees a passage of the free list. */
void passage_bury(struct passage *p);

/* The head is there: run the stages. */
void passage_run(struct passage *p);
/* Go on after a stage that waited. */
void passage_continue(struct passage *p);
/* The client has gone: stop what runs for it. */
void passage_cancel(struct passage *p, const char *reason);

/* Answers with a short text; reason goes to the log and the metrics. */
void passage_refuse(struct passage *p, unsigned status, const char *reason);
/* Answers with this body. content_type may be empty. */
void passage_answer(struct passage *p, unsigned status, struct str content_type, struct str body);
/* Response stages, then the front. */
void passage_respond(struct passage *p, struct str body, bool end);

/* Adds a field to the response, before it starts. Values are copied into the arena by the caller. */
void passage_add_header(struct passage *p, struct str name, struct str value);
/* What ${...} may use. */
void passage_template_values(const struct passage *p, struct template_values *v);

#endif
