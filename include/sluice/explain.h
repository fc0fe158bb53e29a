/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EXPLAIN_H
#define SLUICE_EXPLAIN_H

#include "sluice/route.h"

/* Why a record went where it went. Implemented in route/explain.c: the same tests and the same
 * answers as in routing, but every condition is judged, also those that routing would spare. */

enum sl_explained { SL_EXPLAIN_NO, SL_EXPLAIN_YES, SL_EXPLAIN_LIMIT };

struct sl_explained_condition {
    unsigned depth;         /* 0: the rule's `when` */
    const char *word;       /* all, any, not; or an operator: equal, regex, ... */
    const char *field;      /* operators: the path */
    struct sl_slice wanted; /* operators: the operands, as a person reads them */
    struct sl_value value;  /* operators: what the record has there */
    enum sl_explained verdict;
};

struct sl_explain_ops {
    /* A rule begins. Its conditions follow, each before what is inside it. */
    void (*rule)(void *user, unsigned rule, enum sl_explained verdict);
    void (*condition)(void *user, const struct sl_explained_condition *c);
};

/* Routes the record as sl_route() does (*ret, too) and tells each rule that could have matched, in
 * their order, up to the one that ended the walk. *ret_passed: how many rules before it the index
 * ruled out. */
void sl_route_explain(struct sl_matcher *m, const struct sl_record *record,
                      const struct sl_explain_ops *ops, void *user, struct sl_decision *ret,
                      size_t *ret_passed);
/* One rule, whether it was tried or not. */
void sl_rule_explain(struct sl_matcher *m, const struct sl_record *record, unsigned rule,
                     const struct sl_explain_ops *ops, void *user);

#endif
