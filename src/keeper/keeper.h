/*
 * keeper - the process that holds private keys and signs with them.
 *
 * It has no socket but its channels and opens no file: keys reach it as
 * descriptors that the parent opened.  Each role's channel has its own table
 * of permitted messages (see messages.h in this folder): the control role may
 * load and forget keys and ask what is there; the edge may ask for a TLS
 * signature, and for nothing else.
 *
 * keeper_run() is the role's whole life: called after the sandbox is up, it
 * returns when the lifeline (the channel to the parent) closes.
 */
#ifndef WEIR_KEEPER_KEEPER_H
#define WEIR_KEEPER_KEEPER_H

#include "net/loop.h"

struct keeper;
struct keeper *keeper_new(struct loop *l);
void keeper_free(struct keeper *k); /* wipes every key */

/* Both own fd. */
void keeper_attach_edge(struct keeper *k, int fd);
void keeper_attach_control(struct keeper *k, int fd);
/* A PEM private key (PKCS#8, SEC1 or PKCS#1, not encrypted) to be read from fd, which is closed.
 * The answer goes to the control channel: KEEPER_KEY_LOADED or KEEPER_KEY_REFUSED with this id. */
void keeper_load_key(struct keeper *k, int fd, uint64_t id);

#endif
