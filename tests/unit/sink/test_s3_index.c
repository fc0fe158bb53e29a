/* SPDX-License-Identifier: Apache-2.0 */
/* The index of what the S3 sink sends: made of the records themselves, counted against the queue,
 * and whole after a retry. */
#include "s3_world.h"

#include "sink/archive_index.h"

static void parse(const struct archive_world *w, enum sl_compression kind,
                  struct sl_archive_index *ret)
{
    struct sl_slice body = w->seen.body;
    struct sl_error err = {0};
    uint64_t size;

    assert_int_equal(sl_archive_index_find(kind, body, body.n, &size), SL_OK);
    if (sl_archive_index_parse(kind, sl_slice(body.p + body.n - size, size), body.n, ret, &err) !=
        SL_OK)
        fail_msg("%s", err.text);
}

static bool has(const struct sl_archive_index *index, const char *id)
{
    return sl_archive_member_may_have(&index->members[0], sl_hash(id, strlen(id)));
}

static void check(const struct archive_world *w, enum sl_compression kind)
{
    struct sl_archive_index index;
    unsigned others = 0;

    parse(w, kind, &index);
    assert_true(sl_slice_is(index.topic, "logs.app"));
    assert_int_equal(index.partition, 3);
    assert_int_equal(index.format, SL_ARCHIVE_JSON);
    assert_int_equal(index.n, 1);
    assert_int_equal(index.members[0].records, 4);
    assert_int_equal(index.members[0].first, 42);
    assert_int_equal(index.members[0].last, 46);
    assert_true(index.members[0].least_ns == 1699963200 * INT64_C(1000000000));
    assert_true(index.members[0].greatest_ns == 1699963205 * INT64_C(1000000000));
    assert_true(has(&index, "a-1"));
    assert_true(has(&index, "b\n2"));
    assert_true(has(&index, "17"));
    for (int i = 0; i < 1000; i++) {
        char id[16];

        snprintf(id, sizeof(id), "other-%d", i);
        others += has(&index, id);
    }
    assert_true(others < 30);
    sl_archive_index_release(&index);
}

static void an_object_tells_of_its_records(void **state)
{
    (void)state;
    for (int kind = SL_COMPRESS_GZIP; kind <= SL_COMPRESS_ZSTD; kind++) {
        struct archive_world w;

        s3_setup(&w);
        w.config.s3.compression = (enum sl_compression)kind;
        w.config.s3.key = "all";
        s3_start(&w);
        world_record(&w, "{\"time\":\"2023-11-14T12:00:05Z\",\"correlation_id\":\"a-1\"}");
        world_record(&w, "{\"time\":\"2023-11-14T12:00:00Z\",\"correlation_id\":\"b\\n2\"}");
        world_record(&w, "{\"time\":\"2023-11-14T12:00:01Z\",\"correlation_id\":17}");
        world_skip(&w, "elsewhere");
        world_record(&w, "{\"time\":\"2023-11-14T12:00:02Z\"}");
        world_flush(&w);
        check(&w, (enum sl_compression)kind);
        world_reply(&w, 503, "", ""); /* nothing is lost by a retry */
        world_until_request(&w);
        check(&w, (enum sl_compression)kind);
        s3_end_stored(&w, 4);
    }
}

/* Eight bytes for each id, beside the line: what is noted counts as what is queued. */
static void notes_are_counted(void **state)
{
    uint64_t with[2];

    (void)state;
    for (int noted = 0; noted < 2; noted++) {
        struct archive_world w;
        char line[64];

        s3_setup(&w);
        w.config.s3.compression = noted ? SL_COMPRESS_ZSTD : SL_COMPRESS_NONE;
        w.config.s3.key = "all";
        s3_start(&w);
        for (int i = 0; i < 1000; i++) {
            snprintf(line, sizeof(line), "{\"correlation_id\":\"id-%04d\"}", i);
            world_record(&w, line);
        }
        with[noted] = world_metric(&w, "sluice_queue_bytes");
        s3_teardown(&w);
    }
    assert_in_range(with[1], with[0] + 8000, 3 * with[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_tells_of_its_records),
        cmocka_unit_test(notes_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
