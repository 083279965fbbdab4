/*
 * apply - what apply.c (the order of things) and apply_steps.c (the steps) share.
 */
#ifndef WEIR_DAEMON_APPLY_INT_H
#define WEIR_DAEMON_APPLY_INT_H

#include "daemon/control_int.h"

struct apply {
    struct control *control;
    struct version *next;
    struct problems problems;
    unsigned step;
    unsigned pending;
    bool failed;
    bool unreadable; /* the sandbox keeps the file from control: whoever asked sends its text */
    bool waits_for_edge;
    unsigned edges_lost;
    struct timer edge_timer;
    int metrics[LISTENER_SOCKETS_MAX]; /* sockets for GET /metrics */
    unsigned nmetrics;
    struct err err;
    usec_t began;
    void (*done)(void *arg, const struct apply_result *result);
    void *arg;
};

/* The first failure is the one that is told. */
void apply_fail(struct apply *a, const struct err *err);
/* Ends one of a->pending; the last one leads to the next step. */
void apply_one_done(struct apply *a);

/* Each raises a->pending for what it waits for. */
void apply_bind(struct apply *a);          /* sockets of listeners, and of /metrics */
void apply_keep(struct apply *a);          /* policies, keys, secrets, certificates of the keeper */
void apply_issue(struct apply *a);         /* certificates of the machine's own authority */
void apply_read_files(struct apply *a);    /* certificates, stapled responses, authorities */
void apply_inspect(struct apply *a);       /* they are certificates, and valid today */
void apply_load_keys(struct apply *a);     /* into the keeper; they fit the certificates */
void apply_look_up_names(struct apply *a); /* of origins */
void apply_start_origins(struct apply *a); /* the new ones among the origin processes */

#endif
