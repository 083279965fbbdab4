/* listeners: sockets are bound once, shared by workers, and say why they cannot be had. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bug.h"
#include "check.h"
#include "daemon/listeners.h"

static char folder[] = "/tmp/weir-listeners-XXXXXX";

static struct addr address_of(int fd)
{
    struct addr a = { .len = sizeof(a.un) };

    MUST(getsockname(fd, &a.any, &a.len) == 0);
    return a;
}

static int bind_it(struct listeners *l, const char *address, unsigned count, const int **fds,
    unsigned *n, struct err *err)
{
    const struct listener_wish wish = { str_from(address), 16, count, 0600 };

    return listeners_bind(l, &wish, fds, n, err);
}

static bool answers(const struct addr *a)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, &a->any, a->len) == 0;

    close(fd);
    return yes;
}

static void workers_share_a_port(void)
{
    struct listeners *l = listeners_new();
    struct addr a;
    const int *fds;
    const int *again;
    unsigned n;
    struct err err;

    CHECK(bind_it(l, "127.0.0.1:0", 3, &fds, &n, &err) == 0);
    CHECK_U64(n, 3);
    a = address_of(fds[0]);
    CHECK(addr_port(&a) != 0);
    for (unsigned i = 1; i < n; i++) {
        struct addr b = address_of(fds[i]);

        CHECK(addr_eq(&a, &b));
    }
    CHECK(answers(&a));
    CHECK(bind_it(l, "127.0.0.1:0", 3, &again, &n, &err) == 0);
    CHECK(again == fds);
    listeners_free(l);
    CHECK(!answers(&a));
}

static void another_program_is_not_shared_with(void)
{
    struct listeners *first = listeners_new();
    struct listeners *second = listeners_new();
    char text[ADDR_TEXT_MAX];
    struct addr a;
    const int *fds;
    unsigned n;
    struct err err;

    CHECK(bind_it(first, "127.0.0.1:0", 2, &fds, &n, &err) == 0);
    a = address_of(fds[0]);
    addr_format(&a, text);
    CHECK(bind_it(second, text, 2, &fds, &n, &err) == -1); /* though both set SO_REUSEPORT */
    CHECK_STR(str_from(err.id), "listen_in_use");
    CHECK(strstr(err.text, text) != NULL);
    listeners_free(first);
    CHECK(bind_it(second, text, 2, &fds, &n, &err) == 0);
    listeners_free(second);
}

static bool keeps_odd(void *arg, struct str address)
{
    (void)arg;
    return str_ends(address, STR("odd"));
}

static void a_unix_socket_is_taken_over_only_from_the_dead(void)
{
    struct listeners *l = listeners_new();
    struct listeners *other = listeners_new();
    char address[128];
    struct stat st;
    struct addr a;
    const int *fds;
    unsigned n;
    struct err err;
    int dead;

    snprintf(address, sizeof(address), "unix:%s/odd", folder);
    MUST(addr_parse(str_from(address), &a, &err) == 0);
    dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(bind(dead, &a.any, a.len) == 0);
    close(dead); /* the file stays */
    CHECK(bind_it(l, address, 4, &fds, &n, &err) == 0);
    CHECK_U64(n, 1);
    CHECK(answers(&a));
    CHECK(stat(a.un.sun_path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(bind_it(other, address, 4, &fds, &n, &err) == -1);
    CHECK_STR(str_from(err.id), "listen_in_use");
    listeners_free(other);
    CHECK(answers(&a)); /* a failed attempt leaves the file of the living */

    snprintf(address, sizeof(address), "unix:%s/even", folder);
    CHECK(bind_it(l, address, 1, &fds, &n, &err) == 0);
    listeners_keep(l, keeps_odd, NULL);
    CHECK(answers(&a));
    CHECK(access(address + 5, F_OK) == -1);
    listeners_free(l);
    CHECK(access(a.un.sun_path, F_OK) == -1);
}

static void what_cannot_be_is_said(void)
{
    struct listeners *l = listeners_new();
    const int *fds;
    unsigned n;
    struct err err;

    CHECK(bind_it(l, "192.0.2.1:8080", 1, &fds, &n, &err) == -1);
    CHECK_STR(str_from(err.id), "listen_no_such_address");
    CHECK(bind_it(l, "nonsense", 1, &fds, &n, &err) == -1);
    CHECK_STR(str_from(err.id), "address_syntax");
    CHECK(bind_it(l, "127.0.0.1:0", 0, &fds, &n, &err) == -1);
    CHECK_STR(str_from(err.id), "listen_limit");
    listeners_free(l);
}

static void with_a_folder(void)
{
    MUST(mkdtemp(folder) != NULL);
    a_unix_socket_is_taken_over_only_from_the_dead();
    rmdir(folder);
}

TESTS(CASE(workers_share_a_port), CASE(another_program_is_not_shared_with), CASE(with_a_folder),
    CASE(what_cannot_be_is_said))
