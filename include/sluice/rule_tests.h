/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RULE_TESTS_H
#define SLUICE_RULE_TESTS_H

#include "sluice/route.h"

/* `tests:` beside the rules, as data: what `sluice test` runs. Implemented in route/tests.c; their
 * form is checked with the rules (route/expect.c), so that a test never lies dead behind a misspelt
 * key.
 *
 *     tests:
 *       - name: a download is searchable          # default: FILE:LINE
 *         record: { service: tiles, status: 200 } # or raw: the bytes as they come
 *         topic: logs                             # default: the first of sluice.yaml
 *         key: k7
 *         headers: { traceparent: 00-1f-2e-01 }
 *         time: 2026-01-15T08:00:00Z              # Kafka's; default: the record's, else 2026-01-01
 *         repeat: 3                               # the same record so often; the last one counts
 *         expect:
 *           rule: downloads                       # the last that matched; or (unmatched)
 *           to: [search, archive]                 # exactly these, in any order
 *           dropped: true                         # or false, rule, unmatched, sample, rate_limit
 *           fields: { event: download, n: null }  # of the record as the first sink gets it; null:
 *                                                 # it has no such field
 *           bytes: '{"service":"tiles"}'          # what the first sink sends of it; or by sink:
 *                                                 # { archive: '{"service":"tiles"}' } */

struct sl_expected_field {
    const char *path;
    struct sl_slice json; /* "null": absent, or null */
};

struct sl_expected_bytes {
    int sink; /* index; -1: the first that was chosen */
    struct sl_slice text;
};

enum sl_expected_drop {
    SL_EXPECT_ANYTHING,
    SL_EXPECT_KEPT,
    SL_EXPECT_DROPPED,
    SL_EXPECT_REASON,
};

struct sl_expected {
    const char *rule; /* NULL: any */
    bool has_to;
    uint64_t to; /* sinks, as bits */
    enum sl_expected_drop drop;
    enum sl_drop_reason reason; /* of SL_EXPECT_REASON */
    const struct sl_expected_field *fields;
    size_t n_fields;
    const struct sl_expected_bytes *bytes;
    size_t n_bytes;
};

struct sl_rule_test {
    const char *name, *file;
    unsigned line;
    struct sl_slice value; /* a `record` is written as JSON without spaces */
    struct sl_slice key;   /* p == NULL: none */
    const char *topic;     /* NULL: the default */
    const struct sl_header *headers;
    size_t n_headers;
    int64_t time_ms; /* -1: none */
    unsigned repeat; /* at least 1 */
    struct sl_expected expected;
};

struct sl_rule_tests {
    struct sl_rule_test *items;
    size_t n, cap;
    void *arena; /* private */
};

enum { SL_TEST_REPEAT_MAX = 1000000 };

/* The tests of the files that the rules came from; files: of these instead, which may hold tests
 * only, or be among those. NULL: diags says what is wrong. */
struct sl_rule_tests *sl_rule_tests_load(const struct sl_config *config,
                                         const struct sl_rules *rules,
                                         const struct sl_strings *files, struct sl_diags *diags);
void sl_rule_tests_free(struct sl_rule_tests *t);

#endif
