/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RULES_VERSION_H
#define SLUICE_RULES_VERSION_H

#include <stdlib.h>

#include "base/hash.h"

/* What outlives a set of rules: its name and the names of its rules. A batch holds a reference to
 * the version that its records were judged by, so that a dead letter names the right rule and an
 * archive object the right version, although other rules are live by then. Batches come and go on
 * the loop thread while rules are made and freed on others, so references are counted atomically.
 */
struct sl_rules_version {
    unsigned refs;                /* by the functions below only, once it is shared */
    char hash[SL_SHA256_HEX + 1]; /* hex SHA-256 of what decides; the same on every replica */
    size_t n;
    char *names[]; /* owned; by rule */
};

static inline struct sl_rules_version *sl_rules_version_ref(struct sl_rules_version *v)
{
    __atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
    return v;
}

static inline void sl_rules_version_unref(struct sl_rules_version *v) /* NULL is fine */
{
    if (!v || __atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < v->n; i++)
        free(v->names[i]);
    free(v);
}

/* Of a rule, or of SL_RULE_UNMATCHED. */
static inline const char *sl_rules_version_name(const struct sl_rules_version *v, unsigned rule)
{
    return rule < v->n ? v->names[rule] : "(unmatched)";
}

#endif
