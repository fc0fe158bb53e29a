/* SPDX-License-Identifier: Apache-2.0 */
#include "record/correlation.h"

#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "sluice/position.h"

struct place {
    unsigned field;         /* an id, where has_field */
    struct sl_slice header; /* p == NULL: none */
    bool has_field, field_is_context, header_is_context;
};

struct sl_correlation {
    struct place places[SL_CORRELATION_NAMES_MAX];
    size_t n;
    uint64_t header_lengths; /* bit min(n, 63): a header of that length may be one */
    unsigned id, trace, span;
    bool make;
};

struct context {
    struct sl_slice trace, span; /* trace.p == NULL: none */
};

/* ---- making ---- */

static bool is_context(struct sl_slice name)
{
    const struct sl_slice end = SL_SLICE_LITERAL("traceparent");

    return name.n >= end.n && strncasecmp(name.p + name.n - end.n, end.p, end.n) == 0 &&
           (name.n == end.n || name.p[name.n - end.n - 1] == '.');
}

static unsigned own_field(struct sl_fields *fields, const char *name)
{
    unsigned id = 0;

    sl_fields_add(fields, sl_slice_str(name), &id, NULL);
    sl_fields_watch(fields, id);
    return id;
}

static int add_place(struct sl_correlation *c, const struct sl_correlation_config *config, size_t i,
                     struct sl_fields *fields, struct sl_error *err)
{
    struct place *p = &c->places[i];
    int rc = SL_OK;

    if (i < config->fields.n) {
        struct sl_slice name = sl_slice_str(config->fields.items[i]);

        if (name.n > 0 && name.p[0] == '@')
            return sl_fail(err, SL_ECONFIG, "correlation.fields: `%s` is no field of a record",
                           name.p);
        rc = sl_fields_add(fields, name, &p->field, err);
        p->has_field = true;
        p->field_is_context = is_context(name);
    }
    if (i < config->headers.n) {
        p->header = sl_slice_str(config->headers.items[i]);
        p->header_is_context = is_context(p->header);
        c->header_lengths |= UINT64_C(1) << (p->header.n < 63 ? p->header.n : 63);
    }
    return rc;
}

int sl_correlation_new(const struct sl_correlation_config *config, struct sl_fields *fields,
                       struct sl_correlation **ret, struct sl_error *err)
{
    struct sl_correlation *c;
    size_t n = 0;
    int rc = SL_OK;

    *ret = NULL;
    if (config)
        n = config->fields.n > config->headers.n ? config->fields.n : config->headers.n;
    if (!config || (n == 0 && !config->make))
        return SL_OK;
    if (n > SL_CORRELATION_NAMES_MAX)
        return sl_fail(err, SL_ELIMIT, "correlation: more than %d names", SL_CORRELATION_NAMES_MAX);
    c = *ret = sl_zalloc(sizeof(*c));
    c->make = config->make;
    c->id = own_field(fields, "correlation_id");
    c->trace = own_field(fields, "trace_id");
    c->span = own_field(fields, "span_id");
    for (; c->n < n && rc == SL_OK; c->n++)
        rc = add_place(c, config, c->n, fields, err);
    return rc;
}

void sl_correlation_free(struct sl_correlation *c)
{
    free(c);
}

/* ---- W3C Trace Context ---- */

/* Lower-case hexadecimal digits, and not all zero. Without branches: nearly all are. */
static bool is_hex(const char *p, size_t n, bool zero_too)
{
    unsigned wrong = 0, other = zero_too;

    for (size_t i = 0; i < n; i++) {
        unsigned c = (uint8_t)p[i];

        wrong |= (c - '0' > 9) & (c - 'a' > 5);
        other |= c ^ '0';
    }
    return !wrong && other;
}

bool sl_traceparent_read(struct sl_slice text, struct sl_slice *ret_trace,
                         struct sl_slice *ret_span)
{
    enum { TRACE = 3, SPAN = 36, FLAGS = 53, END = 55 };
    const char *p = text.p;
    bool first;

    if (text.n < END)
        return false;
    /* A version after the first may have more behind it; ff is none. */
    first = p[0] == '0' && p[1] == '0';
    if ((text.n > END && (first || p[END] != '-')) || !is_hex(p, 2, true) ||
        (p[0] == 'f' && p[1] == 'f'))
        return false;
    if (p[2] != '-' || p[SPAN - 1] != '-' || p[FLAGS - 1] != '-' || !is_hex(p + TRACE, 32, false) ||
        !is_hex(p + SPAN, 16, false) || !is_hex(p + FLAGS, 2, true))
        return false;
    *ret_trace = sl_slice(p + TRACE, 32);
    *ret_span = sl_slice(p + SPAN, 16);
    return true;
}

/* ---- finding ---- */

/* What a place holds: a value that may be an id, or ABSENT. */
static struct sl_value judge(struct sl_value v, bool context, struct context *ret)
{
    bool text = v.type == SL_VALUE_STRING;

    if ((!text && v.type != SL_VALUE_NUMBER) || v.n == 0 || v.n > SL_CORRELATION_ID_MAX)
        return (struct sl_value){.type = SL_VALUE_ABSENT};
    if (!context)
        return v;
    if (!text || !sl_traceparent_read(sl_slice(v.p, v.n), &ret->trace, &ret->span))
        return (struct sl_value){.type = SL_VALUE_ABSENT};
    return (struct sl_value){
        .p = ret->trace.p, .n = (uint32_t)ret->trace.n, .type = SL_VALUE_STRING};
}

static struct sl_value header(const struct sl_message *m, const struct place *p)
{
    size_t n = m->n_headers < SL_HEADERS_MAX ? m->n_headers : SL_HEADERS_MAX;

    while (p->header.p && n-- > 0) {
        const struct sl_header *h = &m->headers[n];

        if (h->name.n == p->header.n && strncasecmp(h->name.p, p->header.p, h->name.n) == 0 &&
            h->value.p && h->value.n <= SL_CORRELATION_ID_MAX)
            return (struct sl_value){
                .p = h->value.p, .n = (uint32_t)h->value.n, .type = SL_VALUE_STRING};
    }
    return (struct sl_value){.type = SL_VALUE_ABSENT};
}

/* Most messages have no header that could be one. */
static bool any_header(const struct sl_correlation *c, const struct sl_message *m)
{
    for (size_t i = 0; i < m->n_headers; i++) {
        size_t n = m->headers[i].name.n;

        if (c->header_lengths >> (n < 63 ? n : 63) & 1)
            return true;
    }
    return false;
}

/* The first id, and the first context. */
static struct sl_value find(const struct sl_correlation *c, const struct sl_decoder *d,
                            struct context *ret)
{
    struct sl_value found = {.type = SL_VALUE_ABSENT};
    bool headers = any_header(c, d->message_at);

    for (size_t i = 0; i < c->n; i++) {
        const struct place *p = &c->places[i];

        for (int header_too = 0; header_too <= headers; header_too++) {
            bool context = header_too ? p->header_is_context : p->field_is_context;
            struct sl_value v = {.type = SL_VALUE_ABSENT};

            if (context ? ret->trace.p != NULL : found.type != SL_VALUE_ABSENT)
                continue;
            if (header_too)
                v = header(d->message_at, p);
            else if (p->has_field)
                v = sl_decoder_value(d, p->field);
            if (v.type == SL_VALUE_ABSENT)
                continue;
            v = judge(v, context, ret);
            if (found.type == SL_VALUE_ABSENT)
                found = v;
        }
    }
    return found;
}

/* ---- making an id ---- */

void sl_correlation_make(const struct sl_record *r, char ret[SL_UUID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    struct {
        uint8_t place[8];
        int64_t offset;
        uint32_t sub, half;
    } at = {.offset = r->message->offset, .sub = r->sub};
    int64_t ns = r->time_ns > 0 ? r->time_ns : 0;
    uint64_t ms = (uint64_t)(ns / 1000000), random[2];
    uint8_t id[16];
    size_t n = 0;

    memcpy(at.place, r->message->at->place, sizeof(at.place));
    random[0] = sl_hash(&at, sizeof(at));
    at.half = 1;
    random[1] = sl_hash(&at, sizeof(at));
    memcpy(id, random, sizeof(id));
    for (int i = 0; i < 6; i++)
        id[i] = (uint8_t)(ms >> (40 - 8 * i));
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x70); /* version 7 */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80); /* variant */
    for (size_t i = 0; i < sizeof(id); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            ret[n++] = '-';
        ret[n++] = digits[id[i] >> 4];
        ret[n++] = digits[id[i] & 15];
    }
}

/* ---- adding ---- */

/* The value as a text: its JSON, if it is one, has it in this spelling already. Its place in
 * d->found does not move any more. */
static void add(struct sl_decoder *d, unsigned id, struct sl_slice begin, struct sl_value v)
{
    struct sl_buf *out = &d->found->text;
    size_t at;

    sl_buf_slice(out, begin);
    at = out->n;
    if (v.escaped)
        sl_buf_append(out, v.p, v.n);
    else
        sl_json_escape(sl_slice(v.p, v.n), out);
    sl_decoder_set(d, id,
                   (struct sl_value){.p = out->p + at,
                                     .n = (uint32_t)(out->n - at),
                                     .type = SL_VALUE_STRING,
                                     .escaped = v.escaped || out->n - at != v.n});
    sl_buf_byte(out, '"');
}

static struct sl_value text_value(struct sl_slice text)
{
    return (struct sl_value){.p = text.p, .n = (uint32_t)text.n, .type = SL_VALUE_STRING};
}

static void add_context(const struct sl_correlation *c, struct sl_decoder *d,
                        const struct context *context)
{
    bool lacks_trace = sl_decoder_lacks(d, c->trace);

    if (!lacks_trace) {
        struct sl_value own = sl_decoder_value(d, c->trace);

        if (own.type != SL_VALUE_STRING || !sl_slice_equal(sl_slice(own.p, own.n), context->trace))
            return;
    } else {
        add(d, c->trace, SL_SLICE_LITERAL(",\"trace_id\":\""), text_value(context->trace));
    }
    if (sl_decoder_lacks(d, c->span))
        add(d, c->span, SL_SLICE_LITERAL(",\"span_id\":\""), text_value(context->span));
}

void sl_correlation_add(const struct sl_correlation *c, struct sl_decoder *d,
                        const struct sl_record *r)
{
    struct context context = {.trace = {NULL, 0}};
    struct sl_value found = find(c, d, &context);
    char made[SL_UUID_TEXT];

    if (sl_decoder_lacks(d, c->id)) {
        if (found.type == SL_VALUE_ABSENT && c->make) {
            sl_correlation_make(r, made);
            found = text_value(sl_slice(made, sizeof(made)));
        }
        if (found.type != SL_VALUE_ABSENT)
            add(d, c->id, SL_SLICE_LITERAL(",\"correlation_id\":\""), found);
    }
    if (context.trace.p)
        add_context(c, d, &context);
}
