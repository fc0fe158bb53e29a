/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_EXPECT_H
#define SL_ROUTE_EXPECT_H

#include "route/parse.h"
#include "sluice/rule_tests.h"

/* What expect.c, which checks the form of tests, and tests.c, which reads them, both know. */

/* `dropped`, whatever it says. False: it is none of the words. */
bool sl_expect_drop(const struct sl_yaml_node *node, enum sl_expected_drop *ret,
                    enum sl_drop_reason *ret_reason);
/* Rules that tests expect and that are not there. names: sorted by their bytes. */
void sl_expect_rules(struct sl_rule_set *set, const struct sl_yaml_node *tests,
                     const char *const *names, size_t n);
int sl_expect_compare(const void *a, const void *b); /* of names, for qsort */

#endif
