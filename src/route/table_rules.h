/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_TABLE_RULES_H
#define SL_ROUTE_TABLE_RULES_H

#include "config/arena.h"
#include "route/csv.h"
#include "route/parse.h"

/* Rule tables: a CSV file is read as the rules that a person would have written in YAML. Each cell
 * becomes the node that the parser of YAML rules would have seen in its place, so both say the same
 * of the same mistake, mean the same by the same operator, and a row and a YAML rule that ask the
 * same are one version of the rules:
 *
 *     name,service,status >=,status <,path *,to
 *     x,a | b,500,600,*.png,search alerts
 *
 *     - name: x
 *       when: { service: [a, b], status: { gte: 500, lt: 600 }, path: { glob: "*.png" } }
 *       to: [search, alerts]
 *
 * A table is long: of a row stays what the compiler needs, one node for each cell with a condition,
 * one for the row and one for its name. */

enum sl_column_kind {
    SL_COLUMN_FIELD,
    SL_COLUMN_NAME,
    SL_COLUMN_TO,
    SL_COLUMN_DROP,
    SL_COLUMN_CONTINUE,
    SL_COLUMN_WRONG, /* its cells are not looked at */
};

struct sl_column {
    enum sl_column_kind kind;
    const char *word;          /* FIELD: the operator as in the header: `>=` */
    const char *key;           /* FIELD: the same in YAML: `gte`; else the key of the rule */
    bool negated;              /* FIELD: `!=`, `!~` */
    struct sl_yaml_node field; /* FIELD: the path as its key, placed at the header's cell */
    size_t first;              /* FIELD: the first column of the same field */
};

struct sl_rule_cells {
    struct sl_buf content;
    struct sl_arena arena;
    struct sl_column *columns;
    size_t n_columns;
    bool warned_of_blanks, warned_of_bars, warned_of_comments;
};

/* The header. False: nothing can be said of the rows. */
bool sl_table_header(struct sl_rule_set *set, struct sl_rule_cells *c,
                     const struct sl_csv_cell *cells, size_t n);
/* A cell as a node; its text lives as long as the arena. */
struct sl_yaml_node sl_cell_node(struct sl_rule_cells *c, const struct sl_csv_cell *cell);

#endif
