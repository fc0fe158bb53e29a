/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static int add(struct sl_fields *f, const char *path, unsigned *id)
{
    return sl_fields_add(f, sl_slice_str(path), id, NULL);
}

static void ids_count_from_zero_and_stay(void **state)
{
    struct sl_fields *f = sl_fields_new();
    unsigned id;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        char *path = sl_asprintf("a.b%u", i);

        assert_int_equal(add(f, path, &id), SL_OK);
        assert_int_equal(id, i);
        free(path);
    }
    assert_int_equal(add(f, "a.b7", &id), SL_OK);
    assert_int_equal(id, 7);
    assert_int_equal(sl_fields_count(f), 1000);
    assert_string_equal(sl_fields_name(f, 999), "a.b999");
    assert_null(sl_fields_name(f, 1000));
    sl_fields_free(f);
}

static void wrong_paths_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",         ".",         "a.", ".a",          "a..b", "1.2.3.4.5.6.7.8.9",
        "@offsets", "@headers.", "@",  "@timestamp.x"};
    struct sl_fields *f = sl_fields_new();
    struct sl_error err;
    unsigned id;
    char *large = sl_zalloc(SL_PATH_BYTES_MAX + 2);

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        err = (struct sl_error){0};
        assert_int_equal(sl_fields_add(f, sl_slice_str(wrong[i]), &id, &err), SL_EINVAL);
        assert_true(err.text[0]);
    }
    memset(large, 'a', SL_PATH_BYTES_MAX + 1);
    assert_int_equal(add(f, large, &id), SL_EINVAL);
    large[SL_PATH_BYTES_MAX] = '\0';
    assert_int_equal(add(f, large, &id), SL_OK);
    assert_int_equal(sl_fields_count(f), 1);
    free(large);
    sl_fields_free(f);
}

static void at_names_are_fields_too(void **state)
{
    static const char *const names[] = {"@topic",       "@partition", "@offset",     "@key",
                                        "@timestamp",   "@kind",      "@level",      "@raw",
                                        "@parse_error", "@headers.x", "@headers.a.b"};
    struct sl_fields *f = sl_fields_new();
    unsigned id;

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(add(f, names[i], &id), SL_OK);
        assert_int_equal(id, i);
    }
    sl_fields_free(f);
}

static void the_number_of_fields_is_limited(void **state)
{
    struct sl_fields *f = sl_fields_new();
    char path[16];
    unsigned id;
    int rc = SL_OK;

    (void)state;
    for (unsigned i = 0; i < SL_FIELDS_MAX && rc == SL_OK; i++) {
        snprintf(path, sizeof(path), "f%u", i);
        rc = add(f, path, &id);
    }
    assert_int_equal(rc, SL_OK);
    assert_int_equal(add(f, "more", &id), SL_ELIMIT);
    sl_fields_compile(f);
    assert_int_equal(sl_fields_count(f), SL_FIELDS_MAX);
    sl_fields_free(f);
}

static void literal_keys_and_nesting_match_alike(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    static const char *const spellings[] = {
        "{\"a.b.c\":1}",
        "{\"a.b\":{\"c\":1}}",
        "{\"a\":{\"b.c\":1}}",
        "{\"a\":{\"b\":{\"c\":1}}}",
        "{\"x\":{\"a.b.c\":2},\"a\":{\"c\":3,\"b\":{\"b\":4,\"c\":1}}}",
        "{\"\\u0061.b\":{\"\\u0063\":1}}"};

    (void)state;
    field_id(x, "a.b.c");
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        decode(x, spellings[i]);
        assert_null(x->record.parse_error);
        assert_string_equal(field_text(x, "a.b.c"), "1");
    }
    decode(x, "{\"a.b\":1,\"b\":{\"c\":2},\"a\":{\"b\":7},\"c\":3,\"a.b.c.d\":4}");
    assert_null(field_text(x, "a.b.c"));
    fixture_free(x);
}

static void the_longest_literal_wins_in_any_order(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    /* From the one that wins over all others to the one that wins over none. */
    static const char *const members[] = {"\"a.b.c\":1", "\"a.b\":{\"c\":2}", "\"a\":{\"b.c\":3}"};

    (void)state;
    field_id(x, "a.b.c");
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            char *text = sl_asprintf("{%s,%s}", members[i], i == k ? "\"z\":0" : members[k]);
            char want[2] = {(char)('1' + (i < k ? i : k)), 0};

            decode(x, text);
            assert_string_equal(field_text(x, "a.b.c"), want);
            free(text);
        }
    decode(x, "{\"a\":{\"b\":{\"c\":4},\"b.c\":3}}");
    assert_string_equal(field_text(x, "a.b.c"), "3");
    fixture_free(x);
}

static void array_elements_have_indexes(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    field_id(x, "items.0");
    field_id(x, "items.12.id");
    field_id(x, "m.1.0");
    decode(x,
           "{\"items\":[\"a\",1,2,3,4,5,6,7,8,9,10,11,{\"id\":\"twelve\"},13],\"m\":[0,[5],[6]]}");
    assert_string_equal(field_text(x, "items.0"), "a");
    assert_string_equal(field_text(x, "items.12.id"), "twelve");
    assert_string_equal(field_text(x, "m.1.0"), "5");
    decode(x, "{\"items\":{\"0\":\"key\"},\"m\":[]}");
    assert_string_equal(field_text(x, "items.0"), "key");
    assert_null(field_text(x, "m.1.0"));
    fixture_free(x);
}

static void fields_added_later_are_found_from_the_next_record_on(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    decode(x, "{\"late\":1}");
    assert_null(field_text(x, "late")); /* adds it */
    for (int i = 0; i < 500; i++) {
        char path[16];

        snprintf(path, sizeof(path), "f%d", i);
        field_id(x, path);
    }
    sl_fields_compile(x->fields);
    sl_fields_compile(x->fields);
    decode(x, "{\"late\":1,\"f499\":2}");
    assert_string_equal(field_text(x, "late"), "1");
    assert_string_equal(field_text(x, "f499"), "2");
    decode(x, "{}");
    assert_null(field_text(x, "late"));
    fixture_free(x);
}

static void containers_are_values(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    field_id(x, "o");
    field_id(x, "o.a");
    decode(x, "{\"o\": {\"a\": [1, {\"b\": \"]\"}] } , \"p\":1}");
    assert_string_equal(field_text(x, "o"), "{\"a\": [1, {\"b\": \"]\"}] }");
    assert_string_equal(field_text(x, "o.a"), "[1, {\"b\": \"]\"}]");
    assert_int_equal(field_type(x, "o"), SL_VALUE_OBJECT);
    assert_int_equal(field_type(x, "o.a"), SL_VALUE_ARRAY);
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_count_from_zero_and_stay),
        cmocka_unit_test(wrong_paths_are_refused),
        cmocka_unit_test(at_names_are_fields_too),
        cmocka_unit_test(the_number_of_fields_is_limited),
        cmocka_unit_test(literal_keys_and_nesting_match_alike),
        cmocka_unit_test(the_longest_literal_wins_in_any_order),
        cmocka_unit_test(array_elements_have_indexes),
        cmocka_unit_test(fields_added_later_are_found_from_the_next_record_on),
        cmocka_unit_test(containers_are_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
