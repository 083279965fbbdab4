/*
 * top_draw - the view as lines of a terminal.
 *
 * Every line passes through a pen that knows the column and stops at the edge.
 * Names come from blueprints and from the network: what is not printable ASCII
 * is shown as \xNN, so that nothing in a name can move the cursor, and so that
 * a column is a byte.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "watch/top_int.h"

enum {
    NAME_MIN = 12,
    RATE_WIDTH = 8,
    PERCENT_WIDTH = 7,
    TIME_WIDTH = 8,
    CONN_WIDTH = 8,
    STATE_WIDTH = 11,
    NUMBERS_WIDTH = RATE_WIDTH + PERCENT_WIDTH + 3 * TIME_WIDTH + CONN_WIDTH + STATE_WIDTH,
    COLUMNS_MAX = 400,
    CELL_MAX = 32,
};

enum style { PLAIN, BOLD, DIM, RED, YELLOW };

struct pen {
    struct buf *out;
    const struct top_look *look;
    unsigned columns;
    unsigned column;
    unsigned lines; /* finished */
    bool cut;       /* something did not fit */
};

/* A terminal that is too low shows the first lines: one more would scroll them away. */
static bool is_full(const struct pen *p)
{
    return p->look->live && p->look->rows > 0 && p->lines >= p->look->rows;
}

static void set_style(struct pen *p, enum style style)
{
    static const char *const codes[] = { "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m" };

    if (p->look->colour && !is_full(p))
        buf_text(p->out, codes[style]);
}

static void put_char(struct pen *p, char c)
{
    if (is_full(p))
        return;
    p->cut = p->column >= p->columns;
    if (!p->cut) {
        buf_char(p->out, c);
        p->column++;
    }
}

static void put(struct pen *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct pen *p, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (const char *c = text; *c != '\0'; c++)
        put_char(p, *c);
}

static void put_name(struct pen *p, struct str name)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];

        if (c >= 0x20 && c < 0x7f) {
            put_char(p, (char)c);
        } else {
            put_char(p, '\\');
            put_char(p, 'x');
            put_char(p, hex[c >> 4]);
            put_char(p, hex[c & 15]);
        }
    }
}

static void end_line(struct pen *p)
{
    bool last = p->look->live && p->lines + 1 == p->look->rows;

    if (!is_full(p))
        buf_text(p->out, last ? "\x1b[K" : p->look->live ? "\x1b[K\r\n" : "\n");
    p->column = 0;
    p->lines++;
}

/* ---- numbers ---- */

/* Three digits that count, whatever the size. */
static int digits(double n)
{
    return n < 9.995 ? 2 : n < 99.95 ? 1 : 0;
}

static const char *format_number(double n, char to[CELL_MAX])
{
    if (n >= 999.5e6)
        snprintf(to, CELL_MAX, "%.*fG", digits(n / 1e9), n / 1e9);
    else if (n >= 999.5e3)
        snprintf(to, CELL_MAX, "%.*fM", digits(n / 1e6), n / 1e6);
    else if (n >= 99.95 || n == (double)(long)n)
        snprintf(to, CELL_MAX, "%.0f", n);
    else
        snprintf(to, CELL_MAX, "%.1f", n);
    return to;
}

static const char *format_time(bool known, double seconds, char to[CELL_MAX])
{
    if (!known)
        snprintf(to, CELL_MAX, "-");
    else if (seconds < 0.9995e-3)
        snprintf(to, CELL_MAX, "%.0fus", seconds * 1e6);
    else if (seconds < 0.9995)
        snprintf(to, CELL_MAX, "%.*fms", digits(seconds * 1e3), seconds * 1e3);
    else
        snprintf(to, CELL_MAX, "%.*fs", digits(seconds), seconds);
    return to;
}

static const char *format_percent(double part, double whole, char to[CELL_MAX])
{
    double percent = whole > 0 ? 100 * part / whole : 0;

    if (percent == 0 || percent >= 99.95)
        snprintf(to, CELL_MAX, "%.0f", percent);
    else
        snprintf(to, CELL_MAX, "%.*f", digits(percent), percent);
    return to;
}

static const char *format_bytes(double n, char to[CELL_MAX])
{
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    unsigned unit = 0;

    for (; n >= 1023.5 && unit < 4; unit++)
        n /= 1024;
    snprintf(to, CELL_MAX, "%.*f %s", unit < 2 ? 0 : digits(n), n, units[unit]);
    return to;
}

/* ---- the head ---- */

static void draw_requests(struct pen *p, const struct top *t)
{
    const struct top_totals *n = &t->totals;
    char a[CELL_MAX];

    set_style(p, BOLD);
    put(p, "weir ");
    put_name(p, t->version);
    put(p, "%s", t->version.len > 0 ? "   " : "  ");
    put(p, "%s requests/s", format_number(n->rate, a));
    set_style(p, PLAIN);
    if (n->errors > 0)
        set_style(p, RED);
    put(p, "   errors %s %%", format_percent(n->errors, n->rate, a));
    set_style(p, PLAIN);
    put(p, "   P50 %s", format_time(n->has_times, n->p50, a));
    put(p, "  P95 %s", format_time(n->has_times, n->p95, a));
    put(p, "  P99 %s", format_time(n->has_times, n->p99, a));
    end_line(p);
}

static void draw_connections(struct pen *p, const struct top_totals *n)
{
    char a[CELL_MAX];

    put(p, "connections %s", format_number(n->connections, a));
    put(p, ", new %s/s", format_number(n->accepted, a));
    put(p, "   TLS %s/s", format_number(n->handshakes, a));
    put(p, ", resumed %s/s", format_number(n->resumed, a));
    put(p, ", failed %s/s", format_number(n->handshake_errors, a));
    put(p, "   queued %s", format_number(n->queued, a));
    end_line(p);
}

static void draw_refusals(struct pen *p, const struct top_totals *n)
{
    char a[CELL_MAX];

    put(p, "retries %s/s", format_number(n->retries, a));
    put(p, ", denied %s/s", format_number(n->retries_denied, a));
    put(p, "   refused %s/s", format_number(n->refused, a));
    put(p, "   over a limit %s/s", format_number(n->limited, a));
    put(p, "   log %s/s", format_number(n->log_events, a));
    if (n->log_dropped > 0)
        set_style(p, RED);
    put(p, ", dropped %s", format_number(n->log_dropped_ever, a));
    set_style(p, PLAIN);
    end_line(p);
}

/* Origin processes are called SERVICE/NUMBER, Weir's own by their role. */
static bool is_instance(const struct top_process *proc)
{
    return proc->role.len > 0 && memchr(proc->role.at, '/', proc->role.len) != NULL;
}

static void draw_process(struct pen *p, const struct top_process *proc)
{
    char a[CELL_MAX];
    char b[CELL_MAX];

    if (!proc->up)
        set_style(p, RED);
    put_name(p, proc->role);
    if (!proc->up)
        put(p, " down");
    else if (!is_instance(proc))
        put(p, " %s %% %s", format_percent(proc->cpu, 1, a), format_bytes(proc->memory_bytes, b));
    if (proc->restarts > 0)
        put(p, " (%s restarts)", format_number(proc->restarts, a));
    set_style(p, PLAIN);
    put(p, "   ");
}

/* The roles, then the origin processes: those that are down or have died by name. */
static void draw_processes(struct pen *p, const struct top *t)
{
    size_t instances = 0;
    size_t up = 0;

    for (size_t i = 0; i < t->nprocesses; i++)
        if (!is_instance(&t->processes[i]))
            draw_process(p, &t->processes[i]);
    for (size_t i = 0; i < t->nprocesses; i++) {
        if (!is_instance(&t->processes[i]))
            continue;
        instances++;
        up += t->processes[i].up;
        if (!t->processes[i].up || t->processes[i].restarts > 0)
            draw_process(p, &t->processes[i]);
    }
    if (instances > 0)
        put(p, "origin processes %zu/%zu up", up, instances);
    end_line(p);
}

/* ---- the tables ---- */

static unsigned name_width(const struct pen *p)
{
    return p->columns > NAME_MIN + NUMBERS_WIDTH ? p->columns - NUMBERS_WIDTH : NAME_MIN;
}

static void draw_table_head(struct pen *p, const char *name, bool origins)
{
    set_style(p, BOLD);
    put(p, "%-*s%*s%*s%*s%*s%*s", (int)name_width(p), name, RATE_WIDTH, "REQ/S", PERCENT_WIDTH,
        "ERR %", TIME_WIDTH, "P50", TIME_WIDTH, "P95", TIME_WIDTH, "P99");
    if (origins)
        put(p, "%*s  %s", CONN_WIDTH, "CONN", "STATE");
    set_style(p, PLAIN);
    end_line(p);
}

/* The name in its column; a '~' where it is cut. */
static void draw_row_name(struct pen *p, const struct top_row *row)
{
    unsigned columns = p->columns;
    unsigned width = name_width(p) - 1;

    if (p->columns > width)
        p->columns = width;
    p->cut = false;
    if (row->service.at != NULL) {
        put_name(p, row->service);
        put_char(p, '/');
    }
    put_name(p, row->name);
    if (p->cut && p->out->len > 0)
        p->out->data[p->out->len - 1] = '~';
    p->columns = columns;
    while (p->column < columns && p->column < width + 1)
        put_char(p, ' ');
}

static void draw_state(struct pen *p, const struct top_row *row)
{
    static const struct {
        const char *text;
        enum style style;
    } states[] = {
        { "healthy", PLAIN },
        { "half-open", YELLOW },
        { "open", RED },
        { "ejected", YELLOW },
        { "unhealthy", RED },
    };
    unsigned state = row->unhealthy      ? 4
                     : row->breaker == 2 ? 2
                     : row->ejected      ? 3
                     : row->breaker == 1 ? 1
                                         : 0;
    char text[CELL_MAX];
    char open[CELL_MAX];
    char idle[CELL_MAX];

    snprintf(text, sizeof(text), "%.12s/%.12s", format_number(row->connections, open),
        format_number(row->idle, idle));
    put(p, "%*s  ", CONN_WIDTH, text);
    set_style(p, states[state].style);
    put(p, "%s", states[state].text);
    set_style(p, PLAIN);
}

static void draw_row(struct pen *p, const struct top_row *row)
{
    char a[CELL_MAX];

    if (row->rate == 0)
        set_style(p, DIM);
    draw_row_name(p, row);
    put(p, "%*s", RATE_WIDTH, format_number(row->rate, a));
    if (row->errors > 0)
        set_style(p, RED);
    put(p, "%*s", PERCENT_WIDTH, format_percent(row->errors, row->rate, a));
    if (row->errors > 0)
        set_style(p, PLAIN);
    put(p, "%*s", TIME_WIDTH, format_time(row->has_times, row->p50, a));
    put(p, "%*s", TIME_WIDTH, format_time(row->has_times, row->p95, a));
    put(p, "%*s", TIME_WIDTH, format_time(row->has_times, row->p99, a));
    set_style(p, PLAIN);
    if (row->service.at != NULL)
        draw_state(p, row);
    end_line(p);
}

/* At most `room` lines of rows; the last of them says how many there are more. */
static void draw_rows(struct pen *p, const struct top_row *rows, size_t n, size_t room)
{
    struct top_row *sorted = xcalloc(n + 1, sizeof(*sorted));
    size_t shown = n <= room ? n : room > 0 ? room - 1 : 0;

    if (n > 0)
        memcpy(sorted, rows, n * sizeof(*rows));
    top_sort(sorted, n, p->look->sort);
    for (size_t i = 0; i < shown; i++)
        draw_row(p, &sorted[i]);
    if (shown < n && room > 0) {
        put(p, "... and %zu more", n - shown);
        end_line(p);
    }
    free(sorted);
}

/* How many lines each table gets: what it needs, else a fair half, else what the other leaves. */
static void share_room(const struct pen *p, const struct top *t, size_t *routes, size_t *origins)
{
    size_t fixed = p->lines + 4; /* two heads, a gap, the keys */
    size_t room = p->look->rows > fixed ? p->look->rows - fixed : 0;

    *routes = t->nroutes;
    *origins = t->norigins;
    if (p->look->rows == 0 || *routes + *origins <= room)
        return;
    if (*routes <= room / 2) {
        *origins = room - *routes;
    } else if (*origins <= room / 2) {
        *routes = room - *origins;
    } else {
        *routes = room - room / 2;
        *origins = room / 2;
    }
}

static void draw_keys(struct pen *p)
{
    static const char *const keys[] = { "r rate", "e errors", "9 P99" };

    put(p, "sort by: ");
    for (unsigned i = 0; i < 3; i++) {
        set_style(p, i == (unsigned)p->look->sort ? BOLD : DIM);
        put(p, "%s%s%s  ", i == (unsigned)p->look->sort ? "[" : " ", keys[i],
            i == (unsigned)p->look->sort ? "]" : " ");
    }
    set_style(p, DIM);
    put(p, "  q quit");
    set_style(p, PLAIN);
}

void top_draw(const struct top *t, const struct top_look *look, struct buf *out)
{
    struct pen p = { .out = out, .look = look };
    size_t routes;
    size_t origins;

    p.columns = look->columns > 0 && look->columns < COLUMNS_MAX ? look->columns : COLUMNS_MAX;
    if (look->live)
        buf_text(out, "\x1b[H");
    draw_requests(&p, t);
    draw_connections(&p, &t->totals);
    draw_refusals(&p, &t->totals);
    draw_processes(&p, t);
    if (look->trouble != NULL) {
        set_style(&p, RED);
        put_name(&p, str_from(look->trouble));
        set_style(&p, PLAIN);
    }
    end_line(&p);
    share_room(&p, t, &routes, &origins);
    draw_table_head(&p, "ROUTE", false);
    draw_rows(&p, t->routes, t->nroutes, routes);
    end_line(&p);
    draw_table_head(&p, "ORIGIN", true);
    draw_rows(&p, t->origins, t->norigins, origins);
    if (look->live) {
        draw_keys(&p);
        buf_text(out, is_full(&p) ? "" : "\x1b[K\x1b[J");
    }
}
