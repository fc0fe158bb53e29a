/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_TABLE_H
#define SL_ROUTE_TABLE_H

#include "route/operator.h"
#include "route/parse.h"

/* What `in_table` looks into: a file of keys. A text file (any name that does not end in .csv) has
 * one key a line. A CSV file has a header; its first column is the key, and the cells of the others
 * stand ready for `set` under the names of their columns, as named groups of a regex do. Keys equal
 * values as `equal` has it: the same text, or both numbers of equal value. */

struct sl_table;

/* The table of a file, read once a set of rules. `at`: the path as written, relative to the folder
 * of the rule file. NULL with a problem at `at`, or at the row of the table that is wrong. */
const struct sl_table *sl_table_get(struct sl_rule_set *set, const struct sl_yaml_node *at);
void sl_table_free(struct sl_table *t);
const char *sl_table_path(const struct sl_table *t);
const char *sl_table_hash(const struct sl_table *t); /* hex SHA-256 of its bytes */
/* The row of the key, or -1. fold: ASCII letters match without regard to case. */
int64_t sl_table_find(const struct sl_table *t, struct sl_scalar *s, bool fold);
int sl_table_column(const struct sl_table *t, struct sl_slice name); /* -1: none */
struct sl_slice sl_table_cell(const struct sl_table *t, int64_t row, int column);

#endif
