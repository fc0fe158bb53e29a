/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_CSV_H
#define SL_ROUTE_CSV_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

/* CSV by RFC 4180, for rule tables and for the tables of `in_table`: UTF-8, a BOM and CRLF are
 * accepted, cells in quotes may hold commas, line breaks and doubled quotes. One row at a time; a
 * million rows cost one row's memory. */

struct sl_csv_cell {
    struct sl_slice text;  /* quotes undone; until the next row */
    unsigned line, column; /* where the cell begins, its quote included; columns in characters */
    size_t begin, end;     /* its bytes in the content, quotes included */
    bool quoted;
};

struct sl_csv;
struct sl_csv *sl_csv_new(struct sl_slice content); /* borrowed */
void sl_csv_free(struct sl_csv *c);
/* 1: a row, 0: the end, or an error with line and column (a quote that is not closed, text behind a
 * closing quote, a NUL byte, a line that is too long): then reading goes on at the next line. Empty
 * lines are skipped. */
int sl_csv_next(struct sl_csv *c, const struct sl_csv_cell **ret_cells, size_t *ret_n,
                struct sl_error *err);

#endif
