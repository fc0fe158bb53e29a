/* SPDX-License-Identifier: Apache-2.0 */
#include "sluice/template.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/percent.h"
#include "record/json.h"
#include "record/time.h"

/* A template is a list of parts. Text for a time is made anew only when the record's time leaves
 * the step in which it stays the same: an hour for {@timestamp:%H}, a day for
 * {@timestamp:%Y-%m-%d}. */

enum { INDEX_MAX = 255, DATA_STREAM_MAX = 100, FORMAT_MAX = 256, TIME_TEXT_MAX = 1024 };

struct part {
    enum { LITERAL, FIELD, TIME, NAMED } type;
    struct sl_slice text;     /* LITERAL: the text; TIME: the format; owned by the template */
    struct sl_slice fallback; /* FIELD, NAMED */
    bool has_fallback;        /* it was written */
    unsigned id;              /* FIELD: the field; NAMED: the number of the name */
    int64_t step, at;         /* TIME: seconds a text holds, and the step that `made` is of */
    struct sl_buf made;
};

struct sl_template {
    enum sl_template_use use;
    const struct sl_template_names *names; /* while it is parsed; NULL: none */
    char *text; /* the source, in which literal parts are undoubled in place */
    struct part *parts;
    size_t n;
    struct sl_buf scratch; /* unescaping */
};

enum { SCRATCH_MAX = 16 << 20 };

/* ---- parsing ---- */

static struct part *new_part(struct sl_template *t)
{
    t->parts = sl_reallocarray(t->parts, t->n + 1, sizeof(*t->parts));
    t->parts[t->n] = (struct part){.type = LITERAL};
    return &t->parts[t->n++];
}

/* The column of a byte, in characters. */
static void place(const struct sl_template *t, const char *at, struct sl_error *err)
{
    if (!err)
        return;
    err->column = 1;
    for (const char *p = t->text; p < at; p++)
        err->column += ((uint8_t)*p & 0xc0) != 0x80;
}

static int fail_at(const struct sl_template *t, const char *at, struct sl_error *err,
                   const char *what)
{
    sl_fail(err, SL_EINVAL, "%s", what);
    place(t, at, err);
    return SL_EINVAL;
}

/* Whether the literal before a field ends in "name=", as Hive's partitions do. */
static bool after_equals(const struct sl_template *t)
{
    struct sl_slice s;

    if (t->n == 0 || t->parts[t->n - 1].type != LITERAL)
        return false;
    s = t->parts[t->n - 1].text;
    return s.n >= 2 && s.p[s.n - 1] == '=' && s.p[s.n - 2] != '/';
}

static int parse_time(struct sl_template *t, struct sl_slice format, struct sl_error *err)
{
    int64_t step;
    const char *wrong = sl_strftime_check(format, &step);

    if (format.n == 0)
        return fail_at(t, format.p, err, "a time format without anything in it");
    if (format.n > FORMAT_MAX)
        return fail_at(t, format.p, err, "a time format longer than 256 bytes");
    if (wrong)
        return fail_at(t, wrong, err,
                       "an unknown conversion; known are %Y %m %d %H %M %S %j %F %T %R %G %V %y %g "
                       "%b %B %a %A %e %u %w %I %p %s and %%");
    struct part *part = new_part(t);
    part->type = TIME;
    part->text = format;
    part->step = step;
    part->at = INT64_MIN;
    sl_buf_init(&part->made, TIME_TEXT_MAX);
    return SL_OK;
}

/* What stands between the braces. */
static int parse_field(struct sl_template *t, struct sl_slice in, struct sl_fields *fields,
                       struct sl_error *err)
{
    const struct sl_slice time = SL_SLICE_LITERAL("@timestamp:");
    const char *bar = memchr(in.p, '|', in.n);
    struct sl_slice fallback = SL_SLICE_LITERAL("none");
    unsigned id = 0;
    int rc, named;

    if (in.n >= time.n && memcmp(in.p, time.p, time.n) == 0)
        return parse_time(t, sl_slice(in.p + time.n, in.n - time.n), err);
    if (bar)
        fallback = sl_slice(bar + 1, (size_t)(in.p + in.n - bar - 1));
    else if (t->use == SL_TEMPLATE_OBJECT_KEY && after_equals(t))
        fallback = SL_SLICE_LITERAL("__HIVE_DEFAULT_PARTITION__");
    if (bar)
        in.n = (size_t)(bar - in.p);
    named = t->names ? t->names->find(t->names->user, in) : -1;
    rc = named < 0 ? sl_fields_add(fields, in, &id, err) : SL_OK;
    if (rc != SL_OK) {
        place(t, in.p, err);
        return rc;
    }
    struct part *part = new_part(t);
    part->type = named < 0 ? FIELD : NAMED;
    part->id = named < 0 ? id : (unsigned)named;
    part->fallback = fallback;
    part->has_fallback = bar != NULL;
    return SL_OK;
}

static int parse(struct sl_template *t, struct sl_fields *fields, struct sl_error *err)
{
    const char *p = t->text;

    while (*p) {
        const char *end = p + strcspn(p, "{}");
        bool doubled = *end && end[0] == end[1];
        int rc;

        if (end > p || doubled) { /* a doubled brace is the last byte of its literal */
            new_part(t)->text = sl_slice(p, (size_t)(end - p) + doubled);
            p = end + 2 * doubled;
            continue;
        }
        if (*p == '}')
            return fail_at(t, p, err, "a } without {; write }} for a brace");
        end = p + 1 + strcspn(p + 1, "{}");
        if (*end != '}')
            return fail_at(t, p, err, "a { without }; write {{ for a brace");
        rc = parse_field(t, sl_slice(p + 1, (size_t)(end - p - 1)), fields, err);
        if (rc != SL_OK)
            return rc;
        p = end + 1;
    }
    return SL_OK;
}

static struct sl_template *make(const char *text, enum sl_template_use use,
                                const struct sl_template_names *names, struct sl_fields *fields,
                                struct sl_error *err)
{
    struct sl_template *t = sl_zalloc(sizeof(*t));

    t->use = use;
    t->names = names;
    t->text = sl_strdup(text);
    sl_buf_init(&t->scratch, SCRATCH_MAX);
    if (parse(t, fields, err) != SL_OK) {
        if (err)
            err->about = text;
        sl_template_free(t);
        return NULL;
    }
    t->names = NULL;
    return t;
}

struct sl_template *sl_template_new(const char *text, enum sl_template_use use,
                                    struct sl_fields *fields, struct sl_error *err)
{
    return make(text, use, NULL, fields, err);
}

struct sl_template *sl_template_new_named(const char *text, const struct sl_template_names *names,
                                          struct sl_fields *fields, struct sl_error *err)
{
    return make(text, SL_TEMPLATE_PLAIN, names, fields, err);
}

void sl_template_free(struct sl_template *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        if (t->parts[i].type == TIME)
            sl_buf_release(&t->parts[i].made);
    free(t->parts);
    sl_buf_release(&t->scratch);
    free(t->text);
    free(t);
}

/* ---- values ---- */

/* At most SL_TEMPLATE_VALUE_MAX bytes, whole characters. */
static struct sl_slice head(struct sl_slice text)
{
    if (text.n <= SL_TEMPLATE_VALUE_MAX)
        return text;
    text.n = SL_TEMPLATE_VALUE_MAX;
    for (int i = 0; i < 3 && ((uint8_t)text.p[text.n] & 0xc0) == 0x80; i++)
        text.n--;
    return text;
}

/* p == NULL: none. */
static struct sl_slice text_of(const struct sl_record *r, unsigned id, struct sl_buf *scratch)
{
    struct sl_value v = sl_record_value(r, id);

    if (v.type == SL_VALUE_OBJECT || v.type == SL_VALUE_ARRAY)
        return sl_slice(NULL, 0);
    return sl_value_text(&v, scratch);
}

static void put_value(struct sl_template *t, const struct part *part, const struct sl_record *r,
                      struct sl_buf *out)
{
    struct sl_slice text = text_of(r, part->id, &t->scratch);

    if (text.n == 0) {
        if (t->use == SL_TEMPLATE_JSON) /* written where it stands, like literal text: escaped */
            return sl_buf_slice(out, part->fallback);
        text = part->fallback;
    }
    switch (t->use) {
    case SL_TEMPLATE_PLAIN:
        return sl_buf_slice(out, text);
    case SL_TEMPLATE_JSON:
        sl_json_escape(text, out);
        return;
    case SL_TEMPLATE_OBJECT_KEY:
        return sl_percent_encode(head(text), "._=-", out);
    case SL_TEMPLATE_INDEX:
    case SL_TEMPLATE_DATA_STREAM:
        return sl_buf_slice(out, head(text)); /* made fit as a whole, below */
    }
}

static int64_t whole_seconds(int64_t ns)
{
    return ns / SL_NS_PER_SECOND - (ns % SL_NS_PER_SECOND < 0);
}

static void put_time(struct part *part, int64_t ns, struct sl_buf *out)
{
    int64_t seconds = whole_seconds(ns), at;

    at = seconds / part->step - (seconds % part->step < 0);
    if (at != part->at) {
        sl_buf_clear(&part->made);
        sl_strftime(part->text, seconds, &part->made);
        part->at = at;
    }
    sl_buf_slice(out, sl_buf_as_slice(&part->made));
}

/* ---- the whole ---- */

/* Elasticsearch asks for lower case as Unicode has it; instead of its tables, what is not ASCII is
 * replaced, one _ a character. */
static size_t clean_index(char *p, size_t n, bool data_stream)
{
    static const bool barred[256] = {
        ['\\'] = true, ['/'] = true, ['*'] = true, ['?'] = true, ['"'] = true, ['<'] = true,
        ['>'] = true,  ['|'] = true, [','] = true, ['#'] = true, [':'] = true};
    size_t made = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)p[i];

        if ((c & 0xc0) == 0x80)
            continue; /* within a character */
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        else if (c <= ' ' || c >= 0x7f || barred[c] || (data_stream && c == '-'))
            c = '_';
        p[made++] = (char)c;
    }
    return made;
}

/* The name begins at out->p[begin]. A name that a record begins may not be a hidden one either.
 * What is barred from the beginning of a name is not from the middle, where the parts of a data
 * stream's name stand. */
static void fit_index(const struct sl_template *t, size_t begin, struct sl_buf *out)
{
    bool data_stream = t->use == SL_TEMPLATE_DATA_STREAM;
    const char *barred = data_stream                               ? ""
                         : t->n > 0 && t->parts[0].type == LITERAL ? "-_+"
                                                                   : "-_+.";
    size_t max = data_stream ? DATA_STREAM_MAX : INDEX_MAX, skip = 0, n;
    char *p;

    if (out->full || out->n == begin)
        return;
    p = out->p + begin;
    n = clean_index(p, out->n - begin, data_stream);
    while (skip < n && strchr(barred, p[skip]))
        skip++;
    n -= skip;
    memmove(p, p + skip, n);
    n = n < max ? n : max;
    sl_buf_truncate(out, begin + n);
    if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) {
        sl_buf_truncate(out, begin);
        SL_BUF_LITERAL(out, "none");
    }
}

/* Encodes the dots of segments "." and "..", which some stores take for a way up. */
static void fit_key(struct sl_template *t, size_t begin, struct sl_buf *out)
{
    const char *copy;
    size_t n = out->n - begin, at = 0;
    bool found = false;

    for (size_t i = 0, from = 0; n > 0 && i <= n; i++) {
        const char *segment = out->p + begin + from;

        if (i < n && out->p[begin + i] != '/')
            continue;
        found |= (i - from == 1 && segment[0] == '.') ||
                 (i - from == 2 && segment[0] == '.' && segment[1] == '.');
        from = i + 1;
    }
    if (!found || out->full)
        return;
    sl_buf_clear(&t->scratch);
    sl_buf_append(&t->scratch, out->p + begin, n);
    copy = t->scratch.p;
    n = t->scratch.n;
    sl_buf_truncate(out, begin);
    while (at <= n) {
        const char *slash = at < n ? memchr(copy + at, '/', n - at) : NULL;
        size_t end = slash ? (size_t)(slash - copy) : n;
        bool dots = end - at >= 1 && end - at <= 2 && copy[at] == '.' && copy[end - 1] == '.';

        if (dots)
            sl_percent_encode(sl_slice(copy + at, end - at), "", out);
        else
            sl_buf_append(out, copy + at, end - at);
        if (slash)
            sl_buf_byte(out, '/');
        at = end + 1;
    }
}

void sl_template_render(struct sl_template *t, const struct sl_record *r, struct sl_buf *out)
{
    size_t begin = out->n;

    for (size_t i = 0; i < t->n; i++)
        switch (t->parts[i].type) {
        case LITERAL:
            sl_buf_slice(out, t->parts[i].text);
            break;
        case FIELD:
        case NAMED: /* never in these */
            put_value(t, &t->parts[i], r, out);
            break;
        case TIME:
            put_time(&t->parts[i], r->time_ns, out);
            break;
        }
    if (t->use == SL_TEMPLATE_INDEX || t->use == SL_TEMPLATE_DATA_STREAM)
        fit_index(t, begin, out);
    else if (t->use == SL_TEMPLATE_OBJECT_KEY)
        fit_key(t, begin, out);
}

/* ---- templates of rules ---- */

void sl_template_render_named(const struct sl_template *t, const struct sl_record *r,
                              const struct sl_slice *texts, struct sl_buf *scratch,
                              struct sl_buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct part *part = &t->parts[i];
        struct sl_slice text;

        switch (part->type) {
        case LITERAL:
            sl_buf_slice(out, part->text);
            break;
        case TIME: /* what sl_template_render() keeps would be a change */
            sl_strftime(part->text, whole_seconds(r->time_ns), out);
            break;
        case FIELD:
        case NAMED:
            text = part->type == FIELD ? text_of(r, part->id, scratch) : texts[part->id];
            sl_buf_slice(out, text.n ? text : part->fallback);
            break;
        }
    }
}

bool sl_template_is_one(const struct sl_template *t, struct sl_template_one *ret)
{
    const struct part *part = t->parts;

    if (t->n != 1 || (part->type != FIELD && part->type != NAMED))
        return false;
    *ret =
        (struct sl_template_one){part->type == NAMED, part->id, part->has_fallback, part->fallback};
    return true;
}
