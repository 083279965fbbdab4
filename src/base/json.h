/*
 * json - writes JSON text into a buf, escaping everything that needs it.
 *
 * Invalid UTF-8 comes out as U+FFFD, control characters as \u00XX, so that
 * nothing a client sends can break a log line or a terminal.
 */
#ifndef WEIR_BASE_JSON_H
#define WEIR_BASE_JSON_H

#include "base/buf.h"
#include "base/str.h"

/* With the quotes. */
void json_str(struct buf *b, struct str s);
/* Without the quotes: the escaped inside. */
void json_escape(struct buf *b, struct str s);

/*
 * A nested document, with commas and optional indentation looked after:
 *
 *     json_open(&j, NULL, '{'); json_put_str(&j, "name", name); json_close(&j, '}');
 *
 * key is NULL inside arrays and at the top.
 */
struct json {
    struct buf *to;
    bool pretty;
    bool comma;
    unsigned depth;
};

void json_init(struct json *j, struct buf *to, bool pretty);
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_put_str(struct json *j, const char *key, struct str s);
void json_put_text(struct json *j, const char *key, const char *s); /* NULL is null */
void json_put_u64(struct json *j, const char *key, uint64_t n);
void json_put_i64(struct json *j, const char *key, int64_t n);
void json_put_double(struct json *j, const char *key, double d);
void json_put_bool(struct json *j, const char *key, bool b);
void json_put_null(struct json *j, const char *key);
/* A value that is JSON already. */
void json_put_raw(struct json *j, const char *key, struct str json);

#endif
