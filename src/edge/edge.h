/*
 * edge - the role that serves: one event loop per core, and a main loop that
 * takes orders from control.
 *
 * It holds client and origin connections and the snapshot, never a private
 * key, and opens no file.  edge_new() is called before the sandbox goes up,
 * edge_run() after.
 *
 *   control -> edge   EDGE_LISTENER    body: the listener's address as the blueprint writes it;
 *                                      1..8 listening sockets for it (SO_REUSEPORT, one a worker;
 *                                      a unix socket has one); id: how many of the address came
 *                                      before these.  A worker that has one for the address keeps
 *                                      it, so that all may be sent again.  Kept until an
 *                                      EDGE_CONFIG no longer names the address.
 *                     EDGE_CONFIG      the bundle as memfd, a JSON object:
 *                                        blueprint     the canonical text, as a string
 *                                        certificates  {NAME: {chain: PEM, ocsp: base64 or absent}}
 *                                        authorities   {SERVICE: PEM} for services with `tls.ca`
 *                                        system_ca     PEM, when a service verifies without `ca`
 *                     EDGE_LOG_FILE    the log's descriptor; body: u64 size, u64 rotate_size
 *                     EDGE_ENDPOINTS   JSON {"service":..,"origin":"host:port","addresses":["ip:port"..]}
 *                     EDGE_INSTANCES   JSON {"service":..,"addresses":[..]}: the run: processes that are up
 *                     EDGE_SCRAPE      body: one byte, enum exposition
 *                     EDGE_STATUS      empty
 *                     EDGE_TICKETS     n x TLS_TICKET_KEY bytes, the first issues
 *                     EDGE_DRAIN       body: u64 milliseconds; stop accepting, finish, answer when idle
 *   edge -> control   EDGE_OK          id of the question; body empty or JSON
 *                     EDGE_REFUSED     id; one sentence
 *                     EDGE_DATA        id; the answer as memfd
 *                     EDGE_LOG_ROTATE  empty: the log file is full
 *                     EDGE_EVENT       a sentence for the operator
 *   (the keeper's channels and control's own come from the parent by ATTACH)
 */
#ifndef WEIR_EDGE_EDGE_H
#define WEIR_EDGE_EDGE_H

#include "net/loop.h"

enum edge_message {
    EDGE_LISTENER = 1,
    EDGE_CONFIG,
    EDGE_LOG_FILE,
    EDGE_ENDPOINTS,
    EDGE_INSTANCES,
    EDGE_SCRAPE,
    EDGE_STATUS,
    EDGE_TICKETS,
    EDGE_DRAIN,
    EDGE_OK = 32,
    EDGE_REFUSED,
    EDGE_DATA,
    EDGE_LOG_ROTATE,
    EDGE_EVENT,
};

struct edge;
/* l is the main thread's loop. workers: threads with a loop each, >= 1. */
struct edge *edge_new(struct loop *l, unsigned workers);
/* Starts the worker threads; they inherit the sandbox that is now up. */
void edge_start(struct edge *e);
void edge_free(struct edge *e);

/* Both own fd. A worker has one channel to the keeper each. */
void edge_attach_control(struct edge *e, int fd);
void edge_attach_keeper(struct edge *e, unsigned worker, int fd);

#endif
