/*
 * router - what a request pays for routing: 10 routes against 10,000.
 *
 * Routes of all kinds over several hosts; requests that fit them, and some that
 * fit none.  Both sizes are asked the same number of different requests, so
 * that what differs is the router's memory and not the requests'.  One JSON line
 * a size, then the ratio; the best of many short rounds, because the machine is
 * shared.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"
#include "model/router.h"

enum { REQUESTS = 1024, ROUNDS = 300, TEXT = 96 };

struct asked {
    char host[TEXT];
    char path[TEXT];
    struct route_request request;
};

static void put_route(struct buf *b, unsigned i)
{
    unsigned host = i % 7;

    buf_printf(b, "%s{\"match\":{", i > 0 ? "," : "");
    if (host > 0)
        buf_printf(b, "\"host\":[\"%sh%u.example.org\"],", host == 6 ? "*." : "", host);
    switch (i % 5) {
    case 0:
    case 1:
        buf_printf(b, "\"path\":\"/exact/%u/page\"", i);
        break;
    case 2:
        buf_printf(b, "\"path\":\"/pattern/%u/{id}/edit\"", i);
        break;
    case 3:
        buf_printf(b, "\"path\":\"/prefix/%u/*\"", i);
        break;
    default:
        buf_printf(b, "\"path\":\"/method/%u\",\"method\":[\"GET\"]", i);
        break;
    }
    buf_printf(b, "},\"respond\":{}}");
}

static struct blueprint *blueprint_of(unsigned routes)
{
    struct blueprint *b;
    struct problems problems;
    struct buf text;

    buf_init(&text, 64 << 20);
    buf_text(&text, "{\"listeners\":{\"web\":{\"address\":\":80\"}},\"routes\":[");
    for (unsigned i = 0; i < routes; i++)
        put_route(&text, i);
    buf_text(&text, "]}");
    b = blueprint_from_canonical(buf_as_str(&text), &problems);
    if (b == NULL) {
        fprintf(stderr, "router: %s\n", problems.n > 0 ? problems.at[0].text : "refused");
        exit(1);
    }
    problems_free(&problems);
    buf_free(&text);
    return b;
}

static void make_request(struct asked *a, unsigned i)
{
    unsigned host = i % 7;
    int n;

    snprintf(a->host, TEXT, "%sh%u.example.org", host == 6 ? "www." : "", host);
    switch (i % 5) {
    case 2:
        n = snprintf(a->path, TEXT, "/pattern/%u/77/edit", i);
        break;
    case 3:
        n = snprintf(a->path, TEXT, "/prefix/%u/a/b.css", i);
        break;
    case 4:
        n = snprintf(a->path, TEXT, "/method/%u", i);
        break;
    default:
        n = snprintf(a->path, TEXT, "/exact/%u/page", i);
        break;
    }
    a->request = (struct route_request){
        .host = str_from(a->host),
        .path = { a->path, (size_t)n },
        .method = STR("GET"),
        .listener = STR("web"),
    };
}

static double best_ns(const struct blueprint *b, unsigned routes)
{
    static struct asked asked[REQUESTS];
    double best = 1e9;
    unsigned found = 0;

    /* One in sixteen fits nothing. */
    for (unsigned i = 0; i < REQUESTS; i++)
        make_request(&asked[i], (unsigned)random_below(routes) + (i % 16 == 0 ? routes * 35 : 0));
    for (int round = 0; round < ROUNDS; round++) {
        nsec_t start = time_nsec();

        for (unsigned i = 0; i < REQUESTS; i++) {
            struct route_result out;

            router_find(b->router, &asked[i].request, &out);
            found += out.route != NULL;
        }
        if ((double)(time_nsec() - start) / REQUESTS < best)
            best = (double)(time_nsec() - start) / REQUESTS;
    }
    if (found != ROUNDS * (REQUESTS - REQUESTS / 16)) {
        fprintf(stderr, "router: %u requests found their route\n", found);
        exit(1);
    }
    return best;
}

int main(void)
{
    static const unsigned sizes[] = { 10, 10000 };
    double ns[2];

    for (int i = 0; i < 2; i++) {
        struct blueprint *b = blueprint_of(sizes[i]);

        ns[i] = best_ns(b, sizes[i]);
        printf("{\"name\":\"router\",\"routes\":%u,\"value\":%.1f,\"unit\":\"ns\"}\n", sizes[i],
            ns[i]);
        blueprint_unref(b);
    }
    printf("{\"name\":\"router_growth\",\"value\":%.2f,\"unit\":\"ratio\",\"at_most\":2}\n",
        ns[1] / ns[0]);
    return 0;
}
