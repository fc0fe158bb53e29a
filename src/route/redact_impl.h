/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_REDACT_IMPL_H
#define SL_ROUTE_REDACT_IMPL_H

#include "route/detect.h"
#include "route/redact.h"

/* `redact` as compiled (redact_compile.c) and as it is run (redact.c). Private to both.
 *
 * Each thing that is looked for has a finder: a detector, or one group of a pattern. Over a text
 * all finders of a clause move from front to back side by side; what they find there is replaced in
 * that order, and finds that overlap are replaced together, under the name of the one that begins
 * first. So one pass over each text does, and nothing is remembered but one find a finder. */

enum {
    SL_FINDERS_MAX = 100, /* of one mapping under `redact` */
    SL_REDACT_MASK_MAX = 1024,
    SL_REDACT_HASH_BYTES = 8, /* of the HMAC; two digits each */
};

struct sl_finder {
    const char *name;             /* as it stands in brackets */
    enum sl_detector detector;    /* where there is no pattern */
    const struct sl_regex *regex; /* one of the clause's */
    unsigned group;               /* of it: what is replaced; 0: the whole match */
};

struct sl_redact_clause {
    struct sl_editor *editor; /* owned; NULL: the whole record */
    bool all;                 /* the whole of each value */
    bool hash;
    char *mask; /* owned, as it stands in JSON; NULL: the name in brackets */
    struct sl_finder *finders;
    size_t n_finders;
    struct sl_regex **regexes; /* owned */
    size_t n_regexes;
};

struct sl_redact {
    const struct sl_secret *key; /* the configuration's */
    struct sl_redact_clause *clauses;
    size_t n;
};

#endif
