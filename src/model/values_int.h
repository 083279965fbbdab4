/*
 * values - the readers and writers of values that are spread over two files.
 */
#ifndef WEIR_MODEL_VALUES_INT_H
#define WEIR_MODEL_VALUES_INT_H

#include "model/read_int.h"

bool value_is_name(struct str s);
bool value_is_token(struct str s);
bool value_parse_duration(struct str text, msec_t *out);
void value_format_duration(msec_t ms, char to[32]);
void value_format_size(uint64_t bytes, char to[32]);
struct str value_absolute(struct arena *a, const char *folder, struct str text);
/* Splits what a route's path says; false when it is not one (err says why). */
bool value_path_kind(struct str path, enum path_kind *kind, struct err *err);

/* Says why a value is refused, and is false. */
#define REFUSE(err, ...) (err_set(err, ERR_CONFIG, "", __VA_ARGS__) == 0)

#define VALUE_READER(name)                                                                         \
    bool value_read_##name(                                                                        \
        struct reading *r, const struct word *w, struct str text, void *to, struct err *err)
#define VALUE_WRITER(name)                                                                         \
    void value_write_##name(const struct word *w, const void *from, struct buf *json)

VALUE_READER(address);
VALUE_READER(origin);
VALUE_READER(resolver);
VALUE_READER(cidr);
VALUE_READER(template);
VALUE_READER(host);
VALUE_READER(subject);
VALUE_READER(host_name);
VALUE_READER(authority);
VALUE_READER(status_range);
VALUE_READER(header_name);
VALUE_READER(header_value);
VALUE_READER(method);
VALUE_READER(route_path);
VALUE_READER(url_path);
VALUE_READER(field);
VALUE_READER(limit_key);
VALUE_READER(hash_on);
VALUE_WRITER(cidr);
VALUE_WRITER(status_range);
VALUE_WRITER(field);
VALUE_WRITER(limit_key);
VALUE_WRITER(hash_on);

#endif
