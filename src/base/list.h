/*
 * list - an intrusive doubly linked ring.
 *
 * The head is a link too; an empty list points at itself.  A link that is in
 * no list has been through list_init() or list_remove() and may be removed
 * again.
 */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define list_item(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))
/* `it` may be removed inside the loop. */
/* NOLINTBEGIN(bugprone-macro-parentheses): variables that are declared take none */
#define list_each(it, after, head)                                                                 \
    for (struct list *it = (head)->next, *after = it->next; it != (head);                          \
         it = after, after = it->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_append(struct list *head, struct list *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void list_prepend(struct list *head, struct list *l)
{
    list_append(head->next, l);
}

static inline void list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

#endif
