/*
 * wire - see wire.h.
 */
#include <endian.h>

#include "store/wire.h"

void wire_put_u32(struct buf *to, uint32_t n)
{
    n = htole32(n);
    buf_add(to, &n, sizeof(n));
}

void wire_put_u64(struct buf *to, uint64_t n)
{
    n = htole64(n);
    buf_add(to, &n, sizeof(n));
}

static void put_text(struct buf *to, struct str s)
{
    wire_put_u32(to, (uint32_t)s.len);
    buf_str(to, s);
}

void wire_put_row(struct buf *to, const struct row *r)
{
    buf_add(to, r->id, STORE_ID);
    buf_add(to, r->folder, STORE_ID);
    wire_put_u64(to, (uint64_t)r->due);
    wire_put_u32(to, r->term);
    put_text(to, r->name);
    put_text(to, r->data);
}

bool wire_take_bytes(struct str *from, void *to, size_t n)
{
    if (from->len < n)
        return false;
    memcpy(to, from->at, n);
    from->at += n;
    from->len -= n;
    return true;
}

bool wire_take_u32(struct str *from, uint32_t *n)
{
    uint32_t raw;

    if (!wire_take_bytes(from, &raw, sizeof(raw)))
        return false;
    *n = le32toh(raw);
    return true;
}

bool wire_take_u64(struct str *from, uint64_t *n)
{
    uint64_t raw;

    if (!wire_take_bytes(from, &raw, sizeof(raw)))
        return false;
    *n = le64toh(raw);
    return true;
}

static bool take_text(struct str *from, struct str *s)
{
    uint32_t len;

    if (!wire_take_u32(from, &len) || from->len < len)
        return false;
    *s = (struct str){ from->at, len };
    from->at += len;
    from->len -= len;
    return true;
}

bool wire_take_row(struct str *from, struct row *r)
{
    uint64_t due;

    if (from->len < WIRE_ROW_LEAST)
        return false;
    wire_take_bytes(from, r->id, STORE_ID);
    wire_take_bytes(from, r->folder, STORE_ID);
    wire_take_u64(from, &due);
    r->due = (int64_t)due;
    return wire_take_u32(from, &r->term) && take_text(from, &r->name) && take_text(from, &r->data);
}

bool wire_take_change(struct str *from, struct change *c)
{
    uint8_t kind;

    if (!wire_take_bytes(from, &kind, 1) || kind < CHANGE_PUT || kind > CHANGE_DELETE_FOLDER)
        return false;
    c->kind = (enum change_kind)kind;
    return wire_take_row(from, &c->row);
}
