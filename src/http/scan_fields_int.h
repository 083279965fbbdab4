/*
 * The grammar of field lines (RFC 9112 section 5), compiled once per set of
 * instructions; included only by scan.c, which defines VARIANT(name) and
 * TARGET and the functions token, target and value.
 *
 *     field-line = token ":" OWS *( not a control byte ) OWS CRLF
 */

TARGET static enum h1_step VARIANT(fields)(struct h1_parser *p, const char *data, uint32_t end)
{
    struct h1_head *h = p->head;
    uint32_t at = p->at;
    uint32_t colon = p->part;
    uint32_t stop = p->scanned;
    enum h1_step step;

    if (p->state == H1_AT_NAME)
        goto name;
    if (p->state == H1_AT_VALUE)
        goto value;
line:
    if (at == end)
        goto more_line;
    if (data[at] == '\r') {
        if (at + 1 == end)
            goto more_line;
        if (data[at + 1] != '\n')
            return h1_fail(p, H1_BARE_CR);
        p->at = at + 2;
        return H1_STEP_NEXT;
    }
    if (h->nfields >= p->limits.max_fields)
        return h1_fail(p, H1_TOO_MANY_FIELDS);
    if (data[at] == ' ' || data[at] == '\t')
        return h1_fail(p, h->nfields > 0 ? H1_OBS_FOLD : H1_BAD_FIELD_NAME);
    stop = at;
name:
    for (;;) {
        stop = VARIANT(token)(data, stop, end);
        if (stop == end)
            goto more_name;
        if (data[stop] == ':' && stop > at)
            break;
        step = h1_bad_byte(p, data, stop, end,
            data[stop] == ' ' || data[stop] == '\t' ? H1_SPACE_BEFORE_COLON : H1_BAD_FIELD_NAME);
        if (step == H1_STEP_MORE)
            goto more_name;
        return step;
    }
    colon = stop++;
value:
    stop = VARIANT(value)(data, stop, end);
    if (stop == end || (data[stop] == '\r' && stop + 1 == end))
        goto more_value;
    if (data[stop] != '\r' || data[stop + 1] != '\n')
        return h1_bad_byte(p, data, stop, end, H1_BAD_FIELD_VALUE);
    scan_add_field(h, data, at, colon, stop);
    at = stop + 2;
    goto line;

more_line:
    p->state = H1_AT_LINE;
    goto more;
more_name:
    p->state = H1_AT_NAME;
    goto more;
more_value:
    p->state = H1_AT_VALUE;
more:
    p->at = at;
    p->part = colon;
    p->scanned = stop;
    return H1_STEP_MORE;
}
