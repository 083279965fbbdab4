/*
 * scan - finding the ends of names, targets and values many bytes at a time.
 *
 * One grammar (scan_fields_int.h) compiled for each set of instructions; the
 * best that the processor has is chosen once, before main().
 */
#ifndef WEIR_HTTP_SCAN_INT_H
#define WEIR_HTTP_SCAN_INT_H

#include "http/h1_int.h"

struct scanner {
    const char *name;
    /* Index of the first byte in [from, end) that is not of that kind, else end. */
    uint32_t (*token)(const char *data, uint32_t from, uint32_t end);
    uint32_t (*target)(const char *data, uint32_t from, uint32_t end);
    uint32_t (*value)(const char *data, uint32_t from, uint32_t end);
    /*
     * Is this part of a path without anything that normalising could change:
     * escapes, backslashes, spaces, control bytes, '/' before '/' or '.'?  No may
     * be wrong ("/.well-known"), yes is not.
     */
    bool (*is_normal)(const char *path, size_t len);
    /*
     * Splits field lines from p->state LINE, NAME or VALUE on, into
     * head->fields.  NEXT: the empty line is there and p->at is behind it.
     */
    enum h1_step (*fields)(struct h1_parser *p, const char *data, uint32_t end);
};

/* The one in use. */
extern const struct scanner *scanner;
/* All that this processor can run, the plain one first; for tests and measurements. */
unsigned scanner_list(const struct scanner *list[], unsigned room);

#endif
