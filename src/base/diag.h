/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_DIAG_H
#define SL_BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

/* What is wrong in a file a person wrote. Reading goes on after an error, so that one look shows
 * all of them; they are printed in the order of the file:
 *
 *   sluice.yaml:12:5: error: unknown key `topic`; did you mean `topics`?
 *      12 |     topic: [logs]
 *         |     ^
 */
enum sl_severity { SL_WARNING, SL_PROBLEM };

struct sl_diag {
    enum sl_severity severity;
    char *file;            /* owned; NULL: none */
    unsigned line, column; /* from 1, columns in characters; 0: none */
    char *text;            /* owned; one sentence */
    char *source;          /* owned; the line itself without its end, or NULL */
};

struct sl_diags {
    struct sl_diag *items;
    size_t n, cap;
    size_t errors;
};

enum { SL_DIAGS_MAX = 1000 }; /* past it only `errors` counts on */

void sl_diags_init(struct sl_diags *d);
void sl_diags_release(struct sl_diags *d);
/* `content`: the file's bytes, from which the source line is copied; p == NULL where there are
 * none. */
void sl_diags_add(struct sl_diags *d, enum sl_severity severity, const char *file,
                  struct sl_slice content, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 7, 8)));
void sl_diags_sort(struct sl_diags *d); /* by file as first seen, line, column; stable */
void sl_diags_print(const struct sl_diags *d, FILE *to);
/* As a JSON array: [{"severity","file","line","column","text"}]. */
void sl_diags_json(const struct sl_diags *d, struct sl_buf *to);

/* A text and a line end, for a terminal: control characters (C1, U+0080 to U+009F, among them)
 * become `?`, so that what a file or a server says can neither move the cursor nor forge a line. */
void sl_print_line(const char *text, FILE *to);

/* The candidate nearest to `word` by edit distance (Damerau-Levenshtein), or NULL where none is
 * near enough to be meant. */
const char *sl_nearest(const char *word, const char *const *candidates, size_t n);

#endif
