/* SPDX-License-Identifier: Apache-2.0 */
/* An object that is there already (412), and one that the store damaged. */
#include "s3_world.h"

/* ---- 412 ---- */

static void f43_s3_412_same_identity(void **state)
{
    static const int statuses[] = {412, 304};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct archive_world w;
        char *url, *meta;

        s3_begin_put(&w);
        url = sl_strdup(w.seen.url);
        meta = s3_metadata(&w, true);
        world_reply(&w, statuses[i], "", "");
        assert_string_equal(w.seen.method, "HEAD");
        assert_string_equal(w.seen.url, url);
        s3_undelivered(&w);
        world_reply(&w, 200, meta, "");
        s3_delivered(&w, 2);
        assert_int_equal(world_metric(&w, "sluice_s3_conflicts_total"), 0);
        free(url);
        free(meta);
        s3_teardown(&w);
    }
}

static void f43_s3_412_another_identity(void **state)
{
    struct archive_world w;
    char *other, *same, beside[1024];

    (void)state;
    s3_begin_put(&w);
    other = s3_metadata(&w, false);
    same = s3_metadata(&w, true);
    snprintf(beside, sizeof(beside), "%.*s-r1.ndjson",
             (int)(strlen(w.seen.url) - strlen(".ndjson")), w.seen.url);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, other, "");
    assert_string_equal(w.seen.method, "PUT");
    assert_string_equal(w.seen.url, beside);
    assert_string_equal(world_header(&w, "if-none-match"), "*");
    assert_int_equal(world_metric(&w, "sluice_s3_conflicts_total"), 1);
    s3_undelivered(&w);
    world_reply(&w, 500, "", ""); /* the suffix stays for the next try, and counts once */
    world_until_request(&w);
    assert_string_equal(w.seen.url, beside);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, other, "");
    assert_non_null(strstr(w.seen.url, "-r2.ndjson"));
    assert_int_equal(world_metric(&w, "sluice_s3_conflicts_total"), 2);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, same, "");
    s3_delivered(&w, 2);
    free(other);
    free(same);
    s3_teardown(&w);
}

static void an_object_that_went_meanwhile_is_put_again(void **state)
{
    struct archive_world w;

    (void)state;
    s3_begin_put(&w);
    world_reply(&w, 412, "", "");
    world_reply(&w, 404, "", "");
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    world_until_request(&w);
    assert_string_equal(w.seen.method, "PUT");
    s3_end_stored(&w, 2);
}

/* ---- checksums ---- */

static void f42_s3_200_with_wrong_checksum(void **state)
{
    struct archive_world w;
    char echo[128];

    (void)state;
    s3_begin_put(&w);
    snprintf(echo, sizeof(echo), "x-amz-checksum-crc32c: %s\r\n",
             world_header(&w, "x-amz-checksum-crc32c"));
    world_reply(&w, 200, "x-amz-checksum-crc32c: AAAAAA==\r\n", "");
    s3_undelivered(&w);
    world_until_request(&w);
    assert_string_equal(w.seen.method, "PUT");
    assert_string_equal(world_header(&w, "if-none-match"),
                        ""); /* else: 412, same identity, and lost */
    world_reply(&w, 200, echo, "");
    s3_delivered(&w, 2);
    s3_teardown(&w);
}

static void a_damaged_object_is_written_over(void **state)
{
    struct archive_world w;
    struct sl_buf head;
    char *meta;

    (void)state;
    s3_begin_put(&w);
    meta = s3_metadata(&w, true);
    sl_buf_init(&head, 8192);
    sl_buf_printf(&head, "%sx-amz-checksum-crc32c: AAAAAA==\r\n", meta);
    world_reply(&w, 412, "", "");
    assert_string_equal(world_header(&w, "x-amz-checksum-mode"), "ENABLED");
    world_reply(&w, 200, sl_buf_str(&head), "");
    assert_string_equal(w.seen.method, "PUT");
    assert_string_equal(world_header(&w, "if-none-match"), "");
    s3_undelivered(&w);
    world_reply(&w, 200, STORED, "");
    s3_delivered(&w, 2);
    sl_buf_release(&head);
    free(meta);
    s3_teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f43_s3_412_same_identity),
        cmocka_unit_test(f43_s3_412_another_identity),
        cmocka_unit_test(an_object_that_went_meanwhile_is_put_again),
        cmocka_unit_test(f42_s3_200_with_wrong_checksum),
        cmocka_unit_test(a_damaged_object_is_written_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
