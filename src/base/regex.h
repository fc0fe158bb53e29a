/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_REGEX_H
#define SL_BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* Regular expressions over payload bytes; regex.c is the one home of pcre2.h.
 *
 * Patterns are UTF-8. Subjects need not be: an invalid byte matches nothing and ends no line, and
 * the text around it is searched as usual. Every run is bounded, because a pattern that is harmless
 * on all traffic so far can explode on the next line; a run that meets a bound is neither match nor
 * mismatch, and the caller must not treat it as either.
 *
 * PCRE2's own match limit is not enough: it starts anew at each place of the subject, and JIT code
 * does not count the steps of a simple repeat, so that `(?:\w+,)*END` takes hours over a megabyte
 * of letters and never meets it. Each pattern is therefore compiled twice. The plain code runs over
 * short subjects, where the match limit does bound a run: at worst as many times the limit as the
 * subject has places, a tenth of a second. Over long ones runs a copy with a callout before each
 * item, which counts the steps taken and the bytes passed in all runs of one record. Where nothing
 * looks like a match both skip ahead alike, so the copy costs little. The choice depends on the
 * subject's length only: every replica judges alike. */
enum {
    SL_REGEX_PATTERN_MAX = 64 << 10,
    SL_REGEX_PLAIN_MAX = 1 << 10,  /* longest subject of the plain code */
    SL_REGEX_STEPS_MAX = 10000000, /* of one record, over all long subjects */
    SL_REGEX_BYTES_PER_STEP = 16,  /* passed bytes that count as a step */
    SL_REGEX_MATCH_LIMIT = 100000, /* PCRE2's, per start in the subject */
    SL_REGEX_LONG_LIMIT = 1000000, /* the same for long subjects: `a.*b` steps back once a byte */
    SL_REGEX_DEPTH_LIMIT = 100000,
    SL_REGEX_HEAP_KIB_MAX = 20000,  /* without JIT */
    SL_REGEX_STACK_MAX = 512 << 10, /* with JIT */
    SL_REGEX_GROUPS_MAX = 64,       /* capturing groups that a search tells of */
};

struct sl_regex;
struct sl_regex_scratch; /* one a thread */

/* fold: letters match without regard to case, as Unicode folds them. On error NULL, and *ret_offset
 * is the byte of the pattern where it goes wrong. */
struct sl_regex *sl_regex_new(struct sl_slice pattern, bool fold, size_t *ret_offset,
                              struct sl_error *err);
void sl_regex_free(struct sl_regex *r);
struct sl_regex_scratch *sl_regex_scratch_new(void);
void sl_regex_scratch_free(struct sl_regex_scratch *s);
void sl_regex_begin(struct sl_regex_scratch *s); /* a new record: nothing is spent yet */
/* 1: found, 0: not found, SL_ELIMIT. */
int sl_regex_match(const struct sl_regex *r, struct sl_regex_scratch *s, struct sl_slice subject);

/* ---- where it matches ---- */

struct sl_regex_span {
    size_t begin, end; /* in the subject; begin > end: the group took no part */
};

struct sl_slice sl_regex_pattern(const struct sl_regex *r); /* as it was written */
/* Groups count from 1; 0 is the whole match. */
unsigned sl_regex_groups(const struct sl_regex *r);
const char *sl_regex_group_name(const struct sl_regex *r, unsigned group); /* NULL: it has none */
/* The first match at or after `from`: as sl_regex_match(), and where the whole and the first
 * n_spans - 1 groups lie. n_spans is at most SL_REGEX_GROUPS_MAX + 1. */
int sl_regex_search(const struct sl_regex *r, struct sl_regex_scratch *s, struct sl_slice subject,
                    size_t from, struct sl_regex_span *ret_spans, unsigned n_spans);

#endif
