/* SPDX-License-Identifier: Apache-2.0 */
/* Records as the lines of a bulk request, and the names of their indexes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <strings.h>

#include <cmocka.h>
#include <jansson.h>

#include "es_bench.h"
#include "ops/metrics.h"

/* Checks that the item is one action line and one document line, both valid JSON. */
static void assert_lines(const struct sl_batch *b, size_t i, const char *index,
                         const char *document)
{
    const struct sl_item *item = &b->items[i];
    struct sl_slice name = sl_es_item_index(b, item);
    const char *line = b->data.p + item->begin;
    json_t *action = json_loadb(line, item->body - item->begin, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *create = json_object_get(action, "create");

    assert_non_null(create);
    assert_int_equal(json_object_size(create), 2);
    assert_string_equal(json_string_value(json_object_get(create, "_index")), index);
    assert_int_equal(json_string_length(json_object_get(create, "_id")), 27);
    assert_true(sl_slice_is(name, index));
    json_decref(action);
    assert_int_equal(b->data.p[item->body - 1], '\n');
    assert_int_equal(b->data.p[item->end - 1], '\n');
    assert_null(memchr(line, '\n', item->body - 1 - item->begin));
    assert_true(
        sl_slice_is(sl_slice(b->data.p + item->body, item->end - 1 - item->body), document));
}

static void records_become_create_actions(void **state)
{
    static const char value[] =
        "{\"service\":\"Web Front\",\"n\":1.0, \"@timestamp\":\"2024-01-30T00:00:00Z\"}";
    struct bench t;
    struct sl_batch *b;
    size_t n;

    (void)state;
    es_setup(&t, "sluice-{service|other}-{@timestamp:%Y.%m.%d}");
    b = es_batch(&t);
    bench_text(&t, b, value);
    bench_text(&t, b, "not json");
    assert_lines(b, 0, "sluice-web_front-2024.01.30",
                 "{\"service\":\"Web Front\",\"n\":1.0, \"@timestamp\":\"2024-01-30T00:00:00Z\","
                 "\"kind\":\"server\"}");
    assert_true(b->items[0].verbatim);
    assert_int_equal(b->items[0].value_n, sizeof(value) - 1);
    assert_memory_equal(b->data.p + b->items[0].body, value, sizeof(value) - 2);
    assert_false(b->items[1].verbatim);
    assert_true(sl_slice_is(sl_es_item_index(b, &b->items[1]), "sluice-other-2024.01.31"));
    /* The same record has the same id, one of equal text at another offset has another. */
    t.offset = 0;
    bench_text(&t, b, value);
    bench_text(&t, b, value);
    n = b->items[0].end - b->items[0].begin;
    assert_int_equal(b->items[2].end - b->items[2].begin, n);
    assert_int_equal(b->items[3].end - b->items[3].begin, n);
    assert_memory_equal(b->data.p + b->items[0].begin, b->data.p + b->items[2].begin, n);
    assert_memory_not_equal(b->data.p + b->items[0].begin, b->data.p + b->items[3].begin, n);
    bench_release(&t);
}

static void a_full_batch_takes_nothing(void **state)
{
    static const char value[] = "{\"a\":\"0123456789012345678901234567890123456789\"}";
    struct bench t;

    (void)state;
    es_setup(&t, "x");
    bench_start(&t, &sl_sink_elasticsearch);
    for (size_t room = 0; room < 200; room++) {
        struct sl_batch *b = bench_batch(&t);

        sl_buf_release(&b->data);
        sl_buf_init(&b->data, room);
        if (bench_put(&t, b, sl_slice(value, sizeof(value) - 1)) == SL_OK)
            assert_int_equal(b->data.p[b->data.n - 1], '\n');
        else
            assert_int_equal(b->n_items, 0);
        sl_buf_release(&b->data);
        sl_hold_unref(b->hold);
        free(b->items);
        free(b);
        t.n_batches--;
    }
    bench_release(&t);
}

/* A whole name from one field: the worst that a template allows. */
static void hostile_names_stay_names(void **state)
{
    static const char *const values[] = {
        "_all",
        "-x",
        "+x",
        ".",
        "..",
        ".hidden",
        "A,B",
        "*",
        "logs-*",
        "../../etc",
        "a/b\\\\c",
        "a b?c\\\"d",
        "<now>",
        "a|b#c:d",
        "\\u0000\\n\\r",
        "\xc3\x89t\xc3\xa9",
        "\xff\xfe",
        "",
        "{x}",
        "_",
        "-_+",
        "\\\"}}\\n{\\\"delete\\\":{\\\"_index\\\":\\\"x\\\"}}",
    };
    struct bench t;
    struct sl_batch *b;
    struct sl_buf large;

    (void)state;
    es_setup(&t, "{f}");
    b = es_batch(&t);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char value[256];

        snprintf(value, sizeof(value), "{\"f\":\"%s\"}", values[i]);
        bench_text(&t, b, value);
    }
    sl_buf_init(&large, 4 << 20);
    SL_BUF_LITERAL(&large, "{\"f\":\"");
    for (int i = 0; i < 1 << 20; i++)
        sl_buf_byte(&large, "Xy/"[i % 3]);
    SL_BUF_LITERAL(&large, "\"}");
    assert_int_equal(bench_put(&t, b, sl_buf_as_slice(&large)), SL_OK);
    sl_buf_release(&large);
    for (size_t i = 0; i < b->n_items; i++) {
        struct sl_slice name = sl_es_item_index(b, &b->items[i]);

        assert_true(name.n > 0 && name.n <= SL_ES_NAME_BYTES_MAX);
        assert_null(memchr("-_+", name.p[0], 3));
        assert_false(sl_slice_is(name, ".") || sl_slice_is(name, ".."));
        for (size_t k = 0; k < name.n; k++)
            assert_true(name.p[k] > ' ' && name.p[k] < 0x7f &&
                        !strchr("\\/*?\"<>|,#:", name.p[k]) &&
                        !(name.p[k] >= 'A' && name.p[k] <= 'Z'));
        assert_true(b->data.p[b->items[i].body - 1] == '\n');
        assert_non_null(memmem(b->data.p + b->items[i].begin, b->items[i].body - b->items[i].begin,
                               "\",\"_id\":\"", 9));
    }
    bench_release(&t);
}

static void too_many_names_overflow_until_the_hour_is_over(void **state)
{
    const struct sl_label labels[] = {{"sink", "sink"}, {NULL, NULL}};
    struct bench t;
    struct sl_batch *b;

    (void)state;
    es_setup(&t, "Logs{{1}}-{f}-{g}");
    t.env.metrics = sl_metrics_new();
    b = es_batch(&t);
    for (int i = 0; i < SL_ES_NAMES_MAX; i++)
        assert_false(sl_slice_is(es_index_of(&t, b, "f", i), "logs{1}-overflow"));
    assert_true(sl_slice_is(es_index_of(&t, b, "f", SL_ES_NAMES_MAX), "logs{1}-overflow"));
    assert_true(sl_slice_is(es_index_of(&t, b, "f", 5), "logs{1}-n5-none")); /* a known one stays */
    assert_true(sl_slice_is(es_index_of(&t, b, "f", SL_ES_NAMES_MAX + 1), "logs{1}-overflow"));
    assert_int_equal(sl_metrics_sum(t.env.metrics, "sluice_index_overflow_total", labels), 2);
    t.runtime.now_ms += SL_ES_NAMES_MS - 1;
    assert_true(sl_slice_is(es_index_of(&t, b, "f", SL_ES_NAMES_MAX), "logs{1}-overflow"));
    t.runtime.now_ms += 1;
    assert_true(sl_slice_is(es_index_of(&t, b, "f", SL_ES_NAMES_MAX), "logs{1}-n1000-none"));
    assert_int_equal(sl_metrics_sum(t.env.metrics, "sluice_index_overflow_total", labels), 3);
    bench_release(&t);
    sl_metrics_free(t.env.metrics);
}

static void data_streams_have_three_parts(void **state)
{
    struct bench t;
    struct sl_batch *b;

    (void)state;
    es_setup(&t, NULL);
    t.config.elasticsearch.type = "logs";
    t.config.elasticsearch.dataset = "{f|generic}";
    t.config.elasticsearch.namespace_ = "Prod-eu";
    b = es_batch(&t);
    bench_text(&t, b, "{\"f\":\"My-App\"}");
    bench_text(&t, b, "{}");
    assert_true(sl_slice_is(sl_es_item_index(b, &b->items[0]), "logs-my_app-prod_eu"));
    assert_true(sl_slice_is(sl_es_item_index(b, &b->items[1]), "logs-generic-prod_eu"));
    for (int i = 0; i < SL_ES_NAMES_MAX; i++)
        es_index_of(&t, b, "f", i);
    assert_true(sl_slice_is(es_index_of(&t, b, "f", 5000), "logs-overflow-prod_eu"));
    bench_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_become_create_actions),
        cmocka_unit_test(a_full_batch_takes_nothing),
        cmocka_unit_test(hostile_names_stay_names),
        cmocka_unit_test(too_many_names_overflow_until_the_hour_is_over),
        cmocka_unit_test(data_streams_have_three_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
