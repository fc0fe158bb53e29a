/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_TABLE_H
#define SL_ROUTE_TABLE_H

#include "route/operator.h"
#include "route/parse.h"

/* What `in_table` looks into: a file of keys. A text file (any name that does not end in .csv) has
 * one key a line. A CSV file has a header; its first column is the key, and the cells of the others
 * stand ready for `set` under the names of their columns, as named groups of a regex do. Keys equal
 * values as `equal` has it: the same text, or both numbers of equal value.
 *
 * In a text file blanks around a key, blank lines and lines that begin with # are no part of it. Of
 * two keys that differ in the case of letters only, an insensitive look-up finds the first. */

enum {
    SL_TABLE_BYTES_MAX = 64 << 20,
    SL_TABLE_COLUMNS_MAX = 64,        /* beside the key */
    SL_TABLE_FILES_MAX = 1000,        /* in one set of rules */
    SL_TABLES_MEMORY_MAX = 256 << 20, /* of all of them */
};

struct sl_table;

/* The table of a file, read once a set of rules. `at`: the path as written, relative to the folder
 * of the rule file. NULL with a problem at `at`, or at the row of the table that is wrong. */
const struct sl_table *sl_table_get(struct sl_rule_set *set, const struct sl_yaml_node *at);
void sl_table_free(struct sl_table *t);
const char *sl_table_path(const struct sl_table *t);
const char *sl_table_hash(const struct sl_table *t);               /* hex SHA-256 of its bytes */
void sl_table_write(const struct sl_table *t, struct sl_buf *out); /* canonical form */
size_t sl_table_rows(const struct sl_table *t);
size_t sl_table_memory(const struct sl_table *t);
/* The row of the key, or -1. fold: ASCII letters match without regard to case. */
int64_t sl_table_find(const struct sl_table *t, struct sl_scalar *s, bool fold);
int sl_table_column(const struct sl_table *t, struct sl_slice name); /* -1: none */
struct sl_slice sl_table_cell(const struct sl_table *t, int64_t row, int column);

#endif
