/*
 * The local authority: what it makes, when it makes it anew, and what stops it.
 */
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/time.h"
#include "certs.h"
#include "check.h"
#include "daemon/issue.h"

static uint64_t *clock_page; /* monotonic, wall */
static char folder[64];

static void start(void)
{
    int fd;

    if (clock_page == NULL) {
        uint64_t now[2] = { 1, time_wall_usec() };

        fd = memfd_create("clock", MFD_CLOEXEC);
        MUST(fd >= 0 && fd_write_all(fd, now, sizeof(now)) == 0 && ftruncate(fd, 4096) == 0);
        clock_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        MUST(clock_page != MAP_FAILED && time_use_test_clock(fd) == 0);
        close(fd);
    }
    snprintf(folder, sizeof(folder), "/tmp/weir-issue-XXXXXX");
    MUST(mkdtemp(folder) != NULL);
    memcpy(folder + strlen(folder), "/local", sizeof("/local"));
}

static void finish(void)
{
    char command[128];

    *strrchr(folder, '/') = '\0';
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    MUST(system(command) == 0);
}

static void pass_days(int days)
{
    clock_page[1] += (uint64_t)days * 86400 * 1000000;
}

static char *text_of(const char *file)
{
    char path[128];
    struct buf b;
    struct err err = { 0 };

    buf_init(&b, 100000);
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (fd_read_file(path, &b, &err) == -1)
        return xstrdup("");
    buf_char(&b, '\0');
    return b.data;
}

static X509 *certificate(const char *file)
{
    auto_free char *text = text_of(file);
    BIO *b = BIO_new_mem_buf(text, -1);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

    BIO_free(b);
    return x;
}

static mode_t mode_of(const char *file)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", folder, file);
    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static int issue(const char *const *names, size_t n, const char *certificate_name, struct err *err)
{
    struct str list[ISSUE_NAMES_MAX + 1];

    for (size_t i = 0; i < n; i++)
        list[i] = str_from(names[i]);
    return issue_local(folder, list, n, certificate_name, err);
}

/* As a client that trusts ca.crt does. */
static bool serves(X509 *leaf, const char *host)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509 *ca = certificate("ca.crt");
    bool ok;

    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    X509_STORE_CTX_set_default(ctx, "ssl_server");
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)(clock_page[1] / 1000000));
    ok = X509_verify_cert(ctx) == 1;
    ok = ok &&
         (X509_check_host(leaf, host, 0, 0, NULL) == 1 || X509_check_ip_asc(leaf, host, 0) == 1);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(ca);
    return ok;
}

static void makes_a_certificate_that_clients_accept(void)
{
    static const char *const names[] = { "localhost", "*.shop.test", "127.0.0.1", "::1" };
    struct err err = { 0 };
    X509 *leaf;
    X509 *ca;

    start();
    CHECK(issue(names, 4, "shop", &err) == 0);
    leaf = certificate("shop.crt");
    ca = certificate("ca.crt");
    CHECK(leaf != NULL && ca != NULL);
    CHECK(serves(leaf, "localhost"));
    CHECK(serves(leaf, "a.shop.test"));
    CHECK(serves(leaf, "127.0.0.1"));
    CHECK(serves(leaf, "::1"));
    CHECK(!serves(leaf, "elsewhere.test"));
    CHECK(X509_get_pathlen(ca) == 0);
    CHECK((X509_get_extension_flags(leaf) & EXFLAG_CA) == 0);
    CHECK(X509_get_extended_key_usage(leaf) == XKU_SSL_SERVER);
    CHECK_U64(mode_of("shop.key"), 0600);
    CHECK_U64(mode_of("ca.key"), 0600);
    CHECK_U64(mode_of("shop.crt"), 0644);
    X509_free(leaf);
    X509_free(ca);
    finish();
}

/* Whether the leaf is another one than that in *before, which it then replaces. */
static bool is_new(char **before, const char *file)
{
    char *now = text_of(file);
    bool changed = *before == NULL || strcmp(*before, now) != 0;

    free(*before);
    *before = now;
    return changed;
}

static void makes_it_anew_only_when_needed(void)
{
    static const char *const names[] = { "a.test", "b.test" };
    static const char *const turned[] = { "b.test", "a.test" };
    static const char *const more[] = { "a.test", "b.test", "c.test" };
    auto_free char *leaf = NULL;
    auto_free char *ca = NULL;
    char path[128];
    struct err err = { 0 };

    start();
    CHECK(issue(names, 2, "x", &err) == 0 && is_new(&leaf, "x.crt") && is_new(&ca, "ca.crt"));
    CHECK(issue(names, 2, "x", &err) == 0 && !is_new(&leaf, "x.crt"));
    CHECK(issue(turned, 2, "x", &err) == 0 && !is_new(&leaf, "x.crt"));
    CHECK(issue(more, 3, "x", &err) == 0 && is_new(&leaf, "x.crt"));
    CHECK(issue(more, 2, "x", &err) == 0 && is_new(&leaf, "x.crt"));
    pass_days(59);
    CHECK(issue(names, 2, "x", &err) == 0 && !is_new(&leaf, "x.crt"));
    pass_days(2); /* less than a third is left */
    CHECK(issue(names, 2, "x", &err) == 0 && is_new(&leaf, "x.crt"));

    snprintf(path, sizeof(path), "%s/x.key", folder);
    MUST(fd_replace_file(path, "torn", 4, 0600, &err) == 0);
    CHECK(issue(names, 2, "x", &err) == 0 && is_new(&leaf, "x.crt"));
    CHECK(!is_new(&ca, "ca.crt"));
    pass_days(3650 - 61 - 80);
    CHECK(issue(names, 2, "x", &err) == 0 && is_new(&ca, "ca.crt") && is_new(&leaf, "x.crt"));
    finish();
}

static void never_replaces_an_authority_silently(void)
{
    static const char *const names[] = { "a.test" };
    auto_free char *ca = NULL;
    char path[128];
    struct err err = { 0 };

    start();
    CHECK(issue(names, 1, "x", &err) == 0 && is_new(&ca, "ca.crt"));
    snprintf(path, sizeof(path), "%s/ca.key", folder);
    MUST(unlink(path) == 0);
    CHECK(issue(names, 1, "x", &err) == -1);
    CHECK_STR(str_from(err.id), "issue_authority");
    CHECK(!is_new(&ca, "ca.crt"));
    snprintf(path, sizeof(path), "%s/ca.crt", folder);
    MUST(unlink(path) == 0);
    CHECK(issue(names, 1, "x", &err) == 0);
    CHECK(is_new(&ca, "ca.crt"));
    finish();
}

static void refuses_odd_names(void)
{
    static const char *const bad[] = { "", "a b", "a\nb", "x/y", ".", "a..", "*", "a.*.b",
        "1.2.3.4/8" };
    static const char *const good[] = { "a.test" };
    static const char *const files[] = { "", "ca", "../x", ".x", "a/b", "a b" };
    struct err err = { 0 };

    start();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(issue(&bad[i], 1, "x", &err) == -1);
        CHECK_STR(str_from(err.id), "issue_name");
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CHECK(issue(good, 1, files[i], &err) == -1);
        CHECK_STR(str_from(err.id), "issue_name");
    }
    CHECK(issue(good, 0, "x", &err) == -1);
    CHECK_STR(str_from(err.id), "issue_name");
    finish();
    snprintf(folder, sizeof(folder), "/nowhere/at/all");
    CHECK(issue(good, 1, "x", &err) == -1);
    CHECK_STR(str_from(err.id), "issue_folder");
}

TESTS(CASE(makes_a_certificate_that_clients_accept), CASE(makes_it_anew_only_when_needed),
    CASE(never_replaces_an_authority_silently), CASE(refuses_odd_names))
