/*
 * A hash table from names to pointers, for hosts, certificates and sessions.
 *
 * Open addressing with linear probing, at most half full; the hash is keyed
 * (base/hash.h), because clients choose what is looked up.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "net/tls_int.h"

enum { SIZE_MIN = 16 };

static size_t find(const struct tls_table *t, struct str name, uint64_t hash)
{
    size_t i = hash & (t->size - 1);

    while (t->entries[i].name != NULL) {
        const struct tls_table_entry *e = &t->entries[i];

        if (e->hash == hash && str_eq((struct str){ e->name, e->len }, name))
            break;
        i = (i + 1) & (t->size - 1);
    }
    return i;
}

void *tls_table_get(const struct tls_table *t, struct str name)
{
    if (t->size == 0)
        return NULL;
    return t->entries[find(t, name, hash_bytes(name.at, name.len))].value;
}

/* Puts an entry where there is room; it must not be in the table. */
static void place(struct tls_table *t, struct tls_table_entry e)
{
    size_t i = e.hash & (t->size - 1);

    while (t->entries[i].name != NULL)
        i = (i + 1) & (t->size - 1);
    t->entries[i] = e;
}

static void grow(struct tls_table *t)
{
    struct tls_table bigger = { .size = t->size > 0 ? t->size * 2 : SIZE_MIN, .used = t->used };

    bigger.entries = xcalloc(bigger.size, sizeof(*bigger.entries));
    for (size_t i = 0; i < t->size; i++)
        if (t->entries[i].name != NULL)
            place(&bigger, t->entries[i]);
    free(t->entries);
    *t = bigger;
}

void tls_table_put(struct tls_table *t, struct str name, void *value)
{
    uint64_t hash = hash_bytes(name.at, name.len);
    struct tls_table_entry *e;

    if (t->used * 2 >= t->size)
        grow(t);
    e = &t->entries[find(t, name, hash)];
    if (e->name == NULL) {
        e->name = xstrndup(name.at, name.len);
        e->len = name.len;
        e->hash = hash;
        t->used++;
    }
    e->value = value;
}

void tls_table_remove(struct tls_table *t, struct str name)
{
    size_t hole;

    if (t->size == 0)
        return;
    hole = find(t, name, hash_bytes(name.at, name.len));
    if (t->entries[hole].name == NULL)
        return;
    free(t->entries[hole].name);
    t->entries[hole] = (struct tls_table_entry){ 0 };
    t->used--;
    /* What had been pushed further by this entry must still be found. */
    for (size_t i = (hole + 1) & (t->size - 1); t->entries[i].name != NULL;
         i = (i + 1) & (t->size - 1)) {
        struct tls_table_entry e = t->entries[i];

        t->entries[i] = (struct tls_table_entry){ 0 };
        place(t, e);
    }
}

void tls_table_free(struct tls_table *t)
{
    for (size_t i = 0; i < t->size; i++)
        free(t->entries[i].name);
    free(t->entries);
    *t = (struct tls_table){ 0 };
}
