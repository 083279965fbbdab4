/*
 * The journal: segments that are one run of bytes, ends that a crash tore, files that somebody moved.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "store/journal.h"

static char folder[64];
static struct err err;

static struct journal *begin(uint64_t segment)
{
    memset(&err, 0, sizeof(err));
    snprintf(folder, sizeof(folder), "/tmp/weir-journal-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    return journal_open(folder, segment, &err);
}

static unsigned files(bool remove_them)
{
    DIR *d = opendir(folder);
    unsigned n = 0;
    struct dirent *e;

    while ((e = readdir(d)) != NULL) {
        n += e->d_name[0] != '.';
        if (remove_them && e->d_name[0] != '.')
            CHECK(unlinkat(dirfd(d), e->d_name, 0) == 0);
    }
    closedir(d);
    return n;
}

static void end(struct journal *j)
{
    journal_close(j);
    files(true);
    CHECK(rmdir(folder) == 0);
}

static char *first_file(void)
{
    return xasprintf("%s/%020d.jsonl", folder, 0);
}

static void append(struct journal *j, const char *line)
{
    CHECK(journal_append(j, str_from(line), &err) == 0);
}

static void tail_is(const struct journal *j, uint32_t most, const char *want)
{
    struct buf b;

    buf_init(&b, 10000);
    CHECK(journal_tail(j, most, &b, &err) == 0);
    CHECK_STR(buf_as_str(&b), want);
    buf_free(&b);
}

static void runs_over_segments(void)
{
    struct journal *j = begin(10);

    tail_is(j, 100, "");
    append(j, "one\n");
    append(j, "two-two\n");
    CHECK_U64(files(false), 1);
    append(j, "three\n");
    append(j, "four\n");
    append(j, "five\n");
    CHECK_U64(files(false), 3);
    CHECK_U64(journal_size(j), 28);
    CHECK(journal_sync(j, &err) == 0);
    tail_is(j, 100, "one\ntwo-two\nthree\nfour\nfive\n");
    tail_is(j, 12, "e\nfour\nfive\n");
    tail_is(j, 19, "wo\nthree\nfour\nfive\n");
    journal_close(j);
    j = journal_open(folder, 10, &err);
    CHECK_U64(journal_size(j), 28);
    append(j, "six\n");
    tail_is(j, 9, "five\nsix\n");
    end(j);
}

static void has_one_writer(void)
{
    struct journal *j = begin(100);

    CHECK(journal_open(folder, 100, &err) == NULL);
    CHECK_STR(str_from(err.id), "journal_locked");
    end(j);
}

/* A file that ends like this is cut to that many bytes. */
static void cut_to(const char *text, size_t len, size_t want)
{
    struct journal *j = begin(100000);
    char *path = first_file();
    struct stat s;
    FILE *f;

    append(j, "whole\n");
    journal_close(j);
    f = fopen(path, "ae");
    CHECK(fwrite(text, 1, len, f) == len);
    fclose(f);
    j = journal_open(folder, 100000, &err);
    CHECK(j != NULL);
    CHECK_U64(journal_size(j), want);
    CHECK(stat(path, &s) == 0 && (size_t)s.st_size == want);
    append(j, "next\n");
    tail_is(j, 5, "next\n");
    free(path);
    end(j);
}

static void cuts_torn_ends(void)
{
    cut_to("", 0, 6);
    cut_to("ha", 2, 6);
    cut_to("more\nha", 7, 11);
    cut_to("mo\0e\nha\n", 8, 6);
    cut_to("\0\0\0\0\0\0", 6, 6);
}

static void notices_a_file_that_was_moved(void)
{
    struct journal *j = begin(100000);
    char *path = first_file();

    append(j, "one\n");
    CHECK(unlink(path) == 0);
    append(j, "two\n");
    CHECK_U64(journal_size(j), 8);
    CHECK_U64(files(false), 1);
    tail_is(j, 100, "two\n");
    journal_close(j);
    j = journal_open(folder, 100000, &err);
    CHECK_U64(journal_size(j), 8); /* numbers go on where they were */
    free(path);
    end(j);
}

TESTS(CASE(runs_over_segments), CASE(has_one_writer), CASE(cuts_torn_ends),
    CASE(notices_a_file_that_was_moved))
