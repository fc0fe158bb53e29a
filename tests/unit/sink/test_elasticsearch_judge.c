/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <strings.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "http_help.h"
#include "sink/elasticsearch_judge.h"

/* Batches by hand: one item for each letter, which is its index. */

static struct sl_batch batch;
static struct sl_es_seen seen;
static struct sl_buf reason;
static struct sl_result result;

static void make_batch(const char *indexes)
{
    sl_buf_release(&batch.data);
    sl_buf_release(&batch.reasons);
    free(batch.items);
    batch = (struct sl_batch){.n_items = strlen(indexes)};
    batch.items = sl_calloc(batch.n_items, sizeof(*batch.items));
    sl_buf_init(&batch.data, 1 << 20);
    sl_buf_init(&batch.reasons, 1 << 20);
    for (size_t i = 0; i < batch.n_items; i++) {
        batch.items[i].begin = (uint32_t)batch.data.n;
        sl_buf_printf(&batch.data, "{\"create\":{\"_index\":\"%c\",\"_id\":\"%zu\"}}\n", indexes[i],
                      i);
        batch.items[i].body = (uint32_t)batch.data.n;
        SL_BUF_LITERAL(&batch.data, "{}\n");
        batch.items[i].end = (uint32_t)batch.data.n;
        batch.items[i].outcome = 99;
    }
}

static int setup(void **state)
{
    (void)state;
    sl_buf_init(&reason, 1024);
    seen = (struct sl_es_seen){0};
    batch = (struct sl_batch){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    make_batch("");
    free(batch.items);
    sl_buf_release(&reason);
    return 0;
}

/* One answer: words like 201, or 400:type:reason. */
static void answer_at(uint64_t now_ms, bool data_stream, const char *const *items)
{
    struct sl_buf body;

    sl_buf_init(&body, 1 << 20);
    SL_BUF_LITERAL(&body, "{\"took\":1,\"errors\":true,\"items\":[");
    for (size_t i = 0; items[i]; i++) {
        const char *type = strchr(items[i], ':'), *text = type ? strchr(type + 1, ':') : NULL;

        sl_buf_printf(&body, "%s{\"create\":{\"status\":%.3s", i ? "," : "", items[i]);
        if (text)
            sl_buf_printf(&body, ",\"error\":{\"type\":\"%.*s\",\"reason\":\"%s\"}",
                          (int)(text - type - 1), type + 1, text + 1);
        SL_BUF_LITERAL(&body, "}}");
    }
    SL_BUF_LITERAL(&body, "]}");
    sl_es_judge(&batch, sl_buf_as_slice(&body), data_stream, now_ms, &seen, &reason, &result);
    sl_buf_release(&body);
}

#define ANSWER(...) answer_at(1000, false, (const char *const[]){__VA_ARGS__, NULL})

static void assert_outcome(size_t i, enum sl_outcome outcome)
{
    assert_true(result.per_item);
    if (batch.items[i].outcome != outcome)
        fail_msg("item %zu: outcome %d, not %d", i, batch.items[i].outcome, outcome);
}

static const char *item_text(size_t i)
{
    return batch.items[i].reason ? batch.reasons.p + batch.items[i].reason - 1 : NULL;
}

static void all_good_is_delivered_as_a_whole(void **state)
{
    (void)state;
    make_batch("aab");
    ANSWER("201", "409:version_conflict_engine_exception:is there", "200");
    assert_false(result.per_item);
    assert_int_equal(result.outcome, SL_DELIVERED);
    assert_int_equal(result.status, 200);
}

static void an_unreadable_answer_touches_no_item(void **state)
{
    (void)state;
    make_batch("aab");
    ANSWER("201", "201"); /* one too few */
    assert_false(result.per_item);
    assert_int_equal(result.outcome, SL_AGAIN);
    assert_non_null(strstr(result.reason, "3 items: it has fewer"));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(batch.items[i].outcome, 99);
    ANSWER("400:a:b", "201", "201", "201");
    assert_int_equal(result.outcome, SL_AGAIN);
    assert_int_equal(batch.reasons.n, 0);
}

/* Item 0 has the status; item 1 is another index's, delivered. */
static void each_status_when_another_index_takes_records(void **state)
{
    static const struct {
        const char *item;
        enum sl_outcome outcome;
        bool throttled;
    } rows[] = {
        {"400:mapper_parsing_exception:failed to parse", SL_REFUSED, false},
        {"400:document_parsing_exception:failed to parse", SL_REFUSED, false},
        {"400:strict_dynamic_mapping_exception:no", SL_REFUSED, false},
        {"400:invalid_index_name_exception:must be lowercase", SL_REFUSED, false},
        {"400:illegal_argument_exception:Limit of total fields [1000] has been exceeded",
         SL_REFUSED, false},
        {"400:validation_exception:Validation Failed: 1: this action would add [2] total shards, "
         "but this "
         "cluster currently has [1000]/[1000] maximum shards open;",
         SL_STALL, false},
        {"400:validation_exception:Validation Failed: 1: this action would add [2] shards, but "
         "this cluster "
         "currently has [999]/[1000] maximum normal shards open;",
         SL_STALL, false},
        {"400:validation_exception:some other rule", SL_REFUSED, false},
        {"400:illegal_state_exception:the index is closing", SL_STALL, false},
        {"400:illegal_argument_exception:no matching index template found for data stream [x]",
         SL_STALL, false},
        {"401:security_exception:missing authentication", SL_STALL, false},
        {"403:cluster_block_exception:index [a] blocked by: [FORBIDDEN/8/index write (api)];",
         SL_PARK, false},
        {"403:security_exception:action is unauthorized", SL_PARK, false},
        {"404:index_not_found_exception:no such index [a]", SL_PARK, false},
        {"405:x:y", SL_REFUSED, false},
        {"408:x:y", SL_AGAIN, false},
        {"413:x:y", SL_REFUSED, false},
        {"422:x:y", SL_REFUSED, false},
        {"429:rejected_execution_exception:queue is full", SL_AGAIN, true},
        {"429:cluster_block_exception:index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage "
         "exceeded flood-stage watermark, index has read-only-allow-delete block];",
         SL_PARK_ON, false},
        {"403:cluster_block_exception:index [a] blocked by: [FORBIDDEN/12/index read-only / allow "
         "delete (api)];",
         SL_PARK_ON, false},
        {"400:index_closed_exception:closed", SL_PARK, false},
        {"500:illegal_state_exception:x", SL_AGAIN, false},
        {"502:x:y", SL_AGAIN, false},
        {"503:unavailable_shards_exception:primary shard is not active", SL_PARK_ON, false},
        {"503:no_shard_available_action_exception:x", SL_PARK_ON, false},
        {"301:x:y", SL_AGAIN, false},
        {"202:x:y", SL_AGAIN, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_batch("ab");
        ANSWER(rows[i].item, "201");
        assert_outcome(0, rows[i].outcome);
        assert_outcome(1, SL_DELIVERED);
        assert_int_equal(result.throttled, rows[i].throttled);
        assert_int_equal(result.outcome, rows[i].outcome == SL_STALL ? SL_STALL : SL_AGAIN);
        assert_int_equal(batch.items[0].status, (rows[i].item[0] - '0') * 100 +
                                                    (rows[i].item[1] - '0') * 10 + rows[i].item[2] -
                                                    '0');
        assert_int_equal(batch.items[1].status, 201);
        assert_true(result.reason[0]);
    }
}

static void on_all_indexes_the_sink_stalls(void **state)
{
    (void)state;
    make_batch("abc");
    ANSWER("403:cluster_block_exception:blocked", "404:index_not_found_exception:b", "503:x:y");
    assert_outcome(0, SL_STALL);
    assert_outcome(1, SL_STALL);
    assert_outcome(2, SL_AGAIN);
    assert_string_equal(result.reason, "cluster_block_exception: blocked");
    ANSWER("429:cluster_block_exception:[TOO_MANY_REQUESTS/12/disk]",
           "400:index_closed_exception:b", "429:rejected_execution_exception:full");
    assert_outcome(0, SL_STALL);
    assert_outcome(1, SL_STALL);
    assert_outcome(2, SL_AGAIN);
    assert_true(result.throttled);
    /* That the same index also took a record says nothing about others. */
    make_batch("aa");
    ANSWER("201", "403:security_exception:no");
    assert_outcome(0, SL_DELIVERED);
    assert_outcome(1, SL_STALL);
}

static void what_was_delivered_lately_counts(void **state)
{
    const char *const refused[] = {"403:security_exception:no", NULL};
    const char *const down[] = {"503:unavailable_shards_exception:no", NULL};

    (void)state;
    make_batch("b");
    ANSWER("201"); /* at 1000 */
    make_batch("a");
    answer_at(1000 + SL_ES_SEEN_MS - 1, false, refused);
    assert_outcome(0, SL_PARK);
    answer_at(1000 + SL_ES_SEEN_MS - 1, false, down);
    assert_outcome(0, SL_PARK_ON);
    answer_at(1000 + SL_ES_SEEN_MS, false, refused);
    assert_outcome(0, SL_STALL);
    answer_at(1000 + SL_ES_SEEN_MS, false, down);
    assert_outcome(0, SL_AGAIN);
    make_batch("b");
    answer_at(1001, false, refused);
    assert_outcome(0, SL_STALL); /* b itself is no other index */
}

static void two_remembered_indexes_are_enough(void **state)
{
    const char *const refused[] = {"403:security_exception:no", NULL};

    (void)state;
    make_batch("abababaaaa");
    ANSWER("201", "201", "201", "201", "201", "201", "201", "201", "201", "201");
    make_batch("a");
    answer_at(1001, false, refused);
    assert_outcome(0, SL_PARK);
    make_batch("b");
    answer_at(1001, false, refused);
    assert_outcome(0, SL_PARK);
    make_batch("aaaa"); /* a alone goes on; b is forgotten in time */
    for (uint64_t at = 2000; at < 2000 + 2 * SL_ES_SEEN_MS; at += 60000)
        answer_at(at, false, (const char *const[]){"201", "201", "201", "201", NULL});
    make_batch("a");
    answer_at(2000 + 2 * SL_ES_SEEN_MS, false, refused);
    assert_outcome(0, SL_STALL);
}

static void texts_are_kept_with_records_that_may_become_dead_letters(void **state)
{
    (void)state;
    make_batch("aaab");
    ANSWER("429:rejected_execution_exception:full", "400:mapper_parsing_exception:a \\\"b\\\"",
           "500", "201");
    assert_null(item_text(0));
    assert_string_equal(item_text(1), "mapper_parsing_exception: a \"b\"");
    assert_null(item_text(2));
    assert_string_equal(result.reason, "rejected_execution_exception: full");
    /* A parked record keeps its first text, a refused one gets its last. */
    make_batch("ab");
    ANSWER("404:index_not_found_exception:first", "201");
    ANSWER("404:index_not_found_exception:second", "201");
    assert_string_equal(item_text(0), "index_not_found_exception: first");
    ANSWER("400:mapper_parsing_exception:third", "201");
    assert_string_equal(item_text(0), "mapper_parsing_exception: third");
    make_batch("ab");
    ANSWER("400", "201");
    assert_string_equal(item_text(0), "status 400");
}

static void a_stall_gives_the_reason_whatever_came_before(void **state)
{
    (void)state;
    make_batch("abc");
    ANSWER("400:mapper_parsing_exception:x", "400:validation_exception:maximum shards open",
           "401:s:later");
    assert_int_equal(result.outcome, SL_STALL);
    assert_string_equal(result.reason, "validation_exception: maximum shards open");
    assert_outcome(0, SL_REFUSED);
}

static void a_reason_is_whole_characters(void **state)
{
    char item[1024] = "403:cluster_block_exception:", copy[1024];

    (void)state;
    for (size_t n = strlen(item), i = 0; i < 200; i++)
        snprintf(item + n + 3 * i, sizeof(item) - n - 3 * i, "\xe4\xb8\xad");
    make_batch("a");
    ANSWER(item);
    assert_int_equal(result.outcome, SL_STALL);
    sl_utf8_copy(result.reason, copy, sizeof(copy));
    assert_string_equal(result.reason, copy);
    assert_true(strlen(copy) > 200 && strlen(copy) < 400); /* with what follows it, below 512 */
    make_batch("a");
    ANSWER("403:cluster_block_exception:a\xff"
           "b");
    assert_string_equal(result.reason, "cluster_block_exception: a b");
}

static void a_data_stream_without_template_names_setup(void **state)
{
    (void)state;
    make_batch("ab");
    answer_at(
        1000, true,
        (const char *const[]){"404:index_not_found_exception:no such index [a]", "201", NULL});
    assert_outcome(0, SL_STALL);
    assert_non_null(strstr(result.reason, "sluice setup"));
    answer_at(1000, true,
              (const char *const[]){
                  "400:illegal_argument_exception:no matching index template found for data "
                  "stream [a]",
                  "201", NULL});
    assert_outcome(0, SL_STALL);
    assert_non_null(strstr(result.reason, "sluice setup"));
    answer_at(1000, true, (const char *const[]){"403:security_exception:no", "201", NULL});
    assert_outcome(0, SL_PARK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_good_is_delivered_as_a_whole),
        TEST(an_unreadable_answer_touches_no_item),
        TEST(each_status_when_another_index_takes_records),
        TEST(on_all_indexes_the_sink_stalls),
        TEST(what_was_delivered_lately_counts),
        TEST(two_remembered_indexes_are_enough),
        TEST(texts_are_kept_with_records_that_may_become_dead_letters),
        TEST(a_stall_gives_the_reason_whatever_came_before),
        TEST(a_reason_is_whole_characters),
        TEST(a_data_stream_without_template_names_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
