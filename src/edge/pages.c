/*
 * pages - see pages.h.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "edge/pages.h"

/* What is kept free for the next taker; more goes back to the allocator. */
static const unsigned keep[PAGE_SIZES] = { 256, 256, 64 };

struct free_page {
    struct free_page *next;
};

char *page_take(struct pages *p, enum page_size size)
{
    struct free_page *f = p->free[size];

    if (f == NULL)
        return xmalloc(page_bytes(size));
    p->free[size] = f->next;
    p->nfree[size]--;
    return (char *)f;
}

void page_give(struct pages *p, char *page, enum page_size size)
{
    struct free_page *f = (struct free_page *)(void *)page;

    if (p->nfree[size] >= keep[size]) {
        free(page);
        return;
    }
    f->next = p->free[size];
    p->free[size] = f;
    p->nfree[size]++;
}

void pages_free(struct pages *p)
{
    for (unsigned i = 0; i < PAGE_SIZES; i++) {
        while (p->nfree[i] > 0)
            free(page_take(p, (enum page_size)i));
        p->free[i] = NULL;
    }
}
