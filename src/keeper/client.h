/*
 * client - asks the keeper to sign, without blocking the loop.
 *
 * One per edge worker; a tls_signer in front of a channel.  When the keeper
 * goes away every question in flight fails, and keeper_client_attach() gives
 * the channel of its successor.
 */
#ifndef WEIR_KEEPER_CLIENT_H
#define WEIR_KEEPER_CLIENT_H

#include "net/loop.h"
#include "net/tls.h"

struct keeper_client;

struct keeper_client *keeper_client_new(struct loop *l);
void keeper_client_free(struct keeper_client *k);
/* Owns fd; replaces the channel that was there. */
void keeper_client_attach(struct keeper_client *k, int fd);
bool keeper_client_is_up(const struct keeper_client *k);
struct tls_signer *keeper_client_signer(struct keeper_client *k);

struct keeper_client_stats {
    uint64_t signatures;
    uint64_t failures;
    uint64_t in_flight;
};
struct keeper_client_stats keeper_client_get_stats(const struct keeper_client *k);

#endif
