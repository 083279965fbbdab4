/*
 * incident - something is compromised: what that touches (the blast radius), and its end.
 *
 *     POST sys/weir/incident {key: "ENGINE/NAME" | issuer: "ENGINE/NAME" | entity: NAME or id, reason, dry_run: true unless said}
 *     LIST sys/weir/incident, GET sys/weir/incident/ID      what was done, as it was signed
 *
 * All that is changed is one transaction.  The report says what was touched, what was done and when; its text is signed by the key that signs
 * the audit journal's heads, and stays in the entry "incident/<id>".
 */
#ifndef WEIR_KEEPER_SYS_INCIDENT_INT_H
#define WEIR_KEEPER_SYS_INCIDENT_INT_H

#include "keeper/core/state_int.h"

enum {
    INCIDENT_TOKENS = 20000, /* looked at; a report says when there were more */
    INCIDENT_LISTED = 1000,  /* of one kind, in a report */
    INCIDENT_CERTIFICATES = 20000,
    INCIDENT_POLICIES = 5000,
};

struct incident {
    struct str id;
    const char *kind; /* "key", "issuer", "entity" */
    struct str name;
    struct str reason;
    bool dry_run;
    struct value *radius; /* MAP */
    struct value *done;   /* MAP */
    struct value *timeline;
};

/* Now, in the timeline. */
void incident_mark(struct request *r, struct incident *in, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The radius is known and all is done: the report. */
void incident_report(struct request *r, struct incident *in);
/* "ENGINE/NAME": the mount of that type and the rest; NULL: reply_error() said why. */
struct mount *incident_mount(
    struct request *r, const struct incident *in, const char *type, struct str *name);
/* An endpoint of a mount within this request and its transaction; false: refused, and the reply says so. */
bool incident_within(struct request *r, struct mount *m, enum operation op, struct str rest,
    struct value *body, struct value **data);

/* Each fills the radius, acts unless it is a dry run, and calls incident_report(); or reply_error(). */
void incident_key(struct request *r, struct incident *in);
void incident_issuer(struct request *r, struct incident *in);
void incident_entity(struct request *r, struct incident *in);

/* ---- endpoints ---- */
void sys_incident(struct request *r);
void sys_incident_list(struct request *r);
void sys_incident_read(struct request *r);

#endif
