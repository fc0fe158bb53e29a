/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_ACTIONS_H
#define SL_ROUTE_ACTIONS_H

#include "route/parse.h"
#include "route/rules.h"

/* What a rule does besides choosing sinks, as written and as compiled; act.c runs it. */

struct sl_action_defs;
/* The actions of a rule; NULL: it has none (or all of them were wrong: diags says so). */
struct sl_action_defs *sl_actions_parse(struct sl_rule_set *set, const struct sl_yaml_node *rule);
void sl_action_defs_free(struct sl_action_defs *d);
void sl_actions_write(const struct sl_action_defs *d, struct sl_buf *out); /* canonical form */

struct sl_actions;
/* Adds the fields it reads. def->when is compiled already: its tests have their indexes. NULL when
 * there was a problem, or nothing to do. */
struct sl_actions *sl_actions_compile(struct sl_rule_set *set, const struct sl_rule_def *def,
                                      const struct sl_rules *rules, struct sl_fields *fields);
void sl_actions_free(struct sl_actions *a);
bool sl_actions_repeatable(const struct sl_actions *a); /* no rate_limit */
bool sl_actions_change(const struct sl_actions *a);     /* they do more than hold back */
/* Whether the field has a say in what is held back: sl_rules_read(). */
bool sl_actions_read(const struct sl_actions *a, unsigned field);

#endif
