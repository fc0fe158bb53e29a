/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ROUTE_ROWS_H
#define TESTS_ROUTE_ROWS_H

#include "route/help.h"

/* One condition, one record, one answer. `when` is the condition mapping in flow style. */
struct row {
    const char *when, *record;
    bool match;
};

static inline bool matches(const char *when, struct sl_slice record)
{
    struct box b;
    char *yaml = sl_asprintf("rules:\n  - name: it\n    when: %s\n    to: search\n", when);
    bool found;

    box_config(&b);
    box_rules(&b, yaml);
    box_route_n(&b, record);
    found = b.decision.sinks == 1U << SEARCH;
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_int_equal(b.decision.n, 1);
    assert_int_equal(b.decision.chosen[0].rule, found ? 0 : SL_RULE_UNMATCHED);
    assert_int_equal(b.decision.chosen[0].sink, found ? SEARCH : ARCHIVE);
    box_release(&b);
    free(yaml);
    return found;
}

static inline void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (matches(rows[i].when, sl_slice_str(rows[i].record)) != rows[i].match)
            fail_msg("%s on %s: expected %s", rows[i].when, rows[i].record,
                     rows[i].match ? "a match" : "none");
}

#define CHECK(...)                                                                                 \
    do {                                                                                           \
        static const struct row rows[] = {__VA_ARGS__};                                            \
        check_rows(rows, sizeof(rows) / sizeof(*rows));                                            \
    } while (0)

#endif
