/*
 * metrics_table - the table as data, and what can be read off a metric's name.
 */
#include "watch/metrics_table.h"

#define METRIC_ROW(id, name, type, labels, help)                                                   \
    [METRIC_##id] = { name, METRIC_##type, labels, help },
const struct metric_info metric_table[METRIC_COUNT] = { METRICS(METRIC_ROW) };
#undef METRIC_ROW

unsigned metric_nlabels(enum metric id)
{
    const char *labels = metric_table[id].labels;
    unsigned n = labels[0] != '\0';

    for (; *labels != '\0'; labels++)
        n += *labels == ',';
    return n;
}

struct str metric_label(enum metric id, unsigned n)
{
    struct str rest = str_from(metric_table[id].labels);
    struct str label = str_cut(rest, ',', &rest);

    while (n-- > 0)
        label = str_cut(rest, ',', &rest);
    return label;
}

struct str metric_family(enum metric id)
{
    struct str name = str_from(metric_table[id].name);
    struct str total = STR("_total");

    if (str_ends(name, total))
        name.len -= total.len;
    return name;
}

struct str metric_unit(enum metric id)
{
    static const char *const units[] = { "seconds", "bytes" };
    struct str name = metric_family(id);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct str unit = str_from(units[i]);

        if (name.len > unit.len && str_ends(name, unit) && name.at[name.len - unit.len - 1] == '_')
            return unit;
    }
    return STR_NONE;
}
