/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_MATCH_H
#define SL_ROUTE_MATCH_H

#include "route/operator.h"
#include "route/rules.h"

/* Which rules match a record. Scratch memory of one thread, made for one set of rules.
 *
 * The rules are those that the index (index.h) does not rule out, and the verdicts those of judging
 * every rule in order. A limit needs care for that: the index may know that one condition of an ALL
 * is NO without having judged the others. So NO is the stronger: an ALL with a condition that is NO
 * is NO, wherever a limit was met; an ANY ends at the first limit, and a NOT of it is one. A regex
 * without its literal in the text is NO and not run; what was not run cannot meet a limit. */

struct sl_match;
struct sl_match *sl_match_new(const struct sl_rules *r);
void sl_match_free(struct sl_match *m);

/* A new record: nothing is known and nothing spent. */
void sl_match_begin(struct sl_match *m, const struct sl_record *record);
/* The first rule at or after `from` that matches (SL_YES) or could not be judged (SL_LIMIT);
 * SL_RULE_NONE: none does. `from` only ever grows between two sl_match_begin(). */
unsigned sl_match_next(struct sl_match *m, unsigned from, enum sl_verdict *ret);
/* Conditions with a limit in this rule are no longer tried: it answers SL_LIMIT at once where its
 * other conditions leave it open. */
void sl_match_set_aside(struct sl_match *m, unsigned rule);

struct sl_effort *sl_match_effort(struct sl_match *m); /* of the record at hand */

/* ---- for actions and explanations ---- */
/* Of sl_rules.nodes, whatever the index says: what it ruled out is judged. */
enum sl_verdict sl_match_node(struct sl_match *m, uint32_t node);
struct sl_value sl_match_value(struct sl_match *m, uint32_t field); /* of sl_rules.fields */
enum sl_verdict sl_match_test(struct sl_match *m, uint32_t test);   /* of sl_rules.tests */
/* The text that satisfied (SL_YES) a test of the record at hand: the field's own or that of the
 * first element that does; p == NULL where there is none. Valid until the next call. */
struct sl_slice sl_match_text(struct sl_match *m, uint32_t test);
/* Whether the rule is one that the index leaves to be tried for the record at hand; false only
 * where it cannot match. */
bool sl_match_could(struct sl_match *m, unsigned rule);

/* What a matcher is made of (decide.c). */
struct sl_matcher_parts {
    const struct sl_rules *rules;
    const struct sl_fields *fields;
    struct sl_match *match; /* of the record that was routed last */
    unsigned ended;         /* the rule that ended its walk, or SL_RULE_NONE */
};
struct sl_matcher_parts sl_matcher_parts(const struct sl_matcher *m);

/* For tests and measurements: without the index, every rule is judged in order. */
void sl_match_in_order(struct sl_match *m);

#endif
