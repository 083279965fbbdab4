/*
 * vault - the role that speaks HashiCorp Vault's HTTP API (/v1) in front of the keeper's core.
 *
 * It parses what outsiders send (HTTP, JSON, HCL policies, PEM, CSRs, OCSP requests), turns it into
 * KEEPER_REQUEST frames, and prints the answers as JSON.  It holds no key, opens no file, decides nothing.
 */
#ifndef WEIR_VAULT_VAULT_H
#define WEIR_VAULT_VAULT_H

#include "base/err.h"
#include "base/str.h"
#include "net/loop.h"

struct vault;

struct vault *vault_new(struct loop *l);
void vault_free(struct vault *v);
/* The link to the core; owns fd, replaces the one before. Requests without one: 503 {"errors":[...]}. */
void vault_attach_core(struct vault *v, int fd);
/* The channel over which the core signs for TLS; owns fd. */
void vault_attach_signer(struct vault *v, int fd);
/* Takes requests from a listening socket (owned). chain_pem len 0: plain HTTP, else TLS 1.2+ with the key in the core. err ids as tls_server_new(). */
int vault_listen(struct vault *v, int listener, struct str chain_pem, struct err *err);
/* The certificate of the TLS listeners changed. */
int vault_set_certificate(struct vault *v, struct str chain_pem, struct err *err);

#endif
