/*
 * Transit's jobs: see transit_job_int.h.
 */
#include <stdio.h>

#include "base/mem.h"
#include "keeper/core/encode_int.h"
#include "keeper/engines/transit_job_int.h"

enum { OUT_MAX = 36 << 20, VERSION_DIGITS = 10 };

/* ---- items ---- */

void transit_item_fails(struct transit_item *it, int status, const char *sentence)
{
    it->error = sentence;
    it->status = status;
}

bool transit_item_text(
    struct transit_job *j, struct transit_item *it, const char *member, struct str *to)
{
    const struct value *v = value_get(it->from, member);

    if (v == NULL || v->kind == VALUE_NULL)
        return false;
    if (v->kind == VALUE_TEXT || (!j->batch && v->kind == VALUE_NUMBER)) {
        *to = v->text;
        return true;
    }
    transit_item_fails(it, 400, arena_printf(&j->r->arena, "'%s' expected type 'string'", member));
    return false;
}

bool transit_item_bytes(
    struct transit_job *j, struct transit_item *it, const char *member, struct str *to)
{
    struct str text;

    if (!transit_item_text(j, it, member, &text))
        return false;
    if (decode_base64(&j->r->arena, text, to))
        return true;
    transit_item_fails(it, 400, arena_printf(&j->r->arena, "failed to base64-decode %s", member));
    return false;
}

bool transit_item_context(struct transit_job *j, struct transit_item *it)
{
    transit_item_bytes(j, it, "context", &it->context);
    if (it->error == NULL && j->k.derived && it->context.len == 0)
        transit_item_fails(it, 400,
            "missing 'context' for key derivation; the key was created using a derived key, which "
            "means additional, per-request information must be included in order to perform "
            "operations with the key");
    return it->error == NULL;
}

static void begin(struct transit_item *it, const struct value *from)
{
    it->from = from;
    buf_init_secret(&it->out, OUT_MAX);
    buf_init(&it->public_half, 64);
}

static bool batch_items(struct transit_job *j, const struct value *list)
{
    struct request *r = j->r;
    uint32_t i = 0;

    if (list->kind != VALUE_LIST) {
        reply_error(r, 400, "failed to parse batch input");
        return false;
    }
    if (list->n == 0 || list->n > TRANSIT_BATCH_MAX) {
        reply_error(r, 400,
            list->n == 0 ? "missing batch input to process"
                         : "too many items in batch_input: at most 131072");
        return false;
    }
    j->batch = true;
    j->n = list->n;
    j->items = arena_calloc(&r->arena, list->n, sizeof(*j->items));
    value_each (it, list) {
        begin(&j->items[i], it);
        if (it->kind != VALUE_MAP) {
            reply_error(r, 400, "failed to parse batch input: '[%u]' expected a map", i);
            return false;
        }
        i++;
    }
    return true;
}

struct transit_job *transit_job_new(struct request *r, const struct transit_key *k)
{
    struct transit_job *j = arena_calloc(&r->arena, 1, sizeof(*j));
    const struct value *list = value_get(r->body, "batch_input");

    j->r = r;
    j->name = param(r, "name");
    j->k = *k;
    if (list != NULL && list->kind != VALUE_NULL)
        return batch_items(j, list) ? j : NULL;
    j->n = 1;
    j->items = arena_calloc(&r->arena, 1, sizeof(*j->items));
    begin(&j->items[0], r->body);
    return j;
}

/* ---- versions ---- */

bool transit_asked_version(struct request *r, int64_t *version)
{
    *version = 0;
    field_int(r, "key_version", version);
    if (!refused(r) && *version < 0)
        reply_error(r, 400, "cannot use a negative key version");
    return !refused(r);
}

bool transit_item_version(struct transit_job *j, struct transit_item *it, int64_t asked,
    const char *doing, uint32_t *version, const struct transit_version **v)
{
    struct arena *a = &j->r->arena;
    const struct transit_version *found;

    if (asked > j->k.latest) {
        transit_item_fails(it, 400,
            arena_printf(
                a, "requested version for %s is higher than the latest key version", doing));
        return false;
    }
    if (asked != 0 && asked < j->k.min_encryption) {
        transit_item_fails(it, 400,
            arena_printf(a,
                "requested version for %s is less than the minimum encryption key version", doing));
        return false;
    }
    *version = asked != 0 ? (uint32_t)asked : j->k.latest;
    found = transit_version_get(&j->r->tx, j->r->mount, j->name, *version);
    if (found == NULL || found->key == NULL) {
        transit_item_fails(it, 400, "no such key version");
        return false;
    }
    if (found->state != TRANSIT_ACTIVE) {
        transit_item_fails(it, 400,
            arena_printf(a, "version %u of the key is %s: it cannot be used for %s", *version,
                transit_state_name(found->state), doing));
        return false;
    }
    *v = found;
    return true;
}

/* Takes "vault:v", the number and ":" off; -1: it has no such head, 0: no number. */
static int take_head(struct str *text, uint64_t *version)
{
    struct str rest;
    struct str number;

    if (!str_starts(*text, STR("vault:v")))
        return -1;
    rest = (struct str){ text->at + 7, text->len - 7 };
    number = str_cut(rest, ':', &rest);
    if (rest.at == NULL)
        return -1;
    if (number.len > VERSION_DIGITS || !str_to_u64(number, UINT32_MAX, version))
        return 0;
    *text = rest;
    return 1;
}

bool transit_item_open(struct transit_job *j, struct transit_item *it, struct str text, bool url,
    const struct transit_words *words)
{
    struct arena *a = &j->r->arena;
    const struct transit_version *v;
    uint64_t version = 0;
    int head = take_head(&text, &version);

    if (head != 1) {
        transit_item_fails(it, 400,
            arena_printf(a, "%s: %s", words->what,
                head == -1 ? "no prefix" : "version number could not be decoded"));
        return false;
    }
    if (version == 0) /* the very first keys had no numbers */
        version = 1;
    if (version > j->k.latest) {
        transit_item_fails(it, 400, arena_printf(a, "%s: version is too new", words->what));
        return false;
    }
    if (version < j->k.min_decryption || version < j->k.min_available) {
        transit_item_fails(it, 400, words->old);
        return false;
    }
    if (!(url ? decode_base64url(a, text, &it->sealed) : decode_base64(a, text, &it->sealed))) {
        transit_item_fails(it, 400, words->base64);
        return false;
    }
    it->version = (uint32_t)version;
    v = transit_version_get(&j->r->tx, j->r->mount, j->name, it->version);
    if (v == NULL || v->key == NULL) {
        transit_item_fails(it, 400, words->old);
        return false;
    }
    if (j->verifies_hmac && v->hmac == NULL) {
        transit_item_fails(it, 400, "no HMAC key exists for that key version");
        return false;
    }
    it->compromised = v->state == TRANSIT_COMPROMISED;
    it->convergent = !j->k.convergent              ? 0
                     : v->convergent != 0          ? v->convergent
                     : j->k.convergent_version > 0 ? j->k.convergent_version
                                                   : 1;
    it->key = crypto_ref(j->verifies_hmac ? v->hmac : v->key);
    return true;
}

struct str transit_text(struct arena *a, uint32_t version, struct str bytes, bool url)
{
    struct str code = url ? encode_base64url(a, bytes) : encode_base64(a, bytes);
    char head[24];
    int n = snprintf(head, sizeof(head), "vault:v%u:", version);
    char *to = arena_alloc(a, (size_t)n + code.len);

    memcpy(to, head, (size_t)n);
    memcpy(to + n, code.at, code.len);
    return (struct str){ to, (size_t)n + code.len };
}

/* ---- running ---- */

/* Microseconds, roughly: of what needs the private half, and of what the public one can do. */
static const struct {
    unsigned private_half, public_half;
} costs[KEY_TYPES] = {
    [KEY_AES128_GCM96] = { 2, 2 },
    [KEY_AES256_GCM96] = { 2, 2 },
    [KEY_CHACHA20_POLY1305] = { 3, 3 },
    [KEY_XCHACHA20_POLY1305] = { 3, 3 },
    [KEY_ED25519] = { 30, 80 },
    [KEY_ECDSA_P256] = { 30, 80 },
    [KEY_ECDSA_P384] = { 900, 800 },
    [KEY_ECDSA_P521] = { 300, 600 },
    [KEY_ECDSA_SECP256K1] = { 30, 40 },
    [KEY_RSA_2048] = { 350, 20 },
    [KEY_RSA_3072] = { 1200, 40 },
    [KEY_RSA_4096] = { 4500, 70 },
    [KEY_HMAC] = { 2, 2 },
};

static uint64_t cost(const struct transit_job *j)
{
    uint64_t each = j->signs ? costs[j->k.type].private_half : costs[j->k.type].public_half;
    uint64_t sum = each * j->n;

    for (uint32_t i = 0; i < j->n; i++)
        sum += (j->items[i].input.len + j->items[i].sealed.len) >> 9;
    return sum;
}

static void run_all(void *arg)
{
    struct transit_job *j = arg;

    for (uint32_t i = 0; i < j->n; i++)
        if (j->items[i].error == NULL)
            j->run(j, &j->items[i]);
}

static void put_error(struct transit_job *j, const struct transit_item *it, struct value *to)
{
    value_put_text(&j->r->arena, to, "error", str_from(it->error));
}

/* What the whole batch's answer is, when some of it failed. */
static int batch_status(struct transit_job *j)
{
    int64_t partial = 0;
    bool ok = false;
    bool internal = false;
    bool failed = false;

    for (uint32_t i = 0; i < j->n; i++) {
        ok |= j->items[i].error == NULL;
        failed |= j->items[i].error != NULL;
        internal |= j->items[i].error != NULL && j->items[i].status >= 500;
    }
    if (!failed)
        return 200;
    field_int(j->r, "partial_failure_response_code", &partial);
    if (ok && partial >= 200 && partial < 600)
        return (int)partial;
    return internal ? 500 : 400;
}

static void answer_batch(struct transit_job *j)
{
    struct arena *a = &j->r->arena;
    struct value *results = value_list(a);
    struct value *data = value_map(a);

    for (uint32_t i = 0; i < j->n; i++) {
        const struct transit_item *it = &j->items[i];
        struct value *one = value_map(a);
        struct str reference = value_get_text(it->from, "reference", STR_NONE);

        if (it->error != NULL)
            put_error(j, it, one);
        else
            j->answer(j, it, one);
        if (reference.len > 0)
            value_put_text(a, one, "reference", reference);
        value_add(results, one);
    }
    value_put(data, "batch_results", results);
    transit_reply(j->r, data);
    if (j->refuses_batch)
        j->r->reply.status = batch_status(j);
    j->r->keep = true; /* a key that was made for it stays */
}

static void answer_one(struct transit_job *j)
{
    const struct transit_item *it = &j->items[0];
    struct value *data;

    if (it->error != NULL) {
        reply_error(j->r, it->status, "%s", it->error);
        return;
    }
    data = value_map(&j->r->arena);
    j->answer(j, it, data);
    transit_reply(j->r, data);
}

static void count_uses(const struct transit_job *j)
{
    for (uint32_t i = 0; i < j->n; i++) {
        const struct transit_item *it = &j->items[i];
        uint32_t version = it->to != NULL ? it->to_version : it->version;

        if (it->error == NULL && j->signs)
            transit_usage_add(j->r->mount, j->name, version, 1);
    }
}

static void warn_of_compromise(struct transit_job *j)
{
    for (uint32_t i = 0; i < j->n; i++)
        if (j->items[i].compromised && j->items[i].error == NULL) {
            reply_warn(j->r, "version %u of the key is compromised: rewrap what it has sealed",
                j->items[i].version);
            return;
        }
}

static void release(struct transit_job *j)
{
    for (uint32_t i = 0; i < j->n; i++) {
        crypto_unref(j->items[i].key);
        crypto_unref(j->items[i].to);
        buf_free(&j->items[i].out);
        buf_free(&j->items[i].public_half);
    }
}

static void finish(struct request *r, void *arg)
{
    struct transit_job *j = arg;

    (void)r;
    if (j->batch)
        answer_batch(j);
    else
        answer_one(j);
    warn_of_compromise(j);
    count_uses(j);
    release(j);
}

void transit_job_run(struct transit_job *j)
{
    if (cost(j) > TRANSIT_LONGEST) {
        reply_error(j->r, 400, "the batch takes too long with a key of this type: at most %u items",
            (unsigned)(TRANSIT_LONGEST * (uint64_t)j->n / cost(j)));
        release(j);
        return;
    }
    if (cost(j) >= TRANSIT_SLOW) {
        if (!request_work(j->r, run_all, finish, j))
            release(j);
        return;
    }
    run_all(j);
    finish(j->r, j);
}
