/*
 * label - label values made fit to be shown.
 */
#ifndef WEIR_WATCH_LABEL_INT_H
#define WEIR_WATCH_LABEL_INT_H

#include "base/str.h"

/* A copy of at most max bytes, cut between characters; what is not UTF-8 becomes U+FFFD. */
size_t label_clean(struct str value, char *to, size_t max);

#endif
