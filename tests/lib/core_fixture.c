/*
 * core fixture - see core_fixture.h.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "core_fixture.h"
#include "keeper/audit/audit_int.h"
#include "keeper/core/entries_int.h"
#include "keeper/messages.h"
#include "store/service.h"
#include "vault/parsed_int.h"

enum { ANSWER_WITHIN = 60000 /* rounds */ };

static uint64_t *clock_page; /* usec: monotonic, wall */

void core_fixture_use_clock(void)
{
    uint64_t now[2] = { UINT64_C(1000000000), UINT64_C(1767225600000000) };
    int fd = memfd_create("clock", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, now, sizeof(now)) == (ssize_t)sizeof(now));
    MUST(time_use_test_clock(fd) == 0);
    clock_page = mmap(NULL, sizeof(now), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(clock_page != MAP_FAILED);
    close(fd);
}

/* Something is on its way to the store or the journal. */
static bool is_under_way(struct core_fixture *f)
{
    struct entries_stats stats;
    struct value *seen = value_map(&f->arena);

    entries_get_stats(core_entries(f->core), &stats);
    audit_observe(core_audit(f->core), &f->arena, seen);
    if (value_get_bool(seen, "stuck", false)) /* it will not arrive */
        return false;
    return stats.waiting > 0 || value_get_i64(seen, "waiting_bytes", 0) > 0 ||
           value_get_i64(seen, "written", 0) < value_get_i64(seen, "size", 0);
}

/* What is under way arrives first: else it would look as if the store had not answered for so long. */
static void settle(struct core_fixture *f)
{
    for (unsigned i = 0; i < ANSWER_WITHIN && is_under_way(f); i++)
        loop_once(f->loop, 1);
}

void core_fixture_advance(struct core_fixture *f, int64_t seconds)
{
    MUST(clock_page != NULL);
    settle(f);
    for (int i = 0; i < 2; i++)
        __atomic_store_n(&clock_page[i], clock_page[i] + (uint64_t)seconds * UINT64_C(1000000),
            __ATOMIC_SEQ_CST);
    core_fixture_rounds(f, 3);
    settle(f);
}

/* ---- life ---- */

static void *serve(void *arg)
{
    const struct core_fixture *f = arg;
    const struct service_options o = {
        .folder = f->folder,
        .read_fd = f->store_fds[0],
        .write_fd = f->store_fds[1],
        .journal_fd = f->store_fds[2],
    };
    struct err err;

    if (store_serve(&o, NULL, NULL, &err) == -1)
        fprintf(stderr, "the store of the fixture: %s\n", err.text);
    return NULL;
}

static void begin(struct core_fixture *f)
{
    int ours[3];

    for (int i = 0; i < 3; i++) {
        int ends[2];

        MUST(link_pair(ends) == 0);
        ours[i] = ends[0];
        f->store_fds[i] = ends[1];
    }
    MUST(pthread_create(&f->store, NULL, serve, f) == 0);
    f->loop = loop_new();
    f->core = core_new(f->loop);
    core_attach_store(f->core, ours[0], ours[1], ours[2]);
}

static void end(struct core_fixture *f)
{
    core_free(f->core);
    loop_free(f->loop);
    pthread_join(f->store, NULL);
}

void core_fixture_open_empty(struct core_fixture *f)
{
    *f = (struct core_fixture){ .remote = "127.0.0.1" };
    arena_init(&f->arena, 1 << 16);
    f->folder = xstrdup("/tmp/weir-core-XXXXXX");
    MUST(mkdtemp(f->folder) != NULL);
    begin(f);
}

static void copy(char *to, size_t room, struct str s)
{
    MUST(s.len < room);
    memcpy(to, s.at, s.len);
    to[s.len] = '\0';
}

void core_fixture_init(struct core_fixture *f)
{
    char *body = xasprintf(
        "{\"secret_shares\":%d,\"secret_threshold\":%d}", FIXTURE_SHARES, FIXTURE_THRESHOLD);

    if (core_call(f, OP_WRITE, "sys/init", NULL, body) != 200) {
        struct str why = core_text(f, "errors.0");

        fprintf(stderr, "init: %d %.*s\n", f->status, STR_ARG(why));
        BUG("the fixture cannot be initialised");
    }
    free(body);
    copy(f->root, sizeof(f->root), core_text(f, "root_token"));
    for (int i = 0; i < FIXTURE_SHARES; i++) {
        char *path = xasprintf("keys_base64.%d", i);

        copy(f->shares[i], sizeof(f->shares[i]), core_text(f, path));
        free(path);
    }
}

void core_fixture_unseal(struct core_fixture *f)
{
    for (int i = 0; i < FIXTURE_THRESHOLD; i++) {
        char *body = xasprintf("{\"key\":\"%s\"}", f->shares[i]);

        if (core_call(f, OP_WRITE, "sys/unseal", NULL, body) != 200) {
            struct str why = core_text(f, "errors.0");

            fprintf(stderr, "unseal: %d %.*s\n", f->status, STR_ARG(why));
            BUG("the fixture cannot be unsealed");
        }
        free(body);
    }
    MUST(!core_is_sealed(f->core));
}

void core_fixture_open(struct core_fixture *f)
{
    core_fixture_open_empty(f);
    core_fixture_init(f);
    core_fixture_unseal(f);
}

void core_fixture_restart(struct core_fixture *f)
{
    end(f);
    begin(f);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void core_fixture_close(struct core_fixture *f)
{
    end(f);
    nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f->folder);
    arena_free(&f->arena);
}

/* ---- asking ---- */

struct question {
    struct core_fixture *f;
    void (*done)(void *arg, int status, const struct value *body);
    void *arg;
};

static unsigned unanswered;

static void on_answer(void *arg, struct str bytes)
{
    struct question *q = arg;
    struct core_fixture *f = q->f;
    struct str copied = arena_str(&f->arena, bytes);
    const uint8_t *b = (const uint8_t *)copied.at;
    size_t skip = KEEPER_RESPONSE_HEAD + (b[4] | (size_t)b[5] << 8);

    f->status = b[0] | b[1] << 8;
    f->answer = NULL;
    f->raw = STR_NONE;
    if (b[2] == 0) {
        f->answer = value_decode(
            &f->arena, (struct str){ copied.at + skip, copied.len - skip }, VALUE_NODES_MAX);
        MUST(f->answer != NULL);
    } else if (b[2] == 1) {
        f->raw = (struct str){ copied.at + skip, copied.len - skip };
    }
    unanswered--;
    if (q->done != NULL)
        q->done(q->arg, f->status, f->answer);
    free(q);
}

static void put_u32(struct buf *to, size_t n)
{
    const uint8_t b[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24) };

    buf_add(to, b, sizeof(b));
}

static void put_part(struct buf *to, struct str s)
{
    put_u32(to, s.len);
    buf_str(to, s);
}

struct asked_for {
    enum operation op;
    const char *path;
    const char *token;
    const char *content_type;
    struct value *body;
    struct str raw;
};

/* As the api role would say it, with what it parses. */
static void encode(struct core_fixture *f, const struct asked_for *w, struct buf *to)
{
    struct value *rest = value_map(&f->arena);
    struct value *parsed = value_map(&f->arena);
    struct buf encoded;

    parse_special(&f->arena, str_from(w->path), str_from(w->content_type), w->body, w->raw, parsed);
    if (w->body != NULL)
        value_put(rest, "body", w->body);
    value_put(rest, "parsed", parsed);
    if (w->raw.at != NULL)
        value_put(rest, "raw", value_text(&f->arena, w->raw));
    if (f->certificate != NULL)
        value_put(rest, "certificate", value_copy(&f->arena, f->certificate));
    buf_init(&encoded, KEEPER_REQUEST_MAX);
    value_encode(rest, &encoded);
    buf_add(to, (const uint8_t[]){ (uint8_t)w->op, 0, 0, 0 }, 4);
    put_u32(to, (size_t)f->wrap_ttl);
    put_part(to, str_from(w->path));
    put_part(to, w->token != NULL ? str_from(w->token) : STR(""));
    put_part(to, str_from(f->remote));
    put_part(to, str_from(w->content_type));
    put_part(to, buf_as_str(&encoded));
    buf_free(&encoded);
    f->wrap_ttl = 0;
}

static void ask(struct core_fixture *f, const struct asked_for *w,
    void (*done)(void *arg, int status, const struct value *body), void *arg)
{
    struct question *q = xcalloc(1, sizeof(*q));
    struct buf bytes;

    *q = (struct question){ f, done, arg };
    buf_init(&bytes, KEEPER_REQUEST_MAX);
    encode(f, w, &bytes);
    unanswered++;
    core_request(f->core, buf_as_str(&bytes), on_answer, q);
    buf_free(&bytes);
}

static struct value *read_json(struct core_fixture *f, const char *json)
{
    struct value *v;
    struct err err;

    if (json == NULL)
        return NULL;
    v = json_read(&f->arena, arena_str(&f->arena, str_from(json)), VALUE_NODES_MAX, &err);
    if (v == NULL) {
        fprintf(stderr, "%s: %s\n", json, err.text);
        BUG("a test says what is no JSON");
    }
    return v;
}

void core_ask(struct core_fixture *f, enum operation op, const char *path, const char *token,
    const char *json, void (*done)(void *arg, int status, const struct value *body), void *arg)
{
    struct asked_for w = { op, path, token, "application/json", read_json(f, json), STR_NONE };

    ask(f, &w, done, arg);
}

void core_fixture_run(struct core_fixture *f)
{
    for (unsigned i = 0; unanswered > 0; i++) {
        if (i == ANSWER_WITHIN)
            BUG("the core does not answer");
        loop_once(
            f->loop, i == 0 ? 0 : 10); /* the first round hands on what was asked outside of one */
    }
}

void core_fixture_rounds(struct core_fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_once(f->loop, 1);
}

int core_call(struct core_fixture *f, enum operation op, const char *path, const char *token,
    const char *json)
{
    core_ask(f, op, path, token, json, NULL, NULL);
    core_fixture_run(f);
    return f->status;
}

int core_call_raw(struct core_fixture *f, enum operation op, const char *path, const char *token,
    const char *content_type, struct str body)
{
    struct asked_for w = { op, path, token, content_type, NULL, body };

    ask(f, &w, NULL, NULL);
    core_fixture_run(f);
    return f->status;
}

/* ---- looking at answers ---- */

const struct value *core_at(const struct core_fixture *f, const char *path)
{
    const struct value *v = f->answer;
    struct str rest = str_from(path);

    while (v != NULL && rest.at != NULL) {
        struct str word = str_cut(rest, '.', &rest);
        uint64_t at;

        if (v->kind == VALUE_LIST && str_to_u64(word, UINT32_MAX, &at)) {
            const struct value *it = v->first;

            while (it != NULL && at-- > 0)
                it = it->next;
            v = it;
        } else {
            v = value_find(v, word);
        }
    }
    return v;
}

struct str core_text(const struct core_fixture *f, const char *path)
{
    const struct value *v = core_at(f, path);

    if (v == NULL)
        return STR("");
    if (v->kind == VALUE_TRUE || v->kind == VALUE_FALSE)
        return v->kind == VALUE_TRUE ? STR("true") : STR("false");
    return v->kind == VALUE_TEXT || v->kind == VALUE_NUMBER ? v->text : STR("");
}
