/*
 * service - the store role: SQLite and the audit journal behind three links.
 *
 * A thread for each link, so that neither a slow commit nor a blocked journal makes a read wait.  It sees
 * ciphertext and blinded names alone.  When one link ends, or the journal's disk has lied, all end.
 */
#ifndef WEIR_STORE_SERVICE_H
#define WEIR_STORE_SERVICE_H

#include "base/err.h"

struct service_options {
    const char *folder; /* holds keeper.db, and audit/ with the journal's segments */
    int read_fd;
    int write_fd;
    int journal_fd;
};

/* Opens everything (err: store_open ...), calls ready() and serves until a link ends. Closes the three links. */
int store_serve(
    const struct service_options *o, void (*ready)(void *arg), void *arg, struct err *err);

#endif
