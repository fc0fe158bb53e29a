/* SPDX-License-Identifier: Apache-2.0 */
#include "record/correlation.h"
#include "record/decode.h"
#include "record/spellings.h"

/* ---- members ---- */

/* All that is still to be put behind the members must not move them: fields point there. Before the
 * first of it, and not again. */
static void make_room(struct sl_decoder *d)
{
    struct sl_buf *text = &d->found->text;
    size_t more = 1 + SL_TIMESTAMP_ROOM + SL_CORRELATION_ROOM + d->enrich_text.n + SL_ENRICH_BESIDE;

    text->max = SL_MEMBERS_BYTES_MAX + more; /* they are held to theirs already */
    sl_buf_reserve(text, more);
}

/* Members as fields, with the stamp of what was scanned before. */
static bool scan_members(struct sl_decoder *d)
{
    struct sl_buf *text = &d->found->text;
    struct sl_scan *s = &d->scan;
    const struct sl_scan before = *s;
    bool good;

    make_room(d);
    text->p[0] = '{';
    text->p[text->n] = '}';
    good = sl_json_scan(s, sl_slice(text->p, text->n + 1));
    text->p[0] = ',';
    s->body = before.body;
    s->breaks = before.breaks;
    s->empty = before.empty;
    return good;
}

static void quote(struct sl_slice a, struct sl_slice b, struct sl_buf *out)
{
    sl_buf_byte(out, '"');
    sl_json_escape(a, out);
    sl_json_escape(b, out);
    sl_buf_byte(out, '"');
}

/* outer: what the wrapper left is needed as well. False: there is no room for it. */
static bool add_wrapper(struct sl_decoder *d, const struct sl_entry *e, bool outer)
{
    struct sl_buf *text = &d->around;

    sl_buf_clear(text);
    if (outer && e->inside)
        sl_buf_byte(text, '[');
    if (outer)
        quote(e->piece.wrapper, sl_slice("", 0), text);
    if (outer && e->inside)
        sl_buf_byte(text, ',');
    if (e->inside)
        quote(e->before, e->after, text);
    if (outer && e->inside)
        sl_buf_byte(text, ']');
    return !text->full &&
           sl_members_json(d->found, SL_SLICE_LITERAL("wrapper"), sl_buf_as_slice(text));
}

/* False: as an object it would lose something. */
static bool add_members_to_object(struct sl_decoder *d, const struct sl_entry *e)
{
    const struct sl_slice body = d->scan.body;
    bool leave[SL_MEMBERS_MAX];
    unsigned n = sl_members_meet(d->found, body, leave);
    bool outer = n > 0 && e->piece.wrapper.p;

    if ((outer || e->inside) && !sl_decoder_lacks(d, d->wrapper_member))
        return false;
    if (n > 0)
        sl_members_drop(d->found, leave);
    if ((outer || e->inside) && !add_wrapper(d, e, outer))
        return false;
    if (d->found->n == 0 || scan_members(d))
        return true;
    sl_members_begin(d->found); /* they are no JSON that could be read, so they are not written */
    sl_decoder_scan(d, body);
    return !outer && !e->inside;
}

static void begin_text(struct sl_decoder *d, struct sl_slice text)
{
    sl_decoder_begin(d); /* forgets what was found before the error */
    sl_decoder_set_text(d, d->message, text);
}

static void add_members_to_text(struct sl_decoder *d, struct sl_slice text)
{
    bool leave[SL_MEMBERS_MAX];

    begin_text(d, text);
    if (sl_members_meet_text(d->found, leave) > 0)
        sl_members_drop(d->found, leave);
    if (d->found->n == 0 || scan_members(d))
        return;
    sl_members_begin(d->found);
    begin_text(d, text);
}

/* ---- meaning ---- */

/* A time that a form or a wrapper found is told in every sink: what it was spelled as, and the year
 * that this lacked, only this decoder knows. */
static void set_time(struct sl_decoder *d, int64_t ns, bool *has_time, struct sl_record *r)
{
    struct sl_buf *text = &d->found->text;
    size_t at;

    r->time_ns = ns;
    *has_time = true;
    if (!sl_decoder_lacks(d, d->timestamp_member))
        return;
    SL_BUF_LITERAL(text, ",\"@timestamp\":\"");
    at = text->n;
    sl_time_rfc3339(ns, text);
    sl_decoder_set_text(d, d->timestamp_member, sl_slice(text->p + at, text->n - at));
    sl_buf_byte(text, '"');
}

/* What the record says itself comes before what stood around it. */
static void find_meaning(struct sl_decoder *d, const struct sl_entry *e, bool *has_time,
                         struct sl_record *r)
{
    const int64_t kafka_ns = sl_kafka_ns(d->message_at->timestamp_ms);

    if (!*has_time && e->parsed.has_time && sl_time_counts(e->parsed.time_ns, kafka_ns))
        set_time(d, e->parsed.time_ns, has_time, r);
    if (!*has_time && e->piece.has_time && sl_time_counts(e->piece.time_ns, kafka_ns))
        set_time(d, e->piece.time_ns, has_time, r);
    if (r->level == SL_LEVEL_NONE)
        r->level = e->parsed.level;
    if (r->level == SL_LEVEL_NONE)
        r->level = e->piece.level;
}

/* Its fields, and what they mean. */
void sl_decoder_read(struct sl_decoder *d, struct sl_entry *e, bool object, struct sl_record *r)
{
    bool has_time = false;

    if (object) {
        has_time = sl_decoder_time(d, &r->time_ns);
        r->level = sl_decoder_level(d);
        r->body = d->scan.body;
        r->breaks = d->scan.breaks;
        r->empty = d->scan.empty;
    }
    object = object && (d->found->n == 0 || add_members_to_object(d, e));
    r->form = object ? SL_FORM_OBJECT : SL_FORM_TEXT;
    if (!object) {
        has_time = false;
        r->level = SL_LEVEL_NONE;
        r->parse_error = e->error;
        r->text = e->piece.text;
        if (e->inside)
            sl_decoder_add_words(d, e);
        add_members_to_text(d, r->text);
    }
    make_room(d);
    find_meaning(d, e, &has_time, r);
    if (d->found->n > 0) {
        has_time = has_time || sl_decoder_time(d, &r->time_ns);
        r->level = r->level ? r->level : sl_decoder_level(d);
    }
    if (!has_time)
        r->time_ns = sl_kafka_ns(d->message_at->timestamp_ms);
}
