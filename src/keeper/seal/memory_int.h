/*
 * memory - where keys lie: memfd_secret(2) where the kernel has it, else locked memory; left out of core
 * files, not inherited by fork, with guard pages, wiped when given back.
 *
 * keeper_protect_memory() (keeper.h) sets it up and makes OpenSSL allocate here too.  secret_alloc() never returns NULL: when the room
 * is used up it falls back to ordinary locked heap (counted, see secret_memory_stats()).  Thread-safe.
 */
#ifndef WEIR_KEEPER_SEAL_MEMORY_INT_H
#define WEIR_KEEPER_SEAL_MEMORY_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *secret_alloc(size_t n) __attribute__((malloc, returns_nonnull)); /* zeroed, 16-byte aligned */
void secret_free(void *p);                                             /* wipes; NULL is fine */

struct secret_memory_stats {
    const char *kind; /* "memfd_secret", "mlock", "unlocked" */
    size_t room;
    size_t used;
    size_t fallen_back; /* bytes now outside */
};
void secret_memory_stats(struct secret_memory_stats *s);

#endif
