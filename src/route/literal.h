/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_LITERAL_H
#define SL_ROUTE_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Texts without which a pattern cannot match.
 *
 * The index looks for them in one pass over the field and runs the pattern only where one was seen,
 * so a mistake here is a rule that silently stops to match. The reader below is therefore a
 * sceptic: it knows the syntax of PCRE2 well enough to tell what must stand side by side in every
 * match, and whatever it is not sure of gives no literal at all, which costs a run of the pattern
 * and nothing else. It only ever sees patterns that PCRE2 has compiled.
 *
 * It reads a sequence of items and keeps the strings that the items so far can have matched, as
 * long as these are few ("colou?r" is two). An item that can be many things (a class, a repeat, a
 * back reference) breaks the run: the best run of the sequence is kept, and a new one begins. Of an
 * alternation every branch must give a literal, and one of them must be seen. Lookarounds and
 * anchors have no width: what stands before and behind them touches in every match.
 *
 * Without regard to case ASCII letters are folded, and two of them are more than one letter: PCRE2
 * takes U+212A (Kelvin sign) for k and U+017F (long s) for s, so these become alternatives. What is
 * not ASCII has too many partners to list and breaks the run. */

enum {
    SL_LITERALS_MAX = 16, /* alternatives of one pattern */
    SL_LITERAL_MAX = 32,  /* bytes of one; what is longer is cut */
    SL_LITERAL_MIN = 3,   /* shorter ones are in too many texts to be worth a look */
};

struct sl_literals {
    unsigned n; /* 0: none */
    bool fold;  /* ASCII letters are lower case here, and either case in the text */
    struct sl_literal {
        unsigned char n;
        char p[SL_LITERAL_MAX];
    } items[SL_LITERALS_MAX];
};

/* One of *ret is in every text that the pattern matches. False: nothing is known to be. fold: the
 * pattern was compiled without regard to case. *ret_also, where not empty, has one more that is in
 * all of them, beside those of *ret. */
bool sl_literals_of_regex(struct sl_slice pattern, bool fold, struct sl_literals *ret,
                          struct sl_literals *ret_also);

/* What every text begins with, ends with, and holds, that the (checked) glob matches; each may be
 * empty. room: at least pattern.n bytes, where they lie. */
struct sl_glob_literals {
    struct sl_slice head, tail, inner;
    bool whole; /* no wildcard: head is the whole text */
};
void sl_literals_of_glob(struct sl_slice pattern, char *room, struct sl_glob_literals *ret);

#endif
