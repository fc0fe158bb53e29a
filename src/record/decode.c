/* SPDX-License-Identifier: Apache-2.0 */
#include "record/decode.h"

#include "base/hash.h"
#include "record/correlation.h"
#include "record/forms.h"
#include "record/patterns.h"
#include "sluice/position.h"

static const struct {
    const struct sl_text_form *text;
    const struct sl_wrapper *wrapper;
} forms[SL_DECODE_FORMS] = {
    [SL_DECODE_COMMON] = {.text = &sl_form_common},
    [SL_DECODE_COMBINED] = {.text = &sl_form_combined},
    [SL_DECODE_NGINX_ERROR] = {.text = &sl_form_nginx_error},
    [SL_DECODE_SYSLOG] = {.text = &sl_form_syslog},
    [SL_DECODE_LOGFMT] = {.text = &sl_form_logfmt},
    [SL_DECODE_KLOG] = {.text = &sl_form_klog},
    [SL_DECODE_PYTHON] = {.text = &sl_form_python},
    [SL_DECODE_JAVA] = {.text = &sl_form_java},
    [SL_DECODE_CRI] = {.wrapper = &sl_wrapper_cri},
    [SL_DECODE_DOCKER] = {.wrapper = &sl_wrapper_docker},
    [SL_DECODE_CLOUDWATCH] = {.wrapper = &sl_wrapper_cloudwatch},
    [SL_DECODE_OTLP_JSON] = {.wrapper = &sl_wrapper_otlp_json},
};

static struct sl_form_context context(const struct sl_decoder *d)
{
    return (struct sl_form_context){.zone = d->zone,
                                    .kafka_ns = sl_kafka_ns(d->message_at->timestamp_ms)};
}

/* ---- one JSON object ---- */

static bool begins_object(struct sl_slice text)
{
    for (size_t i = 0; i < text.n; i++)
        switch (text.p[i]) {
        case ' ':
        case '\t':
        case '\n':
        case '\r':
            continue;
        default:
            return text.p[i] == '{';
        }
    return false;
}

bool sl_decoder_scan(struct sl_decoder *d, struct sl_slice text)
{
    sl_decoder_begin(d);
    return sl_json_scan(&d->scan, text);
}

/* ---- opening ---- */

/* False: it is not of this form, and *ret_why says why. *ret_n is 1 before. */
static bool open_wrapper(struct sl_decoder *d, const struct sl_wrapper *w, size_t *ret_n,
                         const char **ret_why)
{
    const struct sl_form_context c = context(d);
    size_t n = 1;

    if (!d->unwrapped)
        d->unwrapped = sl_unwrapped_new();
    switch (w->open(d->unwrapped, &c, d->message_at->value, &n, ret_why)) {
    case SL_UNWRAP_OK:
        d->wrapper = w;
        d->nothing = n == 0 ? "it holds no record" : NULL;
        *ret_n = n;
        break;
    case SL_UNWRAP_NOTHING:
        d->nothing = *ret_why;
        *ret_n = 0;
        break;
    case SL_UNWRAP_REFUSED:
        d->refused = *ret_why;
        break;
    case SL_UNWRAP_NOT:
        return false;
    }
    return true;
}

size_t sl_decode_open(struct sl_decoder *d, const struct sl_message *message)
{
    const struct sl_topic *topic = message->at->topic;
    const struct sl_wrapper *w;
    const char *why;
    size_t n = 1;

    if (d->wrapper)
        sl_unwrapped_shrink(d->unwrapped);
    if (d->found->text.cap > SL_DECODE_KEEP)
        sl_buf_reset(&d->found->text, SL_DECODE_KEEP);
    d->message_at = message;
    d->form = topic->decode;
    d->rule = topic->rule <= d->n_rules ? topic->rule : 0;
    d->value_crc = sl_crc32c(0, message->value.p, message->value.n);
    d->wrapper = NULL;
    d->nothing = d->refused = d->error = NULL;
    w = d->form == SL_DECODE_AUTO ? sl_wrapper_of(message->value) : forms[d->form].wrapper;
    if (w && !open_wrapper(d, w, &n, &why) && d->form != SL_DECODE_AUTO)
        d->error = why;
    return n;
}

size_t sl_decode_bytes(const struct sl_decoder *d)
{
    return d->wrapper && d->wrapper->many ? sl_unwrapped_bytes(d->unwrapped)
                                          : d->message_at->value.n;
}

const char *sl_decode_nothing(const struct sl_decoder *d)
{
    return d->nothing;
}

/* ---- the form ---- */

static bool find_object(struct sl_decoder *d, struct sl_entry *e, bool must)
{
    const struct sl_slice text = e->piece.text;

    if (!begins_object(text)) {
        if (must)
            e->error = text.n == 0 ? "empty value" : "not a JSON object";
        return false;
    }
    if (sl_decoder_scan(d, text))
        return true;
    e->error = d->scan.error;
    return false;
}

/* Line breaks alone may follow the object, and none stand before it: that is how it is put back. */
static bool can_be_put_back(const struct sl_entry *e)
{
    for (size_t i = 0; i < e->after.n; i++)
        if (e->after.p[i] != '\n' && e->after.p[i] != '\r')
            return false;
    return (e->before.n == 0 ||
            (!memchr(e->before.p, '\n', e->before.n) && !memchr(e->before.p, '\r', e->before.n))) &&
           sl_utf8_valid(e->before);
}

/* Forms leave out what looks like an object: it is none after all, or cannot be one here. */
void sl_decoder_add_words(struct sl_decoder *d, const struct sl_entry *e)
{
    sl_members_string(d->found, SL_SLICE_LITERAL("msg"), e->parsed.inner);
}

/* The entry's own words as the record, where they are one JSON object. */
static bool find_inside(struct sl_decoder *d, struct sl_entry *e)
{
    const struct sl_slice text = e->piece.text, inner = e->parsed.inner;
    const char *end = text.p + text.n;

    if (!inner.p || !begins_object(inner))
        return false;
    if (inner.p >= text.p && inner.p + inner.n <= end && sl_decoder_scan(d, inner)) {
        const struct sl_slice body = d->scan.body;

        e->before = sl_slice(text.p, (size_t)(body.p - text.p));
        e->after = sl_slice(body.p + body.n, (size_t)(end - (body.p + body.n)));
        e->inside = can_be_put_back(e) && sl_decoder_lacks(d, d->wrapper_member);
    }
    if (!e->inside)
        sl_decoder_add_words(d, e);
    return e->inside;
}

static bool parse_text(struct sl_decoder *d, enum sl_decode_form form, struct sl_entry *e)
{
    const struct sl_form_context c = context(d);
    const struct sl_members_mark mark = sl_members_mark(d->found);
    const struct sl_slice text = e->piece.text;
    bool parsed;

    e->parsed.members = d->found;
    if (form == SL_DECODE_AUTO)
        parsed = sl_forms_try(&c, text, &e->parsed) != NULL;
    else if (form == SL_DECODE_TEXT)
        parsed = sl_patterns_parse(d->patterns, d->rule, &c, text, &e->parsed);
    else
        parsed = forms[form].text->parse(&c, text, &e->parsed);
    if (parsed)
        return find_inside(d, e);
    sl_members_back(d->found, mark);
    e->error = form == SL_DECODE_AUTO ? NULL : e->parsed.error;
    e->parsed = (struct sl_parsed){0};
    return false;
}

/* True: it is an object, and the scan holds it. */
static bool find_form(struct sl_decoder *d, struct sl_entry *e)
{
    enum sl_decode_form form = d->wrapper ? SL_DECODE_AUTO : d->form;

    if (d->refused || d->error) {
        e->error = d->error;
        return false;
    }
    if (e->piece.is_object)
        return sl_decoder_scan(d, e->piece.text);
    switch (form) {
    case SL_DECODE_JSON:
        return find_object(d, e, true);
    case SL_DECODE_AUTO:
        if (begins_object(e->piece.text))
            return find_object(d, e, false);
        break;
    case SL_DECODE_TEXT:
        if (!sl_patterns_any(d->patterns, d->rule))
            return false;
        break;
    default:
        break;
    }
    return parse_text(d, form, e);
}

/* ---- a record ---- */

void sl_decode_at(struct sl_decoder *d, size_t i, struct sl_record *ret)
{
    const struct sl_slice value = d->message_at->value;
    struct sl_entry e = {.piece = {.text = value, .raw = value}};
    bool object;

    sl_members_begin(d->found);
    if (d->wrapper)
        d->wrapper->piece(d->unwrapped, i, d->found, &e.piece);
    *ret = (struct sl_record){
        .message = d->message_at,
        .refused = d->refused,
        .sub = (uint32_t)i,
        .many = d->wrapper && d->wrapper->many,
        .raw = e.piece.raw,
        .decoder = d,
        .value_crc = d->value_crc,
    };
    object = find_form(d, &e);
    sl_decoder_read(d, &e, object, ret);
    ret->values = d->scan.values;
    ret->has_timestamp = sl_decoder_has(d, d->timestamp_member);
    if (d->correlation)
        sl_correlation_add(d->correlation, d, ret);
    sl_decoder_enrich(d, ret);
}

void sl_decode(struct sl_decoder *d, const struct sl_message *message, struct sl_record *ret)
{
    if (sl_decode_open(d, message) == 0) {
        d->wrapper = NULL;
        d->form = SL_DECODE_TEXT;
        d->rule = 0;
    }
    sl_decode_at(d, 0, ret);
}
