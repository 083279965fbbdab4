/*
 * files - blueprints in a folder of the test's own.
 */
#ifndef WEIR_TESTS_MODEL_FILES_H
#define WEIR_TESTS_MODEL_FILES_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "check.h"
#include "model/blueprint.h"

static char files_folder[256];

static inline void files_begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(
        files_folder, sizeof(files_folder), "%s/weir-model-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CHECK(mkdtemp(files_folder) != NULL);
}

static inline int files_remove(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)type;
    (void)f;
    return remove(path);
}

static inline void files_end(void)
{
    nftw(files_folder, files_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *files_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", files_folder, name);
    return path;
}

static inline void files_write(const char *name, const char *text)
{
    struct err err = { 0 };
    char folder[512];
    char *slash;

    snprintf(folder, sizeof(folder), "%s", files_path(name));
    slash = strrchr(folder, '/');
    *slash = '\0';
    mkdir(folder, 0700);
    CHECK(fd_replace_file(files_path(name), text, strlen(text), 0600, &err) == 0);
}

static inline void files_print(const struct problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        fprintf(stderr, "    %s:%u:%u: %s [%s]\n", p->at[i].file, p->at[i].line, p->at[i].column,
            p->at[i].text, p->at[i].id);
}

/* weir.yaml with an overlay, or none. */
static inline struct blueprint *files_load(const char *environment, struct problems *p)
{
    struct blueprint_options options = { environment, NULL };

    return blueprint_load(files_path("weir.yaml"), &options, p);
}

/* A blueprint that must be good. */
static inline struct blueprint *files_good(const char *text)
{
    struct blueprint *b;
    struct problems p;

    files_begin();
    files_write("weir.yaml", text);
    b = files_load(NULL, &p);
    CHECK(b != NULL);
    if (b == NULL)
        files_print(&p);
    problems_free(&p);
    files_end();
    return b;
}

/* Is there a problem with this id in this line (0: any) whose text has these words? */
static inline bool files_has(
    const struct problems *p, const char *id, unsigned line, unsigned column, const char *words)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->at[i].id, id) == 0 && (line == 0 || p->at[i].line == line) &&
            (column == 0 || p->at[i].column == column) && strstr(p->at[i].text, words) != NULL)
            return true;
    files_print(p);
    return false;
}

#endif
