/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAKE_RULES_H
#define TESTS_FAKE_RULES_H

/* A version of no rules at all, for sinks that only ask what it is called. */
#include "base/alloc.h"
#include "sluice/rules_version.h"

static inline struct sl_rules_version *fake_rules(const char *hash, const char *rule)
{
    struct sl_rules_version *v = sl_zalloc(sizeof(*v) + 8 * sizeof(v->names[0]));

    v->refs = 1;
    snprintf(v->hash, sizeof(v->hash), "%s", hash);
    for (v->n = 0; rule && v->n < 8; v->n++)
        v->names[v->n] = sl_strdup(rule);
    return v;
}

#endif
