/*
 * work - slow things (RSA keys, password hashes) in threads beside the core's; see request_work().
 *
 * The threads are there from the start, since the sandbox lets none be made later.  They touch what was given
 * to run() alone; everything else happens in the core's thread.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/bug.h"
#include "keeper/core/state_int.h"

enum { THREADS = 2, WORK_MAX = 256 /* waiting; past it 503 */ };

struct work {
    struct list link;
    struct post post;
    struct workers *workers;
    struct call *call;
    void (*run)(void *arg);
    void (*done)(struct request *r, void *arg);
    void *arg;
};

struct workers {
    struct core *core;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct list waiting;
    unsigned nwaiting; /* and running; the core's thread alone */
    bool ending;
    pthread_t threads[THREADS];
};

/* In the core's thread: the work is done. */
static void finished(struct post *p)
{
    struct work *w = (struct work *)(void *)((char *)p - offsetof(struct work, post));
    struct call *call = w->call;

    w->workers->nwaiting--;
    call->working = false;
    call->work = NULL;
    list_remove(&call->link);
    w->done(&call->r, w->arg);
    free(w);
    if (!call->working) /* else done() gave more work */
        call_finish(call);
}

static void *thread(void *arg)
{
    struct workers *ws = arg;

    pthread_mutex_lock(&ws->lock);
    while (!ws->ending) {
        struct work *w;

        if (list_empty(&ws->waiting)) {
            pthread_cond_wait(&ws->news, &ws->lock);
            continue;
        }
        w = list_item(ws->waiting.next, struct work, link);
        list_remove(&w->link);
        pthread_mutex_unlock(&ws->lock);
        w->run(w->arg);
        loop_post(ws->core->loop, &w->post);
        pthread_mutex_lock(&ws->lock);
    }
    pthread_mutex_unlock(&ws->lock);
    return NULL;
}

bool request_work(struct request *r, void (*run)(void *arg),
    void (*done)(struct request *r, void *arg), void *arg)
{
    struct call *call = call_of(r);
    struct workers *ws = r->core->workers;
    struct work *w;

    if (call->inline_work) { /* nobody waits in the loop for this one: the core's own requests */
        run(arg);
        done(r, arg);
        return true;
    }
    if (ws->nwaiting >= WORK_MAX) {
        reply_error(r, 503, "too many requests wait for a worker");
        return false;
    }
    w = xcalloc(1, sizeof(*w));
    *w = (struct work){ .workers = ws, .call = call, .run = run, .done = done, .arg = arg };
    w->post.call = finished;
    ws->nwaiting++;
    call->working = true;
    call->work = w;
    list_append(&r->core->working, &call->link);
    pthread_mutex_lock(&ws->lock);
    list_append(&ws->waiting, &w->link);
    pthread_cond_signal(&ws->news);
    pthread_mutex_unlock(&ws->lock);
    return true;
}

struct workers *workers_new(struct core *c)
{
    struct workers *ws = xcalloc(1, sizeof(*ws));

    ws->core = c;
    list_init(&ws->waiting);
    MUST(pthread_mutex_init(&ws->lock, NULL) == 0 && pthread_cond_init(&ws->news, NULL) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        MUST(pthread_create(&ws->threads[i], NULL, thread, ws) == 0);
    return ws;
}

void workers_free(struct workers *ws)
{
    if (ws == NULL)
        return;
    pthread_mutex_lock(&ws->lock);
    ws->ending = true;
    pthread_cond_broadcast(&ws->news);
    pthread_mutex_unlock(&ws->lock);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(ws->threads[i], NULL);
    list_each (it, after, &ws->waiting)
        free(list_item(it, struct work, link));
    pthread_cond_destroy(&ws->news);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}
