/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sink/elasticsearch_reply.h"
#include "fake_runtime.h"

/* As OpenSearch 2.19 answers to a bulk of six with our filter_path. */
static const char real[] =
    "{\"took\":31,\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":"
    "400,"
    "\"error\":{\"type\":\"mapper_parsing_exception\",\"reason\":\"failed to parse field [bytes] "
    "of type "
    "[long] in document with id 'x'. Preview of field's value: '\\\"many\\\"\\u00e9 "
    "\\ud83d\\ude00'\"}}},"
    "{\"create\":{\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\","
    "\"reason\":"
    "\"[x]: version conflict, document already exists (current version [1])\"}}},{\"create\":{"
    "\"status\":429,\"error\":{\"type\":\"rejected_execution_exception\",\"reason\":null}}},{"
    "\"create\":"
    "{\"error\":\"plain words\",\"status\":503}},{\"create\":{\"status\":200}}]}";
enum { REAL_ITEMS = 6 };

/* ---- a naive reader to compare with ---- */

struct seen_item {
    int status;
    char *text;
};

struct seen {
    struct seen_item *items;
    size_t n, cap;
};

static void seen_add(struct seen *s, int status, char *text /* taken */)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 8;
        s->items = sl_reallocarray(s->items, s->cap, sizeof(*s->items));
    }
    s->items[s->n++] = (struct seen_item){status, text};
}

static void seen_release(struct seen *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i].text);
    free(s->items);
    *s = (struct seen){0};
}

static char *naive_text(json_t *error)
{
    const char *type = json_string_value(json_object_get(error, "type"));
    const char *reason = json_is_string(error)
                             ? json_string_value(error)
                             : json_string_value(json_object_get(error, "reason"));

    if (type && reason && type[0] && reason[0])
        return sl_asprintf("%s: %s", type, reason);
    return sl_strdup(type && type[0] ? type : reason ? reason : "");
}

static bool naive_read(const char *text, size_t n, size_t expected, struct seen *ret)
{
    json_t *root = json_loadb(text, n, 0, NULL), *items = json_object_get(root, "items"), *item;
    bool ok = json_is_array(items) && json_array_size(items) == expected;
    size_t i;

    json_array_foreach(items, i, item)
    {
        json_t *action = json_object_iter_value(json_object_iter(item));
        json_t *status = json_object_get(action, "status");

        ok = ok && json_is_integer(status);
        seen_add(ret, (int)json_integer_value(status),
                 naive_text(json_object_get(action, "error")));
    }
    json_decref(root);
    return ok;
}

static void note(void *user, size_t index, const struct sl_es_reply_item *item)
{
    struct seen *s = user;
    struct sl_buf text;

    assert_int_equal(index, s->n);
    sl_buf_init(&text, 1 << 20);
    sl_es_reply_text(item, 1 << 20, &text);
    seen_add(s, item->status, sl_buf_take(&text));
}

/* A copy of exactly n bytes, so that a sanitizer sees one read too far. */
static bool read_exact(const char *text, size_t n, size_t expected, struct seen *ret)
{
    char *copy = sl_alloc(n ? n : 1);
    struct sl_es_reply reply;
    const char *why = NULL;
    int code;

    memcpy(copy, text, n);
    code = sl_es_reply_read(sl_slice(copy, n), expected, note, ret, &reply, &why);
    assert_int_equal(code == SL_OK, why == NULL);
    if (code == SL_OK) {
        size_t good = 0;

        assert_int_equal(reply.items, expected);
        assert_int_equal(ret->n, expected);
        for (size_t i = 0; i < ret->n; i++)
            good += ret->items[i].status == 200 || ret->items[i].status == 201 ||
                    ret->items[i].status == 409;
        assert_int_equal(reply.good, good);
    } else {
        assert_true(ret->n <= expected);
    }
    free(copy);
    return code == SL_OK;
}

static bool reads(const char *text, size_t expected)
{
    struct seen s = {0};
    bool ok = read_exact(text, strlen(text), expected, &s);

    seen_release(&s);
    return ok;
}

static void assert_same(const struct seen *a, const struct seen *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_int_equal(a->items[i].status, b->items[i].status);
        assert_string_equal(a->items[i].text, b->items[i].text);
    }
}

/* ---- tests ---- */

static void a_real_answer_is_read_item_by_item(void **state)
{
    static const int statuses[] = {201, 400, 409, 429, 503, 200};
    struct seen s = {0}, naive = {0};

    (void)state;
    assert_true(read_exact(real, strlen(real), REAL_ITEMS, &s));
    for (size_t i = 0; i < REAL_ITEMS; i++)
        assert_int_equal(s.items[i].status, statuses[i]);
    assert_string_equal(
        s.items[1].text,
        "mapper_parsing_exception: failed to parse field [bytes] of type [long] in document "
        "with id 'x'. Preview of field's value: '\"many\"\xc3\xa9 \xf0\x9f\x98\x80'");
    assert_string_equal(s.items[3].text, "rejected_execution_exception");
    assert_string_equal(s.items[4].text, "plain words");
    assert_true(naive_read(real, strlen(real), REAL_ITEMS, &naive));
    assert_same(&s, &naive);
    seen_release(&s);
    seen_release(&naive);
}

static void the_number_of_items_must_be_the_number_sent(void **state)
{
    (void)state;
    for (size_t n = 0; n < 10; n++)
        assert_int_equal(reads(real, n), n == REAL_ITEMS);
    assert_true(reads("{\"took\":1,\"errors\":false,\"items\":[]}", 0));
    assert_false(reads("{\"took\":1,\"errors\":false,\"items\":[]}", 1));
    assert_false(reads("{\"took\":1,\"errors\":false}", 1));
    assert_false(reads("{}", 1));
}

static void f36_every_cut_is_unreadable(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(real); n++) {
        struct seen s = {0};

        if (read_exact(real, n, REAL_ITEMS, &s))
            fail_msg("cut at %zu was taken for whole", n);
        seen_release(&s);
    }
}

static void c35_what_is_not_such_an_answer_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"\"",
        "<html>",
        "{",
        "{]",
        "{\"items\":{}}",
        "{\"items\":null}",
        "{\"items\":[1]}",
        "{\"items\":[null]}",
        "{\"items\":[{}]}",
        "{\"items\":[{\"create\":1}]}",
        "{\"items\":[{\"create\":{}}]}",
        "{\"items\":[[{\"create\":{\"status\":201}}]]}",
        "{\"items\":[{\"create\":{\"status\":\"201\"}}]}",
        "{\"items\":[{\"create\":{\"status\":201.0}}]}",
        "{\"items\":[{\"create\":{\"status\":2e2}}]}",
        "{\"items\":[{\"create\":{\"status\":20}}]}",
        "{\"items\":[{\"create\":{\"status\":2010}}]}",
        "{\"items\":[{\"create\":{\"status\":-201}}]}",
        "{\"items\":[{\"create\":{\"status\":099}}]}",
        "{\"items\":[{\"create\":{\"status\":601}}]}",
        "{\"items\":[{\"create\":{\"status\":null}}]}",
        "{\"items\":[{\"create\":{\"status\":201x}}]}",
        "{\"items\":[{\"create\":{\"status\":201,\"status\":400}}]}",
        "{\"items\":[{\"create\":{\"status\":201},\"create\":{\"status\":201}}]}",
        "{\"items\":[{\"create\":{\"status\":201}}],\"items\":[]}",
        "{\"items\":[{\"create\":{\"status\":201}}]} x",
        "{\"items\":[{\"create\":{\"status\":201}}]}}",
        "{\"items\":[{\"create\":{\"status\":201}},]}",
        "{\"items\":[{\"create\":{\"status\":201},}]}",
        "{\"items\":[,{\"create\":{\"status\":201}}]}",
        "{\"items\":[{\"create\":{\"status\":201,}}]}",
        "{\"items\":[{\"create\":{\"status\":201}}],}",
        "{,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"errors\":1,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"errors\":\"false\",\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":01,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":1.,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":+1,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":1e,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":nul,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":\"\\x\",\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":\"\\u12g4\",\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":\"\n\",\"items\":[{\"create\":{\"status\":201}}]}",
        "{took:1,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\" 1,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":[1}],\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"items\":[{\"create\":{\"status\":201,\"error\":{\"type\":\"a\" \"b\"}}}]}",
        "{\"error\":{\"type\":\"x\",\"reason\":\"y\"},\"status\":200}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (reads(bad[i], 1))
            fail_msg("taken: %s", bad[i]);
}

static void spaces_order_and_unknown_members_do_not_matter(void **state)
{
    (void)state;
    assert_true(reads(
        " {\n\"items\" : [ { \"index\" : { \"_index\":\"a\", \"error\" : null ,\"status\" :\t201 } "
        "} ] ,\r\n \"x\":[{\"y\":[[],{},-0.5e+3,\"\\\\\"]},true,false,null], \"errors\":false} ",
        1));
    assert_true(
        reads("{\"items\":[{\"create\":{\"error\":{\"reason\":{\"a\":1},\"type\":[2],\"caused_by\":"
              "{\"type\":\"z\"}},\"status\":500}}]}",
              1));
}

static bool nested(size_t depth, char open, char close)
{
    size_t n = 0;
    char *text = sl_alloc(2 * depth + 100);
    struct seen s = {0};
    bool ok;

    n += (size_t)snprintf(text, 100, "{\"x\":");
    memset(text + n, open, depth);
    n += depth;
    memset(text + n, close, depth);
    n += depth;
    n += (size_t)snprintf(text + n, 60, ",\"items\":[{\"create\":{\"status\":201}}]}");
    ok = read_exact(text, n, 1, &s);
    seen_release(&s);
    free(text);
    return ok;
}

static void c35_nesting_is_bounded_and_needs_no_stack(void **state)
{
    (void)state;
    assert_true(nested(64, '[', ']'));
    assert_false(nested(65, '[', ']'));
    assert_false(nested(1000000, '[', ']'));
    assert_false(nested(1000000, '{', '}'));
}

static void a_million_items_are_read(void **state)
{
    enum { N = 1000000 };
    struct sl_es_reply reply;
    const char *why;
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, 64 << 20);
    SL_BUF_LITERAL(&b, "{\"took\":9,\"errors\":false,\"items\":[");
    for (int i = 0; i < N; i++)
        sl_buf_text(&b, i ? ",{\"create\":{\"status\":201}}" : "{\"create\":{\"status\":201}}");
    SL_BUF_LITERAL(&b, "]}");
    assert_false(b.full);
    assert_int_equal(sl_es_reply_read(sl_buf_as_slice(&b), N, NULL, NULL, &reply, &why), SL_OK);
    assert_int_equal(reply.good, N);
    assert_int_equal(sl_es_reply_read(sl_buf_as_slice(&b), N - 1, NULL, NULL, &reply, &why),
                     SL_EINVAL);
    assert_int_equal(sl_es_reply_read(sl_buf_as_slice(&b), N + 1, NULL, NULL, &reply, &why),
                     SL_EINVAL);
    sl_buf_release(&b);
}

/* Whatever this reader takes, a full JSON parser takes too and reads the same from. */
static void mutations_never_read_differently(void **state)
{
    uint64_t seed = 20260131;
    size_t taken = 0;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        char text[sizeof(real)];
        size_t n = sizeof(real) - 1, changes = 1 + fake_next(&seed) % 3;
        struct seen s = {0}, naive = {0};

        memcpy(text, real, sizeof(real));
        for (size_t k = 0; k < changes; k++) {
            static const char alphabet[] = "{}[]\":,0123456789 \\untrefals\n\x80";
            size_t at = fake_next(&seed) % n;

            if (fake_next(&seed) % 4 == 0)
                memmove(text + at, text + at + 1, --n - at);
            else
                text[at] = alphabet[fake_next(&seed) % (sizeof(alphabet) - 1)];
        }
        if (read_exact(text, n, REAL_ITEMS, &s)) {
            /* jansson also refuses what no server writes: invalid UTF-8, \u0000, lone surrogates.
             */
            if (naive_read(text, n, REAL_ITEMS, &naive)) {
                assert_same(&s, &naive);
                taken++;
            }
        }
        seen_release(&s);
        seen_release(&naive);
    }
    assert_true(taken > 1000); /* most changes within texts leave it readable */
}

static void a_failed_request_says_why(void **state)
{
    struct sl_buf out;

    (void)state;
    sl_buf_init(&out, 1024);
    assert_true(sl_es_reply_error(
        SL_SLICE_LITERAL("{\"error\":{\"root_cause\":[{\"type\":\"a\",\"reason\":\"b\"}],\"type\":"
                         "\"security_exception\",\"reason\":\"unable to authenticate "
                         "[\\\"x\\\"]\"},\"status\":401}"),
        100, &out));
    assert_string_equal(sl_buf_str(&out), "security_exception: unable to authenticate [\"x\"]");
    sl_buf_clear(&out);
    assert_true(sl_es_reply_error(SL_SLICE_LITERAL("{\"error\":\"no handler\",\"status\":405}"),
                                  100, &out));
    assert_string_equal(sl_buf_str(&out), "no handler");
    sl_buf_clear(&out);
    /* Halves of surrogate pairs: nothing past the end is read for the other one. */
    assert_true(sl_es_reply_error(
        SL_SLICE_LITERAL("{\"error\":\"a\\udc00b\\ud800\\ud83dc\\ud83d\"}"), 100, &out));
    assert_string_equal(sl_buf_str(&out), "a\xef\xbf\xbd"
                                          "b\xef\xbf\xbd\xef\xbf\xbd"
                                          "c\xef\xbf\xbd");
    sl_buf_clear(&out);
    assert_false(sl_es_reply_error(SL_SLICE_LITERAL("<html>"), 100, &out));
    assert_false(
        sl_es_reply_error(SL_SLICE_LITERAL("{\"error\":{\"type\":\"a\",\"rea"), 100, &out));
    assert_false(sl_es_reply_error(SL_SLICE_LITERAL("{\"status\":500}"), 100, &out));
    assert_int_equal(out.n, 0);
    sl_buf_release(&out);
}

static void texts_are_cut_between_characters(void **state)
{
    struct sl_es_reply_item item = {.type = SL_SLICE_LITERAL("t"),
                                    .reason = SL_SLICE_LITERAL("a\\u00e9\\u00e9")};
    static const char *const expected[] = {
        "", "t", "t", "t", "t: a", "t: a", "t: a\xc3\xa9", "t: a\xc3\xa9", "t: a\xc3\xa9\xc3\xa9"};
    struct sl_buf out;

    (void)state;
    sl_buf_init(&out, 100);
    for (size_t max = 0; max < sizeof(expected) / sizeof(expected[0]); max++) {
        sl_buf_clear(&out);
        sl_es_reply_text(&item, max, &out);
        assert_string_equal(sl_buf_str(&out), expected[max]);
    }
    sl_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_answer_is_read_item_by_item),
        cmocka_unit_test(the_number_of_items_must_be_the_number_sent),
        cmocka_unit_test(f36_every_cut_is_unreadable),
        cmocka_unit_test(c35_what_is_not_such_an_answer_is_refused),
        cmocka_unit_test(spaces_order_and_unknown_members_do_not_matter),
        cmocka_unit_test(c35_nesting_is_bounded_and_needs_no_stack),
        cmocka_unit_test(a_million_items_are_read),
        cmocka_unit_test(mutations_never_read_differently),
        cmocka_unit_test(a_failed_request_says_why),
        cmocka_unit_test(texts_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
