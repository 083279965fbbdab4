/*
 * tools - sys/tools: random bytes and hashes.
 */
#include "base/hash.h"
#include "keeper/core/encode_int.h"
#include "keeper/crypto/key_int.h"
#include "keeper/sys/sys_int.h"

enum { RANDOM_MAX = 128 << 10, RANDOM_DEFAULT = 32 };

/* Bytes as "format" says: hex or base64. */
static bool encode_as(struct request *r, struct str bytes, struct str otherwise, struct str *text)
{
    struct str format = otherwise;

    field_text(r, "format", &format);
    if (refused(r))
        return false;
    if (str_is(format, "hex"))
        *text = encode_hex(&r->arena, bytes);
    else if (str_is(format, "base64"))
        *text = encode_base64(&r->arena, bytes);
    else
        reply_error(r, 400, "unsupported encoding format %.*s; must be \"hex\" or \"base64\"",
            STR_ARG(format));
    return !refused(r);
}

static bool is_source(struct str s)
{
    return str_is(s, "platform") || str_is(s, "seal") || str_is(s, "all");
}

/* random/{first}/{second}: a source and a number, either or both. */
static bool asked_bytes(struct request *r, int64_t *n)
{
    struct str first = param(r, "first");
    struct str number = param(r, "second");
    uint64_t u;

    if (first.len > 0 && number.len == 0 && !is_source(first))
        number = first;
    else if (first.len > 0 && !is_source(first)) {
        reply_error(r, 400, "unsupported entropy source \"%.*s\"", STR_ARG(first));
        return false;
    }
    *n = RANDOM_DEFAULT;
    if (number.len == 0)
        field_int(r, "bytes", n);
    else if (str_to_u64(number, RANDOM_MAX + 1, &u))
        *n = (int64_t)u;
    else
        *n = -1;
    if (!refused(r) && (*n < 1 || *n > RANDOM_MAX))
        reply_error(r, 400, "\"bytes\" must be a number between 1 and %d", RANDOM_MAX);
    return !refused(r);
}

void sys_tools_random(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct str text = STR("");
    int64_t n;
    char *bytes;

    if (!asked_bytes(r, &n))
        return;
    bytes = arena_alloc(&r->arena, (size_t)n);
    random_bytes(bytes, (size_t)n);
    if (!encode_as(r, (struct str){ bytes, (size_t)n }, STR("base64"), &text))
        return;
    value_put_text(&r->arena, v, "random_bytes", text);
    reply_data(r, v);
}

void sys_tools_hash(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct str algorithm = param(r, "algorithm");
    struct str input = STR("");
    uint8_t sum[64];
    enum digest digest;
    struct str text = STR("");
    size_t len;

    if (algorithm.len == 0) {
        algorithm = STR("sha2-256");
        field_text(r, "algorithm", &algorithm);
    }
    if (!field_bytes(r, "input", &input) && !refused(r))
        reply_error(r, 400, "missing input");
    if (refused(r))
        return;
    digest = digest_find(algorithm);
    if (digest == DIGESTS || digest == DIGEST_NONE || digest == DIGEST_SHA1) {
        reply_error(r, 400, "unsupported algorithm %.*s", STR_ARG(algorithm));
        return;
    }
    crypto_digest(digest, input, sum, &len);
    if (!encode_as(r, (struct str){ (const char *)sum, len }, STR("hex"), &text))
        return;
    value_put_text(&r->arena, v, "sum", text);
    reply_data(r, v);
}
