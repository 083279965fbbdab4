/*
 * weir keeper backup, restore, drill - all that it keeps in one file, encrypted to recipients.
 *
 * A recipient is a key pair (`weir keeper identity`): the public half goes into every backup, the private
 * half is kept where the keeper is not.  The file comes and goes in pieces; nothing here can read it.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/keeper_actions_int.h"

enum { PIECE = 2 << 20, IDENTITY_MAX = 4096 };

/* ---- recipients ---- */

int keeper_identity(const struct command_line *line)
{
    const char *path = line->args[0];
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    unsigned char public_half[crypto_box_PUBLICKEYBYTES];
    unsigned char private_half[crypto_box_SECRETKEYBYTES];
    struct buf text;
    struct err err;
    bool ok;

    if (fd < 0 || sodium_init() < 0) {
        err_set(&err, ERR_SYSTEM, "identity_file", "%s cannot be made", path);
        return command_fail(line, &err);
    }
    crypto_box_keypair(public_half, private_half);
    buf_init_secret(&text, 256);
    put_base64(&text, (struct str){ (const char *)private_half, sizeof(private_half) });
    buf_char(&text, '\n');
    sodium_memzero(private_half, sizeof(private_half));
    ok = fd_write_all(fd, text.data, text.len) == 0 && fsync(fd) == 0;
    buf_clear(&text);
    put_base64(&text, (struct str){ (const char *)public_half, sizeof(public_half) });
    if (!ok) {
        unlink(path);
        err_set(&err, ERR_SYSTEM, "identity_file", "%s cannot be written", path);
    } else if (line->json) {
        printf("{\"recipient\":\"%s\"}\n", buf_cstr(&text));
    } else {
        printf("%s holds the private half: keep it where the keeper is not.\nrecipient: %s\n", path,
            buf_cstr(&text));
    }
    buf_free(&text);
    return ok ? 0 : command_fail(line, &err);
}

/* ---- backup ---- */

static int begin_backup(const struct command_line *line, char **id, struct err *err)
{
    json_t *body = json_object();
    json_t *recipients = json_array();
    struct keeper_answer a;
    const char *key;
    unsigned at = 0;

    while ((key = command_option_each(line, "recipient", &at)) != NULL)
        json_array_append_new(recipients, json_string(key));
    if (json_array_size(recipients) > 0)
        json_object_set(body, "recipients", recipients);
    json_decref(recipients);
    if (keeper_ask(line,
            &(struct keeper_question){ .method = "POST", .path = "sys/weir/backup", .body = body },
            &a, err) == -1)
        return -1;
    *id = xstrdup(json_text_at(keeper_data(&a), "id"));
    keeper_answer_free(&a);
    return 0;
}

static int fetch_pieces(
    const struct command_line *line, const char *id, int fd, size_t *bytes, struct err *err)
{
    for (unsigned n = 0;; n++) {
        auto_free char *path = xasprintf("sys/weir/backup/%s/%u", id, n);
        struct keeper_answer a;
        int result = 0;
        bool last;

        if (keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = path }, &a, err) ==
            -1)
            return -1;
        last = a.status == 204;
        if (!last && fd_write_all(fd, a.bytes.data, a.bytes.len) == -1)
            result = err_set(err, ERR_SYSTEM, "backup_file", "the file cannot be written");
        *bytes += a.bytes.len;
        keeper_answer_free(&a);
        if (last || result == -1)
            return result;
    }
}

/* Written aside: a backup that broke off is not mistaken for one. */
int keeper_backup(const struct command_line *line)
{
    const char *path = line->args[0];
    auto_free char *aside = xasprintf("%s.part", path);
    auto_free char *id = NULL;
    auto_close int fd = -1;
    size_t bytes = 0;
    struct err err;

    if (begin_backup(line, &id, &err) == -1)
        return command_fail(line, &err);
    fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        err_set(&err, ERR_SYSTEM, "backup_file", "%s cannot be made", aside);
        return command_fail(line, &err);
    }
    if (fetch_pieces(line, id, fd, &bytes, &err) == -1) {
        unlink(aside);
        return command_fail(line, &err);
    }
    if (fsync(fd) == -1 || rename(aside, path) == -1) {
        unlink(aside);
        err_set(&err, ERR_SYSTEM, "backup_file", "%s cannot be written", path);
        return command_fail(line, &err);
    }
    if (line->json)
        printf("{\"path\":\"%s\",\"bytes\":%zu}\n", path, bytes);
    else
        printf(
            "%s: %zu bytes; \"weir keeper drill\" proves that it can be restored\n", path, bytes);
    return 0;
}

/* ---- restore, drill ---- */

static json_t *key_of(const struct command_line *line, struct err *err)
{
    const char *identity = command_option(line, "identity");
    struct buf text;
    json_t *body;
    struct str key;

    if (identity == NULL) {
        err_set(err, ERR_CONFIG, "identity_missing",
            "say which private key opens the backup: --identity FILE");
        return NULL;
    }
    buf_init_secret(&text, IDENTITY_MAX);
    if (fd_read_file(identity, &text, err) == -1) {
        buf_free(&text);
        return NULL;
    }
    key = str_trim(buf_as_str(&text));
    body = json_object();
    json_object_set_new(body, "identity", json_str_value(key));
    buf_free(&text);
    return body;
}

static int send_file(const struct command_line *line, const char *what, const char *id, int fd,
    bool open_to_all, struct err *err)
{
    auto_free char *piece = xmalloc(PIECE);
    uint64_t offset = 0;
    ssize_t n;

    while ((n = read(fd, piece, PIECE)) > 0) {
        auto_free char *path =
            xasprintf("sys/weir/%s/%s/%llu", what, id, (unsigned long long)offset);
        struct keeper_answer a;

        if (keeper_ask(line,
                &(struct keeper_question){ .method = "POST",
                    .path = path,
                    .raw = { piece, (size_t)n },
                    .open = open_to_all },
                &a, err) == -1)
            return -1;
        keeper_answer_free(&a);
        offset += (uint64_t)n;
    }
    return n == 0 ? 0 : err_set(err, ERR_SYSTEM, "backup_file", "the backup cannot be read");
}

static int finish_taking(const struct command_line *line, const char *what, const char *id,
    bool open_to_all, struct keeper_answer *a, struct err *err)
{
    auto_free char *path = xasprintf("sys/weir/%s/%s/finish", what, id);

    for (;;) {
        if (keeper_ask(line,
                &(struct keeper_question){ .method = "POST", .path = path, .open = open_to_all }, a,
                err) == -1)
            return -1;
        if (json_is_true(json_object_get(keeper_data(a), "done")))
            return 0;
        keeper_answer_free(a);
    }
}

static void say_proofs(const json_t *data)
{
    printf("%lld keys: %lld proven by a signature that the live public key verifies, %lld by "
           "opening what they sealed\n",
        (long long)json_number_at(data, "keys"),
        (long long)json_number_at(data, "signing_keys_proven"),
        (long long)json_number_at(data, "other_keys_proven"));
}

static int take_file(const struct command_line *line, const char *what, bool open_to_all)
{
    auto_close int fd = open(line->args[0], O_RDONLY | O_CLOEXEC);
    auto_free char *path = xasprintf("sys/weir/%s", what);
    auto_free char *id = NULL;
    struct keeper_answer a;
    struct err err;
    json_t *body;
    bool ok;

    if (fd < 0) {
        err_set(&err, ERR_CONFIG, "backup_file", "%s cannot be opened", line->args[0]);
        return command_fail(line, &err);
    }
    body = key_of(line, &err);
    if (body == NULL)
        return command_fail(line, &err);
    if (keeper_ask(line,
            &(struct keeper_question){
                .method = "POST", .path = path, .body = body, .open = open_to_all },
            &a, &err) == -1)
        return command_fail(line, &err);
    id = xstrdup(json_text_at(keeper_data(&a), "id"));
    keeper_answer_free(&a);
    if (send_file(line, what, id, fd, open_to_all, &err) == -1 ||
        finish_taking(line, what, id, open_to_all, &a, &err) == -1)
        return command_fail(line, &err);
    ok = json_is_true(json_object_get(keeper_data(&a), "ok"));
    if (line->json) {
        keeper_print_json(&a);
    } else {
        say_proofs(keeper_data(&a));
        puts(!ok ? "NOT all keys could be proven: weir keeper drill --json"
             : strcmp(what, "restore") == 0 ? "restored; it opens as the keeper did that made it"
                                            : "the backup can be restored");
    }
    keeper_answer_free(&a);
    return ok ? 0 : 1;
}

int keeper_restore(const struct command_line *line)
{
    return take_file(line, "restore", true);
}

int keeper_drill(const struct command_line *line)
{
    return take_file(line, "drill", false);
}
