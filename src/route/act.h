/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_ACT_H
#define SL_ROUTE_ACT_H

#include "route/actions.h"
#include "route/match.h"

/* Runs actions on the record at hand. Scratch memory of one thread, made for one set of rules. */

struct sl_act;
/* NULL: no rule has actions. */
struct sl_act *sl_act_new(const struct sl_rules *r, struct sl_match *match,
                          const struct sl_matcher_config *config);
void sl_act_free(struct sl_act *a);
void sl_act_begin(struct sl_act *a, const struct sl_record *record);
/* Whether `sample` or `rate_limit` of the rule, which matched, holds the record back. */
bool sl_act_holds(struct sl_act *a, const struct sl_rule *rule, enum sl_drop_reason *ret);
/* Changes *record as the rule says. SL_OK, or SL_ELIMIT with *record as it was. */
int sl_act_change(struct sl_act *a, const struct sl_rule *rule, const struct sl_record **record);
void sl_act_note(struct sl_act *a);   /* sl_route_note() */
void sl_act_repeat(struct sl_act *a); /* sl_route_repeat() */
void sl_act_end(struct sl_act *a);    /* sl_route_end() */
void sl_act_undo(struct sl_act *a);   /* sl_route_undo() */

#endif
