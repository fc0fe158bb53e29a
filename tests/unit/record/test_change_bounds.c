/* SPDX-License-Identifier: Apache-2.0 */
/* What changes may cost, and which are refused. */
#include "record/change_help.h"

#include "record/change.h"

/* ---- editors ---- */

static void expect_wrong(size_t wrong, const char *word, struct sl_slice a, struct sl_slice b)
{
    const struct sl_slice paths[] = {a, b};
    struct sl_error err = {0};
    size_t at = 99;

    assert_null(sl_editor_new(paths, 2, &at, &err));
    assert_int_equal(at, wrong);
    assert_int_equal(err.code, SL_EINVAL);
    if (!strstr(err.text, word))
        fail_msg("no \"%s\" in: %s", word, err.text);
}

static void test_editors(void **state)
{
    const struct sl_slice good[] = {SL_SLICE_LITERAL("a.b"), SL_SLICE_LITERAL("a.bc"),
                                    SL_SLICE_LITERAL("ab"), SL_SLICE_LITERAL("x.@y")};
    struct sl_error err = {0};
    struct sl_editor *e = sl_editor_new(good, 4, NULL, &err);

    (void)state;
    assert_non_null(e);
    sl_editor_free(e);
#define WRONG(at, word, a, b) expect_wrong(at, word, SL_SLICE_LITERAL(a), SL_SLICE_LITERAL(b))
    WRONG(1, "inside", "a.b", "a.b.c");
    WRONG(1, "inside", "a.b", "a");
    WRONG(1, "twice", "a.b", "a.b");
    WRONG(0, "cannot be changed", "@timestamp", "a");
    WRONG(1, "cannot be changed", "a", "@headers.x");
    WRONG(1, "empty", "a", "");
    WRONG(1, "empty", "a", "b..c");
    WRONG(0, "parts", "a.b.c.d.e.f.g.h.i", "a");
#undef WRONG
}

/* ---- limits ---- */

static void expect_limit(struct changing *g, const struct sl_record *r, const char *word)
{
    assert_null(r);
    assert_int_equal(g->err.code, SL_ELIMIT);
    if (!strstr(g->err.text, word))
        fail_msg("no \"%s\" in: %s", word, g->err.text);
    g->err = (struct sl_error){0};
}

static const struct sl_record *set(struct changing *g, const struct sl_record *r, const char *path,
                                   struct sl_slice json)
{
    const struct sl_slice paths = sl_slice_str(path);
    const struct sl_new_value value = {SL_SET, json};

    return sl_record_edit(g->changer, editor_of(g, &paths, 1), r, &value, &g->err);
}

static int longer(void *user, const struct sl_value *leaf, struct sl_buf *out)
{
    (void)leaf;
    sl_buf_slice(out, *(struct sl_slice *)user);
    return 1;
}

static void test_size(void **state)
{
    struct changing *g = changing_new(NULL);
    struct sl_slice large = {.n = (size_t)SL_CHANGED_MAX / 2 + 1};
    char *text = sl_alloc(large.n);
    const struct sl_record *a, *b;

    (void)state;
    memset(text, 'x', large.n);
    text[0] = text[large.n - 1] = '"';
    large.p = text;
    decode(g->x, "{\"kind\":1,\"a\":\"1\"}");
    a = set(g, &g->x->record, "b", large);
    assert_non_null(a);
    expect_limit(g, set(g, a, "c", large), "larger than 64 MiB");
    expect_limit(g, sl_record_edit_leaves(g->changer, NULL, a, longer, &large, &g->err),
                 "larger than 64 MiB");
    /* Those before it stand. */
    assert_int_equal(a->body.n, strlen("{\"kind\":1,\"a\":\"1\",\"b\":}") + large.n);
    b = set(g, a, "a", SL_SLICE_LITERAL("2"));
    assert_non_null(b);
    b = set(g, b, "a", SL_SLICE_LITERAL("3"));
    assert_non_null(b);
    expect_limit(g, set(g, b, "a", SL_SLICE_LITERAL("4")), "all changes of one record");
    sl_changer_begin(g->changer);
    /* What the giant took is given back. */
    for (size_t i = 0; i < g->changer->n_slots; i++)
        assert_true(g->changer->slots[i]->body.cap <= SL_CHANGED_KEEP);
    assert_non_null(set(g, &g->x->record, "a", SL_SLICE_LITERAL("2")));
    free(text);
    changing_free(g);
}

static void test_depth(void **state)
{
    struct changing *g = changing_new(NULL);
    char deep[2 * SL_JSON_DEPTH_MAX + 1];

    (void)state;
    memset(deep, '[', SL_JSON_DEPTH_MAX);
    memset(deep + SL_JSON_DEPTH_MAX, ']', SL_JSON_DEPTH_MAX);
    decode(g->x, "{\"kind\":1,\"a\":{}}");
    assert_non_null(set(g, &g->x->record, "b", sl_slice(deep + 1, 2 * SL_JSON_DEPTH_MAX - 2)));
    expect_limit(g, set(g, &g->x->record, "b", sl_slice(deep, 2 * SL_JSON_DEPTH_MAX)),
                 "levels of nesting");
    expect_limit(g, set(g, &g->x->record, "a.b", sl_slice(deep + 1, 2 * SL_JSON_DEPTH_MAX - 2)),
                 "levels of nesting");
    changing_free(g);
}

/* A path may meet so many spellings, and no more. */
static void test_matches(void **state)
{
    struct changing *g = changing_new(NULL);
    struct sl_buf text;

    (void)state;
    sl_buf_init(&text, 1 << 20);
    for (int more = 0; more < 2; more++) {
        sl_buf_clear(&text);
        SL_BUF_LITERAL(&text, "{\"kind\":1");
        for (int i = 0; i < SL_CHANGE_FOUND_MAX + more; i++)
            SL_BUF_LITERAL(&text, ",\"a\":1");
        sl_buf_byte(&text, '}');
        decode_bytes(g->x, text.p, text.n);
        assert_int_equal(g->x->record.form, SL_FORM_OBJECT);
        sl_changer_begin(g->changer);
        if (more)
            expect_limit(g, CHANGE(g, &g->x->record, "a"), "too large to be changed");
        else
            assert_string_equal(json_of(g, CHANGE(g, &g->x->record, "a")), "{\"kind\":1}");
        assert_int_equal(g->changer->found.cap_matches, 0); /* given back */
    }
    sl_buf_release(&text);
    changing_free(g);
}

static void test_slots(void **state)
{
    struct changing *g = changing_new(NULL);
    const struct sl_slice path = SL_SLICE_LITERAL("a");
    const struct sl_editor *e = editor_of(g, &path, 1);
    const struct sl_record *r = decode(g->x, "{\"kind\":1}"), *last = r;
    const struct sl_new_value values[] = {{SL_SET, SL_SLICE_LITERAL("1")},
                                          {SL_SET, SL_SLICE_LITERAL("2")}};

    (void)state;
    for (int i = 0; i < SL_CHANGED_SLOTS_MAX; i++) {
        r = sl_record_edit(g->changer, e, last, &values[i % 2], &g->err);
        assert_true(r && r != last);
        last = r;
    }
    expect_limit(g, sl_record_edit(g->changer, e, last, &values[0], &g->err), "too large");
    changing_free(g);
}

/* Of the steps of one change only the last takes a place. */
static void test_keep(void **state)
{
    struct changing *g = changing_new(NULL);
    const struct sl_record *first, *r;
    size_t mark;

    (void)state;
    field_id(g->x, "d");
    decode(g->x, "{\"kind\":1}");
    sl_changer_begin(g->changer);
    first = CHANGE(g, &g->x->record, "a=1");
    mark = sl_changer_mark(g->changer);
    r = CHANGE(g, CHANGE(g, CHANGE(g, first, "b=2"), "c=3"), "d=4");
    assert_int_equal(g->changer->used, 4);
    sl_changer_keep(g->changer, mark, r);
    assert_int_equal(g->changer->used, 2);
    assert_int_equal(g->changer->bytes, first->body.n + r->body.n);
    assert_non_null(CHANGE(g, r, "e=5")); /* writes where the steps were */
    assert_string_equal(json_of(g, r), "{\"kind\":1,\"a\":1,\"b\":2,\"c\":3,\"d\":4}");
    assert_string_equal(text_of(g, r, "d"), "4");
    sl_changer_keep(g->changer, mark, first); /* which is none of those */
    assert_int_equal(g->changer->used, 1);
    assert_int_equal(g->changer->bytes, first->body.n);
    assert_string_equal(json_of(g, first), "{\"kind\":1,\"a\":1}");
    changing_free(g);
}

/* An unclear record is none: a duplicate that comes to where a field is read. */
static void test_duplicate(void **state)
{
    struct changing *g = changing_new(NULL);

    (void)state;
    field_id(g->x, "user.id");
    decode(g->x, "{\"kind\":1}");
    expect_limit(g, CHANGE(g, &g->x->record, "user={\"id\":1,\"id\":2}"), "a duplicate key");
    changing_free(g);
}

/* ---- memory ---- */

static int star(void *user, const struct sl_value *leaf, struct sl_buf *out)
{
    (void)user;
    (void)leaf;
    SL_BUF_LITERAL(out, "\"***\"");
    return 1;
}

static void one_round(struct changing *g, const struct sl_editor *e)
{
    const struct sl_new_value values[] = {{SL_SET, SL_SLICE_LITERAL("{\"x\":[1,2]}")},
                                          {.what = SL_REMOVE}};
    const struct sl_record *r;

    sl_changer_begin(g->changer);
    r = sl_record_edit(g->changer, e, &g->x->record, values, &g->err);
    r = sl_record_edit_leaves(g->changer, NULL, r, star, NULL, &g->err);
    r = sl_record_edit(g->changer, e, r, values, &g->err);
    assert_non_null(r);
}

/* After the first records nothing is allocated: all memory is where it was. */
static void test_steady(void **state)
{
    struct changing *g = changing_new(NULL);
    const struct sl_slice paths[] = {SL_SLICE_LITERAL("a.b"), SL_SLICE_LITERAL("c")};
    const struct sl_editor *e = editor_of(g, paths, 2);
    struct sl_changer before, *c = g->changer;
    struct sl_change_slot slots[8];

    (void)state;
    decode(g->x, "{\"a\":{\"b\":1},\"a.b\":2,\"c\":\"d\",\"e\":[\"f\",\"g\"]}");
    one_round(g, e);
    before = *c;
    assert_true(c->n_slots == 3 && c->used == 3);
    for (size_t i = 0; i < c->n_slots; i++)
        slots[i] = *c->slots[i];
    for (int i = 0; i < 1000; i++)
        one_round(g, e);
    assert_memory_equal(&before.slots, &c->slots, sizeof(c->slots));
    assert_int_equal(c->n_slots, before.n_slots);
    assert_ptr_equal(c->base.p, before.base.p);
    assert_ptr_equal(c->leaf.p, before.leaf.p);
    assert_ptr_equal(c->found.matches, before.found.matches);
    assert_ptr_equal(c->found.boxes, before.found.boxes);
    assert_ptr_equal(c->found.best, before.found.best);
    for (size_t i = 0; i < c->n_slots; i++) {
        assert_ptr_equal(c->slots[i]->body.p, slots[i].body.p);
        assert_ptr_equal(c->slots[i]->decoder->scan.values, slots[i].record.values);
    }
    changing_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_editors),   cmocka_unit_test(test_size),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_matches),
        cmocka_unit_test(test_slots),     cmocka_unit_test(test_keep),
        cmocka_unit_test(test_duplicate), cmocka_unit_test(test_steady),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
