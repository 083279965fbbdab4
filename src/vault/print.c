/*
 * print - a value in its binary form as JSON text, without a tree in between.
 *
 * It comes from the core, which we trust with more than this; still no byte of it
 * can make us read past its end, recurse without bound or print what is no JSON.
 */
#include "base/json.h"
#include "base/json_read.h"
#include "vault/vault_int.h"

struct printer {
    const uint8_t *at;
    const uint8_t *end;
    struct buf *to;
};

static bool take_u32(struct printer *p, uint32_t *n)
{
    if (p->end - p->at < 4)
        return false;
    *n = (uint32_t)p->at[0] | (uint32_t)p->at[1] << 8 | (uint32_t)p->at[2] << 16 |
         (uint32_t)p->at[3] << 24;
    p->at += 4;
    return true;
}

static bool take_text(struct printer *p, struct str *s)
{
    uint32_t n;

    if (!take_u32(p, &n) || (size_t)(p->end - p->at) < n)
        return false;
    *s = (struct str){ (const char *)p->at, n };
    p->at += n;
    return true;
}

static bool print_value(struct printer *p, unsigned depth);

static bool print_children(struct printer *p, bool map, unsigned depth)
{
    struct str name;
    uint32_t n;

    if (depth == 0 || !take_u32(p, &n))
        return false;
    buf_char(p->to, map ? '{' : '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            buf_char(p->to, ',');
        if (map) {
            if (!take_text(p, &name))
                return false;
            json_str(p->to, name);
            buf_char(p->to, ':');
        }
        if (!print_value(p, depth - 1))
            return false;
    }
    buf_char(p->to, map ? '}' : ']');
    return true;
}

static bool print_scalar(struct printer *p, enum value_kind kind)
{
    struct value v = { .kind = kind };

    if ((kind == VALUE_NUMBER || kind == VALUE_TEXT) && !take_text(p, &v.text))
        return false;
    json_write(&v, p->to);
    return true;
}

static bool print_value(struct printer *p, unsigned depth)
{
    uint8_t kind;

    if (p->at == p->end)
        return false;
    kind = *p->at++;
    if (kind > VALUE_MAP)
        return false;
    if (kind == VALUE_LIST || kind == VALUE_MAP)
        return print_children(p, kind == VALUE_MAP, depth);
    return print_scalar(p, (enum value_kind)kind);
}

bool vault_print(struct str bytes, struct buf *to)
{
    const uint8_t *at = (const uint8_t *)bytes.at;
    struct printer p = { at, at + bytes.len, to };

    return print_value(&p, VALUE_DEPTH_MAX) && p.at == p.end && !to->over;
}
