/*
 * version - see version.h.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "daemon/version.h"

enum { BUNDLE_MAX = 256 << 20, SAVED_MAX = 64 << 20 };
#define FILE_BYTES_MAX ((size_t)4 << 20)

struct version *version_new(struct blueprint *b, const char *path, const char *environment)
{
    struct version *v = xcalloc(1, sizeof(*v));

    v->blueprint = b;
    v->path = xstrdup(path);
    v->environment = environment != NULL && environment[0] != '\0' ? xstrdup(environment) : NULL;
    v->ports = xcalloc(b->nlisteners + 1, sizeof(*v->ports));
    for (size_t i = 0; i < b->nlisteners; i++)
        v->ports[i] = addr_port(&b->listeners[i].address);
    v->certificates = xcalloc(b->ncertificates + 1, sizeof(*v->certificates));
    v->authorities = xcalloc(b->nservices + 1, sizeof(*v->authorities));
    buf_init(&v->system_ca, FILE_BYTES_MAX);
    for (size_t i = 0; i < b->ncertificates; i++) {
        buf_init(&v->certificates[i].chain, FILE_BYTES_MAX);
        buf_init(&v->certificates[i].ocsp, FILE_BYTES_MAX);
    }
    for (size_t i = 0; i < b->nservices; i++)
        buf_init(&v->authorities[i], FILE_BYTES_MAX);
    return v;
}

void version_free(struct version *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->blueprint->ncertificates; i++) {
        buf_free(&v->certificates[i].chain);
        buf_free(&v->certificates[i].ocsp);
    }
    for (size_t i = 0; i < v->blueprint->nservices; i++)
        buf_free(&v->authorities[i]);
    buf_free(&v->system_ca);
    free(v->ports);
    free(v->certificates);
    free(v->authorities);
    blueprint_unref(v->blueprint);
    free(v->path);
    free(v->environment);
    free(v);
}

static void put_base64(struct buf *to, const struct buf *from)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

    for (size_t i = 0; i < from->len; i += 3) {
        size_t n = from->len - i < 3 ? from->len - i : 3;
        uint32_t bits = 0;

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)from->data[i + k] : 0U);
        for (size_t k = 0; k < 4; k++)
            buf_char(to, digits[k <= n ? bits >> (18 - 6 * k) & 63 : 64]); /* the last fills up */
    }
}

static void put_certificates(struct json *j, const struct version *v)
{
    json_open(j, "certificates", '{');
    for (size_t i = 0; i < v->blueprint->ncertificates; i++) {
        const struct version_certificate *c = &v->certificates[i];

        json_open(j, v->blueprint->certificates[i].name.at, '{');
        json_put_str(j, "chain", buf_as_str(&c->chain));
        if (c->ocsp.len > 0) {
            struct buf text;

            buf_init(&text, 2 * FILE_BYTES_MAX);
            put_base64(&text, &c->ocsp);
            json_put_str(j, "ocsp", buf_as_str(&text));
            buf_free(&text);
        }
        json_close(j, '}');
    }
    json_close(j, '}');
}

void version_bundle(const struct version *v, struct buf *out)
{
    const struct blueprint *b = v->blueprint;
    struct json j;

    buf_init(out, BUNDLE_MAX);
    json_init(&j, out, false);
    json_open(&j, NULL, '{');
    json_put_str(&j, "blueprint", b->canonical);
    put_certificates(&j, v);
    json_open(&j, "authorities", '{');
    for (size_t i = 0; i < b->nservices; i++)
        if (v->authorities[i].len > 0)
            json_put_str(&j, b->services[i].name.at, buf_as_str(&v->authorities[i]));
    json_close(&j, '}');
    if (v->system_ca.len > 0)
        json_put_str(&j, "system_ca", buf_as_str(&v->system_ca));
    json_close(&j, '}');
}

/* Readers see the old or the new file.  No fsync: a new control reads it from the page cache, and
 * after a power failure nobody does, for `weir serve` begins with the blueprint's own file. */
static int replace_file(const char *path, const struct buf *b, struct err *err)
{
    auto_free char *aside = xasprintf("%s.new", path);
    auto_close int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || fd_write_all(fd, b->data, b->len) == -1 || rename(aside, path) == -1)
        return err_set(err, ERR_SYSTEM, "version_save", "%s cannot be written", path);
    return 0;
}

/* Chains that the keeper issued: a new control goes on with them while the keeper is sealed. */
static void put_kept(struct json *j, const struct version *v)
{
    json_open(j, "kept", '{');
    for (size_t i = 0; i < v->blueprint->ncertificates; i++)
        if (v->certificates[i].kept)
            json_put_str(
                j, v->blueprint->certificates[i].name.at, buf_as_str(&v->certificates[i].chain));
    json_close(j, '}');
}

int version_save(const struct version *v, const char *path, struct err *err)
{
    struct json j;
    struct buf b;
    int result;

    buf_init(&b, SAVED_MAX);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_put_text(&j, "path", v->path);
    json_put_text(&j, "environment", v->environment);
    json_put_u64(&j, "applied", v->applied);
    json_put_str(&j, "blueprint", v->blueprint->canonical);
    put_kept(&j, v);
    json_close(&j, '}');
    result = b.over ? err_set(err, ERR_LIMIT, "version_size", "the blueprint is too large to save")
                    : replace_file(path, &b, err);
    buf_free(&b);
    return result;
}

static void take_kept(struct version *v, const json_t *kept)
{
    for (size_t i = 0; i < v->blueprint->ncertificates; i++) {
        const json_t *chain = json_object_get(kept, v->blueprint->certificates[i].name.at);

        if (!json_is_string(chain))
            continue;
        buf_add(&v->certificates[i].chain, json_string_value(chain), json_string_length(chain));
        v->certificates[i].kept = true;
    }
}

static struct version *from_json(const json_t *root, struct err *err)
{
    const char *path = json_string_value(json_object_get(root, "path"));
    const json_t *text = json_object_get(root, "blueprint");
    struct problems problems;
    struct blueprint *b;
    struct version *v;

    if (path == NULL || !json_is_string(text)) {
        err_set(err, ERR_PEER, "version_damaged", "the saved blueprint is damaged");
        return NULL;
    }
    b = blueprint_from_canonical(
        (struct str){ json_string_value(text), json_string_length(text) }, &problems);
    if (b == NULL)
        err_set(err, ERR_PEER, "version_damaged", "the saved blueprint: %s",
            problems.n > 0 ? problems.at[0].text : "unreadable");
    problems_free(&problems);
    if (b == NULL)
        return NULL;
    v = version_new(b, path, json_string_value(json_object_get(root, "environment")));
    v->applied = (usec_t)json_integer_value(json_object_get(root, "applied"));
    take_kept(v, json_object_get(root, "kept"));
    return v;
}

struct version *version_load(const char *path, struct err *err)
{
    struct version *v = NULL;
    json_t *root;
    struct buf b;

    buf_init(&b, SAVED_MAX);
    if (fd_read_file(path, &b, err) == 0) {
        root = json_loadb(b.data, b.len, 0, NULL);
        v = from_json(root, err);
        json_decref(root);
    }
    buf_free(&b);
    return v;
}
