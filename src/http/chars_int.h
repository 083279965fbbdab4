/*
 * chars - what each byte may be, in one table.
 */
#ifndef WEIR_HTTP_CHARS_INT_H
#define WEIR_HTTP_CHARS_INT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CHAR_TOKEN = 1,   /* tchar of RFC 9110 5.6.2 */
    CHAR_TARGET = 2,  /* of a request target: visible ASCII but for " # < > \ */
    CHAR_CONTROL = 4, /* not in a field value: below 0x20 but for tab, and 0x7f */
    CHAR_HEX = 8,
    CHAR_LABEL = 16, /* of a host name, between dots: letters, digits, - _ */
};

extern const uint8_t chars_table[256];
/* The value of a hexadecimal digit; only for CHAR_HEX bytes. */
extern const uint8_t chars_hex[256];

static inline bool chars_has(char c, unsigned what)
{
    return (chars_table[(unsigned char)c] & what) != 0;
}

#endif
