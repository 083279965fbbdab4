/*
 * keeper - the process that holds private keys and signs with them.
 *
 * It has no socket but its channels and opens no file: keys reach it as
 * descriptors that the parent opened.  Each role's channel has its own table
 * of permitted messages (see messages.h in this folder): the control role may
 * load and forget keys and ask what is there; the edge may ask for a TLS
 * signature, and for nothing else.
 *
 * The role's life (sandbox, lifeline to the parent, loop) is the daemon's; this
 * is what it does in it.
 */
#ifndef WEIR_KEEPER_KEEPER_H
#define WEIR_KEEPER_KEEPER_H

#include <stdbool.h>

#include "net/loop.h"

/*
 * For the whole process, before anything else uses OpenSSL: keys will lie in
 * locked memory that core files leave out, and what OpenSSL frees is wiped.
 * False when the kernel does not let us lock memory (RLIMIT_MEMLOCK below 4 MB).
 */
bool keeper_protect_memory(void);

struct keeper;
struct keeper *keeper_new(struct loop *l);
void keeper_free(struct keeper *k); /* wipes every key */

/* Both own fd. */
void keeper_attach_edge(struct keeper *k, int fd);
void keeper_attach_control(struct keeper *k, int fd);
/* The api role: its link of requests, and the channel over which it has TLS signed as the edge does. */
void keeper_attach_api(struct keeper *k, int fd);
void keeper_attach_signer(struct keeper *k, int fd);
/* The three links of the store role; each fd is owned. */
void keeper_attach_store(struct keeper *k, int read_fd, int write_fd, int journal_fd);
/* The key file that opens the seal, as the parent opened it; owned. Kept until there is something to open. */
void keeper_give_unseal_key(struct keeper *k, int fd);
/* A PEM private key (PKCS#8, SEC1 or PKCS#1, not encrypted) to be read from fd, which is closed.
 * The answer goes to the control channel: KEEPER_KEY_LOADED or KEEPER_KEY_REFUSED with this id. */
void keeper_load_key(struct keeper *k, int fd, uint64_t id);

#endif
