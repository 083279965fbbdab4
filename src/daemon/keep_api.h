/*
 * keep_api - gives the vault role the sockets of the keeper's API and the certificate for them.
 *
 * Like the edge's, they are asked of the parent anew for each vault.  A vault that listens on other
 * addresses than it should ends itself, and the next one is given the right ones.
 */
#ifndef WEIR_DAEMON_KEEP_API_H
#define WEIR_DAEMON_KEEP_API_H

#include "daemon/control_int.h"

enum {
    KEEP_API_BACKLOG = 1024,
    KEEP_API_MODE = 0600, /* of the unix socket: for whoever started Weir */
};

struct keep_api;
struct keep_api *keep_api_new(struct control *c);

/* There is a new vault. */
void keep_api_attached(struct keep_api *k);
/* Another blueprint is live. */
void keep_api_follow(struct keep_api *k);
/* Where it listens besides its unix socket, for people and processes: "127.0.0.1:8200"; len 0: not yet. */
struct str keep_api_address(const struct keep_api *k);
/* The socket that a blueprint's API has, or will have: how it is reached is known from now on. */
void keep_api_note(struct keep_api *k, int fd, const struct keeper_rule *rule);
/* "https://vault.internal:8200", as a process on this machine reaches it; "" not known yet. */
const char *keep_api_url(const struct keep_api *k);

#endif
