/*
 * messages - what is said over a lifeline, the channel between the parent and a role.
 *
 * Bodies are packed as pack.h says, in the order given.  Each end has a table
 * of what it accepts from the other (roles.c, role_*.c); anything else ends the
 * sender.  `id` of an answer is that of its question.
 *
 *   parent -> any      LIFE_START       first; struct start, see start.h
 *                      LIFE_PING        to be answered with LIFE_PONG
 *   parent -> role     LIFE_ATTACH      u32 enum role of the peer, u32 index (of the edge's worker
 *                                       for a keeper's channel; see below for the others); one
 *                                       descriptor
 *   parent -> keeper   LIFE_KEY         id of OPEN_KEY; one descriptor
 *                      LIFE_UNSEAL      one descriptor: the file that opens the seal
 *   parent -> control  LIFE_BOUND       listening sockets (at most 16; more in further BOUNDs: u32
 *                                       how many are still to come)
 *                      LIFE_NOT_BOUND   sentence
 *                      LIFE_NO_KEY      sentence: the file cannot be opened
 *                      LIFE_FILE        one descriptor, for reading
 *                      LIFE_NO_FILE     sentence
 *                      LIFE_LOG         one descriptor: the log, for appending
 *                      LIFE_NO_LOG      sentence
 *                      LIFE_RUNNING     u64 pid: answer to RUN
 *                      LIFE_NOT_RUN     sentence
 *                      LIFE_PROCESS     u64 number, u64 pid, text note: an origin process that a
 *                                       former control started; they come behind START
 *                      LIFE_EXITED      u64 number, u32 wait status
 *                      LIFE_ISSUED      one descriptor: the certificate
 *                      LIFE_NOT_ISSUED  sentence
 *                      LIFE_USAGE       n x {text role, u64 pid, u64 restarts, u64 cpu usec, u64
 *                                       resident bytes, u64 descriptors}
 *                      LIFE_APPLY       empty: apply the same file again (SIGHUP)
 *                      LIFE_DRAIN       empty: drain and stop
 *   any -> parent      LIFE_PONG        empty
 *   control -> parent  LIFE_PLAN        struct plan, see start.h: before its sandbox goes up
 *                      LIFE_FAILED      u32 exit code: cannot start, and has said why; ends Weir
 *                      LIFE_READY       text for people, text of JSON, u32 1 when stdout is the
 *                                       request log's: it serves
 *                      LIFE_STATUS      u32 1 while an apply is under way, text: one line (systemd)
 *                      LIFE_STOPPED     empty: drained; ends Weir
 *                      LIFE_BIND        text address, u32 backlog, u32 count, u32 mode (unix sockets)
 *                      LIFE_KEEP        n x text address: all other sockets are closed
 *                      LIFE_OPEN_KEY    text path
 *                      LIFE_OPEN_FILE   text path: a certificate, never a file with a private key in it
 *                      LIFE_OPEN_LOG    u32 files to keep, u32 1: put the file aside first; it is the
 *                                       plan's log, and no other file, that the parent opens
 *                      LIFE_RUN         struct process_spec, see processes.h; a descriptor for each
 *                                       of its values
 *                      LIFE_SIGNAL      u64 number, u32 signal: to the process group
 *                      LIFE_ISSUE       text certificate name, n x text host
 *                      LIFE_ASK_USAGE   empty
 *                      LIFE_ASK_UNSEAL  empty: the plan's key file, to the keeper, if it was not there before
 *
 * Over the channel from control to the vault role:
 *   control -> vault   VAULT_LISTENERS  u32 of the listeners that speak TLS, u32 of plain ones (they
 *                                       come last), text address; as many descriptors, and behind
 *                                       them one with the certificate chain (PEM) when there is TLS
 *                      VAULT_CHAIN      one descriptor: the chain is another one now
 *   vault -> control   VAULT_OK         empty
 *                      VAULT_REFUSED    sentence
 */
#ifndef WEIR_DAEMON_MESSAGES_H
#define WEIR_DAEMON_MESSAGES_H

#include "net/channel.h"

/* The last two are there when the blueprint has a `keeper:`. */
enum role { ROLE_CONTROL, ROLE_KEEPER, ROLE_EDGE, ROLE_VAULT, ROLE_STORE, ROLE_COUNT };

/* What the index of an ATTACH means between these: each a link (net/link.h) but for the signer. */
enum {
    TIE_REQUESTS = 0, /* vault, keeper */
    TIE_SIGNER = 1,   /* vault, keeper: a channel */
    TIE_READ = 0,     /* store, keeper */
    TIE_WRITE = 1,
    TIE_JOURNAL = 2,
    TIES_STORE = 3,
};

enum life_message {
    LIFE_START = 1,
    LIFE_PING,
    LIFE_ATTACH,
    LIFE_KEY,
    LIFE_BOUND,
    LIFE_NOT_BOUND,
    LIFE_NO_KEY,
    LIFE_FILE,
    LIFE_NO_FILE,
    LIFE_LOG,
    LIFE_NO_LOG,
    LIFE_RUNNING,
    LIFE_NOT_RUN,
    LIFE_PROCESS,
    LIFE_EXITED,
    LIFE_ISSUED,
    LIFE_NOT_ISSUED,
    LIFE_USAGE,
    LIFE_APPLY,
    LIFE_DRAIN,
    LIFE_UNSEAL,
    LIFE_PONG = 64,
    LIFE_PLAN,
    LIFE_FAILED,
    LIFE_READY,
    LIFE_STATUS,
    LIFE_STOPPED,
    LIFE_BIND,
    LIFE_KEEP,
    LIFE_OPEN_KEY,
    LIFE_OPEN_FILE,
    LIFE_OPEN_LOG,
    LIFE_RUN,
    LIFE_SIGNAL,
    LIFE_ISSUE,
    LIFE_ASK_USAGE,
    LIFE_ASK_UNSEAL,
};

enum vault_message { VAULT_LISTENERS = 1, VAULT_CHAIN, VAULT_OK = 64, VAULT_REFUSED };

enum { LIFE_SENTENCE_MAX = 1024 };

/* "control", "keeper", "edge", "vault", "store" */
const char *role_name(enum role r);
/* ROLE_COUNT when there is none of that name. */
enum role role_find(struct str name);

#endif
