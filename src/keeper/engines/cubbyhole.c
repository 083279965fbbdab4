/*
 * cubbyhole - a small store of each token's own, which ends with it.
 *
 * Entries are "cubbyhole/<hash of the token>/<path>", so that revoking the token finds them; nobody else can name them.
 */
#include "keeper/core/engines_int.h"
#include "keeper/core/token_int.h"

static bool own_path(struct request *r, struct str *path)
{
    struct str p = param(r, "path");

    if (r->who == NULL || r->who->hash.len == 0) {
        reply_error(r, 400, "cubbyhole operations are only supported by \"service\" type tokens");
        return false;
    }
    *path = entry_path(&r->tx, "cubbyhole/%.*s/%.*s", STR_ARG(r->who->hash), STR_ARG(p));
    return true;
}

static bool exists(struct request *r)
{
    struct str path;
    struct str data;

    if (r->who == NULL || r->who->hash.len == 0)
        return true;
    return own_path(r, &path) && entry_get(&r->tx, path, &data);
}

static void read(struct request *r)
{
    struct str path;
    struct value *data;

    if (!own_path(r, &path))
        return;
    data = param(r, "path").len > 0 ? entry_get_value(&r->tx, path) : NULL;
    if (data == NULL) {
        reply_not_found(r);
        return;
    }
    reply_data(r, data);
}

static void list(struct request *r)
{
    struct str path;

    if (!own_path(r, &path))
        return;
    if (param(r, "path").len > 0)
        path = entry_path(&r->tx, "%.*s/", STR_ARG(path));
    reply_keys(r, entry_list(&r->tx, path, STR_NONE, 0));
}

static void write(struct request *r)
{
    struct str path;

    if (!own_path(r, &path))
        return;
    if (param(r, "path").len == 0) {
        reply_error(r, 400, "missing path");
        return;
    }
    if (r->body->n == 0) {
        reply_error(r, 400, "missing data fields");
        return;
    }
    entry_put_value(&r->tx, path, r->body, 0);
    reply_empty(r);
}

static void delete (struct request *r)
{
    struct str path;

    if (!own_path(r, &path))
        return;
    entry_delete(&r->tx, path);
    reply_empty(r);
}

static const struct endpoint endpoints[] = {
    { "{path*}", { [OP_READ] = read, [OP_LIST] = list, [OP_WRITE] = write, [OP_DELETE] = delete },
        exists, 0 },
    { NULL },
};

const struct engine engine_cubbyhole = {
    .type = "cubbyhole",
    .single = true,
    .endpoints = endpoints,
};
