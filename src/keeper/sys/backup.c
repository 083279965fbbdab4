/*
 * backup - the endpoints of backups, restores and drills; what they do is in keeper/seal/backup.c and restore.c.
 *
 *     POST sys/weir/backup {recipients}          -> {id}      GET sys/weir/backup/ID/0, /1 ...: pieces of the file; 204: that was all
 *     POST sys/weir/restore {identity|file_key}  -> {id}      POST sys/weir/restore/ID/OFFSET: bytes of the file;
 *                                                             POST sys/weir/restore/ID/finish, again until {done}
 *     sys/weir/drill: as restore, in a keeper that is open
 *
 * Keys are base64, 32 bytes. A restore needs no token: there is none in an empty keeper.
 */
#include "keeper/core/encode_int.h"
#include "keeper/seal/backup_file_int.h"
#include "keeper/seal/backup_int.h"
#include "keeper/sys/sys_int.h"

static const char settings[] = "core/backup/config";

/* ---- recipients ---- */

struct recipients {
    uint8_t keys[BACKUP_RECIPIENTS_MAX * BACKUP_KEY];
    unsigned n;
};

/* False: reply_error() said what is wrong. */
static bool read_recipients(struct request *r, const struct value *list, struct recipients *to)
{
    value_each (it, list) {
        struct str key;

        if (to->n == BACKUP_RECIPIENTS_MAX) {
            reply_error(r, 400, "at most %d recipients", BACKUP_RECIPIENTS_MAX);
            return false;
        }
        if (!decode_base64(&r->arena, it->text, &key) || key.len != BACKUP_KEY) {
            reply_error(r, 400, "a recipient is an X25519 public key: 32 bytes in base64");
            return false;
        }
        memcpy(to->keys + (size_t)to->n++ * BACKUP_KEY, key.at, BACKUP_KEY);
    }
    return true;
}

/* Those of the request, or those that were set. */
static bool find_recipients(struct request *r, struct recipients *to)
{
    struct value *list = NULL;

    if (!field_list(r, "recipients", &list) && !refused(r))
        list = value_get(entry_get_value(&r->tx, str_from(settings)), "recipients");
    if (refused(r) || !read_recipients(r, list, to))
        return false;
    if (to->n > 0)
        return true;
    reply_error(r, 400,
        "a backup needs recipients: give \"recipients\", or set them in sys/weir/backup/config");
    return false;
}

void sys_backup_config_read(struct request *r)
{
    struct value *v = entry_get_value(&r->tx, str_from(settings));

    if (v == NULL) {
        v = value_map(&r->arena);
        value_put(v, "recipients", value_list(&r->arena));
    }
    reply_data(r, v);
}

void sys_backup_config_write(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct recipients to = { .n = 0 };
    struct value *list = NULL;

    field_list(r, "recipients", &list);
    if (refused(r) || !read_recipients(r, list, &to))
        return;
    value_put(v, "recipients", list != NULL ? value_copy(&r->arena, list) : value_list(&r->arena));
    entry_put_value(&r->tx, str_from(settings), v, 0);
    reply_empty(r);
}

/* ---- making ---- */

void sys_backup_begin(struct request *r)
{
    struct recipients to = { .n = 0 };

    if (find_recipients(r, &to))
        backup_begin(r, to.keys, to.n);
}

void sys_backup_piece(struct request *r)
{
    uint64_t number;

    if (str_to_u64(param(r, "number"), UINT32_MAX, &number))
        backup_piece(r, param(r, "id"), number);
    else
        reply_error(r, 400, "a piece of a backup is a number");
}

void sys_backup_cancel(struct request *r)
{
    backup_cancel(r, param(r, "id"));
}

void sys_snapshot_read(struct request *r)
{
    struct recipients to = { .n = 0 };

    if (find_recipients(r, &to))
        backup_whole(r, to.keys, to.n);
}

void sys_snapshot_write(struct request *r)
{
    reply_error(r, 400,
        "a backup is restored into an empty keeper: start one on an empty folder and use "
        "\"weir keeper restore\"");
}

/* ---- taking ---- */

static void begin_taking(struct request *r, enum taking_kind kind)
{
    struct str key = STR_NONE;
    bool is_file_key = field_bytes(r, "file_key", &key);

    if (!is_file_key && !refused(r))
        field_bytes(r, "identity", &key);
    if (refused(r))
        return;
    if (key.len == BACKUP_KEY)
        taking_begin(r, kind, (const uint8_t *)key.at, is_file_key);
    else
        reply_error(r, 400,
            "give \"identity\", the private key of a recipient, or \"file_key\": 32 bytes in "
            "base64");
}

static void feed(struct request *r, enum taking_kind kind)
{
    uint64_t offset;

    if (str_to_u64(param(r, "offset"), INT64_MAX, &offset))
        taking_feed(r, kind, param(r, "id"), offset);
    else
        reply_error(r, 400, "the offset of these bytes is a number");
}

void sys_restore_begin(struct request *r)
{
    begin_taking(r, TAKING_RESTORE);
}

void sys_restore_feed(struct request *r)
{
    feed(r, TAKING_RESTORE);
}

void sys_restore_finish(struct request *r)
{
    taking_finish(r, TAKING_RESTORE, param(r, "id"));
}

void sys_restore_cancel(struct request *r)
{
    taking_cancel(r, TAKING_RESTORE, param(r, "id"));
}

void sys_drill_begin(struct request *r)
{
    begin_taking(r, TAKING_DRILL);
}

void sys_drill_feed(struct request *r)
{
    feed(r, TAKING_DRILL);
}

void sys_drill_finish(struct request *r)
{
    taking_finish(r, TAKING_DRILL, param(r, "id"));
}

void sys_drill_cancel(struct request *r)
{
    taking_cancel(r, TAKING_DRILL, param(r, "id"));
}
