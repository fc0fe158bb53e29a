/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_GLOB_H
#define SL_ROUTE_GLOB_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

/* Shell patterns over the whole value: `*` is any run of characters, `/` among them; `?` is one
 * character; `[a-z]`, `[!a-z]` and `[^a-z]` one character of a class; a backslash takes the next
 * character as it is. Characters are UTF-8; a byte that is not part of a valid one counts as a
 * character of its own. */
enum {
    SL_GLOB_MAX = 4096,
    /* What stands behind a `*` is tried at every place of a text. */
    SL_GLOB_PART_MAX = 256, /* bytes up to the next `*`, or the end */
};

/* Is it well formed? On error *ret_offset is where in the pattern. */
int sl_glob_check(struct sl_slice pattern, size_t *ret_offset, struct sl_error *err);
/* The pattern must have passed sl_glob_check(). fold: ASCII letters match without regard to case.
 */
bool sl_glob_match(struct sl_slice pattern, struct sl_slice text, bool fold);
/* Folds the letters outside of classes: what the pattern names by itself. (A class cannot be
 * folded: [Z-a] has no letter in the middle; it is asked for both cases instead.) */
void sl_glob_fold(char *pattern, size_t n);

#endif
