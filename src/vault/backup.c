/*
 * backup - a transit key's backup, as Vault and Weir make them: base64 around JSON.
 *
 * Holds private keys: no part of it is ever in an error's text.
 */
#include "base/json_read.h"
#include "vault/parsed_int.h"

enum { BACKUP_NODES_MAX = 500000 };

struct value *parse_backup(struct arena *a, struct str text, struct err *err)
{
    struct str json = parse_base64(a, text);
    struct err why = { 0 };
    struct value *v = json.at != NULL ? json_read(a, json, BACKUP_NODES_MAX, &why) : NULL;

    if (v != NULL && v->kind == VALUE_MAP)
        return v;
    err_set(err, ERR_CONFIG, "backup", "%s",
        json.at == NULL ? "the backup is not base64" : "the backup is not what a backup made");
    return NULL;
}
