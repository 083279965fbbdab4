/*
 * The store role's service: what its three links answer, in which order, and what a broken question gets.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "check.h"
#include "disk_faults.h"
#include "net/link.h"
#include "store/messages.h"
#include "store/service.h"
#include "store/wire.h"

enum { READING, WRITING, JOURNAL, ENDS };

struct role {
    char folder[64];
    struct service_options options;
    int ends[ENDS];
    pthread_t thread;
    uint64_t id; /* of the next question */
    uint16_t type;
    struct buf answer;
    struct err err;
};

static void *serve(void *arg)
{
    struct role *r = arg;

    store_serve(&r->options, NULL, NULL, &r->err);
    return NULL;
}

static void start(struct role *r)
{
    int theirs[ENDS];

    for (int i = 0; i < ENDS; i++) {
        int pair[2];

        MUST(link_pair(pair) == 0);
        r->ends[i] = pair[0];
        theirs[i] = pair[1];
    }
    r->options =
        (struct service_options){ r->folder, theirs[READING], theirs[WRITING], theirs[JOURNAL] };
    MUST(pthread_create(&r->thread, NULL, serve, r) == 0);
}

static void begin(struct role *r)
{
    memset(r, 0, sizeof(*r));
    snprintf(r->folder, sizeof(r->folder), "/tmp/weir-service-XXXXXX");
    MUST(mkdtemp(r->folder) != NULL);
    buf_init(&r->answer, STORE_MESSAGE_MAX);
    start(r);
}

static void stop(struct role *r)
{
    for (int i = 0; i < ENDS; i++)
        close(r->ends[i]);
    pthread_join(r->thread, NULL);
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *where)
{
    (void)s;
    (void)flag;
    (void)where;
    return remove(path);
}

static void end(struct role *r)
{
    stop(r);
    buf_free(&r->answer);
    nftw(r->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static uint16_t ask(struct role *r, int link, uint16_t type, struct str body)
{
    r->type = 0;
    CHECK(link_ask(r->ends[link], type, ++r->id, body, 20000, &r->type, &r->answer));
    return r->type;
}

static void put_change(struct buf *b, uint8_t id, const char *data)
{
    struct row r = { .term = 1, .name = STR("name"), .data = str_from(data) };

    r.id[0] = id;
    r.folder[0] = 9;
    buf_char(b, CHANGE_PUT);
    wire_put_row(b, &r);
}

/* One row, in a commit of that generation. */
static void commit_body(struct buf *b, uint64_t generation, uint8_t id, const char *data)
{
    buf_init(b, 10000);
    wire_put_u64(b, generation);
    wire_put_u32(b, 1);
    put_change(b, id, data);
}

static uint16_t commit(struct role *r, uint64_t generation, uint8_t id, const char *data)
{
    struct buf b;
    uint16_t type;

    commit_body(&b, generation, id, data);
    type = ask(r, WRITING, STORE_COMMIT, buf_as_str(&b));
    buf_free(&b);
    return type;
}

/* How many rows a scan gives, from the first on. */
static uint32_t scan(struct role *r, uint8_t after, uint32_t most)
{
    uint8_t body[STORE_ID + 4] = { after };
    struct str answer;
    uint32_t n = 99;

    body[STORE_ID] = (uint8_t)most;
    CHECK_U64(ask(r, READING, STORE_SCAN, (struct str){ (char *)body, sizeof(body) }), STORE_ROWS);
    answer = buf_as_str(&r->answer);
    CHECK(wire_take_u32(&answer, &n));
    return n;
}

static bool is_there(struct role *r, uint8_t id)
{
    uint8_t body[STORE_ID] = { id };
    struct str answer;
    uint32_t n = 0;

    CHECK_U64(ask(r, READING, STORE_GET, (struct str){ (char *)body, sizeof(body) }), STORE_ROWS);
    answer = buf_as_str(&r->answer);
    CHECK(wire_take_u32(&answer, &n) && n <= 1);
    return n == 1;
}

static void keeps_rows(void)
{
    struct role r;
    struct str answer;
    uint64_t rows = 0;

    begin(&r);
    CHECK(!is_there(&r, 1));
    CHECK_U64(commit(&r, 1, 1, "one"), STORE_DONE);
    CHECK(is_there(&r, 1));
    CHECK_U64(ask(&r, READING, STORE_STATS, STR_NONE), STORE_STATED);
    answer = buf_as_str(&r.answer);
    CHECK(answer.len == 24 && wire_take_u64(&answer, &rows));
    CHECK_U64(rows, 1);
    stop(&r);
    start(&r);
    CHECK(is_there(&r, 1));
    end(&r);
}

static void scans_see_one_moment(void)
{
    struct role r;

    begin(&r);
    for (uint8_t i = 1; i <= 6; i++)
        CHECK_U64(commit(&r, 1, i, "x"), STORE_DONE);
    CHECK_U64(scan(&r, 0, 4), 4);
    CHECK_U64(commit(&r, 1, 7, "later"), STORE_DONE);
    CHECK(is_there(&r, 7));
    CHECK_U64(scan(&r, 4, 4), 2);
    CHECK_U64(scan(&r, 6, 4), 0); /* lets the moment go */
    CHECK_U64(scan(&r, 0, 9), 7);
    CHECK_U64(scan(&r, 0, 0), 0);
    end(&r);
}

static void refuses_what_it_does_not_understand(void)
{
    static const uint16_t types[] = { 0, STORE_GET, STORE_LIST, STORE_DUE, STORE_OLDER, STORE_SCAN,
        STORE_STATS, STORE_TAIL, STORE_COMMIT, STORE_ROWS, 999 };
    struct role r;

    begin(&r);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        CHECK_U64(ask(&r, READING, types[i], STR("neither this nor that")), STORE_REFUSED);
        CHECK(str_starts(buf_as_str(&r.answer), STR("store_question")));
    }
    CHECK(!is_there(&r, 1)); /* and goes on */
    end(&r);
}

/* On the writing link a broken message ends all: the core is not what it was. */
static void ends_with_a_broken_commit(void)
{
    struct role r;
    struct buf b;
    uint16_t type;

    begin(&r);
    commit_body(&b, 1, 1, "one");
    b.data[8] = 2; /* two changes, of which one is there */
    CHECK(!link_ask(r.ends[WRITING], STORE_COMMIT, 1, buf_as_str(&b), 20000, &type, &r.answer));
    buf_free(&b);
    stop(&r);
    start(&r);
    CHECK(!is_there(&r, 1));
    end(&r);
}

static void a_generation_dies_with_its_first_refusal(void)
{
    struct role r;

    begin(&r);
    CHECK_U64(commit(&r, 3, 1, "one"), STORE_DONE);
    disk_fault_set(FAULT_FULL, 1);
    CHECK_U64(commit(&r, 3, 2, "two"), STORE_REFUSED);
    CHECK(str_starts(buf_as_str(&r.answer), STR("store_full")));
    disk_fault_set(FAULT_NONE, 0);
    CHECK_U64(commit(&r, 3, 3, "three"), STORE_REFUSED);
    CHECK_U64(commit(&r, 2, 4, "four"), STORE_REFUSED);
    CHECK_U64(commit(&r, 4, 5, "five"), STORE_DONE);
    CHECK(is_there(&r, 1) && !is_there(&r, 2) && !is_there(&r, 3) && !is_there(&r, 4));
    CHECK(is_there(&r, 5));
    end(&r);
}

static uint16_t append(struct role *r, uint32_t flags, const char *line)
{
    struct buf b;
    uint16_t type;

    buf_init(&b, 1000);
    wire_put_u32(&b, flags);
    buf_text(&b, line);
    type = ask(r, JOURNAL, JOURNAL_APPEND, buf_as_str(&b));
    buf_free(&b);
    return type;
}

static void tail_is(struct role *r, const char *want)
{
    struct str answer;
    uint64_t size = 0;

    CHECK_U64(ask(r, READING, STORE_TAIL, (struct str){ "\xff\0\0", 4 }), STORE_TAILED);
    answer = buf_as_str(&r->answer);
    CHECK(wire_take_u64(&answer, &size));
    CHECK_U64(size, strlen(want));
    CHECK_STR(answer, want);
}

static void no_record_lands_behind_a_gap(void)
{
    struct role r;

    begin(&r);
    tail_is(&r, "");
    CHECK_U64(append(&r, JOURNAL_SYNC, "one\n"), JOURNAL_DONE);
    disk_fault_set(FAULT_FULL, 1);
    CHECK_U64(append(&r, 0, "two\n"), STORE_REFUSED);
    CHECK(str_starts(buf_as_str(&r.answer), STR("journal_full")));
    disk_fault_set(FAULT_NONE, 0);
    CHECK_U64(append(&r, JOURNAL_SYNC, "three\n"), STORE_REFUSED);
    tail_is(&r, "one\n");
    CHECK_U64(append(&r, JOURNAL_RESUME, "two again\n"), JOURNAL_DONE);
    CHECK_U64(append(&r, 0, "three again\n"), JOURNAL_DONE);
    tail_is(&r, "one\ntwo again\nthree again\n");
    stop(&r);
    start(&r);
    tail_is(&r, "one\ntwo again\nthree again\n");
    end(&r);
}

/* Nobody knows then what is on the disk: the role ends and says why. */
static void ends_when_a_sync_of_the_journal_fails(void)
{
    struct role r;
    struct buf b;
    uint16_t type;

    begin(&r);
    CHECK_U64(append(&r, JOURNAL_SYNC, "one\n"), JOURNAL_DONE);
    disk_fault_set(FAULT_SYNC, 1);
    buf_init(&b, 100);
    wire_put_u32(&b, JOURNAL_SYNC);
    buf_text(&b, "two\n");
    CHECK(!link_ask(r.ends[JOURNAL], JOURNAL_APPEND, 1, buf_as_str(&b), 20000, &type, &r.answer));
    disk_fault_set(FAULT_NONE, 0);
    buf_free(&b);
    stop(&r);
    CHECK_STR(str_from(r.err.id), "journal_io");
    start(&r);
    tail_is(&r, "one\ntwo\n");
    end(&r);
}

TESTS(CASE(keeps_rows), CASE(scans_see_one_moment), CASE(refuses_what_it_does_not_understand),
    CASE(ends_with_a_broken_commit), CASE(a_generation_dies_with_its_first_refusal),
    CASE(no_record_lands_behind_a_gap), CASE(ends_when_a_sync_of_the_journal_fails))
