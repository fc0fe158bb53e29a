/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "record/decode.h"
#include "sluice/change.h"
#include "sluice/position.h"
#include "fuzz.h"

/* Bytes as a record and as changes of it: the first says which fields are read and how the record
 * is decoded, pairs up to a 0xff name a path and what becomes of it, the rest is the value. What
 * must hold: what comes out is one valid object in which set paths hold their value, removed ones
 * are gone, and every other path reads as before; the same change again changes nothing; every text
 * is met once. */

enum { PATHS = 16, WORLDS = 2 };

static const char *const paths[PATHS] = {
    "a",       "b",    "c",     "a.b",     "a.b.c", "b.c",   "a.0",      "a.1.b",
    "message", "kind", "level", "service", "b.0",   "c.a.b", "\xc3\xa9", "message_base64"};
static const char *const news[] = {"1",  "\"new\"", "null",       "{\"a\":[{\"b\":2}]}",
                                   "[]", "{}",      "\"\\u0000\""};

struct world { /* the first reads every path, the second none */
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_changer *changer;
};

struct edit {
    struct sl_editor *editor;
    struct sl_slice paths[PATHS];
    struct sl_new_value values[PATHS];
    bool removes[PATHS];
    size_t n;
    bool shifts; /* elements of an array move up */
};

static struct world worlds[WORLDS];
static struct sl_topic topic = {.name = "t"};
static struct sl_partition *partition;
static struct sl_buf json, before[PATHS];

static void set_up(void)
{
    static struct sl_property p[] = {{.name = "service", .value = "s\"\n"}};
    static const struct sl_properties enrich = {p, 1};
    unsigned id;

    for (size_t w = 0; w < WORLDS; w++) {
        struct sl_decoder_config config = {.enrich = &enrich};

        config.fields = worlds[w].fields = sl_fields_new();
        for (size_t i = 0; w == 0 && i < PATHS; i++) {
            CHECK(sl_fields_add(config.fields, sl_slice_str(paths[i]), &id, NULL) == SL_OK);
            CHECK(id == i);
        }
        worlds[w].decoder = sl_decoder_new(&config, NULL);
        worlds[w].changer = sl_changer_new(config.fields);
    }
    partition = sl_zalloc(sizeof(*partition) + sizeof(struct sl_sink_position));
    partition->topic = &topic;
    sl_buf_init(&json, 64 << 20);
    for (size_t i = 0; i < PATHS; i++)
        sl_buf_init(&before[i], 64 << 20);
}

/* Takes the changes off the input; returns how many bytes they were. */
static size_t read_edit(const uint8_t *data, size_t size, struct edit *e)
{
    size_t at = 0;

    for (; at + 1 < size && data[at] != 0xff; at += 2) {
        struct sl_slice path = sl_slice_str(paths[data[at] % PATHS]);
        struct sl_new_value *v = &e->values[e->n];
        bool taken = e->n == PATHS;

        for (size_t i = 0; i < e->n && !taken; i++)
            taken = sl_fields_collide(e->paths[i], path);
        if (taken)
            continue;
        *v = (struct sl_new_value){.what = data[at + 1] % 6 == 0   ? SL_REMOVE_BELOW
                                           : data[at + 1] % 3 == 0 ? SL_REMOVE
                                           : data[at + 1] % 3 == 1 ? SL_SET
                                                                   : SL_KEEP,
                                   .json = sl_slice_str(news[data[at + 1] / 3 % 7])};
        e->removes[e->n] = v->what == SL_REMOVE || v->what == SL_REMOVE_BELOW;
        e->shifts |= e->removes[e->n] && memchr(path.p, '0', path.n);
        e->paths[e->n++] = path;
    }
    e->editor = sl_editor_new(e->paths, e->n, NULL, NULL);
    CHECK(e->editor);
    return at + (at < size);
}

/* A value as JSON without line breaks, which the first change takes out between tokens. */
static void value_json(const struct sl_value *v, struct sl_buf *out)
{
    sl_buf_clear(out);
    sl_buf_byte(out, (char)('0' + v->type));
    for (size_t i = 0; v->type >= SL_VALUE_NUMBER && i < v->n; i++)
        if (v->type == SL_VALUE_STRING || (v->p[i] != '\n' && v->p[i] != '\r'))
            sl_buf_byte(out, v->p[i]);
}

/* The text of strings: a change escapes what the decoder made from plain text. */
static void remember(const struct sl_record *r, unsigned id, struct sl_buf *out)
{
    struct sl_value v = sl_record_value(r, id);
    struct sl_slice text;

    if (v.type == SL_VALUE_STRING && v.escaped) {
        sl_buf_clear(&json);
        text = sl_value_text(&v, &json);
        v = (struct sl_value){.p = text.p, .n = (uint32_t)text.n, .type = SL_VALUE_STRING};
    }
    value_json(&v, out);
}

static void check_others(const struct sl_record *r, const struct edit *e)
{
    static struct sl_buf after = {.max = 64 << 20};
    bool replaced = r->changed && !sl_utf8_valid(r->message->value); /* by U+FFFD */

    for (unsigned id = 0; id < PATHS; id++) {
        struct sl_slice path = sl_slice_str(paths[id]);
        bool named = sl_slice_is(path, "message_base64"); /* it comes and goes with the message */

        for (size_t i = 0; i < e->n; i++)
            named |= e->values[i].what != SL_KEEP && sl_fields_collide(e->paths[i], path);
        if (named || e->shifts || (replaced && sl_slice_is(path, "message")))
            continue;
        remember(r, id, &after);
        CHECK(sl_slice_equal(sl_buf_as_slice(&before[id]), sl_buf_as_slice(&after)));
    }
}

static void check_named(const struct sl_record *r, const struct edit *e, const struct world *w)
{
    for (size_t i = 0; i < e->n; i++) {
        const struct sl_new_value *want = &e->values[i];
        struct sl_value v;
        unsigned id;

        CHECK(sl_fields_add(w->fields, e->paths[i], &id, NULL) == SL_OK);
        v = sl_record_value(r, id);
        if (e->removes[i] && !e->shifts)
            CHECK(v.type == SL_VALUE_ABSENT);
        if (want->what != SL_SET || e->shifts)
            continue;
        if (v.type == SL_VALUE_STRING && r->form == SL_FORM_TEXT) { /* it was so already */
            sl_buf_clear(&json);
            sl_buf_byte(&json, '"');
            sl_json_escape(sl_slice(v.p, v.n), &json);
            sl_buf_byte(&json, '"');
            v = (struct sl_value){.p = json.p, .n = (uint32_t)json.n};
        } else if (v.type == SL_VALUE_STRING)
            v = (struct sl_value){.p = v.p - 1, .n = v.n + 2};
        else if (v.type > SL_VALUE_STRING) { /* it may have stood there, on lines of its own */
            value_json(&v, &json);
            v = (struct sl_value){.p = json.p + 1, .n = (uint32_t)json.n - 1};
        }
        CHECK(sl_slice_equal(sl_slice(v.p, v.n), want->json));
    }
}

static int count_texts(void *user, const struct sl_value *leaf, struct sl_buf *out)
{
    CHECK(leaf->type == SL_VALUE_STRING || leaf->type == SL_VALUE_NUMBER);
    ++*(size_t *)user;
    sl_buf_text(out, "\"x\"");
    return 1;
}

static int expect_x(void *user, const struct sl_value *leaf, struct sl_buf *out)
{
    (void)out;
    CHECK(leaf->type == SL_VALUE_STRING && leaf->n == 1 && *leaf->p == 'x');
    --*(size_t *)user;
    return 0;
}

/* Depth is bounded, and where fields are read duplicates are not taken. */
static bool may_fail(const struct sl_error *err)
{
    return err->code == SL_ELIMIT &&
           (strstr(err->text, "duplicate") || strstr(err->text, "nesting"));
}

static void check_leaves(const struct sl_record *r, const struct edit *e, struct world *w)
{
    const struct sl_editor *which = e->n ? e->editor : NULL;
    struct sl_error err = {0};
    bool base64 = false; /* the first time it may be met and then go with the message */
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++)
        base64 |= sl_slice_is(e->paths[i], "message_base64");
    r = sl_record_edit_leaves(w->changer, which, r, count_texts, &n, &err);
    CHECK(r);
    CHECK(r == sl_record_edit_leaves(w->changer, which, r, expect_x, &n, &err));
    CHECK(n == 0 || base64);
}

static void check_change(const struct sl_record *r, const struct edit *e, struct world *w)
{
    struct sl_error err = {0};
    const struct sl_record *n;

    sl_changer_begin(w->changer);
    n = sl_record_edit(w->changer, e->editor, r, e->values, &err);
    CHECK(n || may_fail(&err));
    if (!n)
        return;
    CHECK(n == r || n->changed);
    CHECK(n->time_ns == r->time_ns && n->kind == r->kind && n->level == r->level);
    sl_buf_clear(&json);
    sl_record_json(n, true, SL_SLICE_LITERAL(",\"sluice_id\":\"1\""), &json, NULL);
    CHECK(!json.full && json.n <= sl_record_json_bound(n) + 16);
    CHECK(!memchr(json.p, '\n', json.n) && !memchr(json.p, '\r', json.n));
    if (n->changed) {
        struct sl_scan *s = &n->decoder->scan;

        sl_decoder_begin(n->decoder);
        CHECK(sl_json_scan_portable(s, sl_record_raw(n)));
        CHECK(s->body.n == n->body.n && s->empty == n->empty && s->breaks == n->breaks);
        CHECK(n->added.n == 0);
    }
    if (w == &worlds[0]) {
        check_named(n, e, w);
        check_others(n, e);
    }
    if (!e->shifts)
        CHECK(sl_record_edit(w->changer, e->editor, n, e->values, &err) == n);
    check_leaves(n, e, w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_message m = {.timestamp_ms = 1769862897000};
    struct edit e = {.n = 0};
    struct sl_record r;
    struct world *w;
    size_t at;

    if (size == 0)
        return 0;
    if (!partition)
        set_up();
    w = &worlds[data[0] & 1];
    topic.decode = (enum sl_decode_form)(data[0] / 2 % 3);
    at = 1 + read_edit(data + 1, size - 1, &e);
    m.at = partition;
    m.value = sl_slice((const char *)data + at, size - at);
    sl_decode(w->decoder, &m, &r);
    for (unsigned id = 0; w == &worlds[0] && id < PATHS; id++)
        remember(&r, id, &before[id]);
    check_change(&r, &e, w);
    sl_editor_free(e.editor);
    return 0;
}
