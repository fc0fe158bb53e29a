/* SPDX-License-Identifier: Apache-2.0 */
#include "route/help.h"

/* What rules make of a record: `set`, `rename`, `remove`, `parse`, and for which sinks. */

static const struct sl_record *record_for(const struct box *b, unsigned sink)
{
    for (size_t i = 0; i < b->decision.n; i++)
        if (b->decision.chosen[i].sink == sink)
            return b->decision.chosen[i].record;
    fail_msg("sink %u was not chosen", sink);
    return NULL;
}

static void assert_for(const struct box *b, unsigned sink, const char *want)
{
    struct sl_buf got;

    sl_buf_init(&got, 1 << 20);
    sl_record_json(record_for(b, sink), false, SL_SLICE_LITERAL(""), &got, NULL);
    assert_string_equal(sl_buf_str(&got), want);
    sl_buf_release(&got);
}

/* One rule that sends to `search` and does `actions`; each pair: a value, what arrives. */
static void changes(const char *when, const char *actions, const char *const (*pairs)[2], size_t n)
{
    char *yaml = sl_asprintf("rules:\n- name: r\n  to: search\n%s%s%s%s\n", when ? "  when: " : "",
                             when ? when : "", when ? "\n" : "", actions);
    struct box b;

    box_config(&b);
    box_rules(&b, yaml);
    for (size_t i = 0; i < n; i++) {
        box_route(&b, pairs[i][0]);
        assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
        assert_for(&b, SEARCH, pairs[i][1]);
        assert_true(record_for(&b, SEARCH)->changed == (strcmp(pairs[i][0], pairs[i][1]) != 0));
    }
    box_release(&b);
    free(yaml);
}

#define CHANGES(when, actions, ...)                                                                \
    changes((when), (actions), (const char *const[][2]){__VA_ARGS__},                              \
            sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(char *[2]))

static void set_writes_texts_numbers_and_null(void **state)
{
    (void)state;
    CHANGES(NULL, "  set: { event: 'x {a} y', n: 5, ok: true, no: null, s: '5' }",
            {"{\"a\":1}", "{\"a\":1,\"kind\":\"server\",\"event\":\"x 1 "
                          "y\",\"n\":5,\"ok\":true,\"no\":null,\"s\":\"5\"}"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_writes_texts_numbers_and_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
