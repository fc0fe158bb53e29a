/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded cut that is made once more, by whoever comes next: the same object, though its bytes
 * may differ. */
#include "s3_world.h"

enum { FIRST = 42, END = 45 }; /* the two records of s3_put_two(), and what went elsewhere */

struct object {
    char *url, *metadata;
    char body[16];
};

static void forget(struct object *o)
{
    free(o->url);
    free(o->metadata);
}

static struct object put_under_way(struct archive_world *w)
{
    struct object o = {.url = sl_strdup(w->seen.url), .metadata = s3_metadata(w, true)};

    snprintf(o.body, sizeof(o.body), "%s", world_header(w, SL_S3_META_BODY));
    return o;
}

/* Not the number of records, nor the checksum of the bytes. */
static const char *const identity[] = {SL_S3_META_FIRST, SL_S3_META_LAST, SL_S3_META_HASH,
                                       SL_S3_META_CRC};

static void same_identity(struct archive_world *w, const struct object *o)
{
    for (size_t i = 0; i < sizeof(identity) / sizeof(identity[0]); i++) {
        char line[256];

        snprintf(line, sizeof(line), "%s: %s\r\n", identity[i], world_header(w, identity[i]));
        assert_non_null(strstr(o->metadata, line));
    }
}

static unsigned commits;

static void on_commit(void *user)
{
    (void)user;
    commits++;
}

/* The first replica: its PUT is under way, and then it is gone. */
static struct object first_replica(enum sl_compression compression)
{
    struct archive_world w;
    struct object o;

    s3_setup(&w);
    w.config.s3.compression = compression;
    s3_start(&w);
    s3_put_two(&w);
    o = put_under_way(&w);
    s3_teardown(&w);
    return o;
}

/* Its successor, with other limits and with something else to add to each record. */
static void succeed(struct archive_world *w, enum sl_compression compression,
                    const struct sl_properties *enrich)
{
    struct sl_sink_position *s;
    struct sl_error err = {0};

    s3_setup(w);
    w->config.s3.compression = compression;
    w->config.batch_records = 1;
    w->env.commit = on_commit;
    s3_start(w);
    if (enrich) {
        const struct sl_decoder_config decoder = {.fields = w->fields, .enrich = enrich};

        sl_decoder_free(w->decoder);
        w->decoder = sl_decoder_new(&decoder, &err);
        assert_non_null(w->decoder);
        sl_fields_compile(w->fields);
    }
    s = &w->partition->sinks[0];
    s->catch_up = FIRST;
    s->from = INT64_MAX;
    s->plan = (struct sl_plan){.first = FIRST, .end = END, .confirmed = true};
    w->partition->next = END;
}

/* The side reader's record; routed to the sink or elsewhere. */
static void read_again(struct archive_world *w, const char *value, bool routed)
{
    struct sl_message m = {.at = w->partition,
                           .catch_up = true,
                           .offset = w->offset++,
                           .timestamp_ms = 1700000000000,
                           .value = sl_slice_str(value)};
    struct sl_record r;

    sl_decode(w->decoder, &m, &r);
    if (routed)
        sl_sink_append(w->sink, &r, 0);
    sl_partition_caught(w->partition, 0, m.offset, m.timestamp_ms, r.value_crc);
    sl_sink_turn(w->sink);
}

static void repeat(struct archive_world *w)
{
    read_again(w, "{\"service\":\"tile\",\"n\":1}", true);
    read_again(w, "elsewhere", false);
    fake_advance(&w->fake, 24 * 3600 * 1000); /* no clock rotates what is recorded */
    world_work(w);
    assert_null(w->seen.request);
    read_again(w, "{\"service\":\"tile\",\"n\":2}", true);
    sl_sink_close_reader(w->sink, w->partition, true);
    world_work(w);
    assert_non_null(w->seen.request);
    assert_string_equal(w->seen.method, "PUT");
}

static void all_is_delivered(struct archive_world *w)
{
    assert_int_equal(world_metric(w, "sluice_delivered_records_total"), 2);
    assert_int_equal(world_metric(w, "sluice_s3_conflicts_total"), 0);
    assert_true(sl_sink_idle(w->sink));
    assert_int_equal(sl_partition_position(w->partition, 0), END);
    assert_int_equal(w->partition->sinks[0].plan.end, 0);
}

/* What is routed may differ (rate_limit counts in each replica): what was read does not. */
static void other_choices_are_the_same_object(void **state)
{
    struct object o = first_replica(SL_COMPRESS_GZIP);
    struct archive_world w;

    (void)state;
    succeed(&w, SL_COMPRESS_GZIP, NULL);
    for (unsigned i = 0; i < 2; i++) { /* once more, from the begin */
        read_again(&w, "{\"service\":\"tile\",\"n\":1}", false);
        if (i == 0) {
            sl_partition_detach(w.partition, 0);
            sl_sink_detach(w.sink);
            w.offset = FIRST;
        }
    }
    read_again(&w, "elsewhere", false);
    read_again(&w, "{\"service\":\"tile\",\"n\":2}", true);
    sl_sink_close_reader(w.sink, w.partition, true);
    world_work(&w);
    assert_string_equal(w.seen.url, o.url);
    same_identity(&w, &o);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, o.metadata, "");
    assert_int_equal(world_metric(&w, "sluice_s3_conflicts_total"), 0);
    assert_true(sl_sink_idle(w.sink));
    assert_int_equal(sl_partition_position(w.partition, 0), END);
    s3_teardown(&w);
    forget(&o);
}

/* Not gzip: what ISA-L makes of the same differs now and then, as that of another version does. */
static void a_repeated_plan_makes_the_same_object(void **state)
{
    struct object o = first_replica(SL_COMPRESS_ZSTD);
    struct archive_world w;

    (void)state;
    commits = 0;
    succeed(&w, SL_COMPRESS_ZSTD, NULL);
    repeat(&w);
    assert_string_equal(w.seen.url, o.url);
    same_identity(&w, &o);
    assert_string_equal(world_header(&w, SL_S3_META_BODY), o.body);
    assert_string_equal(world_header(&w, "if-none-match"), "*");
    assert_int_equal(commits, 0); /* it was recorded */
    assert_int_equal(sl_partition_position(w.partition, 0), FIRST);
    world_reply(&w, 200, STORED, "");
    all_is_delivered(&w);
    s3_teardown(&w);
    forget(&o);
}

/* A host name among `enrich`, another version of the compressor: other bytes, and the object that
 * is there already is as good. */
static void other_bytes_are_the_same_object(void **state)
{
    struct sl_property host = {.name = "host", .value = "replica-2"};
    const struct sl_properties enrich = {&host, 1};
    struct object o = first_replica(SL_COMPRESS_ZSTD);
    struct archive_world w;
    char reply[8192];

    (void)state;
    succeed(&w, SL_COMPRESS_ZSTD, &enrich);
    repeat(&w);
    assert_string_equal(w.seen.url, o.url);
    same_identity(&w, &o);
    assert_string_not_equal(world_header(&w, SL_S3_META_BODY), o.body);
    world_reply(&w, 412, "", "");
    assert_string_equal(w.seen.method, "HEAD");
    snprintf(reply, sizeof(reply), "%sx-amz-checksum-crc32c: %s\r\n", o.metadata, o.body);
    world_reply(&w, 200, reply, "");
    all_is_delivered(&w);
    s3_teardown(&w);
    forget(&o);
}

/* Of a recreated topic: the same offsets, other records. */
static void other_records_are_another_object(void **state)
{
    struct object o = first_replica(SL_COMPRESS_NONE);
    struct archive_world w;

    (void)state;
    succeed(&w, SL_COMPRESS_NONE, NULL);
    read_again(&w, "{\"service\":\"tile\",\"n\":1}", true);
    read_again(&w, "elsewhere, and other", false);
    read_again(&w, "{\"service\":\"tile\",\"n\":2}", true);
    sl_sink_close_reader(w.sink, w.partition, true);
    world_work(&w);
    assert_string_equal(w.seen.url, o.url);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, o.metadata, "");
    assert_non_null(strstr(w.seen.url, "-r1.ndjson"));
    assert_int_equal(world_metric(&w, "sluice_s3_conflicts_total"), 1);
    world_reply(&w, 200, STORED, "");
    assert_int_equal(world_metric(&w, "sluice_delivered_records_total"), 2);
    s3_teardown(&w);
    forget(&o);
}

/* Nothing of a plan is uploaded until all of it was read: not on a revoke, not on a detach. */
static void an_unfinished_cut_is_never_uploaded(void **state)
{
    struct archive_world w;

    (void)state;
    succeed(&w, SL_COMPRESS_NONE, NULL);
    for (int i = 0; i < 2; i++) {
        w.offset = FIRST;
        read_again(&w, "{\"service\":\"tile\",\"n\":1}", true);
        if (i == 0) {
            sl_sink_close_open(w.sink, w.partition);
        } else {
            sl_partition_detach(w.partition, 0);
            sl_sink_detach(w.sink);
        }
        world_work(&w);
        fake_advance(&w.fake, 3600 * 1000);
        assert_int_equal(w.submitted, 0);
        assert_int_equal(w.partition->sinks[0].catch_up, FIRST);
        assert_true(sl_sink_idle(w.sink));
    }
    w.offset = FIRST;
    repeat(&w);
    world_reply(&w, 200, STORED, "");
    all_is_delivered(&w);
    s3_teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeated_plan_makes_the_same_object),
        cmocka_unit_test(other_choices_are_the_same_object),
        cmocka_unit_test(other_bytes_are_the_same_object),
        cmocka_unit_test(other_records_are_another_object),
        cmocka_unit_test(an_unfinished_cut_is_never_uploaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
