/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_PATTERNS_H
#define SL_RECORD_PATTERNS_H

#include "base/regex.h"
#include "record/form.h"

/* The operator's own text forms: patterns of source.decode, by rule, tried in order. What their
 * named groups match becomes members, as text; of the names timestamp, time and ts the first that
 * is a time says the record's. */

struct sl_patterns;

/* *ret is NULL where no rule has any. */
int sl_patterns_new(const struct sl_decode_rule *rules, size_t n, struct sl_patterns **ret,
                    struct sl_error *err);
void sl_patterns_free(struct sl_patterns *p);
bool sl_patterns_any(const struct sl_patterns *p, unsigned rule); /* from 1 */
/* As sl_text_form.parse, with the patterns of a rule that has some. */
bool sl_patterns_parse(const struct sl_patterns *p, unsigned rule, const struct sl_form_context *c,
                       struct sl_slice text, struct sl_parsed *ret);

#endif
