/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_EXPLANATION_H
#define SL_CLI_EXPLANATION_H

#include "cli/offline.h"
#include "sluice/explain.h"

/* Why one record went where it went, collected and written: by `sluice explain`, and by `sluice
 * test` below a test that fails. */
struct sl_explanation;

struct sl_explanation *sl_explanation_new(struct sl_offline *o);
void sl_explanation_free(struct sl_explanation *e);

/* Judges the record (o->decision, too) and collects. False: a tombstone. only: a rule to ask "why
 * not?" of, in place of those that were tried; also: one beside them; SL_RULE_NONE: none. */
bool sl_explanation_make(struct sl_explanation *e, const struct sl_input_record *in, unsigned only,
                         unsigned also);
/* Indented by `indent` spaces. Without the record itself. */
void sl_explanation_text(struct sl_explanation *e, unsigned indent, struct sl_buf *out);
/* Members of a JSON object, without its braces; each but the first led by a comma. */
void sl_explanation_json(struct sl_explanation *e, struct sl_buf *out);

/* ---- for the parts that write ---- */

struct sl_explained_rule {
    unsigned rule;
    enum sl_explained verdict;
    size_t first, n; /* of its conditions */
};

struct sl_explanation {
    struct sl_offline *o;
    unsigned only;
    struct sl_explained_rule *rules;
    size_t n_rules, cap_rules;
    struct sl_explained_condition *conditions; /* their texts live as long as the record */
    size_t n_conditions, cap_conditions;
    size_t passed;    /* rules before the end of the walk that could not match */
    unsigned decider; /* sl_offline_decider() */
    struct sl_buf before, after, preview; /* scratch */
    void *arena;
};

/* Changes of the records that sinks get: one for each different record. */
struct sl_explained_change {
    const struct sl_record *record;
    uint64_t sinks;
};
/* Returns how many; ret has room for SL_SINKS_MAX. */
size_t sl_explanation_changes(const struct sl_explanation *e, struct sl_explained_change *ret);
/* The JSON of the record as judged, and as one sink gets it. */
void sl_explanation_record(struct sl_buf *to, const struct sl_record *r);

bool sl_explanation_matched(const struct sl_explanation *e, unsigned rule);
/* What the sink makes of the record: for people, "create in logs-2026.01.15", "key a/b". */
struct sl_explained_output {
    char *key;              /* S3; owned; NULL: none */
    struct sl_slice action; /* Elasticsearch: the action line; in e->preview */
    size_t bytes;           /* as sent, before compression; 0: too large */
    bool too_large;
};
void sl_explanation_output(struct sl_explanation *e, const struct sl_choice *choice,
                           struct sl_explained_output *ret);
/* What a rule that matched, or met its limits, did: "matched and decided" */
const char *sl_explanation_did(const struct sl_explanation *e, unsigned rule);
void sl_explanation_sinks(const struct sl_explanation *e, uint64_t sinks, struct sl_buf *out);

#endif
