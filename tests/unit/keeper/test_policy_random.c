/*
 * A million random pairs of policy and path, decided by the compiled ACL and by a second matcher that shares nothing with
 * it: that one reads the rules' texts letter by letter for each question, and compares every rule with every other.
 */
#include <stdlib.h>

#include "check.h"
#include "keeper/core/policy_int.h"

enum { POLICIES = 20000, RULES_MAX = 12, PATHS = 50, TEXT_MAX = 64 };

struct plain_rule {
    char text[TEXT_MAX];
    unsigned can;
};

static uint64_t seed = 20240229;

static unsigned roll(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 11) % n);
}

/* ---- the second matcher ---- */

static bool is_plus_segment(const char *text, size_t i)
{
    return text[i] == '+' && (i == 0 || text[i - 1] == '/') &&
           (text[i + 1] == '\0' || text[i + 1] == '/');
}

static unsigned plus_segments(const char *text)
{
    unsigned n = 0;

    for (size_t i = 0; text[i] != '\0'; i++)
        n += is_plus_segment(text, i);
    return n;
}

static bool fits_from(const char *text, size_t i, const char *path)
{
    if (text[i] == '\0')
        return *path == '\0';
    if (text[i] == '*' && text[i + 1] == '\0')
        return true;
    if (is_plus_segment(text, i)) {
        while (*path != '\0' && *path != '/')
            path++;
        return fits_from(text, i + 1, path);
    }
    return *path == text[i] && fits_from(text, i + 1, path + 1);
}

static bool is_exact(const char *text)
{
    size_t n = strlen(text);

    return plus_segments(text) == 0 && (n == 0 || text[n - 1] != '*');
}

static bool ends_in_star(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && text[n - 1] == '*';
}

static size_t first_wild(const char *text)
{
    if (plus_segments(text) > 0)
        return strcspn(text, "+");
    return strlen(text) - ends_in_star(text);
}

/* Does x come before y, by the list in Vault's policy documentation? */
static bool beats(const char *x, const char *y)
{
    size_t len_x = strlen(x) - ends_in_star(x);
    size_t len_y = strlen(y) - ends_in_star(y);

    if (is_exact(x) != is_exact(y))
        return is_exact(x);
    if (first_wild(x) != first_wild(y))
        return first_wild(x) > first_wild(y);
    if (ends_in_star(x) != ends_in_star(y))
        return ends_in_star(y);
    if (plus_segments(x) != plus_segments(y))
        return plus_segments(x) < plus_segments(y);
    if (len_x != len_y)
        return len_x > len_y;
    return strcmp(x, y) > 0;
}

static const char *strongest(const struct plain_rule *rules, unsigned n, const char *path)
{
    const char *best = NULL;

    for (unsigned i = 0; i < n; i++)
        if (fits_from(rules[i].text, 0, path) && (best == NULL || beats(rules[i].text, best)))
            best = rules[i].text;
    return best;
}

static unsigned united(const struct plain_rule *rules, unsigned n, const char *text)
{
    unsigned can = 0;

    for (unsigned i = 0; text != NULL && i < n; i++)
        if (strcmp(rules[i].text, text) == 0)
            can |= rules[i].can;
    return (can & CAN_DENY) != 0 ? CAN_DENY : can;
}

static unsigned slow_look(const struct plain_rule *rules, unsigned n, const char *path, bool list)
{
    char form[2][TEXT_MAX + 2];
    const char *best[2];
    unsigned can[2];
    size_t len = strlen(path);

    if (!list)
        return united(rules, n, strongest(rules, n, path));
    if (len > 0 && path[len - 1] == '/')
        len--;
    snprintf(form[0], sizeof(form[0]), "%.*s/", (int)len, path);
    snprintf(form[1], sizeof(form[1]), "%.*s", (int)len, path);
    for (int i = 0; i < 2; i++) {
        best[i] = strongest(rules, n, form[i]);
        can[i] = united(rules, n, best[i]);
    }
    for (int i = 0; i < 2; i++)
        if (best[i] == NULL)
            return can[!i];
    if (is_exact(best[0]) && is_exact(best[1]))
        return can[1] == CAN_DENY ? can[1] : can[0];
    if (is_exact(best[0]) || is_exact(best[1]))
        return is_exact(best[0]) ? can[0] : can[1];
    if (can[0] != CAN_DENY && can[1] != CAN_DENY)
        for (int i = 0; i < 2; i++)
            if ((can[i] & CAN_LIST) != 0 && (can[!i] & CAN_LIST) == 0)
                return can[i];
    return beats(best[1], best[0]) ? can[1] : can[0];
}

/* ---- random policies ---- */

/* Few letters, so that rules and paths meet often. */
static void random_text(char *to, bool rule)
{
    unsigned segments = 1 + roll(4);
    size_t len = 0;

    for (unsigned i = 0; i < segments; i++) {
        static const char *const words[] = { "a", "b", "ab", "ba", "", "a+", "b*", "aa" };
        bool plus = rule && roll(3) == 0;

        len += (size_t)snprintf(to + len, TEXT_MAX - len, "%s%s", i > 0 ? "/" : "",
            plus ? "+" : words[roll(roll(4) == 0 ? 8 : 4)]);
    }
    while (len > 0 && to[0] == '/') /* neither rules nor paths begin so once they are read */
        memmove(to, to + 1, len--);
    if (rule && roll(3) == 0 && (len == 0 || (to[len - 1] != '+' && to[len - 1] != '*')))
        snprintf(to + len, TEXT_MAX - len, "*");
    else if (len > 0 && to[len - 1] == '*')
        to[len - 1] = rule && len > 1 && to[len - 2] == '+' ? 'c' : to[len - 1];
}

static unsigned random_capabilities(void)
{
    return roll(5) == 0 ? CAN_DENY : (roll(512) & (CAN_READ | CAN_UPDATE | CAN_LIST | CAN_SUDO));
}

static void add_capabilities(struct arena *a, struct value *row, unsigned can)
{
    static const struct {
        unsigned can;
        const char *name;
    } names[] = { { CAN_DENY, "deny" }, { CAN_READ, "read" }, { CAN_UPDATE, "update" },
        { CAN_LIST, "list" }, { CAN_SUDO, "sudo" } };
    struct value *list = value_list(a);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((can & names[i].can) != 0)
            value_add_text(a, list, str_from(names[i].name));
    value_put(row, "capabilities", list);
}

static struct acl *compile(struct arena *arena, const struct plain_rule *rules, unsigned n)
{
    struct acl *a = acl_new();
    struct value *list = value_list(arena);
    const char *why = "";

    for (unsigned i = 0; i < n; i++) {
        struct value *row = value_map(arena);

        value_put_text(arena, row, "path", str_from(rules[i].text));
        add_capabilities(arena, row, rules[i].can);
        value_add(list, row);
    }
    if (!acl_add(a, list, &why))
        fprintf(stderr, "%s\n", why);
    acl_finish(a);
    return a;
}

static bool agree(const struct acl *a, const struct plain_rule *rules, unsigned n, unsigned *met)
{
    char path[TEXT_MAX];
    bool list = roll(2) == 0;
    unsigned slow;
    struct acl_answer fast;

    random_text(path, false);
    acl_look(a, str_from(path), list, &fast);
    slow = slow_look(rules, n, path, list);
    *met += slow != 0;
    if (fast.capabilities == slow)
        return true;
    fprintf(stderr, "%s \"%s\": %u, not %u, under\n", list ? "list" : "look", path,
        fast.capabilities, slow);
    for (unsigned i = 0; i < n; i++)
        fprintf(stderr, "    \"%s\" %u\n", rules[i].text, rules[i].can);
    return false;
}

static void a_million_pairs_are_decided_alike(void)
{
    struct arena arena;
    unsigned met = 0;
    unsigned differ = 0;

    arena_init(&arena, 1 << 16);
    for (unsigned p = 0; p < POLICIES && differ < 3; p++) {
        struct plain_rule rules[RULES_MAX];
        unsigned n = 1 + roll(RULES_MAX);
        struct acl *a;

        for (unsigned i = 0; i < n; i++) {
            random_text(rules[i].text, true);
            rules[i].can = random_capabilities();
        }
        a = compile(&arena, rules, n);
        for (unsigned i = 0; i < PATHS; i++)
            differ += !agree(a, rules, n, &met);
        acl_free(a);
        arena_reset(&arena);
    }
    arena_free(&arena);
    CHECK_U64(differ, 0);
    CHECK(met > POLICIES * PATHS / 4); /* enough of them met a rule to mean something */
}

TESTS(CASE(a_million_pairs_are_decided_alike))
