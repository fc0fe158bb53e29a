/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_VERIFY_H
#define SL_CLI_VERIFY_H

#include "cli/offline.h"
#include "sluice/rule_tests.h"

/* One test of the rules: what was expected and did not come. */

struct sl_mismatch {
    char *what;           /* "rule", "to", "dropped", "field event", "bytes for search" */
    char *expected, *got; /* in words; owned, as `what` */
};

struct sl_mismatches {
    struct sl_mismatch *items;
    size_t n;
};

/* The record of a test, at no place in Kafka. Borrowed from the test. */
void sl_verify_input(const struct sl_rule_test *test, const struct sl_config *config,
                     struct sl_input_record *ret);
/* Judges and compares. Rate limits keep what they counted until sl_offline_reset(). */
void sl_verify(struct sl_offline *o, const struct sl_rule_test *test, struct sl_mismatches *ret);
void sl_mismatches_release(struct sl_mismatches *m);

#endif
