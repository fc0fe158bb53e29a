/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "sluice/position.h"
#include "sluice/template.h"
#include "fuzz.h"

/* The first line is a template, the rest a record's value. What must hold: names of indexes are
 * names that Elasticsearch takes, no key has a segment "." or "..", and JSON stays JSON. */

/* A part of a data stream's name may begin with anything: the type comes before it. */
static void check_index(struct sl_slice name, enum sl_template_use use)
{
    bool whole = use == SL_TEMPLATE_INDEX;

    CHECK(name.n <= (whole ? 255 : 100));
    CHECK(!whole || name.n == 0 || !strchr("-_+", name.p[0]));
    CHECK(!sl_slice_is(name, ".") && !sl_slice_is(name, ".."));
    for (size_t i = 0; i < name.n; i++)
        CHECK(name.p[i] > ' ' && name.p[i] < 0x7f &&
              !strchr("\\/*?\"<>|,#:ABCDEFGHIJKLMNOPQRSTUVWXYZ", name.p[i]));
}

static void check_key(struct sl_slice key)
{
    for (size_t i = 0, from = 0; key.n > 0 && i <= key.n; i++) {
        if (i < key.n && key.p[i] != '/')
            continue;
        CHECK(!sl_slice_is(sl_slice(key.p + from, i - from), "."));
        CHECK(!sl_slice_is(sl_slice(key.p + from, i - from), ".."));
        from = i + 1;
    }
}

static void check_json(struct sl_decoder *d, struct sl_message *m, struct sl_buf *out)
{
    struct sl_record r;

    m->value = sl_buf_as_slice(out);
    sl_decode(d, m, &r);
    CHECK(r.form == SL_FORM_OBJECT);
}

static void run(const char *text, enum sl_template_use use, struct sl_slice value)
{
    struct sl_topic topic = {.name = "t"};
    struct sl_partition *partition =
        sl_zalloc(sizeof(*partition) + sizeof(struct sl_sink_position));
    struct sl_fields *fields = sl_fields_new();
    struct sl_decoder_config config = {.fields = fields};
    struct sl_decoder *d = sl_decoder_new(&config, NULL);
    struct sl_error err = {0};
    struct sl_template *t = sl_template_new(text, use, fields, &err);
    struct sl_message m = {.at = partition, .timestamp_ms = 1769862897000, .value = value};
    struct sl_record r;
    struct sl_buf out;
    bool plain = !strpbrk(text, "\"\\") && sl_slice_str(text).n;

    sl_buf_init(&out, 16 << 20);
    partition->topic = &topic;
    if (!t) {
        CHECK(err.code != 0 && err.text[0] && err.column >= 1 && err.column <= strlen(text) + 1);
        goto out;
    }
    sl_decode(d, &m, &r);
    for (const char *p = text; *p; p++)
        plain = plain && *p >= ' ' && *p < 0x7f;
    if (use == SL_TEMPLATE_JSON)
        SL_BUF_LITERAL(&out, "{\"a\":\"");
    sl_template_render(t, &r, &out);
    if (use == SL_TEMPLATE_INDEX || use == SL_TEMPLATE_DATA_STREAM)
        check_index(sl_buf_as_slice(&out), use);
    if (use == SL_TEMPLATE_OBJECT_KEY)
        check_key(sl_buf_as_slice(&out));
    if (use == SL_TEMPLATE_JSON && plain) {
        SL_BUF_LITERAL(&out, "\"}");
        check_json(d, &m, &out);
    }
out:
    sl_template_free(t);
    sl_decoder_free(d);
    sl_fields_free(fields);
    sl_buf_release(&out);
    free(partition);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data + 1, '\n', size - 1) : NULL;
    char *text;

    if (!end)
        return 0;
    text = sl_strndup((const char *)data + 1, (size_t)(end - data - 1));
    run(text, (enum sl_template_use)(data[0] % 5),
        sl_slice((const char *)end + 1, size - (size_t)(end + 1 - data)));
    free(text);
    return 0;
}
