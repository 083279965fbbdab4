/*
 * sanitized - is this a sanitizer's build?  One opens files and maps memory
 * whenever it has something to say, so sandboxes give way to it.
 */
#ifndef WEIR_BASE_SANITIZED_H
#define WEIR_BASE_SANITIZED_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif
#else
static const bool sanitized = false;
#endif

#endif
