/*
 * pages - buffers for bytes on their way, kept per worker.
 *
 * Taken when a connection has something to read or could not write, given back
 * when it is idle: ten thousand idle connections hold none.
 */
#ifndef WEIR_EDGE_PAGES_H
#define WEIR_EDGE_PAGES_H

#include <stddef.h>

enum page_size { PAGE_4K, PAGE_16K, PAGE_64K, PAGE_SIZES };

struct pages {
    void *free[PAGE_SIZES];
    unsigned nfree[PAGE_SIZES];
};

static inline size_t page_bytes(enum page_size size)
{
    return (size_t)4096 << (2 * size);
}

char *page_take(struct pages *p, enum page_size size);
void page_give(struct pages *p, char *page, enum page_size size);
void pages_free(struct pages *p);

#endif
