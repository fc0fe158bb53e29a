/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EXPLAIN_H
#define SLUICE_EXPLAIN_H

#include "sluice/route.h"

/* Why a record went where it went. Implemented in route/explain.c: the same tests and the same
 * answers as in routing, but every condition is judged, also those that routing would spare. */

enum sl_explained { SL_EXPLAIN_NO, SL_EXPLAIN_YES, SL_EXPLAIN_LIMIT };

struct sl_explained_condition {
    unsigned depth;         /* 0: the rule's `when` */
    const char *word;       /* all, any, not; or an operator: equal, regex, ...; or `element`: one
                               element of an array has to satisfy all that is inside */
    const char *field;      /* operators and element: the path; else NULL */
    struct sl_slice wanted; /* operators: the operands, as a person reads them */
    bool fold;              /* operators: case: insensitive */
    struct sl_value value;  /* operators and element: what the record has there */
    enum sl_explained verdict;
};

struct sl_explain_ops {
    /* A rule begins. Its conditions follow, each before what is inside it. */
    void (*rule)(void *user, unsigned rule, enum sl_explained verdict);
    void (*condition)(void *user, const struct sl_explained_condition *c);
};

/* What a rule does with a record that it takes. */
struct sl_rule_outline {
    uint64_t to; /* sinks, as bits */
    bool drop, go_on;
    bool acts; /* it changes records, or holds some back */
};
struct sl_rule_outline sl_rule_outline(const struct sl_rules *r, unsigned rule);

/* Of a set of so few rules each is told: who wrote them looks for the one that should have matched.
 */
enum { SL_EXPLAIN_WHOLE = 12 };

/* Routes the record as sl_route() does (*ret, too) and tells each rule that could have matched, in
 * their order, up to the one that ended the walk; and the rule `also`, wherever it stands
 * (SL_RULE_NONE: none). *ret_passed: how many rules up to that end the index ruled out, and which
 * are therefore not told. */
void sl_route_explain(struct sl_matcher *m, const struct sl_record *record, unsigned also,
                      const struct sl_explain_ops *ops, void *user, struct sl_decision *ret,
                      size_t *ret_passed);
/* One rule, whether it was tried or not. `user` is the callbacks'. */
void sl_rule_explain(struct sl_matcher *m, const struct sl_record *record, unsigned rule,
                     const struct sl_explain_ops *ops, void *user);

#endif
