/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SINK_S3_WORLD_H
#define TESTS_SINK_S3_WORLD_H

/* The S3 sink under the real core: a bucket `logs`, and one PUT under way. */
#include "archive_world.h"

#include "config/secret.h"
#include "sink/s3_key.h"

#define KEY "kind={@kind}/service={service}"
#define STORED "ETag: \"x\"\r\n"

static inline struct sl_secret *s3_secret(const char *text)
{
    struct sl_error err = {0};
    struct sl_secret *s = sl_secret_new(sl_slice_str(text), "/", &err);

    assert_non_null(s);
    return s;
}

static inline void s3_setup(struct archive_world *w)
{
    world_init(w, "logs.app");
    w->config.kind = SL_SINK_S3;
    w->config.s3 = (struct sl_s3_config){.bucket = "logs",
                                         .region = "eu-west-1",
                                         .endpoint = "http://127.0.0.1:9000",
                                         .key = KEY,
                                         .access_key = s3_secret("AKID"),
                                         .secret_key = s3_secret("SECRET"),
                                         .format = SL_ARCHIVE_JSON,
                                         .compression = SL_COMPRESS_NONE,
                                         .open_objects = 100};
}

static inline void s3_start(struct archive_world *w)
{
    struct sl_error err = {0};

    if (world_start(w, &err) != SL_OK)
        fail_msg("%s", err.text);
}

static inline void s3_teardown(struct archive_world *w)
{
    struct sl_s3_config c = w->config.s3;

    world_release(w);
    sl_secret_free(c.access_key);
    sl_secret_free(c.secret_key);
    sl_secret_free(c.session_token);
}

/* A PUT of two records and one read between them that went elsewhere. */
static inline void s3_put_two(struct archive_world *w)
{
    world_record(w, "{\"service\":\"tile\",\"n\":1}");
    world_skip(w, "elsewhere");
    world_record(w, "{\"service\":\"tile\",\"n\":2}");
    world_flush(w);
    assert_non_null(w->seen.request);
    assert_string_equal(w->seen.method, "PUT");
}

/* A world in which that PUT is under way. */
static inline void s3_begin_put(struct archive_world *w)
{
    s3_setup(w);
    s3_start(w);
    s3_put_two(w);
}

/* The metadata of the PUT under way as the reply headers of a HEAD; with the CRC changed for
 * another one. */
static inline char *s3_metadata(struct archive_world *w, bool same)
{
    struct sl_buf out;

    sl_buf_init(&out, 8192);
    for (size_t i = 0; i < w->seen.n_lines; i++)
        if (strncmp(w->seen.lines[i], SL_S3_META, strlen(SL_S3_META)) == 0) {
            bool crc =
                strncmp(w->seen.lines[i], SL_S3_META_CRC ":", strlen(SL_S3_META_CRC) + 1) == 0;

            sl_buf_printf(&out, "%s\r\n",
                          crc && !same ? SL_S3_META_CRC ": 00000000" : w->seen.lines[i]);
        }
    return sl_buf_take(&out);
}

static inline void s3_delivered(struct archive_world *w, uint64_t n)
{
    assert_int_equal(world_metric(w, "sluice_delivered_records_total"), n);
    assert_true(sl_sink_idle(w->sink));
    assert_int_equal(sl_partition_position(w->partition, 0), w->offset);
}

static inline void s3_undelivered(struct archive_world *w)
{
    assert_int_equal(world_metric(w, "sluice_delivered_records_total"), 0);
    assert_int_equal(sl_partition_position(w->partition, 0), 42);
}

/* The request under way succeeds, and with it all n records of the world are delivered. */
static inline void s3_end_stored(struct archive_world *w, uint64_t n)
{
    world_reply(w, 200, STORED, "");
    s3_delivered(w, n);
    s3_teardown(w);
}

#endif
