/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_ROUTING_H
#define SL_PIPELINE_ROUTING_H

#include "base/diag.h"
#include "base/hash.h"
#include "pipeline/rule_counts.h"
#include "sluice/route.h"

/* Everything that depends on the rules: made as one, beside the one that is live and on any thread,
 * and swapped as one between two records. It never changes afterwards: records of an older era are
 * judged by the routing they were judged by before, side by side with the live one.
 *
 * Fields are what rules share with the rest: decoder and sinks hold ids of fields, too. So a
 * routing has a registry of its own, a copy of `base` (in which decoder and sinks have theirs) that
 * the rules' fields are added to. Ids of `base` mean the same in all of them, nothing that another
 * thread reads is touched, and fields of rules that are gone do not pile up.
 *
 * A rule that is set aside makes a version of its own of the rules: other decisions, another name,
 * a routing of its own that shares all that is large with the one it was made from. The name
 * depends on which rules are set aside and not on their order, so that replicas that had the same
 * trouble agree on it.
 *
 * Packed (pack.h) it is a value for the state topic, of which any replica makes a routing that
 * decides alike: same hashes, or it is refused. Sinks are found by their ids: one that was renamed
 * keeps its records; one that is gone is a ghost, and what goes to it has a sink's index from
 * config->n_sinks on, which is to be passed over; one that is new does not occur. Not packed are
 * the key of `redact` (a secret; it is the live configuration's), the values of `enrich` that
 * decide nothing (likewise), and what rate_limit has counted. */
struct sl_routing_parts;
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

    struct sl_buf packed;   /* for the state topic, under `decisions`; empty: it has no pack */
    char pack_problem[160]; /* why not; else "" */

    struct sl_routing_parts *parts; /* private: what routings share that differ in `aside` */
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
/* What was packed, perhaps by another replica under another configuration; on any thread, without
 * a look at any file. NULL: err says why. Whoever asked for a hash compares `decisions` with it. */
struct sl_routing *sl_routing_unpack(const struct sl_routing_config *config, struct sl_slice packed,
                                     struct sl_diags *diags, struct sl_error *err);
/* `live` with n more of its rules set aside. On any thread, while `live` is not freed; never NULL.
 * The two share decoder and rules: they are used on one thread, and what the decoder made of a
 * record lasts only until either decodes the next. */
struct sl_routing *sl_routing_with_aside(const struct sl_routing_config *config,
                                         struct sl_routing *live, const unsigned *rules, size_t n);
void sl_routing_free(struct sl_routing *r); /* on any thread */

/* How it decodes the records of a topic: sets decode and rule, by its name. The source's own struct
 * sl_topic has the live configuration's word, which an older version may differ from. Not cheap:
 * ask once a topic. */
void sl_routing_decoding(const struct sl_routing *r, struct sl_topic *topic);
/* Nobody could tell the one from the other. */
bool sl_routing_same(const struct sl_routing *a, const struct sl_routing *b);

#endif
