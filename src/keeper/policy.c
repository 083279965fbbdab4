/*
 * policy - see policy_int.h.
 *
 * TLS 1.3 (RFC 8446 4.4.3): 64 spaces, a context string, a zero, and the hash
 * of the handshake, by SHA-256 or SHA-384.  The spaces are there so that this
 * can never be a TLS 1.2 text: those have the type of the curve at byte 64.
 *
 * TLS 1.2 (RFC 8422 5.4): both randoms and the server's ephemeral key, of a
 * length that its curve allows.
 */
#include <stdint.h>

#include "keeper/policy_int.h"

enum { PADDING = 64, RANDOMS = 64, PARAMS_HEAD = 4, NAMED_CURVE = 3, UNCOMPRESSED = 4 };

static const char context[] = "TLS 1.3, server CertificateVerify"; /* with the zero behind it */

static const struct curve {
    uint16_t group;
    uint8_t point_len;
    bool uncompressed; /* the point says so in its first byte */
} curves[] = {
    { 0x0017, 65, true },  /* secp256r1 */
    { 0x0018, 97, true },  /* secp384r1 */
    { 0x0019, 133, true }, /* secp521r1 */
    { 0x001d, 32, false }, /* x25519 */
    { 0x001e, 56, false }, /* x448 */
};

static bool is_tls13(struct str s)
{
    size_t head = PADDING + sizeof(context);

    if (s.len != head + 32 && s.len != head + 48)
        return false;
    for (size_t i = 0; i < PADDING; i++)
        if (s.at[i] != ' ')
            return false;
    return memcmp(s.at + PADDING, context, sizeof(context)) == 0;
}

static bool is_tls12(struct str s)
{
    const uint8_t *params = (const uint8_t *)s.at + RANDOMS;
    const size_t head = RANDOMS + PARAMS_HEAD;
    const struct curve *c;
    uint16_t group;

    if (s.len <= head || params[0] != NAMED_CURVE)
        return false;
    group = (uint16_t)(params[1] << 8 | params[2]);
    for (c = curves; c < curves + sizeof(curves) / sizeof(curves[0]); c++)
        if (c->group == group)
            return params[3] == c->point_len && s.len == head + c->point_len &&
                   (!c->uncompressed || params[PARAMS_HEAD] == UNCOMPRESSED);
    return false;
}

enum tls_text policy_recognise(struct str input)
{
    if (is_tls13(input))
        return TEXT_TLS13;
    return is_tls12(input) ? TEXT_TLS12 : TEXT_NOT_TLS;
}
