/*
 * surroundings - what control looks at and makes before its sandbox goes up: users, folders, cores.
 */
#ifndef WEIR_DAEMON_SURROUNDINGS_H
#define WEIR_DAEMON_SURROUNDINGS_H

#include "base/err.h"
#include "daemon/start.h"
#include "daemon/version.h"

/*
 * Fills the plan: who the roles are and how many workers.  When started by root
 * and the user may not read the blueprint, control stays root (without its
 * capabilities) and says so.  err ids user_unknown.
 */
int surroundings_plan(const struct version *v, struct arena *a, struct plan *out, struct err *err);
/* The state folder, its part for control, and the log's folder. err ids state_folder, log_folder. */
int surroundings_make_folders(const struct version *v, const struct plan *p, struct err *err);
/* Becomes control's user and gives up all files but those that it needs. */
void surroundings_enter_sandbox(const struct version *v, const struct plan *p);

#endif
