/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <math.h>

#include "fixture.h"
#include "record/decode.h"

/* The scanner against jansson, and its two twins against each other: hand-made documents, then
 * random ones and random damage to them, from fixed seeds. */

/* ---- what is and is not JSON ---- */

static const char *const valid[] = {
    "{}",
    " \t\r\n{ \t\r\n} \t\r\n",
    "{\"\":\"\"}",
    "{\"a\":0}",
    "{\"a\":-0}",
    "{\"a\":-0.0e-0}",
    "{\"a\":1.5E+3,\"b\":[1,2 , 3],\"c\":[]}",
    "{\"a\":true,\"b\":false,\"c\":null}",
    "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u12aF\"}",
    "{\"a\":\"\\ud83d\\ude00 \xf0\x9f\x98\x80 \xc3\xa9 \xe2\x82\xac\x7f\"}",
    "{\"a\":\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"}",
    "{\"a\":[{},[],[[]],{\"b\":{}}]}",
    "{\"a long string without anything special inside\":\"and one more, as long as that\"}",
};

static const char *const invalid[] = {
    "{",
    "{\"",
    "{\"a",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":[1",
    "{\"a\":[1,",
    "{\"a\":[",
    "{\"a\":{",
    "{\"a\":{}",
    "{\"a\":\"",
    "{\"a\":\"\\",
    "{\"a\":\"\\u12",
    "{\"a\":tru",
    "{,}",
    "{\"a\":1,}",
    "{\"a\":1 \"b\":2}",
    "{\"a\" 1}",
    "{\"a\":}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{\"a\":[,]}",
    "{\"a\":[1,]}",
    "{\"a\":[1 2]}",
    "{\"a\":[1}}",
    "{\"a\":{\"b\":1]}",
    "{\"a\":1}}",
    "{\"a\":1}{\"b\":2}",
    "{\"a\":1} x",
    "{\"a\":1}\n{\"a\":1}",
    "{}}",
    "{}{}",
    "{\"a\":1}\x01",
    "{\"a\":01}",
    "{\"a\":+1}",
    "{\"a\":.5}",
    "{\"a\":1.}",
    "{\"a\":1e}",
    "{\"a\":1e+}",
    "{\"a\":-}",
    "{\"a\":-01}",
    "{\"a\":0x10}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":1.e5}",
    "{\"a\":--1}",
    "{\"a\":True}",
    "{\"a\":nul}",
    "{\"a\":nulls}",
    "{\"a\":undefined}",
    "{\"a\":\"\\x41\"}",
    "{\"a\":\"\\u12g4\"}",
    "{\"a\":\"\\U1234\"}",
    "{\"a\":\"\\'\"}",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\t\"}",
    "{\"a\":\"\x1f\"}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\ud800x\"}",
    "{\"a\":\"\\ud800\\n\"}",
    "{\"a\":\"\\ud800\\u0041\"}",
    "{\"a\":\"\\ud800\\ud800\"}",
    "{\"a\":\"\\udc00\"}",
    "{\"a\":\"\\udc00\\ud800\"}",
    "{\"a\":\"\xff\"}",
    "{\"a\":\"\x80\"}",
    "{\"a\":\"\xc0\xaf\"}",
    "{\"a\":\"\xc1\xbf\"}",
    "{\"a\":\"\xe0\x80\xaf\"}",
    "{\"a\":\"\xe0\x9f\xbf\"}",
    "{\"a\":\"\xed\xa0\x80\"}",
    "{\"a\":\"\xf0\x80\x80\xaf\"}",
    "{\"a\":\"\xf0\x8f\xbf\xbf\"}",
    "{\"a\":\"\xf4\x90\x80\x80\"}",
    "{\"a\":\"\xf5\x80\x80\x80\"}",
    "{\"a\":\"\xc3\"}",
    "{\"a\":\"\xe2\x82\"}",
    "{\"a\":\"\xf0\x9f\x98\"}",
    "{\"\xff\":1}",
    "{\"a\":1/**/}",
    "{\"a\":\v1}",
    "{\"a\":\f1}",
    "{\xa0}",
};

static bool scan_with(struct fixture *x, struct sl_slice value, bool portable)
{
    struct sl_decoder *d = x->decoder;

    d->scan.stamp++;
    return portable ? sl_json_scan_portable(&d->scan, value) : sl_json_scan(&d->scan, value);
}

/* Both verdicts, which must be the same; so must all that was found. */
static bool scan_twins(struct fixture *x, struct sl_slice value)
{
    struct sl_decoder *d = x->decoder;
    size_t n = sl_fields_count(x->fields);
    struct sl_value *found = sl_calloc(n, sizeof(*found));
    bool ok = scan_with(x, value, false), same, breaks = d->scan.breaks, empty = d->scan.empty;

    for (unsigned i = 0; ok && i < n; i++)
        found[i] = sl_decoder_value(d, i);
    same = scan_with(x, value, true) == ok;
    assert_true(same);
    assert_int_equal(ok, d->scan.error == NULL);
    for (unsigned i = 0; ok && i < n; i++) {
        struct sl_value v = sl_decoder_value(d, i);

        assert_int_equal(found[i].type, v.type);
        if (v.type == SL_VALUE_ABSENT)
            continue;
        assert_ptr_equal(found[i].p, v.p);
        assert_int_equal(found[i].n, v.n);
        assert_int_equal(found[i].escaped, v.escaped);
    }
    if (ok) {
        assert_int_equal(breaks, d->scan.breaks);
        assert_int_equal(empty, d->scan.empty);
    }
    free(found);
    return ok;
}

static void documents_that_are_and_are_not_json(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    field_id(x, "a");
    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        decode(x, valid[i]);
        if (x->record.parse_error)
            fail_msg("%s: %s", valid[i], x->record.parse_error);
        assert_true(scan_twins(x, x->message.value));
    }
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        decode(x, invalid[i]);
        if (!x->record.parse_error)
            fail_msg("taken for valid: %s", invalid[i]);
        assert_false(scan_twins(x, x->message.value));
    }
    decode_bytes(x, "{\"a\":\"\0\"}", 9);
    assert_non_null(x->record.parse_error);
    decode_bytes(x, "{}\0", 3);
    assert_non_null(x->record.parse_error);
    fixture_free(x);
}

/* Each length of a string puts its end and its faults at another place of the 16-byte steps. */
static void faults_are_seen_at_any_place(void **state)
{
    static const char *const parts[] = {"\"",       "\\\"", "\\",   "\x1f",
                                        "\xc3\xa9", "\xc3", "\xff", "\\u00e9"};
    static const bool good[] = {false, true, false, false, true, false, false, true};
    struct fixture *x = fixture_new(NULL, NULL);
    const char *spaces = "                                                  ";

    (void)state;
    field_id(x, "a");
    for (int before = 0; before < 40; before++)
        for (int after = 0; after < 40; after++)
            for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
                char *text =
                    sl_asprintf("{\"a\":\"%.*s%s%.*sx\"}", before, spaces, parts[k], after, spaces);

                decode(x, text);
                assert_int_equal(x->record.parse_error == NULL, good[k]);
                assert_int_equal(scan_twins(x, x->message.value), good[k]);
                free(text);
            }
    fixture_free(x);
}

/* A value is a slice of a larger buffer: what would complete it may stand right behind it. */
static void what_follows_the_value_is_not_seen(void **state)
{
    static const char text[] =
        "{\"a\":{\"b\":{}},\"c\":[{}],\"d\":123,\"e\":true,\"f\":\"\\u20ac\"}";
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    decode(x, "{}");
    for (size_t n = 1; n + 1 < sizeof(text); n++)
        assert_false(scan_twins(x, sl_slice(text, n)));
    assert_true(scan_twins(x, sl_slice_str(text)));
    fixture_free(x);
}

static void depth_is_limited_to_64_levels(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    struct sl_buf text;

    (void)state;
    sl_buf_init(&text, 1 << 20);
    for (unsigned depth = 60; depth < 70; depth++) {
        sl_buf_clear(&text);
        SL_BUF_LITERAL(&text, "{\"a\":");
        for (unsigned i = 1; i < depth; i++)
            sl_buf_text(&text, i % 2 ? "[" : "{\"b\":");
        SL_BUF_LITERAL(&text, "1");
        for (unsigned i = depth - 1; i > 0; i--)
            sl_buf_byte(&text, i % 2 ? ']' : '}');
        sl_buf_byte(&text, '}');
        decode_bytes(x, text.p, text.n);
        assert_int_equal(x->record.parse_error == NULL, depth <= SL_JSON_DEPTH_MAX);
        assert_int_equal(scan_twins(x, x->message.value), depth <= SL_JSON_DEPTH_MAX);
    }
    sl_buf_release(&text);
    fixture_free(x);
}

/* ---- random documents ---- */

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static unsigned roll(uint64_t *seed, unsigned sides)
{
    return (unsigned)((next(seed) >> 16) % sides);
}

static void random_space(uint64_t *seed, struct sl_buf *out)
{
    static const char *const spaces[] = {"", "", "", "", " ", "\n", "\t \r\n"};

    sl_buf_text(out, spaces[roll(seed, 7)]);
}

static void random_string(uint64_t *seed, struct sl_buf *out)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         " ",
                                         "7",
                                         ".",
                                         "plain text that is longer",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\u20ac",
                                         "\\ud83d\\ude00",
                                         "\xc3\xa9",
                                         "\xf0\x9f\x98\x80",
                                         "\xe2\x82\xac",
                                         "{",
                                         "]",
                                         ",",
                                         ":"};

    sl_buf_byte(out, '"');
    for (unsigned n = roll(seed, 8); n > 0; n--)
        sl_buf_text(out, pieces[roll(seed, 18)]);
    sl_buf_byte(out, '"');
}

static const char *const keys[] = {"a", "b", "c", "a.b", "b.c", "a.b.c", "level", "x"};

static void random_value(uint64_t *seed, unsigned depth, struct sl_buf *out)
{
    static const char *const scalars[] = {"0",       "-1",
                                          "17",      "1.5",
                                          "-2.25e3", "9007199254740993",
                                          "true",    "false",
                                          "null",    "9223372036854775807",
                                          "1E-7"};
    unsigned kind = roll(seed, depth > 5 ? 6 : 10), first = roll(seed, 8);

    random_space(seed, out);
    if (kind < 3) {
        sl_buf_text(out, scalars[roll(seed, 11)]);
    } else if (kind < 6) {
        random_string(seed, out);
    } else {
        sl_buf_byte(out, kind < 8 ? '{' : '[');
        random_space(seed, out);
        for (unsigned n = roll(seed, 5), i = 0; i < n; i++) {
            if (i)
                sl_buf_byte(out, ',');
            random_space(seed, out);
            if (kind < 8) /* no name twice: the names of one object follow each other in the list */
                sl_buf_printf(out, "\"%s\":", keys[(first + i) % 8]);
            random_value(seed, depth + 1, out);
        }
        sl_buf_byte(out, kind < 8 ? '}' : ']');
    }
    random_space(seed, out);
}

static void random_object(uint64_t *seed, struct sl_buf *out)
{
    unsigned first = roll(seed, 8);

    sl_buf_clear(out);
    sl_buf_byte(out, '{');
    for (unsigned n = roll(seed, 7), i = 0; i < n; i++) {
        sl_buf_printf(out, "%s\"%s\":", i ? "," : "", keys[(first + i) % 8]);
        random_value(seed, 1, out);
    }
    sl_buf_byte(out, '}');
}

/* What a path means, said again on jansson's tree: the longest literal first. */
static json_t *lookup(json_t *at, const char *path)
{
    if (json_is_array(at)) {
        size_t n = strcspn(path, "."), index = 0;

        for (size_t i = 0; i < n; i++) {
            if (path[i] < '0' || path[i] > '9')
                return NULL;
            index = index * 10 + (size_t)(path[i] - '0');
        }
        at = json_array_get(at, index);
        return path[n] && at ? lookup(at, path + n + 1) : at;
    }
    for (size_t n = strlen(path); n > 0; n--) {
        json_t *v;

        if (path[n] != '\0' && path[n] != '.')
            continue;
        v = json_object_getn(at, path, n);
        if (v && path[n])
            v = lookup(v, path + n + 1);
        if (v)
            return v;
    }
    return NULL;
}

static void compare_value(struct fixture *x, const char *path, json_t *root)
{
    struct sl_value v = sl_decoder_value(x->decoder, field_id(x, path));
    json_t *want = lookup(root, path), *got;
    struct sl_slice text;

    if (!want) {
        assert_int_equal(v.type, SL_VALUE_ABSENT);
        return;
    }
    text = sl_value_text(&v, &x->scratch);
    if (json_is_null(want)) {
        assert_int_equal(v.type, SL_VALUE_NULL);
        return;
    }
    assert_non_null(text.p);
    if (v.type == SL_VALUE_STRING) {
        assert_true(json_is_string(want));
        assert_int_equal(text.n, json_string_length(want));
        assert_memory_equal(text.p, json_string_value(want), text.n);
        return;
    }
    got = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
    assert_true(json_equal(got, want));
    json_decref(got);
}

static struct fixture *random_fixture(void)
{
    static const char *const paths[] = {"a",   "b",     "a.b",     "a.b.c",  "b.c",
                                        "a.0", "a.1.b", "c.2.a.b", "x.a.b.c"};
    struct fixture *x = fixture_new(NULL, NULL);

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        field_id(x, paths[i]);
    decode(x, "{}");
    return x;
}

static void random_documents_read_as_jansson_reads_them(void **state)
{
    static const char *const paths[] = {"a",   "b",     "a.b",     "a.b.c",   "b.c",
                                        "a.0", "a.1.b", "c.2.a.b", "x.a.b.c", "level"};
    struct fixture *x = random_fixture();
    uint64_t seed = 20260131;
    struct sl_buf text;

    (void)state;
    sl_buf_init(&text, 1 << 20);
    for (int i = 0; i < 20000; i++) {
        json_t *root;
        json_error_t error;

        random_object(&seed, &text);
        root = json_loadb(text.p, text.n, 0, &error);
        assert_non_null(root);
        if (!scan_twins(x, sl_buf_as_slice(&text)))
            fail_msg("%.*s: %s", (int)text.n, text.p, x->decoder->scan.error);
        for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
            compare_value(x, paths[k], root);
        json_decref(root);
    }
    sl_buf_release(&text);
    fixture_free(x);
}

static void damage(uint64_t *seed, struct sl_buf *text)
{
    static const char bytes[] = "{}[]\",:\\0e-.tfn \n\x01\xc3\xa9\xff";

    for (unsigned n = 1 + roll(seed, 3); n > 0 && text->n > 1; n--) {
        size_t at = roll(seed, (unsigned)text->n);

        switch (roll(seed, 4)) {
        case 0:
            text->p[at] = bytes[roll(seed, sizeof(bytes) - 1)];
            break;
        case 1: /* goes */
            memmove(text->p + at, text->p + at + 1, text->n - at - 1);
            text->n--;
            break;
        case 2: /* comes */
            sl_buf_byte(text, ' ');
            memmove(text->p + at + 1, text->p + at, text->n - at - 1);
            text->p[at] = bytes[roll(seed, sizeof(bytes) - 1)];
            break;
        default:
            text->n = at + 1;
        }
    }
}

/* Where jansson and this scanner rightly differ: numbers out of range and U+0000 are errors to
 * jansson, a routed key given twice is one here. */
static bool may_differ(struct fixture *x, bool scanned, const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);

    if (scanned)
        return code == json_error_numeric_overflow || code == json_error_null_character;
    return strcmp(x->decoder->scan.error, "a duplicate key") == 0;
}

static void damaged_documents_are_judged_as_jansson_judges_them(void **state)
{
    struct fixture *x = random_fixture();
    uint64_t seed = 8259;
    struct sl_buf text;
    unsigned good = 0, bad = 0;

    (void)state;
    sl_buf_init(&text, 1 << 20);
    for (int i = 0; i < 100000; i++) {
        json_error_t error = {0};
        bool scanned;
        char *copy;
        json_t *root;

        random_object(&seed, &text);
        damage(&seed, &text);
        if (text.p[0] != '{')
            continue;
        copy = sl_alloc(text.n);
        memcpy(copy, text.p, text.n);
        root = json_loadb(copy, text.n, 0, &error);
        scanned = scan_twins(x, sl_slice(copy, text.n));
        if (scanned != (root != NULL) && !may_differ(x, scanned, &error))
            fail_msg("%.*s: jansson %s, scanner %s", (int)text.n, text.p,
                     root ? "takes it" : error.text, scanned ? "takes it" : x->decoder->scan.error);
        good += scanned;
        bad += !scanned;
        json_decref(root);
        free(copy);
    }
    assert_true(good > 5000 && bad > 5000); /* the test tests both */
    sl_buf_release(&text);
    fixture_free(x);
}

/* ---- what is written ---- */

static void what_is_spliced_parses_and_only_adds(void **state)
{
    struct sl_property p[] = {{.name = "service", .value = "s\n"},
                              {.name = "a.b", .value = "enriched"}};
    const struct sl_properties enrich = {p, 2};
    struct fixture *x = fixture_new(&enrich, NULL);
    uint64_t seed = 42;
    struct sl_buf text;

    (void)state;
    sl_buf_init(&text, 1 << 20);
    for (int i = 0; i < 20000; i++) {
        json_t *before, *after, *value;
        const char *json, *key;

        random_object(&seed, &text);
        decode_bytes(x, text.p, text.n);
        assert_int_equal(x->record.form, SL_FORM_OBJECT);
        json = record_json(x, true, ",\"sluice_id\":\"i\"");
        assert_true(x->out.n <= sl_record_json_bound(&x->record) + 16);
        assert_null(strpbrk(json, "\r\n"));
        before = json_loadb(text.p, text.n, 0, NULL);
        after = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(after);
        assert_string_equal(json_string_value(json_object_get(after, "sluice_id")), "i");
        assert_non_null(json_object_get(after, "@timestamp"));
        assert_non_null(json_object_get(after, "kind"));
        json_object_foreach(before, key, value)
            assert_true(json_equal(value, json_object_get(after, key)));
        json_object_foreach(after, key, value)
            assert_true(json_object_get(before, key) || strcmp(key, "sluice_id") == 0 ||
                        strcmp(key, "@timestamp") == 0 || strcmp(key, "kind") == 0 ||
                        strcmp(key, "level") == 0 || strcmp(key, "service") == 0 ||
                        (strcmp(key, "a.b") == 0 && !lookup(before, "a.b")));
        /* Scanned again it is the same record with nothing left to add. */
        sl_buf_clear(&text);
        sl_buf_text(&text, json);
        decode_bytes(x, text.p, text.n);
        assert_int_equal(x->record.form, SL_FORM_OBJECT);
        assert_int_equal(x->record.added.n, 0);
        json_decref(before);
        json_decref(after);
    }
    sl_buf_release(&text);
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_that_are_and_are_not_json),
        cmocka_unit_test(faults_are_seen_at_any_place),
        cmocka_unit_test(what_follows_the_value_is_not_seen),
        cmocka_unit_test(depth_is_limited_to_64_levels),
        cmocka_unit_test(random_documents_read_as_jansson_reads_them),
        cmocka_unit_test(damaged_documents_are_judged_as_jansson_judges_them),
        cmocka_unit_test(what_is_spliced_parses_and_only_adds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
