/*
 * origins_leave - an instance that gets no new requests is ended as soon as those under way have
 * ended, or after its time: the edge is asked now and then.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "daemon/origins_int.h"

enum { LOOK_EVERY = 100, STATUS_MAX = 64 << 20, LOOK_TIMEOUT = 5000 };

/* Does the edge still have requests with this one? */
static bool is_busy(const struct instance *i, const json_t *list)
{
    char address[32];
    size_t k;
    json_t *o;

    snprintf(address, sizeof(address), "127.0.0.1:%u", i->port);
    json_array_foreach(list, k, o)
    {
        const char *service = json_string_value(json_object_get(o, "service"));
        const char *where = json_string_value(json_object_get(o, "address"));

        if (service != NULL && where != NULL && strcmp(service, i->service) == 0 &&
            strcmp(where, address) == 0)
            return true;
    }
    return false;
}

static void end_idle(struct origins *o, const json_t *list)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->state == INSTANCE_LEAVING && i->pid != 0 && !is_busy(i, list))
            instance_end(i);
    }
}

static void answered(struct ask *a, struct message *m)
{
    struct origins *o = list_item(a, struct origins, looking);
    json_t *root = NULL;
    struct buf b;
    struct err err;

    o->asked = false;
    buf_init(&b, STATUS_MAX);
    if (m != NULL && m->nfds == 1 && fd_read_all(m->fds[0], &b, &err) == 0)
        root = json_loadb(b.data, b.len, 0, NULL);
    if (json_is_object(root))
        end_idle(o, json_object_get(root, "leaving"));
    json_decref(root);
    buf_free(&b);
    origins_watch_leaving(o);
}

static void look(struct pulse *p)
{
    struct origins *o = list_item(p, struct origins, look);
    struct channel *edge = o->control->edge;

    if (o->asked)
        return;
    if (edge == NULL) { /* and its requests with it */
        end_idle(o, NULL);
        return;
    }
    o->asked = true;
    ask_put(&o->control->asks, &o->looking,
        &(struct question){ .over = edge, .type = EDGE_STATUS, .timeout = LOOK_TIMEOUT }, answered);
}

void origins_watch_leaving(struct origins *o)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->state == INSTANCE_LEAVING && i->pid != 0) {
            pulse_set(&o->look, LOOK_EVERY);
            return;
        }
    }
}

void origins_leave_init(struct origins *o)
{
    pulse_init(&o->look, o->control->loop, look);
}
