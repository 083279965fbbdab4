/*
 * messages - what may be said to the keeper's core, and its answers.
 *
 * All numbers are little-endian, all bodies of fixed layout; a `value` is what base/value.h encodes.
 *
 * Over channels:
 *   edge -> core       KEEPER_SIGN         key_id 32 | scheme u16 | input ...
 *   core -> edge       KEEPER_SIGNED       signature ...          (id of the question)
 *                      KEEPER_NOT_SIGNED   reason word, text
 *   control -> core    KEEPER_FORGET       key_id 32
 *                      KEEPER_LIST         empty
 *                      KEEPER_ORDER        value {op, path, body}: a request as the core itself would make it; only
 *                                          the paths that core/orders.c lists, and never one whose answer is a secret
 *                      KEEPER_HAND         value {op, path, body, field: [names], tell: [names]}: a secret or token for an
 *                                          origin process: what stands at `field` in the response; `tell` is no secret
 *                      KEEPER_OBSERVE      empty
 *   core -> control    KEEPER_KEY_LOADED   key_id 32 | algorithm word, text    (id of the load)
 *                      KEEPER_KEY_REFUSED  sentence, text
 *                      KEEPER_KEYS         n x key_id 32; again with the same id while n is 1,875
 *                      KEEPER_ORDERED      status u16 | value, the response's body
 *                      KEEPER_HANDED       one descriptor: a sealed memfd with the value; text: what stands at `tell`
 *                      KEEPER_NOT_HANDED   sentence, text
 *                      KEEPER_OBSERVED     value {sealed, initialized, ... health and counters}
 *                      KEEPER_CHANGED      value {state: "open" or "sealed"}, or {certificate: serial number}: one that the
 *                                          keeper issued is no longer good, control is to ask for another
 * Over links:
 *   api -> core        KEEPER_REQUEST      struct keeper_request below
 *   core -> api        KEEPER_RESPONSE     status u16 | kind u8 | 0 u8 | content type length u32 | content type | body:
 *                                          kind 0: a value, to be printed as JSON; 1: bytes; 2: no body
 *
 *   api -> core        KEEPER_COUNTED      KEEPER_COUNTS x u64, in the order of enum keeper_count; now and then
 *
 * Answers to the edge come in the order of the questions.  Where a layout or scheme is not one of
 * these, the keeper ends the channel.
 *
 * KEEPER_REQUEST's body:
 *   op u8 (enum operation of core/request_int.h: 0 read, 1 list, 2 write, 3 delete, 4 patch) | flags u8 (1: HEAD) | 0 u16 |
 *   wrap_ttl u32 seconds | then five parts, each length u32 | bytes:
 *   path, token, remote address, content type, rest;  rest is value {body: MAP, parsed: MAP, raw: TEXT, certificate: MAP}, absent members left out.
 *
 * `parsed`, made by the api so that the core parses no text formats:
 *   policy   for sys/policy/NAME, sys/policies/acl/NAME with "policy":  {rules: [{path, capabilities: [..], min_wrapping_ttl, max_wrapping_ttl,
 *            allowed_parameters: {..}, denied_parameters: {..}, required_parameters: [..], approvals: {count, policies: [..], ttl}}], text}, or {error: sentence};
 *            ttls are seconds, parameters lower case; text only when the policy came in base64: what it says
 *            for sys/policies/password/NAME: {length, rules: [{charset, min-chars}], text}, or {error}
 *   csr      for a "csr" member: {subject_der, subject: [{type: "CN" | "O" ... | OID, value, set: RDN}], spki, key_type: "rsa" | "ec" | "ed25519", key_bits,
 *            dns: [], ips: [text], emails: [], uris: [], others: [{oid, value}], is_ca, max_path_length (-1: none), key_usage (bit n as in RFC 5280),
 *            ext_key_usage: [oid], signature_ok}, or {error: sentence}
 *   for PEM in "certificate", "pem_bundle", "private_key", "public_key", "crl" and the like (the table in vault/parsed.c); MEMBER is its name:
 *   certificates  {MEMBER: [der, ...]}, each exactly one certificate
 *   crls          {MEMBER: [der, ...]}
 *   private_keys  {MEMBER: [pkcs8 der, ...]}
 *   public_keys   {MEMBER: [SubjectPublicKeyInfo der, ...]}
 *   pem_errors    {MEMBER: sentence}: what could not be read
 *   backup   for a "backup" member: the JSON inside the base64, as a value; or {error}
 *   ocsp     for POST or GET .../ocsp: {requests: [{hash: "sha1".., name_hash, key_hash, serial: big-endian bytes}], nonce}, or {error}
 * `certificate`, of a TLS client: {der: leaf, chain: [der...]}, each parsed and re-encoded by the api; the core verifies it anew.
 */
#ifndef WEIR_KEEPER_MESSAGES_H
#define WEIR_KEEPER_MESSAGES_H

enum {
    KEEPER_SIGN_HEAD = 34,
    KEEPER_REQUEST_HEAD = 8,
    KEEPER_REQUEST_HEAD_ONLY = 1, /* flag: the method was HEAD */
    KEEPER_RESPONSE_HEAD = 8,
    KEEPER_REQUEST_MAX = 34 << 20,
};

enum keeper_message {
    KEEPER_SIGN = 1,
    KEEPER_SIGNED,
    KEEPER_NOT_SIGNED,
    KEEPER_FORGET,
    KEEPER_LIST,
    KEEPER_KEY_LOADED,
    KEEPER_KEY_REFUSED,
    KEEPER_KEYS,
    KEEPER_ORDER,
    KEEPER_ORDERED,
    KEEPER_HAND,
    KEEPER_HANDED,
    KEEPER_NOT_HANDED,
    KEEPER_OBSERVE,
    KEEPER_OBSERVED,
    KEEPER_CHANGED,
    KEEPER_REQUEST,
    KEEPER_RESPONSE,
    KEEPER_COUNTED,
};

/* What the api role counts, since it began. */
enum keeper_count {
    KEEPER_COUNT_OPEN,        /* connections now */
    KEEPER_COUNT_BYTES,       /* of requests and answers in its memory now */
    KEEPER_COUNT_ACCEPTED,    /* connections */
    KEEPER_COUNT_TURNED_AWAY, /* connections past the limit */
    KEEPER_COUNT_REFUSED,     /* requests that are not HTTP, JSON, or within a limit */
    KEEPER_COUNT_SLOW,        /* clients that ran out of time */
    KEEPER_COUNT_DROPPED, /* requests answered 503, because the core was not there or too much waited for it */
    KEEPER_COUNTS
};

#endif
