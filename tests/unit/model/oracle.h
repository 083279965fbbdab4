/*
 * oracle - the contract of model/router.h read plainly: every route is looked
 * at, and the best by the documented precedence is taken.  It is slow, and
 * shares no code with the router.
 */
#ifndef WEIR_TESTS_MODEL_ORACLE_H
#define WEIR_TESTS_MODEL_ORACLE_H

#include <stdio.h>
#include <string.h>

#include "model/router.h"

enum { ORACLE_SEGMENTS = 16, ORACLE_SEGMENT = 32 };

struct oracle_rank {
    int host;      /* 0 exact, 1 wildcard, 2 any */
    size_t label;  /* of the wildcard: longer is better */
    int path;      /* 0 exact, 1 pattern, 2 prefix, 3 any */
    size_t detail; /* literal segments, length of the prefix: more is better */
    size_t order;
};

static inline int oracle_compare(const struct oracle_rank *a, const struct oracle_rank *b)
{
    if (a->host != b->host)
        return a->host - b->host;
    if (a->label != b->label)
        return a->label > b->label ? -1 : 1;
    if (a->path != b->path)
        return a->path - b->path;
    if (a->detail != b->detail)
        return a->detail > b->detail ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static inline bool oracle_host(const struct match *m, const char *host, struct oracle_rank *rank)
{
    bool found = m->hosts.n == 0;

    rank->host = 2;
    rank->label = 0;
    for (size_t i = 0; i < m->hosts.n; i++) {
        const char *h = m->hosts.at[i].at;
        size_t n = strlen(h);

        if (strcmp(h, host) == 0) {
            rank->host = 0;
            rank->label = 0;
            return true;
        }
        if (h[0] == '*' && strlen(host) > n - 1 &&
            strcmp(host + strlen(host) - (n - 1), h + 1) == 0) {
            found = true;
            if (rank->host == 2 || n > rank->label)
                rank->label = n;
            rank->host = 1;
        }
    }
    return found;
}

static inline size_t oracle_split(const char *path, char parts[ORACLE_SEGMENTS][ORACLE_SEGMENT])
{
    size_t n = 0;

    for (const char *p = path; *p == '/' && n < ORACLE_SEGMENTS; n++) {
        size_t len = strcspn(p + 1, "/");

        snprintf(parts[n], ORACLE_SEGMENT, "%.*s", (int)len, p + 1);
        p += 1 + len;
    }
    return n;
}

static inline bool oracle_path(const struct match *m, const char *path, struct oracle_rank *rank)
{
    char want[ORACLE_SEGMENTS][ORACLE_SEGMENT];
    char have[ORACLE_SEGMENTS][ORACLE_SEGMENT];
    size_t nwant;
    size_t nhave = oracle_split(path, have);
    size_t i;

    rank->detail = 0;
    if (m->path.at == NULL) {
        rank->path = 3;
        return true;
    }
    nwant = oracle_split(m->path.at, want);
    if (strcmp(want[nwant - 1], "*") == 0) {
        rank->path = 2;
        rank->detail = m->path.len;
        for (i = 0; i + 1 < nwant; i++)
            if (i >= nhave || strcmp(want[i], have[i]) != 0)
                return false;
        return true;
    }
    rank->path = strchr(m->path.at, '{') != NULL ? 1 : 0;
    for (i = 0; i < nwant; i++) {
        if (strstr(want[i], "...}") != NULL)
            return true;
        if (i >= nhave)
            return false;
        if (want[i][0] == '{') {
            if (have[i][0] == '\0')
                return false;
            continue;
        }
        if (strcmp(want[i], have[i]) != 0)
            return false;
        rank->detail += want[i][0] != '\0';
    }
    return nhave == nwant;
}

static inline bool oracle_method(const struct match *m, const char *method)
{
    for (size_t i = 0; i < m->methods.n; i++)
        if (strcmp(m->methods.at[i].at, method) == 0 ||
            (strcmp(method, "HEAD") == 0 && strcmp(m->methods.at[i].at, "GET") == 0))
            return true;
    return m->methods.n == 0;
}

static inline bool oracle_header(const struct match *m, const char *value)
{
    for (size_t i = 0; i < m->nheaders; i++) {
        const struct field_match *f = &m->headers[i];

        if (f->absent ? value != NULL : value == NULL)
            return false;
        if (f->absent || f->value.at == NULL)
            continue;
        if (f->prefix ? strncmp(value, f->value.at, f->value.len) != 0
                      : strcmp(value, f->value.at) != 0)
            return false;
    }
    return true;
}

struct asked {
    char host[64];
    char path[64];
    const char *method;
    const char *header;
};

static inline const struct route *oracle(
    const struct blueprint *b, const struct asked *q, bool *mismatch)
{
    const struct route *best = NULL;
    struct oracle_rank best_rank = { 0 };

    *mismatch = false;
    for (size_t i = 0; i < b->nroutes; i++) {
        const struct match *m = &b->routes[i].match;
        struct oracle_rank rank = { .order = i };

        if (!oracle_host(m, q->host, &rank) || !oracle_path(m, q->path, &rank) ||
            !oracle_header(m, q->header))
            continue;
        if (!oracle_method(m, q->method)) {
            *mismatch = true;
            continue;
        }
        if (best == NULL || oracle_compare(&rank, &best_rank) < 0) {
            best = &b->routes[i];
            best_rank = rank;
        }
    }
    if (best != NULL)
        *mismatch = false;
    return best;
}

#endif
