/*
 * role - the steps with which every role begins: take the descriptors, drop what it must not have,
 * sandbox, loop.
 */
#ifndef WEIR_DAEMON_ROLE_H
#define WEIR_DAEMON_ROLE_H

#include "daemon/start.h"
#include "net/channel.h"

enum { ROLE_LIFELINE = 3, ROLE_TEST_CLOCK = 4 };

/* Waits for LIFE_START. Ends the process when the parent is gone or sends anything else. */
void role_receive_start(struct arena *a, struct start *out);
/* What is packed in a LIFE_ATTACH; false when it is malformed. */
bool role_unpack_attach(const struct message *m, uint32_t *peer, uint32_t *index);
/* Handles LIFE_PING in the tables of all roles. */
void role_pong(struct channel *c, struct message *m, void *arg);
/* on_close of every lifeline: the parent is gone, so this process ends. arg: the struct loop. */
void role_lifeline_closed(struct channel *c, void *arg);
/* Becomes that user, for good, without capabilities; does nothing when not root. */
void role_become(struct identity who);

int role_control(void);
int role_keeper(void);
int role_edge(void);
int role_vault(void);
int role_store(void);
int role_issuer(void);

#endif
