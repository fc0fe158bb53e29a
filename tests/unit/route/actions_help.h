/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ROUTE_ACTIONS_HELP_H
#define TESTS_ROUTE_ACTIONS_HELP_H

#include "route/help.h"

/* What a sink gets, and rules that change it. */

static inline const struct sl_record *record_for(const struct box *b, unsigned sink)
{
    for (size_t i = 0; i < b->decision.n; i++)
        if (b->decision.chosen[i].sink == sink)
            return b->decision.chosen[i].record;
    fail_msg("sink %u was not chosen", sink);
    return NULL;
}

static inline void assert_for(const struct box *b, unsigned sink, const char *want)
{
    struct sl_buf got;

    sl_buf_init(&got, 1 << 20);
    sl_record_json(record_for(b, sink), false, SL_SLICE_LITERAL(""), &got, NULL);
    assert_string_equal(sl_buf_str(&got), want);
    sl_buf_release(&got);
}

/* Values have a kind of their own, so that what is added where it is absent stays out of sight. */
#define K "\"kind\":\"k\""

/* One rule that sends to `search`: a value and what arrives, value and what arrives, NULL. */
static inline void changes(const char *rule, const char *const *pairs)
{
    char *yaml = sl_asprintf("rules:\n- name: r\n  to: search\n%s\n", rule);
    struct box b;

    box_config(&b);
    b.message.timestamp_ms = 1772600767000; /* 2026-03-04T05:06:07Z */
    box_rules(&b, yaml);
    for (; *pairs; pairs += 2) {
        box_route(&b, pairs[0]);
        assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
        assert_for(&b, SEARCH, pairs[1]);
        assert_true(record_for(&b, SEARCH)->changed == (strcmp(pairs[0], pairs[1]) != 0));
    }
    box_release(&b);
    free(yaml);
}

#define CHANGES(rule, ...) changes((rule), (const char *const[]){__VA_ARGS__, NULL})

#endif
