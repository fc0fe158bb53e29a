/* SPDX-License-Identifier: Apache-2.0 */
#include "record/decode.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "sluice/position.h"

enum { MEMBERS_MAX = 1 << 20, PREFIX_BYTES = 64 };

/* ---- making ---- */

static unsigned field(struct sl_decoder *d, const char *path)
{
    unsigned id = 0;

    sl_fields_add(d->fields, sl_slice_str(path), &id, NULL);
    return id;
}

static void add_own_fields(struct sl_decoder *d)
{
    static const char *const levels[SL_LEVEL_FIELDS] = {
        "level", "severity", "lvl", "log.level", "levelname", "loglevel", "level_name"};
    static const char *const times[SL_TIME_FIELDS] = {NULL, "timestamp", "time", "ts"};

    d->message = field(d, "message");
    d->kind = field(d, "kind");
    d->name = field(d, "name");
    d->value = field(d, "value");
    d->metric_fields = field(d, "fields");
    d->timestamp_member = sl_fields_add_member(d->fields, "@timestamp");
    d->times[0] = d->timestamp_member;
    for (size_t i = 1; i < SL_TIME_FIELDS; i++)
        d->times[i] = field(d, times[i]);
    for (size_t i = 0; i < SL_LEVEL_FIELDS; i++)
        d->levels[i] = field(d, levels[i]);
    /* Both are written where absent; beside `level.x` a `level` would be two types of one field. */
    sl_fields_watch(d->fields, d->kind);
    sl_fields_watch(d->fields, d->levels[0]);
}

int sl_enrich_check(const struct sl_properties *all, size_t at, struct sl_error *err)
{
    const char *name = all->items[at].name;

    if (at == SL_ENRICH_MAX)
        return sl_fail(err, SL_ELIMIT, "enrich: more than %d fields", SL_ENRICH_MAX);
    if (name[0] == '@')
        return sl_fail(err, SL_ECONFIG, "enrich: `%s` is made by Sluice itself", name);
    for (size_t i = 0; i < at; i++)
        if (sl_fields_collide(sl_slice_str(all->items[i].name), sl_slice_str(name)))
            return sl_fail(err, SL_ECONFIG, "enrich: `%s` and `%s` exclude each other",
                           all->items[i].name, name);
    return sl_fields_check(sl_slice_str(name), err);
}

static int add_enrich(struct sl_decoder *d, const struct sl_properties *all, size_t at,
                      struct sl_error *err)
{
    const struct sl_property *property = &all->items[at];
    struct sl_enrich *e = &d->enrich[at];
    size_t begin = d->members.n;
    int rc = sl_enrich_check(all, at, err);

    if (rc == SL_OK)
        rc = sl_fields_add(d->fields, sl_slice_str(property->name), &e->id, err);
    for (const char *dot = strchr(property->name, '.'); dot && rc == SL_OK;
         dot = strchr(dot + 1, '.'))
        rc = sl_fields_add(d->fields, sl_slice(property->name, (size_t)(dot - property->name)),
                           &e->above[e->n_above++], err);
    if (rc != SL_OK)
        return rc;
    sl_fields_watch(d->fields, e->id);
    e->is_kind = e->id == d->kind;
    e->is_level = e->id == d->levels[0];
    e->value = sl_slice_str(property->value);
    SL_BUF_LITERAL(&d->members, ",\"");
    sl_json_escape(sl_slice_str(property->name), &d->members);
    SL_BUF_LITERAL(&d->members, "\":\"");
    sl_json_escape(e->value, &d->members);
    SL_BUF_LITERAL(&d->members, "\"");
    e->member.n = d->members.n - begin;
    d->n_enrich++;
    return d->members.full ? sl_fail(err, SL_ELIMIT, "enrich: more than 1 MiB") : SL_OK;
}

static int add_all_enrich(struct sl_decoder *d, const struct sl_properties *all,
                          struct sl_error *err)
{
    const char *at;
    int rc = SL_OK;

    for (size_t i = 0; all && i < all->n && rc == SL_OK; i++)
        rc = add_enrich(d, all, i, err);
    at = d->members.p; /* it moves no more */
    for (size_t i = 0; i < d->n_enrich; i++) {
        d->enrich[i].member.p = at;
        at += d->enrich[i].member.n;
    }
    return rc;
}

struct sl_decoder *sl_decoder_new(const struct sl_decoder_config *config, struct sl_error *err)
{
    struct sl_decoder *d = sl_zalloc(sizeof(*d));
    int rc;

    d->fields = config->fields;
    d->added_kind = -2; /* no combination yet */
    sl_buf_init(&d->members, MEMBERS_MAX);
    sl_buf_init(&d->added, MEMBERS_MAX + PREFIX_BYTES);
    add_own_fields(d);
    rc = sl_zone_new(config->timezone, &d->zone, err);
    if (rc == SL_OK)
        rc = add_all_enrich(d, config->enrich, err);
    if (rc != SL_OK) {
        sl_decoder_free(d);
        return NULL;
    }
    sl_buf_reserve(&d->added, d->members.n + PREFIX_BYTES);
    return d;
}

void sl_decoder_free(struct sl_decoder *d)
{
    if (!d)
        return;
    sl_zone_free(d->zone);
    sl_buf_release(&d->members);
    sl_buf_release(&d->added);
    free(d->scan.values);
    free(d->scan.marks);
    free(d->scan.seen);
    free(d);
}

/* ---- scratch ---- */

/* The arrays for the fields as they are now; only after fields were added. */
static void fit(struct sl_decoder *d)
{
    struct sl_fields *f = d->fields;

    if (!f->compiled)
        sl_fields_compile(f);
    if (f->n > d->cap_values) {
        d->cap_values = f->n;
        d->scan.values = sl_reallocarray(d->scan.values, f->n, sizeof(*d->scan.values));
        d->scan.marks = sl_reallocarray(d->scan.marks, f->n, sizeof(*d->scan.marks));
    }
    if (f->n_nodes > d->cap_nodes) {
        d->cap_nodes = f->n_nodes;
        d->scan.seen = sl_reallocarray(d->scan.seen, f->n_nodes, sizeof(*d->scan.seen));
    }
    d->scan.fields = f;
    d->scan.stamp = UINT32_MAX; /* the next one clears all stamps */
    d->version = f->version;
}

void sl_decoder_begin(struct sl_decoder *d)
{
    if (!d->fields->compiled || d->version != d->fields->version)
        fit(d);
    if (d->scan.stamp == UINT32_MAX) {
        memset(d->scan.marks, 0, d->cap_values * sizeof(*d->scan.marks));
        memset(d->scan.seen, 0, d->cap_nodes * sizeof(*d->scan.seen));
        d->scan.stamp = 0;
    }
    d->scan.stamp++;
}

static void set_text(struct sl_decoder *d, unsigned id, struct sl_slice text)
{
    d->scan.marks[id].stamp = d->scan.stamp;
    d->scan.values[id] =
        (struct sl_value){.p = text.p, .n = (uint32_t)text.n, .type = SL_VALUE_STRING};
}

/* ---- enrichment ---- */

static bool lacks(const struct sl_decoder *d, unsigned id)
{
    const struct sl_mark *m = &d->scan.marks[id];

    return m->stamp != d->scan.stamp && m->below != d->scan.stamp;
}

/* Beside a value of `a` that is no object, a member `a.b` would be two types of one field, for
 * which Elasticsearch refuses the record. */
static bool blocked(const struct sl_decoder *d, const struct sl_enrich *e)
{
    for (unsigned i = 0; i < e->n_above; i++) {
        uint8_t type = d->scan.values[e->above[i]].type;

        if (sl_decoder_has(d, e->above[i]) && type != SL_VALUE_OBJECT && type != SL_VALUE_ARRAY &&
            type != SL_VALUE_NULL)
            return true;
    }
    return false;
}

/* `added` for the combination at hand; rebuilt only when it is another one than the last. */
static void compose(struct sl_decoder *d, uint64_t enrich, int kind, int level)
{
    if (enrich == d->added_enrich && kind == d->added_kind && level == d->added_level)
        return;
    sl_buf_clear(&d->added);
    if (kind >= 0) {
        SL_BUF_LITERAL(&d->added, ",\"kind\":\"");
        sl_buf_text(&d->added, sl_kind_name((enum sl_kind)kind));
        sl_buf_byte(&d->added, '"');
    }
    if (level > 0) {
        SL_BUF_LITERAL(&d->added, ",\"level\":\"");
        sl_buf_text(&d->added, sl_level_name((enum sl_level)level));
        sl_buf_byte(&d->added, '"');
    }
    for (size_t i = 0; i < d->n_enrich; i++)
        if (enrich >> i & 1)
            sl_buf_slice(&d->added, d->enrich[i].member);
    d->added_enrich = enrich;
    d->added_kind = kind;
    d->added_level = level;
}

/* Enrichment stands for the field where the record has none, so that a rule sees it; a level that
 * the record spells in another field comes before an enriched one. */
static void enrich(struct sl_decoder *d, struct sl_record *r)
{
    bool add_kind = lacks(d, d->kind), add_level = lacks(d, d->levels[0]);
    uint64_t chosen = 0;

    r->level = sl_decoder_level(d);
    add_level = add_level && r->level != SL_LEVEL_NONE;
    if (add_level)
        set_text(d, d->levels[0], sl_slice_str(sl_level_name(r->level)));
    for (size_t i = 0; i < d->n_enrich; i++) {
        const struct sl_enrich *e = &d->enrich[i];

        if (!lacks(d, e->id) || blocked(d, e))
            continue;
        chosen |= (uint64_t)1 << i;
        set_text(d, e->id, e->value);
        add_kind = add_kind && !e->is_kind;
        if (e->is_level)
            r->level = sl_decoder_level(d);
    }
    r->kind = sl_decoder_kind(d);
    if (add_kind)
        set_text(d, d->kind, sl_slice_str(sl_kind_name(r->kind)));
    compose(d, chosen, add_kind ? (int)r->kind : -1, add_level ? (int)r->level : 0);
    r->added = sl_buf_as_slice(&d->added);
}

/* ---- decoding ---- */

static bool begins_object(struct sl_slice value)
{
    for (size_t i = 0; i < value.n; i++)
        switch (value.p[i]) {
        case ' ':
        case '\t':
        case '\n':
        case '\r':
            continue;
        default:
            return value.p[i] == '{';
        }
    return false;
}

/* Fills form and parse_error; true for an object. */
static bool scan(struct sl_decoder *d, struct sl_slice value, enum sl_decode_form form,
                 const char **ret_error)
{
    *ret_error = NULL;
    if (form == SL_DECODE_TEXT)
        return false;
    if (!begins_object(value)) {
        if (form == SL_DECODE_JSON)
            *ret_error = value.n == 0 ? "empty value" : "not a JSON object";
        return false;
    }
    if (sl_json_scan(&d->scan, value))
        return true;
    *ret_error = d->scan.error;
    return false;
}

void sl_decode(struct sl_decoder *d, const struct sl_message *message, struct sl_record *ret)
{
    sl_decoder_begin(d);
    *ret = (struct sl_record){
        .message = message,
        .decoder = d,
        .values = d->scan.values,
        .value_crc = sl_crc32c(0, message->value.p, message->value.n),
    };
    if (scan(d, message->value, message->at->topic->decode, &ret->parse_error)) {
        ret->form = SL_FORM_OBJECT;
        ret->body = d->scan.body;
        ret->breaks = d->scan.breaks;
        ret->empty = d->scan.empty;
        ret->has_timestamp = sl_decoder_has(d, d->timestamp_member);
    } else {
        sl_decoder_begin(d); /* forgets what was found before the error */
        ret->form = SL_FORM_TEXT;
        set_text(d, d->message, message->value);
    }
    ret->time_ns = sl_decoder_time(d, message->timestamp_ms);
    enrich(d, ret);
}

/* ---- fields by id ---- */

static struct sl_value text_value(struct sl_slice text)
{
    if (!text.p)
        return (struct sl_value){.type = SL_VALUE_ABSENT};
    return (struct sl_value){.p = text.p, .n = (uint32_t)text.n, .type = SL_VALUE_STRING};
}

static struct sl_value number_value(int64_t v, char *text, size_t room)
{
    int n = snprintf(text, room, "%lld", (long long)v);

    return (struct sl_value){.p = text, .n = (uint32_t)n, .type = SL_VALUE_NUMBER};
}

/* Of headers with the same name the last counts, as in Kafka's own lastHeader(). */
static struct sl_value header_value(const struct sl_message *m, struct sl_slice name)
{
    size_t n = m->n_headers < SL_HEADERS_MAX ? m->n_headers : SL_HEADERS_MAX;

    while (n-- > 0)
        if (sl_slice_equal(m->headers[n].name, name))
            return text_value(m->headers[n].value);
    return text_value(sl_slice(NULL, 0));
}

static struct sl_value special_value(const struct sl_record *r, const struct sl_field *f)
{
    const size_t prefix = sizeof("@headers.") - 1;
    const struct sl_message *m = r->message;
    struct sl_decoder *d = r->decoder;

    switch ((enum sl_special)f->special) {
    case SL_FIELD_TOPIC:
        return text_value(sl_slice_str(m->at->topic->name));
    case SL_FIELD_PARTITION:
        return number_value(m->at->number, d->partition_text, sizeof(d->partition_text));
    case SL_FIELD_OFFSET:
        return number_value(m->offset, d->offset_text, sizeof(d->offset_text));
    case SL_FIELD_KEY:
        return text_value(m->key);
    case SL_FIELD_TIMESTAMP: {
        struct sl_buf text = {
            .p = d->time_text, .cap = sizeof(d->time_text), .max = sizeof(d->time_text)};

        sl_time_rfc3339(r->time_ns, &text);
        return text_value(sl_buf_as_slice(&text));
    }
    case SL_FIELD_KIND:
        return text_value(sl_slice_str(sl_kind_name(r->kind)));
    case SL_FIELD_LEVEL:
        return text_value(r->level ? sl_slice_str(sl_level_name(r->level)) : sl_slice(NULL, 0));
    case SL_FIELD_RAW:
        return text_value(r->lost ? r->body : m->value);
    case SL_FIELD_PARSE_ERROR:
        return text_value(sl_slice_str(r->parse_error));
    case SL_FIELD_HEADER:
        return header_value(m, sl_slice(f->name + prefix, f->n - prefix));
    case SL_FIELD_PATH:
        break;
    }
    return text_value(sl_slice(NULL, 0));
}

struct sl_value sl_record_value(const struct sl_record *r, unsigned id)
{
    const struct sl_decoder *d = r->decoder;

    if (id < d->fields->n && d->fields->items[id].special != SL_FIELD_PATH)
        return special_value(r, &d->fields->items[id]);
    if (id >= d->cap_values) /* added since the record was decoded */
        return (struct sl_value){.type = SL_VALUE_ABSENT};
    return sl_decoder_value(d, id);
}
