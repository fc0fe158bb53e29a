/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_OPERATOR_H
#define SL_ROUTE_OPERATOR_H

#include "route/parse.h"
#include "route/rules.h"

/* One operator: its operands as compiled, and what it says of one value. Values that have no text
 * (absent, null, objects, arrays) and the elements of arrays are the matcher's matter (match.h). */

/* A value that has a text. */
struct sl_scalar {
    struct sl_value value;
    struct sl_slice text; /* unescaped */
    struct sl_number number;
    bool number_known;
};

/* What judging one record has cost so far, counted and never timed, so that every replica decides
 * alike; and the scratch memory of it. */
struct sl_effort {
    struct sl_regex_scratch *regex;
    size_t runs, subject_bytes;
    struct sl_buf text; /* redact.c: an unescaped text; made when it is first needed */
};
enum {
    SL_RUNS_MAX = 20000,              /* of regular expressions, for one record */
    SL_SUBJECT_BYTES_MAX = 256 << 20, /* that they are run over */
    SL_ELEMENT_BYTES = 16,            /* that one element of an array counts for, each time */
};

/* One run of a regular expression is about to begin: false when the record has had its share. */
static inline bool sl_effort_take(struct sl_effort *e, size_t subject_bytes)
{
    e->runs++;
    e->subject_bytes += subject_bytes;
    return e->runs <= SL_RUNS_MAX && e->subject_bytes <= SL_SUBJECT_BYTES_MAX;
}

/* An element of an array is about to be judged: a record of a megabyte may hold half a million. */
static inline bool sl_effort_take_element(struct sl_effort *e)
{
    e->subject_bytes += SL_ELEMENT_BYTES;
    return e->subject_bytes <= SL_SUBJECT_BYTES_MAX;
}

static inline void sl_effort_release(struct sl_effort *e)
{
    sl_regex_scratch_free(e->regex);
    sl_buf_release(&e->text);
}

struct sl_number sl_number_of(struct sl_slice text);
const struct sl_number *sl_scalar_number(struct sl_scalar *s);
int sl_number_compare(const struct sl_number *a, const struct sl_number *b); /* both are numbers */

/* Fills all of *ret but `field`; what is wrong goes to the set's diagnostics, at its place. */
bool sl_test_compile(struct sl_rule_set *set, const struct sl_cond *cond, struct sl_test *ret);
void sl_test_release(struct sl_test *t);
/* Not for EXISTS. */
enum sl_verdict sl_test_judge(const struct sl_test *t, struct sl_scalar *s, struct sl_effort *e);

#endif
