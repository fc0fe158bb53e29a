/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_PLACES_H
#define SL_CLI_PLACES_H

#include "base/diag.h"
#include "sluice/route.h"

/* Warnings about rules that are compiled already, shown where they are written. Compiled rules know
 * their file and line; the rest is looked up in the file. */

struct sl_places;
struct sl_places *sl_places_new(const struct sl_rules *r);
void sl_places_free(struct sl_places *p);
/* word: show this key of the rule; NULL: the rule. */
void sl_places_warn(struct sl_places *p, struct sl_diags *diags, unsigned rule, const char *word,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
