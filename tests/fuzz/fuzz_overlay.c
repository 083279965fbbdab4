/*
 * Two files that become one blueprint: as base and overlay, and as a file and
 * what it includes.  The input is both, with a line "%%" between them.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/bug.h"
#include "base/fd.h"
#include "model/blueprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)type;
    (void)f;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/weir-fuzz-XXXXXX");
    MUST(mkdtemp(folder) != NULL && mkdir(path_of("environments"), 0700) == 0);
    MUST(atexit(remove_folder) == 0);
}

static void write_file(const char *name, const char *head, struct str text)
{
    FILE *f = fopen(path_of(name), "we");

    MUST(f != NULL);
    MUST(fputs(head, f) >= 0 && fwrite(text.at, 1, text.len, f) == text.len);
    MUST(fclose(f) == 0);
}

static void load(const char *name, const char *environment)
{
    const struct blueprint_options options = { environment, NULL };
    struct problems problems;
    struct problems none;
    struct blueprint *b = blueprint_load(path_of(name), &options, &problems);
    struct blueprint *again;

    MUST(b != NULL || problems.nerrors > 0);
    problems_free(&problems);
    if (b == NULL)
        return;
    again = blueprint_from_canonical(b->canonical, &none);
    MUST(again != NULL && again->version == b->version);
    problems_free(&none);
    blueprint_unref(again);
    blueprint_unref(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = memmem(data, size, "\n%%\n", 4);
    struct str base = { (const char *)data, cut != NULL ? (size_t)(cut - data) : size };
    struct str over = STR("");

    /* Other files and the environment are not the fuzzer's. */
    if (memmem(data, size, "include", 7) != NULL || memmem(data, size, "variables", 9) != NULL)
        return 0;
    if (cut != NULL)
        over = (struct str){ (const char *)cut + 4, size - base.len - 4 };
    if (folder[0] == '\0')
        make_folder();
    write_file("base.yaml", "", base);
    write_file("environments/over.yaml", "", over);
    load("base.yaml", "over");
    write_file("whole.yaml", "include: environments/over.yaml\n", base);
    load("whole.yaml", NULL);
    return 0;
}
