/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_INDEX_H
#define SL_ROUTE_INDEX_H

#include "route/grams.h"
#include "route/index_keys.h"
#include "route/literal.h"
#include "route/rules.h"

/* Which rules can match a record at all: cost that does not grow with the number of rules.
 *
 * A rule is found, not tried. Each rule gets an *access predicate*: a few tests of which at least
 * one must hold for the rule to match. Of an ALL that is what its best child gives, of an ANY what
 * all of its children give together, of a GROUP one of its tests (whatever element of an array
 * satisfies all satisfies this one); a NOT gives nothing. The index answers the other way round:
 * from the value of a field to the tests that hold, and from each of these to its *postings*, the
 * rules that are found by it, in their order. The matcher merges the postings of the tests that
 * hold, lazily, and judges the candidates as ever; everything else is ruled out without a look.
 * Since a rule whose access tests are all NO is NO, the result is that of judging every rule in
 * order.
 *
 * From values to tests lead *passes*, each at most once a record, and only when a rule that it
 * could find may still come first:
 *
 *   keys    one field: equal, any-of, prefix, suffix and the literal ends of globs (index_keys.h).
 *           What it says of equal, prefix and suffix is their answer, and they are not judged
 * again. grams   one field: `contains`, and literals without which a regex (literal.h) or a glob
 * cannot match (grams.h). What is not seen is NO without a run; what is seen is then judged.
 *           (Of a regex that has two, the second is looked for in between.) probe
 * one test that no table knows (exists, comparisons, cidr, in_table): judged, and where it is not
 * NO its postings are tried. Only worth it where several rules share the test.
 *
 * Which test is best is estimated in nanoseconds a record: how probable it is to hold, times what a
 * candidate costs, plus the rule's share of the pass. How probable comes from the rules themselves,
 * never from traffic or time, so that every replica builds the same index: a field that rules
 * compare with 200 values tells more than one with two. Where two columns are needed to tell rules
 * apart, a posting also names a *guard*, a second test that the rule needs, and is passed over at
 * the price of one look when that is NO.
 *
 * A rule with no access predicate, or none that is cheaper than the rule itself, stands in the list
 * of those that are always tried, and `sluice check` says why. Sets so small that judging all costs
 * less than the passes have no index (`plain`). */

enum { SL_INDEX_NONE = 0xffffffff };

enum sl_index_how {
    SL_HOW_JUDGED, /* the index knows nothing of this test */
    SL_HOW_EXACT,  /* after its pass it is YES or NO */
    SL_HOW_GATED,  /* after its pass it is NO or to be judged */
};

struct sl_post {
    uint32_t rule;
    uint32_t guard; /* a test, or SL_INDEX_NONE */
};

enum sl_pass_kind { SL_PASS_KEYS, SL_PASS_GRAMS, SL_PASS_PROBE };

struct sl_pass {
    enum sl_pass_kind kind;
    uint32_t of;    /* field; PROBE: test */
    uint32_t first; /* the first rule that it finds, or SL_INDEX_NONE: it only guards */
    struct sl_index_keys *keys;
    struct sl_grams *grams;
};

struct sl_also {
    bool fold;
    unsigned char n;
    char p[SL_LITERAL_MAX];
};

struct sl_index {
    bool plain;            /* every rule is tried */
    uint8_t *how;          /* by test: enum sl_index_how */
    uint32_t *pass_of;     /* by test: of EXACT and GATED */
    uint32_t *also;        /* by test: of GATED, in alsos + 1; 0: none */
    struct sl_also *alsos; /* literals that its texts have beside the one that was seen */
    size_t n_alsos, cap_alsos;
    uint32_t *begins; /* by test: its first posting; one more than there are tests */
    struct sl_post *posts;
    uint32_t *access;        /* tests that find each rule, by rule */
    uint32_t *access_begins; /* by rule; one more than there are rules */
    struct sl_post *always;
    size_t n_always;
    struct sl_pass *passes; /* by `first` */
    size_t n_passes;
    uint8_t *reasons; /* by rule: sl_rules_always_tried() */
    size_t scratch;   /* bytes that sl_index_keys_find() needs at most */
};

/* Tags of keys and grams: the test, and whether it is answered (EXACT) or only possible. */
static inline uint32_t sl_index_tag(uint32_t test, bool exact)
{
    return test << 1 | exact;
}

struct sl_index *sl_index_new(const struct sl_rules *r);
void sl_index_free(struct sl_index *x);

#endif
