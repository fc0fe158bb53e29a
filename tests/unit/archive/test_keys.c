/* SPDX-License-Identifier: Apache-2.0 */
/* What names and lists tell: times in keys, objects' names, pages of a list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "archive/key_time.h"
#include "archive/listing.h"
#include "base/alloc.h"
#include "sink/s3_key.h"
#include "sluice/record.h"

#define HIVE "kind={@kind}/dt={@timestamp:%Y-%m-%d}/hour={@timestamp:%H}"

static int64_t at(const char *time)
{
    int64_t ns;

    assert_true(sl_time_from_rfc3339(sl_slice_str(time), &ns));
    return ns;
}

static void a_key_tells_its_times(void **state)
{
    static const struct {
        const char *template_, *key, *from, *to;
    } rows[] = {
        {HIVE, "kind=server/dt=2026-01-31/", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"},
        {HIVE, "kind=server/dt=2026-01-31/hour=23/", "2026-01-31T23:00:00Z",
         "2026-02-01T00:00:00Z"},
        {HIVE, "kind=a%2Fb/dt=2026-01-31/hour=07/logs-0-1", "2026-01-31T07:00:00Z",
         "2026-01-31T08:00:00Z"},
        {"{@timestamp:%Y/%m/%d}/{service}", "2024/", "2024-01-01T00:00:00Z",
         "2025-01-01T00:00:00Z"},
        {"{@timestamp:%Y/%m/%d}/{service}", "2024/12/", "2024-12-01T00:00:00Z",
         "2025-01-01T00:00:00Z"},
        {"{@timestamp:%Y/%m/%d}/{service}", "2024/02/29/x/y", "2024-02-29T00:00:00Z",
         "2024-03-01T00:00:00Z"},
        {"d={@timestamp:%FT%R}", "d=2026-01-31T05:06/", "2026-01-31T05:06:00Z",
         "2026-01-31T05:07:00Z"},
        {"{{x}}/{@timestamp:%Y}", "{x}/2026/", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sl_key_times t = sl_key_times(rows[i].template_, sl_slice_str(rows[i].key));

        if (t.from_ns != at(rows[i].from) || t.to_ns != at(rows[i].to))
            fail_msg("%s: %lld..%lld", rows[i].key, (long long)t.from_ns, (long long)t.to_ns);
    }
}

/* Whatever cannot be read with certainty may hold any time: to leave it out would lose records. */
static void what_does_not_tell_may_hold_any_time(void **state)
{
    static const char *const rows[][2] = {
        {HIVE, ""},
        {HIVE, "kind=server/"},
        {HIVE, "kind=server/dt=2026-13-01/"},
        {HIVE, "kind=server/dt=2026-1x-01/"},
        {HIVE, "other/dt=2026-01-31/"},
        {"{service}-{@timestamp:%Y-%m-%d}", "a-2026-01-01-2026-01-31/"}, /* a value may hold '-' */
        {"h={@timestamp:%H}", "h=07/"},
        {"{@timestamp:%j}/{@timestamp:%Y}", "031/2026/"},
        {"kind={@kind}", "kind=server/2026-01-31"},
        {"", "x/y"},
        {"{broken", "x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sl_key_times t = sl_key_times(rows[i][0], sl_slice_str(rows[i][1]));

        if (t.from_ns != INT64_MIN || t.to_ns != INT64_MAX)
            fail_msg("%s of %s: %lld..%lld", rows[i][1], rows[i][0], (long long)t.from_ns,
                     (long long)t.to_ns);
    }
}

static void folders_are_looked_into_while_they_tell_more(void **state)
{
    (void)state;
    assert_true(sl_key_tells_more(HIVE, SL_SLICE_LITERAL("")));
    assert_true(sl_key_tells_more(HIVE, SL_SLICE_LITERAL("kind=server/")));
    assert_true(sl_key_tells_more(HIVE, SL_SLICE_LITERAL("kind=server/dt=2026-01-31/")));
    assert_false(sl_key_tells_more(HIVE, SL_SLICE_LITERAL("kind=server/dt=2026-01-31/hour=07/")));
    assert_false(sl_key_tells_more(HIVE, SL_SLICE_LITERAL("other/")));
    assert_true(sl_key_tells_more("{@timestamp:%Y/%m}", SL_SLICE_LITERAL("2026/")));
    assert_false(sl_key_tells_more("{@timestamp:%Y/%m}", SL_SLICE_LITERAL("2026/01/")));
    assert_false(sl_key_tells_more("kind={@kind}", SL_SLICE_LITERAL("kind=server/")));
    assert_int_equal(sl_key_literal(HIVE), 0);
    assert_int_equal(sl_key_literal("logs/prod/dt={@timestamp:%F}"), 10);
    assert_int_equal(sl_key_literal("all"), 0);
}

/* ---- names ---- */

static void a_name_says_what_it_was_made_of(void **state)
{
    static const char *const topics[] = {"logs", "logs.app-7", "a-1-2", "x"};
    static const char *const prefixes[] = {"", "kind=server/dt=2026-01-31", "a-b/c"};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (size_t p = 0; p < 3; p++)
            for (unsigned retry = 0; retry < 20; retry += 13)
                for (int kind = SL_COMPRESS_NONE; kind <= SL_COMPRESS_ZSTD; kind++) {
                    const struct sl_s3_identity id = {.topic = topics[i],
                                                      .partition = 31,
                                                      .first = 42,
                                                      .last = INT64_MAX,
                                                      .hash = "0123456789abcdef"};
                    struct sl_s3_named n;
                    struct sl_buf key;

                    sl_buf_init(&key, 4096);
                    sl_s3_object_key(prefixes[p], &id, retry, (enum sl_compression)kind, &key);
                    assert_true(sl_s3_object_parse(sl_buf_as_slice(&key), &n));
                    assert_true(sl_slice_is(n.topic, topics[i]));
                    assert_int_equal(n.partition, 31);
                    assert_int_equal(n.first, 42);
                    assert_true(n.last == INT64_MAX);
                    assert_true(sl_slice_is(n.hash, "0123456789abcdef"));
                    assert_int_equal(n.beside, retry);
                    assert_int_equal(n.compression, kind);
                    assert_int_equal(n.prefix.n, strlen(prefixes[p]) + (prefixes[p][0] != '\0'));
                    sl_buf_release(&key);
                }
}

static void other_names_are_none(void **state)
{
#define B "-00000000000000000001-00000000000000000002-"
    static const char *const names[] = {
        "",
        "x",
        "a/",
        "logs-0" B "0123456789abcdef",
        "logs-0" B "0123456789abcde.ndjson",
        "logs-0" B "0123456789abcdeF.ndjson",
        "logs-x" B "0123456789abcdef.ndjson",
        "-0" B "0123456789abcdef.ndjson",
        "logs-3000000000" B "0123456789abcdef.ndjson",
        "logs-0-00000000000000000002-00000000000000000001-0123456789abcdef.ndjson",
        "logs-0-99999999999999999999-99999999999999999999-0123456789abcdef.ndjson",
        "logs-0-1-2-0123456789abcdef.ndjson",
        "logs-0" B "0123456789abcdef.ndjson.bz2",
    };
    struct sl_s3_named n;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (sl_s3_object_parse(sl_slice_str(names[i]), &n))
            fail_msg("%s", names[i]);
}

/* ---- lists ---- */

static void note(void *user, struct sl_slice key, uint64_t size, bool folder)
{
    sl_buf_printf(user, "%s%.*s %llu\n", folder ? "folder " : "", (int)key.n, key.p,
                  (unsigned long long)size);
}

static char *read_page(const char *page, char **ret_token)
{
    struct sl_buf seen;
    struct sl_listing l = {.take = note, .user = &seen};
    struct sl_error err = {0};

    sl_buf_init(&seen, 4096);
    sl_buf_init(&l.token, SL_LISTING_TOKEN_MAX);
    if (sl_listing_parse(sl_slice_str(page), &l, &err) != SL_OK) {
        sl_buf_clear(&seen);
        sl_buf_text(&seen, "refused");
    }
    *ret_token = sl_buf_take(&l.token);
    return sl_buf_take(&seen);
}

static void a_page_is_read(void **state)
{
    static const char page[] =
        "<?xml version=\"1.0\"?><ListBucketResult "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<Name>logs</Name><Prefix>kind=</Prefix><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>a&amp;b/=</NextContinuationToken>"
        "<Contents><Key>a&amp;b&lt;&#x9;&#10;.gz</Key><Size>12</Size><Owner><ID>x</ID></Owner></"
        "Contents>"
        "<Contents><Size>0</Size><Key>z</Key></Contents>"
        "<CommonPrefixes><Prefix>kind=server/</Prefix></CommonPrefixes></ListBucketResult>";
    char *token, *seen = read_page(page, &token);

    (void)state;
    assert_string_equal(seen, "a&b<\t\n.gz 12\nz 0\nfolder kind=server/ 0\n");
    assert_string_equal(token, "a&b/=");
    free(seen);
    free(token);
}

static void what_is_no_page_is_refused(void **state)
{
    static const char *const pages[] = {
        "",
        "<html>hello</html>",
        "<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key></Key><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999999</Size></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><Contents><Key>a&what;</Key><Size>1</Size></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><Contents><Key>a&#x0;</Key><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a&#x</Key><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        char *token, *seen = read_page(pages[i], &token);

        if (strcmp(seen, "refused") != 0)
            fail_msg("%s: %s", pages[i], seen);
        free(seen);
        free(token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_tells_its_times),
        cmocka_unit_test(what_does_not_tell_may_hold_any_time),
        cmocka_unit_test(folders_are_looked_into_while_they_tell_more),
        cmocka_unit_test(a_name_says_what_it_was_made_of),
        cmocka_unit_test(other_names_are_none),
        cmocka_unit_test(a_page_is_read),
        cmocka_unit_test(what_is_no_page_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
