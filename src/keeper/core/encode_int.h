/*
 * encode - bytes as text and back: base64 and hex, and ids drawn at random.
 *
 * Constant time in the bytes (they may be keys).
 */
#ifndef WEIR_KEEPER_CORE_ENCODE_INT_H
#define WEIR_KEEPER_CORE_ENCODE_INT_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/str.h"

/* RFC 4648 section 4, with padding; in the arena, with a NUL behind. */
struct str encode_base64(struct arena *a, struct str bytes);
/* Padding must be there; line ends are skipped. False: not base64. */
bool decode_base64(struct arena *a, struct str text, struct str *bytes);
/* Section 5 without padding. */
struct str encode_base64url(struct arena *a, struct str bytes);
/* With padding or without. */
bool decode_base64url(struct arena *a, struct str text, struct str *bytes);
struct str encode_hex(struct arena *a, struct str bytes); /* lower case */
bool decode_hex(struct arena *a, struct str text, struct str *bytes);

struct str encode_uuid(struct arena *a, const uint8_t bytes[16]);
/* "2c1ff5a0-93c0-8f5d-5a0c-1d9b2c3d4e5f": 16 random bytes. */
struct str random_uuid(struct arena *a);
/* n characters of [0-9A-Za-z], each drawn evenly. */
struct str random_base62(struct arena *a, size_t n);

/* "2026-01-31T08:15:30Z" of seconds since 1970, and with nanoseconds of msec. */
struct str time_text(struct arena *a, int64_t seconds);
struct str time_text_fine(struct arena *a, int64_t msec);

#endif
