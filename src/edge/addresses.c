/*
 * addresses - see addresses.h.  Striped hash tables; entries live while a
 * connection does, so the size is bounded by the number of connections.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "edge/addresses.h"

enum { STRIPES = 64, SLOTS = 256 };

struct entry {
    struct entry *next;
    struct ip ip;
    unsigned count;
};

struct stripe {
    pthread_mutex_t lock;
    struct entry *slots[SLOTS];
};

struct addresses {
    struct stripe stripes[STRIPES];
};

struct addresses *addresses_new(void)
{
    struct addresses *a = xcalloc(1, sizeof(*a));

    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_init(&a->stripes[i].lock, NULL);
    return a;
}

void addresses_free(struct addresses *a)
{
    if (a == NULL)
        return;
    for (int i = 0; i < STRIPES; i++) {
        for (int k = 0; k < SLOTS; k++)
            while (a->stripes[i].slots[k] != NULL) {
                struct entry *e = a->stripes[i].slots[k];

                a->stripes[i].slots[k] = e->next;
                free(e);
            }
        pthread_mutex_destroy(&a->stripes[i].lock);
    }
    free(a);
}

static struct entry **find(struct stripe *s, uint64_t hash, struct ip ip)
{
    struct entry **at = &s->slots[hash / STRIPES % SLOTS];

    while (*at != NULL && !ip_eq((*at)->ip, ip))
        at = &(*at)->next;
    return at;
}

bool addresses_enter(struct addresses *a, struct ip ip, unsigned max)
{
    uint64_t hash = hash_bytes(ip.bytes, ip.len);
    struct stripe *s = &a->stripes[hash % STRIPES];
    struct entry **at;
    bool ok;

    pthread_mutex_lock(&s->lock);
    at = find(s, hash, ip);
    ok = max == 0 || *at == NULL || (*at)->count < max;
    if (ok && *at == NULL) {
        *at = xcalloc(1, sizeof(**at));
        (*at)->ip = ip;
    }
    if (ok)
        (*at)->count++;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

void addresses_leave(struct addresses *a, struct ip ip)
{
    uint64_t hash = hash_bytes(ip.bytes, ip.len);
    struct stripe *s = &a->stripes[hash % STRIPES];
    struct entry **at;

    pthread_mutex_lock(&s->lock);
    at = find(s, hash, ip);
    MUST(*at != NULL);
    if (--(*at)->count == 0) {
        struct entry *e = *at;

        *at = e->next;
        free(e);
    }
    pthread_mutex_unlock(&s->lock);
}
