/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
/* cmocka needs the four above first. */
#include <cmocka.h>

#include "base/error.h"
#include "gzip_make.h"
#include "record/unwrap.h"

/* What wrappers refuse, and that they take time and memory by what a message holds. */

struct fixture {
    struct sl_unwrapped *u;
    struct sl_form_context context;
    struct sl_zone *zone;
    struct sl_members members;
    struct sl_buf value, packed;
    size_t n;
    const char *why;
};

static int set_up(void **state)
{
    struct fixture *x = sl_zalloc(sizeof(*x));

    x->u = sl_unwrapped_new();
    sl_zone_new(NULL, &x->zone, NULL);
    x->context.zone = x->zone;
    sl_members_init(&x->members);
    sl_buf_init(&x->value, 256 << 20);
    sl_buf_init(&x->packed, 256 << 20);
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;

    sl_unwrapped_free(x->u);
    sl_zone_free(x->zone);
    sl_members_release(&x->members);
    sl_buf_release(&x->value);
    sl_buf_release(&x->packed);
    free(x);
    return 0;
}

static enum sl_unwrap_outcome open_value(struct fixture *x, const struct sl_wrapper *w,
                                         const struct sl_buf *value)
{
    x->why = NULL;
    x->n = 0;
    return w->open(x->u, &x->context, sl_buf_as_slice(value), &x->n, &x->why);
}

static struct sl_piece piece_at(struct fixture *x, const struct sl_wrapper *w, size_t i)
{
    struct sl_piece p;

    sl_members_begin(&x->members);
    w->piece(x->u, i, &x->members, &p);
    return p;
}

static void repeat(struct sl_buf *out, const char *text, size_t times, const char *between)
{
    for (size_t i = 0; i < times; i++) {
        if (i > 0)
            sl_buf_text(out, between);
        sl_buf_text(out, text);
    }
}

static void begin_envelope(struct fixture *x)
{
    sl_buf_clear(&x->value);
    sl_buf_text(&x->value, "{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\","
                           "\"logStream\":\"s\",\"subscriptionFilters\":[\"f\"],\"logEvents\":[");
}

static void pack(struct fixture *x)
{
    sl_buf_clear(&x->packed);
    gzip_make(sl_buf_as_slice(&x->value), &x->packed);
}

static void many_events_come_by_their_place(void **state)
{
    struct fixture *x = *state;

    begin_envelope(x);
    for (int i = 0; i < 10000; i++)
        sl_buf_printf(&x->value, "%s{\"id\":\"%d\",\"timestamp\":%d,\"message\":\"event %d\\n\"}",
                      i ? "," : "", i, 1000 + i, i);
    sl_buf_text(&x->value, "]}");
    pack(x);
    for (int round = 0; round < 2; round++) { /* again after the scratch was given back */
        assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_OK);
        assert_int_equal(x->n, 10000);
        for (size_t k = 0; k < 10000; k++) {
            size_t i = k * 7919 % 10000; /* in no order */
            struct sl_piece p = piece_at(x, &sl_wrapper_cloudwatch, i);
            char text[32];

            snprintf(text, sizeof(text), "event %zu\n", i);
            assert_true(sl_slice_is(p.text, text));
            assert_int_equal(p.time_ns, (int64_t)(1000 + i) * 1000000);
        }
        sl_unwrapped_shrink(x->u);
    }
}

static void a_bomb_is_refused(void **state)
{
    struct fixture *x = *state;

    begin_envelope(x);
    memset(sl_buf_reserve(&x->value, 40 << 20), ' ', 40 << 20);
    x->value.n += 40 << 20;
    sl_buf_text(&x->value, "]}");
    pack(x);
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_REFUSED);
    assert_string_equal(x->why, "cloudwatch: it inflates beyond its bounds");
    /* Where the ratio would let it pass, the size does not: nothing shrinks in it. */
    begin_envelope(x);
    for (uint32_t v = 1; x->value.n < 33 << 20; v = v * 1664525 + 1013904223)
        sl_buf_printf(&x->value, "\"%08x%08x\",", v, v * 2654435761u);
    sl_buf_text(&x->value, "0]}");
    pack(x);
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_REFUSED);
    assert_string_equal(x->why, "cloudwatch: it inflates beyond its bounds");
}

static void damaged_gzip_is_none(void **state)
{
    struct fixture *x = *state;
    size_t n;

    begin_envelope(x);
    sl_buf_text(&x->value, "{\"id\":\"1\",\"timestamp\":1,\"message\":\"m\"}]}");
    pack(x);
    n = x->packed.n;
    x->packed.n = n - 1;
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_NOT);
    assert_string_equal(x->why, "cloudwatch: damaged gzip");
    x->packed.n = n;
    x->packed.p[n - 8] ^= 1;
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_NOT);
    x->packed.p[n - 8] ^= 1;
    SL_BUF_LITERAL(&x->packed, "x");
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_NOT);
    x->packed.n = n;
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_OK);
    /* Two members are one document, and two documents are none. */
    x->packed.n = 0;
    gzip_make(sl_slice(x->value.p, 50), &x->packed);
    gzip_make(sl_slice(x->value.p + 50, x->value.n - 50), &x->packed);
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_OK);
    assert_int_equal(x->n, 1);
    gzip_make(sl_buf_as_slice(&x->value), &x->packed);
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->packed), SL_UNWRAP_NOT);
    assert_string_equal(x->why, "something after the end of the object");
}

static void too_many_pieces_are_refused(void **state)
{
    struct fixture *x = *state;

    begin_envelope(x);
    repeat(&x->value, "{}", 1000000, ",");
    sl_buf_text(&x->value, "]}");
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->value), SL_UNWRAP_OK);
    assert_int_equal(x->n, 1000000);
    assert_true(piece_at(x, &sl_wrapper_cloudwatch, 999999).is_object);
    sl_buf_truncate(&x->value, x->value.n - 2);
    sl_buf_text(&x->value, ",{}]}");
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->value), SL_UNWRAP_REFUSED);
    assert_string_equal(x->why, "cloudwatch: too many events");
    sl_buf_clear(&x->value);
    sl_buf_text(&x->value, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[");
    repeat(&x->value, "{}", 1000001, ",");
    sl_buf_text(&x->value, "]}]}]}");
    assert_int_equal(open_value(x, &sl_wrapper_otlp_json, &x->value), SL_UNWRAP_REFUSED);
    assert_string_equal(x->why, "otlp_json: too many log records");
}

/* Half a MiB that each of a hundred thousand records would carry. */
static void what_is_shared_is_bounded(void **state)
{
    struct fixture *x = *state;

    sl_buf_text(&x->value, "{\"messageType\":\"DATA_MESSAGE\",\"logGroup\":\"");
    repeat(&x->value, "group", 100000, "");
    sl_buf_text(&x->value, "\",\"logEvents\":[");
    repeat(&x->value, "{}", 100000, ",");
    sl_buf_text(&x->value, "]}");
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->value), SL_UNWRAP_REFUSED);
    sl_buf_clear(&x->value);
    sl_buf_text(&x->value, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[");
    repeat(&x->value, "{\"key\":\"a\",\"value\":{\"stringValue\":\"b\"}}", 12000, ",");
    sl_buf_text(&x->value, "]},\"scopeLogs\":[{\"logRecords\":[");
    repeat(&x->value, "{}", 100000, ",");
    sl_buf_text(&x->value, "]}]}]}");
    assert_int_equal(open_value(x, &sl_wrapper_otlp_json, &x->value), SL_UNWRAP_REFUSED);
    assert_string_equal(x->why, "otlp_json: too many log records for so large a resource");
}

/* For it is what the records of the message take. */
static void what_is_shared_counts_for_each_piece(void **state)
{
    struct fixture *x = *state;
    size_t shared;

    sl_buf_text(&x->value, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[");
    shared = x->value.n;
    repeat(&x->value, "{\"key\":\"a\",\"value\":{\"stringValue\":\"b\"}}", 1000, ",");
    shared = x->value.n - shared;
    sl_buf_text(&x->value, "]},\"scopeLogs\":[{\"logRecords\":[");
    repeat(&x->value, "{}", 1000, ",");
    sl_buf_text(&x->value, "]}]}]}");
    for (int round = 0; round < 2; round++) { /* and what was counted before does not */
        assert_int_equal(open_value(x, &sl_wrapper_otlp_json, &x->value), SL_UNWRAP_OK);
        assert_in_range(sl_unwrapped_bytes(x->u), x->value.n + 1000 * shared,
                        x->value.n + 1000 * (shared + 100));
    }
    begin_envelope(x);
    sl_buf_text(&x->value, "{}]}");
    assert_int_equal(open_value(x, &sl_wrapper_cloudwatch, &x->value), SL_UNWRAP_OK);
    assert_in_range(sl_unwrapped_bytes(x->u), x->value.n, 2 * x->value.n);
}

static void attributes_are_bounded(void **state)
{
    struct fixture *x = *state;

    sl_buf_text(&x->value, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"attributes\":[");
    for (int i = 0; i < 100000; i++)
        sl_buf_printf(&x->value, "%s{\"key\":\"k%d\",\"value\":{\"intValue\":%d}}", i ? "," : "", i,
                      i);
    sl_buf_text(&x->value, "]}]}]}]}");
    assert_int_equal(open_value(x, &sl_wrapper_otlp_json, &x->value), SL_UNWRAP_OK);
    piece_at(x, &sl_wrapper_otlp_json, 0);
    sl_buf_byte(&x->members.text, '\0');
    assert_non_null(strstr(x->members.text.p, "\"k1023\":1023},\"attributes_cut\":true"));
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cost(struct fixture *x, const struct sl_wrapper *w)
{
    double begin = seconds();

    if (open_value(x, w, &x->value) == SL_UNWRAP_OK)
        for (size_t i = 0; i < x->n; i++)
            piece_at(x, w, i);
    return seconds() - begin;
}

/* Each shape at two sizes: sixteen times as much must not cost a hundred times as much. */
static void hostile_shapes_cost_by_their_size(void **state)
{
    static const struct {
        const struct sl_wrapper *w;
        const char *begin, *again, *between, *end;
    } shapes[] = {
        {&sl_wrapper_docker, "{\"log\":\"", "\\\\", "",
         "\",\"stream\":\"stdout\",\"time\":\"2026-01-31T12:34:56Z\"}"},
        {&sl_wrapper_docker, "{\"log\":\"\",\"stream\":\"stdout\",\"attrs\":{", "\"a\":\"\"", ",",
         "},\"time\":\"2026-01-31T12:34:56Z\"}"},
        {&sl_wrapper_cri, "2026-01-31T12:34:56Z stdout F ", "2026-01-31T12:34:56Z stdout F ", "",
         ""},
        {&sl_wrapper_cloudwatch, "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[",
         "{\"message\":\"{\"}", ",", "]}"},
        {&sl_wrapper_cloudwatch, "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{",
         "\"message\":\"START RequestId: \\t\"", ",", "}]}"},
        {&sl_wrapper_cloudwatch,
         "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"message\":\"REPORT RequestId: ",
         "Duration: 1\\t", "", "\"}]}"},
        {&sl_wrapper_otlp_json,
         "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"attributes\":[",
         "{\"key\":\"a\",\"value\":{}}", ",", "]}]}]}]}"},
        {&sl_wrapper_otlp_json, "{\"resourceLogs\":[{\"scopeLogs\":[", "{\"logRecords\":[{}]}", ",",
         "]}]}"},
        {&sl_wrapper_otlp_json, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{",
         "\"body\":1", ",", "}]}]}]}"},
    };
    struct fixture *x = *state;

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        double small, large;

        for (int size = 0; size < 2; size++) {
            sl_buf_clear(&x->value);
            sl_buf_text(&x->value, shapes[i].begin);
            repeat(&x->value, shapes[i].again, size ? 640000 : 40000, shapes[i].between);
            sl_buf_text(&x->value, shapes[i].end);
            *(size ? &large : &small) = cost(x, shapes[i].w);
        }
        if (large > small * 100 + 0.05)
            fail_msg("shape %zu: %f s, then %f s", i, small, large);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many_events_come_by_their_place),
        TEST(a_bomb_is_refused),
        TEST(damaged_gzip_is_none),
        TEST(too_many_pieces_are_refused),
        TEST(what_is_shared_is_bounded),
        TEST(what_is_shared_counts_for_each_piece),
        TEST(attributes_are_bounded),
        TEST(hostile_shapes_cost_by_their_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
