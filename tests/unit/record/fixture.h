/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_RECORD_FIXTURE_H
#define TEST_RECORD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>

#include "base/alloc.h"
#include "sluice/position.h"
#include "sluice/record.h"
#include "sluice/template.h"

/* A decoder with a topic, a partition and one message, and what tests ask of them. */

enum { KAFKA_MS = 1769862897000 / 1000 }; /* 2026-01-31T12:34:57Z, in seconds: an enum is an int */

struct fixture {
    struct sl_topic topic;
    struct sl_partition *partition;
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_message message;
    struct sl_record record;
    struct sl_buf out, scratch;
};

static inline struct fixture *fixture_of(struct sl_decoder_config config)
{
    struct fixture *x = sl_zalloc(sizeof(*x));
    struct sl_error err = {0};

    x->topic = (struct sl_topic){.name = "logs", .decode = SL_DECODE_AUTO};
    x->partition = sl_zalloc(sizeof(*x->partition) + sizeof(struct sl_sink_position));
    x->partition->topic = &x->topic;
    x->partition->number = 3;
    memcpy(x->partition->place, "\1\2\3\4\5\6\7\10", 8);
    x->fields = config.fields = sl_fields_new();
    x->decoder = sl_decoder_new(&config, &err);
    if (!x->decoder)
        fail_msg("%s", err.text);
    x->message = (struct sl_message){
        .at = x->partition, .offset = 42, .timestamp_ms = (int64_t)KAFKA_MS * 1000};
    sl_buf_init(&x->out, 64 << 20);
    sl_buf_init(&x->scratch, 64 << 20);
    return x;
}

static inline struct fixture *fixture_new(const struct sl_properties *enrich, const char *zone)
{
    return fixture_of((struct sl_decoder_config){.enrich = enrich, .timezone = zone});
}

static inline void fixture_free(struct fixture *x)
{
    sl_decoder_free(x->decoder);
    sl_fields_free(x->fields);
    sl_buf_release(&x->out);
    sl_buf_release(&x->scratch);
    free(x->partition);
    free(x);
}

static inline unsigned field_id(struct fixture *x, const char *path)
{
    struct sl_error err = {0};
    unsigned id = 0;

    if (sl_fields_add(x->fields, sl_slice_str(path), &id, &err) != SL_OK)
        fail_msg("%s", err.text);
    return id;
}

/* The bytes are copied to their exact size, so that a sanitizer sees a read beyond the end; they
 * live until the next one. */
static inline struct sl_record *decode_bytes(struct fixture *x, const void *p, size_t n)
{
    static char *copy;

    free(copy);
    copy = sl_alloc(n ? n : 1);
    memcpy(copy, p, n);
    x->message.value = sl_slice(copy, n);
    sl_decode(x->decoder, &x->message, &x->record);
    return &x->record;
}

static inline struct sl_record *decode(struct fixture *x, const char *text)
{
    return decode_bytes(x, text, strlen(text));
}

/* The text of a field, or NULL; until the next call. */
static inline const char *field_text(struct fixture *x, const char *path)
{
    unsigned id = field_id(x, path);
    struct sl_value v = sl_record_value(&x->record, id);
    struct sl_slice text = sl_value_text(&v, &x->scratch);

    if (!text.p)
        return NULL;
    sl_buf_clear(&x->out);
    sl_buf_slice(&x->out, text);
    return sl_buf_str(&x->out);
}

static inline enum sl_value_type field_type(struct fixture *x, const char *path)
{
    return (enum sl_value_type)sl_record_value(&x->record, field_id(x, path)).type;
}

/* The record as JSON; until the next call. */
static inline const char *record_json(struct fixture *x, bool timestamp, const char *more)
{
    sl_buf_clear(&x->out);
    sl_record_json(&x->record, timestamp, sl_slice_str(more), &x->out, NULL);
    assert_false(x->out.full);
    return sl_buf_str(&x->out);
}

#endif
