/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RULES_VERSION_H
#define SLUICE_RULES_VERSION_H

#include <stdlib.h>

#include "base/hash.h"

/* What outlives a set of rules: its name and the names of its rules. A batch holds a reference to
 * the version that its records were judged by, so that a dead letter names the right rule and an
 * archive object the right version, although other rules are live by then. On the loop thread
 * only. */
struct sl_rules_version {
    unsigned refs;
    char hash[SL_SHA256_HEX + 1]; /* hex SHA-256 of what decides; the same on every replica */
    size_t n;
    char *names[]; /* owned; by rule */
};

static inline struct sl_rules_version *sl_rules_version_ref(struct sl_rules_version *v)
{
    v->refs++;
    return v;
}

static inline void sl_rules_version_unref(struct sl_rules_version *v) /* NULL is fine */
{
    if (!v || --v->refs > 0)
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
