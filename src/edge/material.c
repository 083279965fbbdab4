/*
 * material - see material.h.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "edge/material.h"

struct material {
    json_t *root;
};

static struct str text_of(const json_t *j)
{
    return json_is_string(j) ? (struct str){ json_string_value(j), json_string_length(j) }
                             : STR_NONE;
}

int material_new(struct str bundle, struct material **out, struct str *canonical, struct err *err)
{
    json_t *root = json_loadb(bundle.at, bundle.len, 0, NULL);
    struct material *m;

    if (!json_is_object(root) || text_of(json_object_get(root, "blueprint")).len == 0) {
        json_decref(root);
        return err_set(err, ERR_PEER, "edge_bundle", "the bundle is not what the edge expects");
    }
    m = xcalloc(1, sizeof(*m));
    m->root = root;
    *canonical = text_of(json_object_get(root, "blueprint"));
    *out = m;
    return 0;
}

void material_free(struct material *m)
{
    if (m == NULL)
        return;
    json_decref(m->root);
    free(m);
}

/* ---- listeners ---- */

static int decode_base64(struct arena *a, struct str text, struct str *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *to = arena_alloc(a, text.len);
    uint32_t bits = 0;
    unsigned nbits = 0;
    size_t n = 0;

    for (size_t i = 0; i < text.len && text.at[i] != '='; i++) {
        const char *d = strchr(digits, text.at[i]);

        if (d == NULL || *d == '\0')
            return -1;
        bits = bits << 6 | (uint32_t)(d - digits);
        nbits += 6;
        if (nbits >= 8) {
            nbits -= 8;
            to[n++] = (char)(bits >> nbits & 0xff);
        }
    }
    *out = (struct str){ to, n };
    return 0;
}

static uint64_t mix(uint64_t print, struct str s)
{
    uint64_t pair[2] = { print, hash_stable(s.at, s.len) };

    return hash_stable(pair, sizeof(pair));
}

static int gather(const struct material *m, struct plan *p, const struct listener *l,
    struct tls_server_options *o, uint64_t *print, struct err *err)
{
    const json_t *all = json_object_get(m->root, "certificates");
    size_t n = l->tls.certificates.n;
    struct tls_certificate *list = arena_calloc(&p->arena, n, sizeof(*list));

    for (size_t i = 0; i < n; i++) {
        const struct certificate *c = l->tls.certificate[i];
        const json_t *j = json_object_get(all, c->name.at);
        struct str ocsp = text_of(json_object_get(j, "ocsp"));

        list[i].chain_pem = text_of(json_object_get(j, "chain"));
        list[i].hosts = c->hosts.at;
        list[i].nhosts = c->hosts.n;
        if (list[i].chain_pem.len == 0)
            return err_set(
                err, ERR_CONFIG, "edge_bundle", "certificate %s has no chain", c->name.at);
        if (ocsp.len > 0 && decode_base64(&p->arena, ocsp, &list[i].ocsp_der) == -1)
            return err_set(
                err, ERR_CONFIG, "edge_bundle", "certificate %s: bad OCSP response", c->name.at);
        *print = mix(mix(mix(*print, c->name), list[i].chain_pem), ocsp);
        for (size_t k = 0; k < c->hosts.n; k++)
            *print = mix(*print, c->hosts.at[k]);
    }
    for (size_t i = 0; i < l->tls.alpn.n; i++)
        *print = mix(*print, l->tls.alpn.at[i]);
    *print = mix(*print, l->tls.min_version == TLS_1_2 ? STR("1.2") : STR("1.3"));
    o->certificates = list;
    o->ncertificates = n;
    o->allow_tls12 = l->tls.min_version == TLS_1_2;
    o->alpn = l->tls.alpn.at;
    o->nalpn = l->tls.alpn.n;
    return 0;
}

static struct tls_context *take_over(struct tls_context *old)
{
    return old != NULL ? tls_context_ref(old) : NULL;
}

static int make_listener(const struct material *m, struct plan *p, size_t i,
    const struct plan *last, struct tls_signer *const *signers,
    const struct material_tickets *tickets, struct err *err)
{
    const struct listener *l = &p->blueprint->listeners[i];
    struct tls_server_options o = { .ticket_keys = tickets->keys, .nticket_keys = tickets->n };
    uint64_t *print = &p->prints.listeners[i];
    const struct plan *from = NULL;
    size_t at = 0;

    *print = 1;
    if (gather(m, p, l, &o, print, err) == -1)
        return err_wrap(err, "listener %s", l->name.at);
    for (size_t k = 0; last != NULL && k < last->blueprint->nlisteners; k++)
        if (last->prints.listeners[k] == *print) {
            from = last;
            at = k;
        }
    for (unsigned w = 0; w + 1 < p->nthreads; w++) {
        o.signer = signers[w];
        o.family = w;
        p->tls[w].listeners[i] =
            from != NULL ? take_over(from->tls[w].listeners[at]) : tls_server_new(&o, err);
        if (p->tls[w].listeners[i] == NULL)
            return err_wrap(err, "listener %s", l->name.at);
    }
    return 0;
}

/* ---- services ---- */

static int make_service(
    const struct material *m, struct plan *p, size_t i, const struct plan *last, struct err *err)
{
    const struct service *s = &p->blueprint->services[i];
    struct str ca = text_of(json_object_get(json_object_get(m->root, "authorities"), s->name.at));
    struct tls_client_options o = { .verify = s->tls.verify,
        .ca_pem = ca.len > 0 ? ca : text_of(json_object_get(m->root, "system_ca")),
        .allow_tls12 = s->tls.min_version == TLS_1_2 };
    uint64_t *print = &p->prints.services[i];
    const struct plan *from = NULL;
    size_t at = 0;

    *print = mix(mix(2, s->name), o.ca_pem) * 4 + (o.verify ? 2 : 0) + (o.allow_tls12 ? 1 : 0);
    for (size_t k = 0; last != NULL && k < last->blueprint->nservices; k++)
        if (last->prints.services[k] == *print) {
            from = last;
            at = k;
        }
    for (unsigned t = 0; t < p->nthreads; t++) {
        o.family = t;
        p->tls[t].services[i] =
            from != NULL ? take_over(from->tls[t].services[at]) : tls_client_new(&o, err);
        if (p->tls[t].services[i] == NULL)
            return err_wrap(err, "service %s", s->name.at);
    }
    return 0;
}

int material_make_contexts(const struct material *m, struct plan *p, const struct plan *last,
    struct tls_signer *const *signers, const struct material_tickets *tickets, struct err *err)
{
    for (size_t i = 0; i < p->blueprint->nlisteners; i++)
        if (p->blueprint->listeners[i].tls.on &&
            make_listener(m, p, i, last, signers, tickets, err) == -1)
            return -1;
    for (size_t i = 0; i < p->blueprint->nservices; i++)
        if (p->blueprint->services[i].tls.on && make_service(m, p, i, last, err) == -1)
            return -1;
    return 0;
}
