/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_REGEX_H
#define SL_ROUTE_REGEX_H

#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* Regular expressions over payload bytes; regex.c is the one home of pcre2.h.
 *
 * Patterns are UTF-8. Subjects need not be: an invalid byte matches nothing and ends no line, and
 * the text around it is searched as usual. Every run is bounded in steps, depth, heap and JIT
 * stack, because a pattern that is harmless on all traffic so far can explode on the next line; a
 * run that meets a bound is neither match nor mismatch, and the caller must not treat it as either.
 */
enum {
    SL_REGEX_PATTERN_MAX = 64 << 10,
    SL_REGEX_STEPS_MAX = 100000, /* PCRE2's match limit, per start in the subject */
    SL_REGEX_DEPTH_MAX = 100000,
    SL_REGEX_HEAP_KIB_MAX = 20000,  /* without JIT */
    SL_REGEX_STACK_MAX = 512 << 10, /* with JIT */
};

struct sl_regex;
struct sl_regex_scratch; /* one a thread */

/* On error NULL, and *ret_offset is the byte of the pattern where it goes wrong. */
struct sl_regex *sl_regex_new(struct sl_slice pattern, size_t *ret_offset, struct sl_error *err);
void sl_regex_free(struct sl_regex *r);
struct sl_regex_scratch *sl_regex_scratch_new(void);
void sl_regex_scratch_free(struct sl_regex_scratch *s);
/* 1: found, 0: not found, SL_ELIMIT. */
int sl_regex_match(const struct sl_regex *r, struct sl_regex_scratch *s, struct sl_slice subject);

#endif
