/*
 * The barrier, shares of its root key, and the memory in which keys lie.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "check.h"
#include "keeper/seal/barrier_int.h"
#include "keeper/seal/memory_int.h"
#include "keeper/seal/shamir_int.h"

/* ---- shares ---- */

static void combine(const uint8_t *shares, size_t len, const unsigned *which, unsigned n,
    uint8_t *secret, bool want)
{
    const uint8_t *picked[SHAMIR_SHARES_MAX];

    for (unsigned i = 0; i < n; i++)
        picked[i] = shares + which[i] * (len + 1);
    CHECK(shamir_combine(picked, n, len, secret) == want);
}

static void any_three_of_five(void)
{
    uint8_t secret[33];
    uint8_t back[33];
    uint8_t shares[5 * 34];

    random_bytes(secret, sizeof(secret));
    shamir_split(secret, sizeof(secret), 5, 3, shares);
    for (unsigned a = 0; a < 5; a++) {
        for (unsigned b = 0; b < 5; b++) {
            for (unsigned c = 0; c < 5; c++) {
                bool distinct = a != b && b != c && a != c;

                combine(shares, 33, (unsigned[]){ a, b, c }, 3, back, distinct);
                if (distinct)
                    CHECK(memcmp(back, secret, sizeof(secret)) == 0);
            }
        }
    }
    combine(shares, 33, (unsigned[]){ 0, 1 }, 2, back, true);
    CHECK(memcmp(back, secret, sizeof(secret)) != 0);
    combine(shares, 33, (unsigned[]){ 0 }, 1, back, false);
    combine(shares, 33, (unsigned[]){ 0, 1, 2, 3, 4 }, 5, back, true);
    CHECK(memcmp(back, secret, sizeof(secret)) == 0);
    shares[33] = 0;
    combine(shares, 33, (unsigned[]){ 0, 1, 2 }, 3, back, false);
}

/* f(x) = 0x2a + 0x01 x + 0x02 x^2, by hand: f(1) = 0x29, f(2) = 0x20, f(3) = 0x23. */
static void knows_the_field(void)
{
    static const uint8_t shares[] = { 0x29, 1, 0x20, 2, 0x23, 3 };
    uint8_t secret;

    combine(shares, 1, (unsigned[]){ 0, 1, 2 }, 3, &secret, true);
    CHECK_U64(secret, 0x2a);
}

static void all_255(void)
{
    uint8_t secret[16];
    uint8_t back[16];
    static uint8_t shares[255 * 17];
    unsigned which[255];

    random_bytes(secret, sizeof(secret));
    shamir_split(secret, sizeof(secret), 255, 255, shares);
    for (unsigned i = 0; i < 255; i++)
        which[i] = i;
    combine(shares, 16, which, 255, back, true);
    CHECK(memcmp(back, secret, sizeof(secret)) == 0);
    combine(shares, 16, which, 254, back, true);
    CHECK(memcmp(back, secret, sizeof(secret)) != 0);
}

/* ---- the barrier ---- */

static const uint8_t id_a[BLIND] = { 1 };
static const uint8_t id_b[BLIND] = { 2 };
static const uint8_t folder_a[BLIND] = { 3 };
static const uint8_t folder_b[BLIND] = { 4 };

static bool unseals(struct barrier *b, const uint8_t *id, const uint8_t *folder,
    enum sealed_part part, struct str sealed, const char *want)
{
    char to[256];
    size_t len = 0;
    bool ok = barrier_unseal(b, id, folder, part, sealed, to, &len);

    return ok && str_is((struct str){ to, len }, want);
}

static void every_byte_counts(void)
{
    struct barrier *b = barrier_new();
    struct buf sealed;
    char copy[256];

    barrier_create(b);
    buf_init(&sealed, 1000);
    barrier_seal(b, id_a, folder_a, SEALED_DATA, STR("the plain text"), &sealed);
    CHECK_U64(sealed.len, 14 + BARRIER_OVERHEAD);
    CHECK(unseals(b, id_a, folder_a, SEALED_DATA, buf_as_str(&sealed), "the plain text"));
    CHECK(!unseals(b, id_b, folder_a, SEALED_DATA, buf_as_str(&sealed), "the plain text"));
    CHECK(!unseals(b, id_a, folder_b, SEALED_DATA, buf_as_str(&sealed), "the plain text"));
    CHECK(!unseals(b, id_a, folder_a, SEALED_NAME, buf_as_str(&sealed), "the plain text"));
    for (size_t i = 0; i < sealed.len; i++) {
        char out[256];
        size_t len = 77;

        memcpy(copy, sealed.data, sealed.len);
        for (int bit = 0; bit < 8; bit++) {
            copy[i] = (char)(sealed.data[i] ^ 1 << bit);
            CHECK(!barrier_unseal(
                b, id_a, folder_a, SEALED_DATA, (struct str){ copy, sealed.len }, out, &len));
        }
        CHECK(!barrier_unseal(
            b, id_a, folder_a, SEALED_DATA, (struct str){ sealed.data, i }, out, &len));
        CHECK_U64(len, 77);
    }
    buf_free(&sealed);
    barrier_free(b);
}

static void opens_again(void)
{
    struct barrier *b = barrier_new();
    struct barrier *again = barrier_new();
    struct err err = { 0 };
    uint8_t root[BARRIER_KEY];
    uint8_t one[BLIND];
    uint8_t two[BLIND];
    struct buf sealed;
    struct buf packed;

    buf_init(&sealed, 1000);
    buf_init(&packed, 10000);
    barrier_create(b);
    barrier_seal(b, id_a, folder_a, SEALED_DATA, STR("old"), &sealed);
    barrier_rotate(b);
    CHECK_U64(barrier_term(b), 2);
    memcpy(root, barrier_root(b), BARRIER_KEY);
    barrier_pack(b, &packed);
    root[0] ^= 1;
    CHECK(barrier_open(again, root, buf_as_str(&packed), &err) == -1);
    CHECK_STR(str_from(err.id), "barrier_key");
    CHECK(!barrier_is_open(again));
    root[0] ^= 1;
    for (size_t i = 0; i < packed.len; i++) {
        packed.data[i] ^= 1;
        CHECK(barrier_open(again, root, buf_as_str(&packed), &err) == -1);
        packed.data[i] ^= 1;
        CHECK(barrier_open(again, root, (struct str){ packed.data, i }, &err) == -1);
    }
    CHECK(barrier_open(again, root, buf_as_str(&packed), &err) == 0);
    CHECK_U64(barrier_term(again), 2);
    CHECK_U64(barrier_oldest(again), 1);
    CHECK(unseals(again, id_a, folder_a, SEALED_DATA, buf_as_str(&sealed), "old"));
    barrier_blind(b, STR("a/b"), one);
    barrier_blind(again, STR("a/b"), two);
    CHECK(memcmp(one, two, BLIND) == 0);
    barrier_blind(again, STR("a/c"), two);
    CHECK(memcmp(one, two, BLIND) != 0);
    barrier_derive(b, "audit", one);
    barrier_derive(again, "audit", two);
    CHECK(memcmp(one, two, BLIND) == 0);
    barrier_derive(again, "audit2", two);
    CHECK(memcmp(one, two, BLIND) != 0);
    barrier_destroy_before(again, 2);
    CHECK_U64(barrier_oldest(again), 2);
    CHECK(!unseals(again, id_a, folder_a, SEALED_DATA, buf_as_str(&sealed), "old"));
    buf_free(&sealed);
    buf_free(&packed);
    barrier_free(b);
    barrier_free(again);
}

static void goes_back(void)
{
    struct barrier *b = barrier_new();
    struct barrier_state *was;
    uint8_t root[BARRIER_KEY];

    barrier_create(b);
    memcpy(root, barrier_root(b), BARRIER_KEY);
    was = barrier_snapshot(b);
    barrier_rotate(b);
    barrier_new_root(b);
    CHECK(memcmp(root, barrier_root(b), BARRIER_KEY) != 0);
    barrier_restore(b, was);
    CHECK_U64(barrier_term(b), 1);
    CHECK(memcmp(root, barrier_root(b), BARRIER_KEY) == 0);
    barrier_restore(b, NULL);
    CHECK(!barrier_is_open(b));
    CHECK(barrier_snapshot(b) == NULL);
    barrier_state_free(was);
    barrier_free(b);
}

static int order_of(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

static void nonces_differ(void)
{
    enum { N = 200000 };
    struct barrier *b = barrier_new();
    uint8_t *nonces = xmalloc((size_t)N * 12);
    unsigned twice = 0;
    struct buf sealed;

    buf_init(&sealed, 1000);
    barrier_create(b);
    for (unsigned i = 0; i < N; i++) {
        sealed.len = 0;
        barrier_seal(b, id_a, folder_a, SEALED_DATA, STR("x"), &sealed);
        memcpy(nonces + (size_t)i * 12, sealed.data + 5, 12);
    }
    qsort(nonces, N, 12, order_of);
    for (unsigned i = 1; i < N; i++)
        twice += memcmp(nonces + (size_t)i * 12, nonces + (size_t)(i - 1) * 12, 12) == 0;
    CHECK_U64(twice, 0);
    CHECK_U64(barrier_term_used(b), N);
    free(nonces);
    buf_free(&sealed);
    barrier_free(b);
}

/* What n seals of a barrier have as nonces. */
static void take_nonces(struct barrier *b, uint8_t *to, unsigned n)
{
    struct buf sealed;

    buf_init(&sealed, 1000);
    for (unsigned i = 0; i < n; i++) {
        sealed.len = 0;
        barrier_seal(b, id_a, folder_a, SEALED_DATA, STR("x"), &sealed);
        memcpy(to + (size_t)i * 12, sealed.data + 5, 12);
    }
    buf_free(&sealed);
}

/* The same keyring opened twice, as after a restart or in a machine that was copied, and a fork. */
static void nonces_differ_across_restart_and_fork(void)
{
    enum { N = 20000, PARTS = 4 };
    struct barrier *b = barrier_new();
    uint8_t *all = xmalloc((size_t)PARTS * N * 12);
    uint8_t root[BARRIER_KEY];
    struct err err = { 0 };
    struct buf packed;
    unsigned twice = 0;
    size_t got = 0;
    int pipes[2];
    pid_t child;

    buf_init(&packed, 10000);
    barrier_create(b);
    memcpy(root, barrier_root(b), BARRIER_KEY);
    barrier_pack(b, &packed);
    take_nonces(b, all, N);
    barrier_close(b);
    CHECK(barrier_open(b, root, buf_as_str(&packed), &err) == 0);
    take_nonces(b, all + (size_t)N * 12, N);
    CHECK(pipe(pipes) == 0);
    child = fork();
    if (child == 0) { /* secret memory is not there: opened anew, with everything else as it was */
        struct barrier *copy = barrier_new();
        uint8_t *own = xmalloc((size_t)N * 12);

        if (barrier_open(copy, root, buf_as_str(&packed), &err) == 0)
            take_nonces(copy, own, N);
        _exit(fd_write_all(pipes[1], own, (size_t)N * 12) == 0 ? 0 : 1);
    }
    close(pipes[1]);
    take_nonces(b, all + (size_t)2 * N * 12, N);
    while (got < (size_t)N * 12) {
        ssize_t n = read(pipes[0], all + (size_t)3 * N * 12 + got, (size_t)N * 12 - got);

        if (n <= 0)
            break;
        got += (size_t)n;
    }
    CHECK_U64(got, (size_t)N * 12);
    CHECK(waitpid(child, NULL, 0) == child);
    close(pipes[0]);
    qsort(all, (size_t)PARTS * N, 12, order_of);
    for (size_t i = 1; i < (size_t)PARTS * N; i++)
        twice += memcmp(all + i * 12, all + (i - 1) * 12, 12) == 0;
    CHECK_U64(twice, 0);
    free(all);
    buf_free(&packed);
    barrier_free(b);
}

/* ---- memory ---- */

static void gives_and_takes(void)
{
    enum { N = 3000 };
    static char *blocks[N];
    static size_t sizes[N];
    struct secret_memory_stats before;
    struct secret_memory_stats after;

    secret_memory_stats(&before);
    CHECK(before.room > 0);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < N; i++) {
            if (blocks[i] != NULL && random_below(2) == 0) {
                for (size_t k = 0; k < sizes[i]; k++) {
                    if (blocks[i][k] != (char)i) {
                        CHECK(blocks[i][k] == (char)i);
                        break;
                    }
                }
                secret_free(blocks[i]);
                blocks[i] = NULL;
            }
            if (blocks[i] == NULL) {
                size_t zeros = 0;

                sizes[i] = (size_t)random_below(i % 100 == 0 ? 40000 : 600);
                blocks[i] = secret_alloc(sizes[i]);
                CHECK(((uintptr_t)blocks[i] & 15) == 0);
                while (zeros < sizes[i] && blocks[i][zeros] == 0)
                    zeros++;
                CHECK_U64(zeros, sizes[i]);
                memset(blocks[i], (char)i, sizes[i]);
            }
        }
    }
    for (unsigned i = 0; i < N; i++)
        secret_free(blocks[i]);
    secret_free(NULL);
    secret_memory_stats(&after);
    CHECK_U64(after.used, before.used);
    CHECK_U64(after.fallen_back, before.fallen_back);
}

static void has_more_than_its_room(void)
{
    struct secret_memory_stats s;
    char *large = secret_alloc(8 << 20);

    memset(large, 1, 8 << 20);
    secret_memory_stats(&s);
    CHECK(s.fallen_back >= 8 << 20);
    secret_free(large);
    secret_memory_stats(&s);
    CHECK_U64(s.fallen_back, 0);
}

TESTS(CASE(any_three_of_five), CASE(knows_the_field), CASE(all_255), CASE(every_byte_counts),
    CASE(opens_again), CASE(goes_back), CASE(nonces_differ),
    CASE(nonces_differ_across_restart_and_fork), CASE(gives_and_takes),
    CASE(has_more_than_its_room))
