/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "record/decode.h"
#include "sluice/position.h"
#include "fuzz.h"

/* Any bytes as a record's value. The first byte chooses the decoder and the text of fields; the
 * rest is the value. What must hold: both twins judge and find the same; the JSON written is one
 * valid object in one line; read again it needs no further addition; the bound holds; every value
 * can be taken apart. */

static struct sl_fields *fields;
static struct sl_decoder *decoder;
static struct sl_topic topic = {.name = "t"};
static struct sl_partition *partition;
static struct sl_buf json, again, scratch;

static void set_up(void)
{
    static const char *const paths[] = {"a",       "b.c",     "a.b.c",       "a.0",  "a.1.b",
                                        "user.id", "items.2", "message",     "@raw", "@timestamp",
                                        "@key",    "@level",  "@parse_error"};
    static struct sl_property p[] = {{.name = "service", .value = "s\"\n"},
                                     {.name = "a.d", .value = "x"}};
    static const struct sl_properties enrich = {p, 2};
    struct sl_decoder_config config = {.enrich = &enrich};
    unsigned id;

    config.fields = fields = sl_fields_new();
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        sl_fields_add(fields, sl_slice_str(paths[i]), &id, NULL);
    decoder = sl_decoder_new(&config, NULL);
    partition = sl_zalloc(sizeof(*partition) + sizeof(struct sl_sink_position));
    partition->topic = &topic;
    sl_buf_init(&json, 64 << 20);
    sl_buf_init(&again, 64 << 20);
    sl_buf_init(&scratch, 64 << 20);
}

static void twins(struct sl_slice value)
{
    static struct sl_value found[64];
    struct sl_scan *s = &decoder->scan;
    bool ok;

    CHECK(fields->n <= 64);
    s->stamp++;
    ok = sl_json_scan(s, value);
    for (unsigned i = 0; i < fields->n; i++)
        found[i] = sl_decoder_value(decoder, i);
    s->stamp++;
    CHECK(sl_json_scan_portable(s, value) == ok);
    for (unsigned i = 0; ok && i < fields->n; i++) {
        struct sl_value v = sl_decoder_value(decoder, i);

        CHECK(v.type == found[i].type);
        if (v.type != SL_VALUE_ABSENT)
            CHECK(v.p == found[i].p && v.n == found[i].n && v.escaped == found[i].escaped);
    }
}

static void take_apart(const struct sl_value *v, int depth)
{
    struct sl_slice text = sl_value_text(v, &scratch);
    struct sl_value e;
    double number;
    int64_t integer;
    bool is_int;
    size_t at = 0;

    CHECK(text.n <= v->n);
    sl_value_number(v, &number, &is_int, &integer);
    while (depth < 4 && sl_value_element(v, &at, &e))
        take_apart(&e, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_message m = {.timestamp_ms = 1769862897000};
    struct sl_record r;
    char id[SL_RECORD_ID_MAX];

    if (size == 0)
        return 0;
    if (!decoder)
        set_up();
    topic.decode = (enum sl_decode_form)(data[0] % 3);
    m.at = partition;
    m.value = sl_slice((const char *)data + 1, size - 1);
    sl_decode(decoder, &m, &r);
    for (unsigned i = 0; i < fields->n; i++) {
        struct sl_value v = sl_record_value(&r, i);

        take_apart(&v, 0);
    }
    CHECK(sl_record_id(&r, id) == 27);
    sl_buf_clear(&json);
    sl_record_json(&r, true, SL_SLICE_LITERAL(",\"sluice_id\":\"1\""), &json, NULL);
    CHECK(!json.full && json.n <= sl_record_json_bound(&r) + 16);
    CHECK(!memchr(json.p, '\n', json.n) && !memchr(json.p, '\r', json.n));
    sl_buf_clear(&again);
    sl_record_envelope(&r, &again);
    CHECK(!memchr(again.p, '\n', again.n));
    twins(sl_buf_as_slice(&again));
    if (r.form == SL_FORM_OBJECT)
        twins(m.value);

    topic.decode = SL_DECODE_AUTO;
    m.value = sl_buf_as_slice(&json);
    sl_decode(decoder, &m, &r);
    CHECK(r.form == SL_FORM_OBJECT && r.added.n == 0 && r.has_timestamp && !r.breaks);
    sl_buf_clear(&again);
    sl_record_json(&r, true, sl_slice("", 0), &again, NULL);
    CHECK(sl_slice_equal(sl_buf_as_slice(&json), sl_buf_as_slice(&again)));
    return 0;
}
