/*
 * issue - a local certificate authority, for machines that have no certificate yet.
 *
 * Makes, once, an authority (ca.crt, ca.key) in a folder, and with it NAME.crt
 * and NAME.key for the given names; again when a third of its life or less is
 * left, when it is for other names, or when its files do not fit each other.
 * Whoever trusts ca.crt trusts every certificate made here.
 *
 * Run it in a process of its own that ends afterwards: it holds the
 * authority's key while it runs.
 */
#ifndef WEIR_DAEMON_ISSUE_H
#define WEIR_DAEMON_ISSUE_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum { ISSUE_NAMES_MAX = 100, ISSUE_DAYS = 90, ISSUE_AUTHORITY_DAYS = 3650 };

/*
 * names: DNS names ("*.x" too) and IP addresses. certificate_name: letters, digits, '-', '_', '.'.
 * The folder is made when its parent exists. 0 also when there was nothing to do.
 * err ids issue_name, issue_folder, issue_authority, issue_failed, and those of base/fd.h.
 */
int issue_local(const char *folder, const struct str *names, size_t n, const char *certificate_name,
    struct err *err);

#endif
