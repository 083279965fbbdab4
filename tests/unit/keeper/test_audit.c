/*
 * The audit journal: what its records say and keep to themselves, that no change to them goes unnoticed, and how it goes on after
 * crashes, cuts and full disks.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_read.h"
#include "base/mem.h"
#include "check.h"
#include "core_fixture.h"
#include "disk_faults.h"
#include "keeper/audit/chain_int.h"
#include "keeper/audit_verify.h"

enum { LINES = 2048 };

static struct core_fixture f;

/* ---- the journal as it lies there ---- */

static char *journal_folder(void)
{
    return arena_printf(&f.arena, "%s/audit", f.folder);
}

/* The one segment of a small journal. */
static char *segment(void)
{
    DIR *d = opendir(journal_folder());
    char *path = NULL;
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            path = arena_printf(&f.arena, "%s/%s", journal_folder(), e->d_name);
    if (d != NULL)
        closedir(d);
    return path;
}

static struct str read_all(const char *path)
{
    FILE *file = fopen(path, "re");
    struct str s = { NULL, 0 };
    struct stat st;
    char *to;

    if (file == NULL || stat(path, &st) != 0)
        return s;
    to = arena_alloc(&f.arena, (size_t)st.st_size + 1);
    s = (struct str){ to, fread(to, 1, (size_t)st.st_size, file) };
    to[s.len] = '\0';
    fclose(file);
    return s;
}

static void write_all(const char *path, struct str s)
{
    FILE *file = fopen(path, "we");

    CHECK(file != NULL && fwrite(s.at, 1, s.len, file) == s.len);
    if (file != NULL)
        fclose(file);
}

static size_t lines_of(struct str all, struct str *lines)
{
    size_t n = 0;

    while (all.len > 0 && n < LINES) {
        struct str rest;

        lines[n++] = str_cut(all, '\n', &rest);
        all = rest.at != NULL ? rest : STR("");
    }
    return n;
}

static bool contains(struct str all, const char *what)
{
    return memmem(all.at, all.len, what, strlen(what)) != NULL;
}

/* ---- verdicts ---- */

static struct audit_verdict verdict;
static unsigned found[AUDIT_FINDING_KINDS];

static void on_finding(void *arg, const struct audit_finding *one)
{
    (void)arg;
    found[one->kind]++;
}

static uint64_t verify_in(const char *folder, struct str head)
{
    struct audit_verify_options o = { .folder = folder, .on_finding = on_finding, .head = head };
    struct err err;

    memset(found, 0, sizeof(found));
    if (audit_verify(&o, &verdict, &err) == -1) {
        fprintf(stderr, "%s\n", err.text);
        CHECK(false);
    }
    return verdict.findings;
}

static uint64_t verify(void)
{
    return verify_in(f.folder, STR(""));
}

/* ---- some life ---- */

static int get(const char *path)
{
    return core_call(&f, OP_READ, path, f.root, NULL);
}

static int put(const char *path, const char *json)
{
    return core_call(&f, OP_WRITE, path, f.root, json);
}

static void live(void)
{
    CHECK_U64(put("sys/mounts/kv", "{\"type\":\"kv\"}"), 204);
    for (int i = 0; i < 4; i++) {
        CHECK_U64(
            put("kv/a",
                "{\"password\":\"canary-9f27\",\"pin\":73119,\"deep\":[{\"x\":\"canary-51\"}]}"),
            204);
        CHECK_U64(get("kv/a"), 200);
        core_fixture_advance(&f, 2);
        core_fixture_rounds(&f, 5);
    }
}

/* Everything is down: sealed first, so that the last head is noted. */
static void close_keeping_folder(void)
{
    CHECK_U64(put("sys/seal", NULL), 204);
    core_fixture_rounds(&f, 20);
    core_fixture_restart(&f);
}

static void records_say_what_happened(void)
{
    struct str lines[LINES];
    struct str all;
    char *hash;

    core_fixture_open(&f);
    live();
    CHECK_U64(core_call(&f, OP_READ, "kv/a", "hvs.canarycanarycanarycanary", NULL), 403);
    CHECK_U64(put("sys/audit-hash/weir", "{\"input\":\"canary-9f27\"}"), 200);
    hash = arena_strdup(&f.arena, arena_str(&f.arena, core_text(&f, "data.hash")).at);
    close_keeping_folder();
    all = read_all(segment());
    CHECK(all.len > 0);
    CHECK(contains(all, hash));
    CHECK(contains(all, "\"mount_type\":\"kv\""));
    CHECK(contains(all, "\"operation\":\"update\""));
    CHECK(contains(all, "\"path\":\"kv/a\""));
    CHECK(contains(all, "permission denied"));
    CHECK(contains(all, "\"event\":\"audit_opened\""));
    CHECK(!contains(all, "canary"));
    CHECK(!contains(all, "73119"));
    CHECK(!contains(all, f.root));
    for (size_t i = 0, n = lines_of(all, lines); i < n; i++) {
        struct err err;
        struct value *v = json_read(&f.arena, lines[i], 10000, &err);

        CHECK(v != NULL);
        CHECK_U64(value_get_i64(v, "seq", 0), i + 1);
        CHECK_U64(value_get_text(v, "hash", STR("")).len, CHAIN_HEX);
    }
    core_fixture_close(&f);
}

static void a_whole_journal_is_whole(void)
{
    core_fixture_open(&f);
    live();
    close_keeping_folder();
    CHECK_U64(verify(), 0);
    CHECK(verdict.records > 20);
    CHECK_U64(verdict.first, 1);
    CHECK_U64(verdict.last, verdict.records);
    CHECK_U64(verdict.noted, verdict.last);
    CHECK_U64(verdict.covered, verdict.last - 1);
    CHECK(verdict.heads >= 4);
    core_fixture_close(&f);
}

/* Every byte of every line, one after the other. */
static void every_flipped_byte_is_found(void)
{
    struct str all;
    struct str head;
    size_t missed = 0;
    char *path;
    int fd;

    core_fixture_open(&f);
    CHECK_U64(get("sys/mounts"), 200);
    core_fixture_advance(&f, 2);
    CHECK_U64(get("sys/policy"), 200);
    close_keeping_folder();
    CHECK_U64(verify(), 0);
    head = str_from(arena_strdup(&f.arena, verdict.head));
    path = segment();
    all = read_all(path);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (size_t i = 0; i < all.len; i++) {
        char flipped = (char)(all.at[i] ^ 1 << i % 7);

        CHECK(pwrite(fd, &flipped, 1, (off_t)i) == 1);
        if (verify_in(journal_folder(), head) == 0)
            missed++;
        CHECK(pwrite(fd, all.at + i, 1, (off_t)i) == 1);
    }
    CHECK_U64(missed, 0);
    close(fd);
    core_fixture_close(&f);
}

static void put_line(struct buf *to, struct str line)
{
    buf_str(to, line);
    buf_char(to, '\n');
}

static void dropped_swapped_and_repeated_records_are_found(void)
{
    struct str lines[LINES];
    struct str all;
    struct str head;
    struct buf b;
    char *path;
    size_t n;

    core_fixture_open(&f);
    live();
    close_keeping_folder();
    CHECK_U64(verify(), 0);
    head = str_from(arena_strdup(&f.arena, verdict.head));
    path = segment();
    all = read_all(path);
    n = lines_of(all, lines);
    CHECK(n > 20);
    buf_init(&b, 1 << 24);
    for (size_t victim = 0; victim < n; victim++) {
        buf_clear(&b);
        for (size_t i = 0; i < n; i++)
            if (i != victim)
                put_line(&b, lines[i]);
        write_all(path, buf_as_str(&b));
        if (victim > 0) /* a journal may begin later: what is before was archived */
            CHECK(verify_in(journal_folder(), head) > 0);
        CHECK(victim == 0 || found[victim == n - 1 ? AUDIT_CUT : AUDIT_MISSING] > 0);

        buf_clear(&b);
        for (size_t i = 0; i < n; i++) {
            size_t at = i == victim ? victim + 1 : i == victim + 1 ? victim : i;

            put_line(&b, lines[at < n ? at : i]);
        }
        write_all(path, buf_as_str(&b));
        CHECK(victim == n - 1 || verify_in(journal_folder(), head) > 0);

        buf_clear(&b);
        for (size_t i = 0; i < n; i++) {
            put_line(&b, lines[i]);
            if (i == victim)
                put_line(&b, lines[i]);
        }
        write_all(path, buf_as_str(&b));
        CHECK(verify_in(journal_folder(), head) > 0);
        CHECK(found[AUDIT_OUT_OF_ORDER] > 0);

        buf_clear(&b);
        for (size_t i = 0; i < victim; i++)
            put_line(&b, lines[i]);
        write_all(path, buf_as_str(&b));
        CHECK(verify_in(journal_folder(), head) > 0);
        CHECK(found[AUDIT_CUT] > 0);
    }
    buf_free(&b);
    core_fixture_close(&f);
}

/* Somebody who knows the format makes all hashes anew: the signed heads give him away. */
static void a_rewritten_chain_is_found(void)
{
    struct str lines[LINES];
    uint8_t last[CHAIN_HASH] = { 0 };
    struct buf b;
    char *path;
    size_t n;

    core_fixture_open(&f);
    live();
    close_keeping_folder();
    path = segment();
    n = lines_of(read_all(path), lines);
    buf_init(&b, 1 << 24);
    for (size_t i = 0; i < n; i++) {
        struct chain_line line;
        char hex[CHAIN_HEX];
        char *text;

        CHECK(chain_line_read(lines[i], &line));
        text = arena_strdup(&f.arena, arena_str(&f.arena, line.text).at);
        if (i == 3)
            text[line.text.len - 3] ^= 1;
        chain_leaf(last, (struct str){ text, line.text.len }, last);
        chain_hex(last, CHAIN_HASH, hex);
        buf_add(&b, text, line.text.len);
        buf_printf(&b, ",\"hash\":\"%.*s\"}\n", CHAIN_HEX, hex);
    }
    write_all(path, buf_as_str(&b));
    CHECK(verify() > 0);
    CHECK(found[AUDIT_CHANGED] > 0);
    buf_free(&b);
    core_fixture_close(&f);
}

static void it_goes_on_after_a_restart(void)
{
    uint64_t before;

    core_fixture_open(&f);
    live();
    core_fixture_restart(&f); /* as after a crash: nothing is sealed first */
    CHECK_U64(verify(), 0);
    before = verdict.last;
    core_fixture_unseal(&f);
    CHECK_U64(get("kv/a"), 200);
    close_keeping_folder();
    CHECK_U64(verify(), 0);
    CHECK(verdict.last > before);
    CHECK_U64(verdict.first, 1);
    CHECK(!contains(read_all(segment()), "audit_damaged"));
    core_fixture_close(&f);
}

/* A journal that somebody cut does not keep the keeper shut, and is never forgotten. */
static void a_cut_is_said_and_stays(void)
{
    struct str lines[LINES];
    struct str all;
    size_t n;

    core_fixture_open(&f);
    live();
    close_keeping_folder();
    all = read_all(segment());
    n = lines_of(all, lines);
    CHECK(truncate(segment(), (off_t)(lines[n - 4].at - all.at)) == 0);
    core_fixture_restart(&f);
    CHECK_U64(verify(), 1);
    core_fixture_unseal(&f);
    CHECK_U64(get("kv/a"), 200);
    CHECK(contains(read_all(segment()), "audit_damaged"));
    close_keeping_folder();
    CHECK_U64(verify(), 1);
    CHECK_U64(found[AUDIT_MISSING], 1);
    core_fixture_close(&f);
}

static void a_changed_end_is_said(void)
{
    struct str all;
    char *copy;

    core_fixture_open(&f);
    live();
    close_keeping_folder();
    all = read_all(segment());
    copy = arena_alloc(&f.arena, all.len);
    memcpy(copy, all.at, all.len);
    copy[all.len - 300] ^= 1; /* in the newest head */
    write_all(segment(), (struct str){ copy, all.len });
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(get("kv/a"), 200);
    CHECK(contains(read_all(segment()), "audit_damaged"));
    core_fixture_close(&f);
}

/* Nothing is told or changed that cannot be recorded; once there is room it goes on by itself. */
static void a_full_disk_refuses_and_recovers(void)
{
    int status = 0;

    core_fixture_open(&f);
    live();
    disk_fault_set(FAULT_FULL, 1);
    core_ask(&f, OP_READ, "kv/a", f.root, NULL, NULL, NULL);
    for (int i = 0; i < 5; i++) {
        core_fixture_rounds(&f, 20);
        core_fixture_advance(&f, 1);
    }
    core_fixture_run(&f);
    CHECK_U64(f.status, 503);
    CHECK_U64(get("kv/a"), 503);
    CHECK_U64(put("kv/b", "{\"x\":\"never\"}"), 503);
    disk_fault_set(FAULT_NONE, 0);
    for (int i = 0; i < 100 && status != 200; i++) {
        core_fixture_advance(&f, 1);
        core_fixture_rounds(&f, 5);
        status = get("kv/a");
    }
    CHECK_U64(status, 200);
    CHECK(contains(read_all(segment()), "did not take it in time"));
    CHECK_U64(get("kv/b"), 404);
    CHECK_U64(put("kv/b", "{\"x\":\"now\"}"), 204);
    close_keeping_folder();
    CHECK_U64(verify(), 0);
    core_fixture_close(&f);
}

static void a_long_request_is_a_short_record(void)
{
    struct buf b;
    struct str lines[LINES];
    size_t n;

    core_fixture_open(&f);
    CHECK_U64(put("sys/mounts/kv", "{\"type\":\"kv\"}"), 204);
    buf_init(&b, 1 << 22);
    buf_text(&b, "{\"all\":[");
    for (int i = 0; i < 50000; i++)
        buf_printf(&b, "%s\"canary-%d\"", i > 0 ? "," : "", i);
    buf_text(&b, "]}");
    CHECK_U64(put("kv/long", buf_cstr(&b)), 204);
    close_keeping_folder();
    n = lines_of(read_all(segment()), lines);
    for (size_t i = 0; i < n; i++)
        CHECK(lines[i].len < 70000);
    CHECK(contains(read_all(segment()), "hmac_of_all"));
    CHECK_U64(verify(), 0);
    buf_free(&b);
    core_fixture_close(&f);
}

/* RFC 6962 section 2.1.3's shape: root(7) = node(node(node(a,b),node(c,d)),node(node(e,f),g)). */
static void tree_of(const uint8_t (*leaves)[CHAIN_HASH], size_t n, uint8_t out[CHAIN_HASH])
{
    struct chain_tree left = { 0 };
    uint8_t halves[2][CHAIN_HASH];
    size_t k = 1;

    if (n == 1) {
        memcpy(out, leaves[0], CHAIN_HASH);
        return;
    }
    while (k * 2 < n)
        k *= 2;
    tree_of(leaves, k, halves[0]);
    tree_of(leaves + k, n - k, halves[1]);
    chain_tree_add(&left, halves[0]); /* of two leaves: the node of two hashes */
    chain_tree_add(&left, halves[1]);
    chain_tree_root(&left, out);
}

static void the_tree_is_that_of_rfc_6962(void)
{
    uint8_t leaves[70][CHAIN_HASH];
    struct chain_tree t = { 0 };
    uint8_t root[CHAIN_HASH];
    uint8_t empty[CHAIN_HASH];

    chain_tree_root(&t, root);
    CHECK(chain_unhex(STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        empty, CHAIN_HASH));
    CHECK(memcmp(root, empty, CHAIN_HASH) == 0);
    for (size_t i = 0; i < 70; i++) {
        uint8_t ours[CHAIN_HASH];

        memset(leaves[i], (int)i + 1, CHAIN_HASH);
        chain_tree_add(&t, leaves[i]);
        chain_tree_root(&t, ours);
        tree_of((const uint8_t(*)[CHAIN_HASH])leaves, i + 1, root);
        CHECK(memcmp(ours, root, CHAIN_HASH) == 0);
    }
}

/* RFC 4231, test case 2 with its key at full length is case 1: 20 bytes of 0x0b are padded with zeros. */
static void the_mac_is_hmac_sha256(void)
{
    uint8_t key[CHAIN_HASH] = { 0 };
    uint8_t out[CHAIN_HASH];
    char hex[CHAIN_HEX];
    struct chain_mac *m;

    memset(key, 0x0b, 20);
    m = chain_mac_new(key);
    chain_mac(m, STR("Hi There"), out);
    chain_hex(out, CHAIN_HASH, hex);
    CHECK_STR(((struct str){ hex, CHAIN_HEX }),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    chain_mac_free(m);
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(the_tree_is_that_of_rfc_6962),
        CASE(the_mac_is_hmac_sha256),
        CASE(records_say_what_happened),
        CASE(a_whole_journal_is_whole),
        CASE(every_flipped_byte_is_found),
        CASE(dropped_swapped_and_repeated_records_are_found),
        CASE(a_rewritten_chain_is_found),
        CASE(it_goes_on_after_a_restart),
        CASE(a_cut_is_said_and_stays),
        CASE(a_changed_end_is_said),
        CASE(a_full_disk_refuses_and_recovers),
        CASE(a_long_request_is_a_short_record),
    };

    core_fixture_use_clock();
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
