/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_ROUTING_H
#define SL_PIPELINE_ROUTING_H

#include "base/diag.h"
#include "base/hash.h"
#include "pipeline/rule_counts.h"
#include "sluice/route.h"

/* Everything that depends on the rules: made as one, beside the one that is live and on any thread,
 * and swapped as one between two records.
 *
 * Fields are what rules share with the rest: decoder and sinks hold ids of fields, too. So a
 * routing has a registry of its own, a copy of `base` (in which decoder and sinks have theirs) that
 * the rules' fields are added to. Ids of `base` mean the same in all of them, nothing that another
 * thread reads is touched, and fields of rules that are gone do not pile up.
 *
 * A rule that is set aside makes a version of its own of the rules: other decisions, another name.
 * The name depends on which rules are set aside and not on their order, so that replicas that had
 * the same trouble agree on it. */
struct sl_routing {
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_rules *rules;
    struct sl_matcher *matcher;
    struct sl_rules_version *version;  /* a reference: the rules' own, or with rules set aside */
    char decisions[SL_SHA256_HEX + 1]; /* all that decides where a record goes: rules, and what they
                                          see of it; positions count only while it is the same */
    uint64_t shown; /* hash over what people see of rules and records do not: names, places */
    struct sl_rule_counts counts;

    unsigned *aside; /* rules that are set aside, ascending */
    size_t n_aside;
    char loaded[SL_SHA256_HEX + 1]; /* private: decisions with no rule set aside */
};

struct sl_routing_config {
    const struct sl_config *config;
    const struct sl_strings *routes; /* NULL: the configuration's */
    const struct sl_fields *base;    /* NULL: none; only read */
    uint64_t (*now_ms)(void *user);  /* as in struct sl_matcher_config */
    void *user;
};

/* The fields of the decoder alone: what a base begins with. */
struct sl_fields *sl_routing_base(const struct sl_config *config, struct sl_error *err);
/* NULL: diags says what is wrong with the rules, err with the rest. */
struct sl_routing *sl_routing_new(const struct sl_routing_config *config, struct sl_diags *diags,
                                  struct sl_error *err);
void sl_routing_free(struct sl_routing *r); /* on any thread */

/* Nobody could tell the one from the other. */
bool sl_routing_same(const struct sl_routing *a, const struct sl_routing *b);
/* The rule is not tried any more. Gives r->version and r->decisions other contents: whoever holds
 * batches of the old version has closed them. */
void sl_routing_set_aside(struct sl_routing *r, unsigned rule);

#endif
