/*
 * Forwarded and X-Forwarded-For, and lists in general.
 */
#include "base/bug.h"
#include "http/field.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cidr_set *trusted;
static struct arena arena;

static void trust_ten(void)
{
    struct cidr ten;
    struct err err;

    MUST(cidr_parse(STR("10.0.0.0/8"), &ten, &err) == 0);
    trusted = cidr_set_build(&arena, &ten, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str s = { (const char *)data, size };
    struct str rest = s;
    struct forwarded_element e;
    struct str element;
    struct ip peer, client;
    bool bad = false;

    if (trusted == NULL)
        trust_ten();
    MUST(ip_parse(STR("10.0.0.1"), &peer));
    client = forwarded_client(peer, s, STR_NONE, trusted);
    MUST(client.len == 4 || client.len == 16);
    client = forwarded_client(peer, STR_NONE, s, trusted);
    MUST(client.len == 4 || client.len == 16);
    while (forwarded_next(&rest, &e, &bad))
        MUST(!bad && e.for_.len <= size && http_is_field_value(e.for_));
    rest = s;
    while (http_list_next(&rest, &element))
        MUST(element.len > 0 && rest.len < size);
    return 0;
}
