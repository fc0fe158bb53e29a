/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_CAPTURES_H
#define SL_ROUTE_CAPTURES_H

#include "route/match.h"
#include "sluice/template.h"

/* What a rule's conditions found, for its templates: the named groups of regular expressions and
 * the columns of tables. They are those of the rule's own `when` that do not stand under a `not`;
 * the first in the order written that holds and has the name wins. Only names that a template uses
 * are looked for, and only for records that the rule takes. */

struct sl_captures;

/* While a rule's templates are compiled. */
struct sl_captures *sl_captures_new(const struct sl_cond *when, const struct sl_rules *rules);
struct sl_template_names sl_captures_names(struct sl_captures *c);
/* A group that a template uses and a search cannot tell (regex.h, SL_REGEX_GROUPS_MAX), or NULL. */
const char *sl_captures_too_many(const struct sl_captures *c);
/* After the last template: NULL, and freed, when none uses any. */
struct sl_captures *sl_captures_finish(struct sl_captures *c);
void sl_captures_free(struct sl_captures *c);
size_t sl_captures_count(const struct sl_captures *c); /* of names */

/* Where texts go; memory of one thread. */
struct sl_captured {
    struct sl_slice *texts; /* by name; p == NULL: not found */
    size_t *at;             /* where in bytes, which move while they grow */
    size_t cap;
    struct sl_buf bytes;
    struct sl_regex_span spans[SL_REGEX_GROUPS_MAX + 1];
};
void sl_captured_init(struct sl_captured *c);
void sl_captured_release(struct sl_captured *c);
void sl_captured_reserve(struct sl_captured *c, size_t names);
/* Of the record at hand, which the rule took. SL_OK or SL_ELIMIT. */
int sl_captures_take(const struct sl_captures *c, struct sl_match *match, struct sl_captured *ret);

#endif
