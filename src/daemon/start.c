/*
 * start - see start.h.
 */
#include "daemon/start.h"
#include "daemon/messages.h"
#include "daemon/pack.h"

static const char *const names[ROLE_COUNT] = {
    [ROLE_CONTROL] = "control",
    [ROLE_KEEPER] = "keeper",
    [ROLE_EDGE] = "edge",
    [ROLE_VAULT] = "vault",
    [ROLE_STORE] = "store",
};

const char *role_name(enum role r)
{
    return names[r];
}

enum role role_find(struct str name)
{
    unsigned r = 0;

    while (r < ROLE_COUNT && !str_is(name, names[r]))
        r++;
    return (enum role)r;
}

static struct identity unpack_identity(struct unpack *u)
{
    struct identity i;

    i.uid = unpack_u32(u);
    i.gid = unpack_u32(u);
    return i;
}

static void pack_identity(struct buf *b, struct identity i)
{
    pack_u32(b, i.uid);
    pack_u32(b, i.gid);
}

static char *unpack_text(struct unpack *u, struct arena *a)
{
    struct str s = unpack_str(u);

    return arena_printf(a, "%.*s", STR_ARG(s));
}

void start_pack(const struct start *s, struct buf *b)
{
    pack_u32(b, s->workers);
    pack_identity(b, s->drop);
    pack_u32(b, s->state_given);
    pack_u32(b, s->again);
    pack_u32(b, s->json);
    pack_text(b, s->path);
    pack_text(b, s->environment);
    pack_text(b, s->state);
}

bool start_unpack(struct str body, struct arena *a, struct start *out)
{
    struct unpack u = unpack_from(body);
    struct start s;

    s.workers = unpack_u32(&u);
    s.drop = unpack_identity(&u);
    s.state_given = unpack_u32(&u);
    s.again = unpack_u32(&u);
    s.json = unpack_u32(&u);
    s.path = unpack_text(&u, a);
    s.environment = unpack_text(&u, a);
    s.state = unpack_text(&u, a);
    if (!unpack_done(&u))
        return false;
    *out = s;
    return true;
}

void plan_pack(const struct plan *p, struct buf *b)
{
    pack_u32(b, p->workers);
    pack_identity(b, p->roles);
    pack_identity(b, p->control);
    pack_u32(b, p->keeper);
    pack_identity(b, p->store);
    pack_text(b, p->state);
    pack_text(b, p->unseal);
    pack_text(b, p->log);
}

bool plan_unpack(struct str body, struct arena *a, struct plan *out)
{
    struct unpack u = unpack_from(body);
    struct plan p;

    p.workers = unpack_u32(&u);
    p.roles = unpack_identity(&u);
    p.control = unpack_identity(&u);
    p.keeper = unpack_u32(&u);
    p.store = unpack_identity(&u);
    p.state = unpack_text(&u, a);
    p.unseal = unpack_text(&u, a);
    p.log = unpack_text(&u, a);
    if (!unpack_done(&u) || p.workers < 1 || p.workers > 256)
        return false;
    *out = p;
    return true;
}
