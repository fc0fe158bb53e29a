/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_SUBST_H
#define SL_CONFIG_SUBST_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/* ${NAME}, ${NAME:-default}, ${file:PATH} and $$ in a value of sluice.yaml (interface.md). Replaced
 * once: what is put in is not looked at again. A `$` before anything else is itself, so that a
 * regular expression needs no escape. The default counts when the variable is unset or empty, as in
 * a shell. */

enum { SL_SUBST_MAX = 1 << 20 }; /* bytes of one value */

struct sl_subst {
    const char *folder; /* of sluice.yaml: where relative paths of ${file:} begin; "" is here */
    bool used;          /* set when something was replaced */
    bool files;         /* set when a ${file:} was among it */
};

/* Appends the text with its parts replaced. On error `err` never tells a value, only names and
 * paths; its column is the character of `text`, from 1, at which the part begins. */
int sl_subst_expand(struct sl_subst *s, struct sl_slice text, struct sl_buf *out,
                    struct sl_error *err);

/* folder/path, or path when it is absolute. To be freed. */
char *sl_subst_path(const char *folder, const char *path);

#endif
