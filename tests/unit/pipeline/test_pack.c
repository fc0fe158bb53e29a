/* SPDX-License-Identifier: Apache-2.0 */
#include "dice.h"
#include "pipeline/site.h"

/* Rules versions that are too large to be stored, and stored ones that are not what they were. */

static void too_large_is_told_in_words(void **state)
{
    static const char head[] = "rules:\n  - name: a\n    when: { x: { in_table: t } }\n"
                               "    to: search\n";
    struct sl_routing_config config;
    struct sl_routing *r, *aside;
    struct sl_buf table;
    struct site s;

    (void)state;
    site_init(&s);
    write_file(&s, "rules.yaml", head);
    config = ask(&s);

    sl_buf_init(&table, 4 << 20); /* chance cannot be compressed */
    while (table.n < (2500 << 10))
        sl_buf_printf(&table, "%08x%08x\n", below(UINT32_MAX), below(UINT32_MAX));
    write_bytes(&s, "t", sl_buf_as_slice(&table));
    r = load(&s);
    assert_int_equal(r->packed.n, 0);
    assert_non_null(strstr(r->pack_problem, "larger than 900 KiB"));
    aside = sl_routing_with_aside(&config, r, (const unsigned[]){0}, 1);
    assert_int_equal(aside->packed.n, 0);
    assert_string_equal(aside->pack_problem, r->pack_problem);
    sl_routing_free(aside);
    sl_routing_free(r);

    sl_buf_clear(&table);
    while (table.n < (1200 << 10))
        sl_buf_printf(&table, "%08x%08x\n", below(UINT32_MAX), below(UINT32_MAX));
    write_bytes(&s, "t", sl_buf_as_slice(&table)); /* hexadecimal: a half */
    r = load(&s);
    assert_in_range(r->packed.n, 500 << 10, SL_PACK_MAX);
    sl_routing_free(unpack(&s, r));
    sl_routing_free(r);
    sl_buf_release(&table);
    site_release(&s);
}

static void nothing_but_repetitions_is_too_large_too(void **state)
{
    struct site s;
    struct sl_routing *r;
    struct sl_buf text;

    (void)state;
    site_init(&s);
    sl_buf_init(&text, 62 << 20);
    sl_buf_text(&text, by_service);
    while (text.n < (60 << 20))
        SL_BUF_LITERAL(&text, "#######################################################\n");
    write_bytes(&s, "rules.yaml", sl_buf_as_slice(&text));
    write_bytes(&s, "x.yaml", sl_slice_str("# nothing\n"));
    r = load(&s);
    assert_int_equal(r->packed.n, 0);
    assert_non_null(strstr(r->pack_problem, "repetitions"));
    sl_routing_free(r);
    sl_buf_clear(&text);
    while (text.n < (5 << 20))
        SL_BUF_LITERAL(&text, "#######################################################\n");
    write_bytes(&s, "x.yaml", sl_buf_as_slice(&text));
    r = load(&s);
    assert_int_equal(r->packed.n, 0);
    assert_non_null(strstr(r->pack_problem, "larger than 64 MiB"));
    sl_routing_free(r);
    sl_buf_release(&text);
    site_release(&s);
}

/* ---- what is damaged ---- */

static void every_damaged_byte_is_found(void **state)
{
    struct site s;
    struct sl_routing *r;
    struct sl_buf copy;
    size_t n, harmless = 0;

    (void)state;
    site_init(&s);
    write_file(&s, "rules.yaml", by_service);
    r = load(&s);
    n = r->packed.n;
    sl_buf_init(&copy, SL_PACK_MAX + 1);
    sl_buf_slice(&copy, sl_buf_as_slice(&r->packed));
    for (size_t i = 0; i < n; i++) {
        struct sl_routing *other;

        copy.p[i] ^= (char)(1U << below(8));
        other = try_unpack(&s, sl_buf_as_slice(&copy));
        copy.p[i] = r->packed.p[i];
        if (other) { /* a bit of zstd's that says nothing */
            harmless++;
            assert_true(sl_routing_same(r, other));
            sl_routing_free(other);
        }
        assert_null(try_unpack(&s, sl_slice(copy.p, i))); /* cut */
    }
    /* The folder's name is chance, and with it the frame: at most a bit of its descriptor, of the
     * modes, and of the padding behind each of four tables. */
    assert_in_range(harmless, 0, 6);
    sl_buf_byte(&copy, 'x');
    assert_null(try_unpack(&s, sl_buf_as_slice(&copy)));
    copy.n--;
    sl_routing_free(try_unpack(&s, sl_buf_as_slice(&copy)));
    assert_string_equal(s.err.text, "");
    sl_buf_release(&copy);
    sl_routing_free(r);
    site_release(&s);
}

/* Right in itself, and not what its name says. */
static void rules_that_decide_otherwise_are_refused(void **state)
{
    struct site s;
    struct sl_routing *r, *other;
    struct sl_pack p, q;
    unsigned *aside, *none;
    struct sl_buf forged;

    (void)state;
    site_init(&s);
    write_file(&s, "rules.yaml", by_service);
    r = load(&s);
    write_file(&s, "rules.yaml", "rules:\n  - to: search\n");
    other = load(&s);
    assert_int_equal(sl_pack_read(sl_buf_as_slice(&r->packed), &p, &aside, NULL), SL_OK);
    assert_int_equal(sl_pack_read(sl_buf_as_slice(&other->packed), &q, &none, NULL), SL_OK);
    p.frame = q.frame;
    p.body_n = q.body_n;
    sl_buf_init(&forged, SL_PACK_MAX);
    assert_true(sl_pack_write(&p, &forged));
    assert_null(try_unpack(&s, sl_buf_as_slice(&forged)));
    assert_non_null(strstr(s.err.text, "decide otherwise"));
    sl_buf_release(&forged);
    free(aside);
    free(none);
    sl_routing_free(r);
    sl_routing_free(other);
    site_release(&s);
}

static void a_later_format_is_named(void **state)
{
    struct site s;
    struct sl_routing *r;
    char *format;

    (void)state;
    site_init(&s);
    write_file(&s, "rules.yaml", by_service);
    r = load(&s);
    format = memmem(r->packed.p, r->packed.n, "version", 7);
    assert_non_null(format);
    format[7] = SL_PACK_FORMAT + 1;
    assert_null(try_unpack(&s, sl_buf_as_slice(&r->packed)));
    assert_non_null(strstr(s.err.text, "format 2"));
    sl_routing_free(r);
    site_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_large_is_told_in_words),
        cmocka_unit_test(nothing_but_repetitions_is_too_large_too),
        cmocka_unit_test(every_damaged_byte_is_found),
        cmocka_unit_test(rules_that_decide_otherwise_are_refused),
        cmocka_unit_test(a_later_format_is_named),
    };

    dice = 20261123;
    return cmocka_run_group_tests_name("pipeline_pack", tests, NULL, NULL);
}
