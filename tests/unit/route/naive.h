/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ROUTE_NAIVE_H
#define TESTS_ROUTE_NAIVE_H

#include <jansson.h>
#include <stdbool.h>

/* What the rules mean, written down once more in the plainest way: a tree of the rules, a tree of
 * the record, no compilation, no cache, and not a line of src/route or src/record. Regular
 * expressions are POSIX's, so patterns keep to what both dialects share; a number's text is as
 * jansson spells it. */

enum { NAIVE_NONE = -1, NAIVE_UNMATCHED = -2, NAIVE_MAX = 128 };

struct naive {
    int sinks[8], rules[8]; /* chosen, in order */
    int n;
    int dropped_by;
    int matched[NAIVE_MAX];
    int n_matched;
};

/* rules: the array below `rules:`. names: the sinks in the order of their indexes. */
void naive_route(const json_t *rules, const json_t *record, const char *const *names, int n_names,
                 int unmatched_sink, struct naive *ret);

#endif
