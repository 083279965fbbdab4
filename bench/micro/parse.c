/*
 * parse - nanoseconds per request head, for a small request and a browser's.
 *
 * One JSON line a measure, for each set of instructions that the processor
 * has.  The best of many short rounds, because the machine is shared; the
 * heads lie in a ring of copies, so that no branch learns one place by heart.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "http/scan_int.h"
#include "http/uri.h"

enum { COPIES = 16, PER_ROUND = 4096, ROUNDS = 400, ROOM = 1088 };

static const char small[] = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

static const char browser[] =
    "GET /products/summer/shoes?colour=red&size=42&page=3&utm_source=news HTTP/1.1\r\n"
    "Host: www.shop.example.com\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "sec-ch-ua: \"Chromium\";v=\"120\", \"Not A Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
    "Referer: https://www.shop.example.com/products/summer\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.7\r\n"
    "Cookie: session=9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d; theme=dark\r\n"
    "\r\n";

struct request {
    const char *name;
    const char *bytes;
    size_t len;
};

static char ring[COPIES][ROOM];

static void parse_once(const char *bytes, size_t len)
{
    static const struct h1_limits limits = { 16384, 8192, 100 };
    static struct http_field fields[100];
    static struct h1_head head;
    static struct h1_parser p;

    head.fields = fields;
    h1_request_start(&p, &head, &limits);
    if (h1_parse(&p, bytes, len) != (int64_t)len) {
        fprintf(stderr, "parse: refused: %s\n", h1_error_word(p.error));
        exit(1);
    }
}

static double best_ns(const struct request *r)
{
    double best = 1e9;

    for (unsigned i = 0; i < COPIES; i++)
        memcpy(ring[i], r->bytes, r->len);
    for (unsigned round = 0; round < ROUNDS; round++) {
        nsec_t start = time_nsec();
        double each;

        for (unsigned i = 0; i < PER_ROUND; i++)
            parse_once(ring[i % COPIES], r->len);
        each = (double)(time_nsec() - start) / PER_ROUND;
        best = each < best ? each : best;
    }
    return best;
}

static double best_path_ns(struct str path)
{
    double best = 1e9;

    for (unsigned round = 0; round < ROUNDS; round++) {
        nsec_t start = time_nsec();
        double each;

        for (unsigned i = 0; i < PER_ROUND; i++) {
            static char to[ROOM];
            struct str out;

            if (!uri_normalize_path(path, to, &out))
                exit(1);
            __asm__ volatile("" : : "r"(out.at) : "memory");
        }
        each = (double)(time_nsec() - start) / PER_ROUND;
        best = each < best ? each : best;
    }
    return best;
}

int main(void)
{
    static const struct request requests[] = {
        { "small", small, sizeof(small) - 1 },
        { "browser", browser, sizeof(browser) - 1 },
    };
    const struct scanner *list[8];
    unsigned n = scanner_list(list, 8);

    for (unsigned s = 0; s < n; s++) {
        scanner = list[s];
        for (unsigned i = 0; i < 2; i++)
            printf("{\"name\":\"parse_%s\",\"bytes\":%zu,\"instructions\":\"%s\",\"weir\":%.1f,"
                   "\"unit\":\"ns\"}\n",
                requests[i].name, requests[i].len, list[s]->name, best_ns(&requests[i]));
    }
    printf("{\"name\":\"normal_path\",\"weir\":%.1f,\"unit\":\"ns\"}\n",
        best_path_ns(STR("/products/summer/shoes/red/42/details.html")));
    printf("{\"name\":\"odd_path\",\"weir\":%.1f,\"unit\":\"ns\"}\n",
        best_path_ns(STR("/products//summer/../shoes/red%20shoes/./details.html")));
    return 0;
}
