/* log_file: files are put aside in order, a bounded number stays, links are not followed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "check.h"
#include "daemon/log_file.h"

static char folder[64];
static char path[96];

static void start(void)
{
    snprintf(folder, sizeof(folder), "/tmp/weir-log-XXXXXX");
    MUST(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/access.log", folder);
}

static const char *name(unsigned i)
{
    static char text[128];

    snprintf(text, sizeof(text), i == 0 ? "%s" : "%s.%u", path, i);
    return text;
}

static void finish(void)
{
    for (unsigned i = 0; i < 6; i++)
        unlink(name(i));
    MUST(rmdir(folder) == 0);
}

static void put(const char *text)
{
    struct err err;
    int fd = log_file_open(path, &err);

    MUST(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
    close(fd);
}

static bool holds(unsigned i, const char *want)
{
    struct buf b;
    struct err err;
    bool same;

    buf_init(&b, 1024);
    same = fd_read_file(name(i), &b, &err) == 0 && str_is(buf_as_str(&b), want);
    buf_free(&b);
    return same;
}

static void a_log_is_appended_to(void)
{
    struct err err;
    int fd;

    start();
    put("one\n");
    put("two\n");
    CHECK(holds(0, "one\ntwo\n"));
    fd = log_file_open(path, &err);
    CHECK_U64(log_file_size(fd), 8);
    close(fd);
    CHECK_U64(log_file_size(-1), 0);
    finish();
}

static void old_ones_move_up(void)
{
    struct err err;

    start();
    for (unsigned i = 1; i <= 5; i++) {
        char text[] = { (char)('0' + i), '\0' };

        put(text);
        CHECK(log_file_rotate(path, 3, &err) == 0);
    }
    CHECK(access(path, F_OK) == -1);
    CHECK(holds(1, "5") && holds(2, "4") && holds(3, "3"));
    CHECK(access(name(4), F_OK) == -1);
    put("6");
    CHECK(log_file_rotate(path, 0, &err) == 0);
    CHECK(access(path, F_OK) == -1 && holds(1, "5"));
    finish();
}

static void a_link_is_not_followed(void)
{
    struct err err;

    start();
    MUST(symlink("/tmp/weir-somewhere-else", path) == 0);
    CHECK(log_file_open(path, &err) == -1);
    CHECK_STR(str_from(err.id), "log_open");
    finish();
    CHECK(log_file_open(path, &err) == -1); /* no such folder */
    CHECK(strstr(err.text, path) != NULL);
}

TESTS(CASE(a_log_is_appended_to), CASE(old_ones_move_up), CASE(a_link_is_not_followed))
