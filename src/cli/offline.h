/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_OFFLINE_H
#define SL_CLI_OFFLINE_H

#include "cli/input.h"
#include "cli/sinks.h"
#include "pipeline/routing.h"

/* Rules without a stream: what a command needs to judge records as `sluice run` would, and to see
 * what each sink would get, while nothing is sent anywhere.
 *
 * Sinks and rules share ids of fields: a struct sl_offline_base holds the sinks and the fields of
 * decoder and sinks, and any number of sets of rules (the live ones, and those that `plan` compares
 * them with) stand on it.
 *
 * Time is the record's own, so that the same input gives the same output: where the record's place
 * in Kafka gives no time, its timestamp field does, and where it has none, `default_ms`. That is
 * also the clock of rate_limit. */

struct sl_offline_base;

/* NULL: diags says why. */
struct sl_offline_base *sl_offline_base_new(const struct sl_config *config, struct sl_diags *diags);
void sl_offline_base_free(struct sl_offline_base *b);
struct sl_cli_sinks *sl_offline_base_sinks(struct sl_offline_base *b);

struct sl_offline {
    const struct sl_config *config;
    struct sl_offline_base *base; /* borrowed */
    struct sl_routing *routing;
    int64_t default_ms; /* set by the command */

    /* The record judged last. */
    struct sl_message message;
    struct sl_record record;
    struct sl_decision decision;

    size_t n_records;    /* of the message opened last */
    const char *nothing; /* why a message holds none; NULL: it is a tombstone */

    /* Private. */
    struct sl_topic *topic;
    struct sl_partition *partition;
    char *cluster_id;
};

/* routes NULL: the configuration's. NULL: diags says what is wrong. */
struct sl_offline *sl_offline_new(struct sl_offline_base *base, const struct sl_strings *routes,
                                  struct sl_diags *diags);
void sl_offline_free(struct sl_offline *o);

/* How many records the message holds; 0 also for a tombstone, which no rule sees. */
size_t sl_offline_open(struct sl_offline *o, const struct sl_input_record *in);
/* Decodes and decides. A message is opened by its first record (in->sub is 0), or beforehand; false
 * when it has no such record, so that
 *     for (; sl_offline_judge(o, &in); in.sub++)
 * goes through all of them. What is filled lives until the next call, and as long as the input. */
bool sl_offline_judge(struct sl_offline *o, const struct sl_input_record *in);
/* message and record only: for sl_route_explain(). */
bool sl_offline_decode(struct sl_offline *o, const struct sl_input_record *in);
/* As sl_input_place(), of the record judged last: "logs/0/4711#2" where its message holds many. */
void sl_offline_place(const struct sl_offline *o, const struct sl_input_record *in, char *ret,
                      size_t size);

/* Forgets what rate limits have counted. */
void sl_offline_reset(struct sl_offline *o);

/* What the sink would send of the record (sl_sink_preview). */
int sl_offline_preview(const struct sl_offline *o, const struct sl_choice *choice,
                       struct sl_buf *out, size_t *ret_body, char **ret_key);
/* The rule that decided: that dropped the record or met its limits, else the last with `to` or
 * `drop` that matched; SL_RULE_UNMATCHED: none took it. After sl_route() or sl_route_explain(). */
unsigned sl_offline_decider(const struct sl_offline *o);
unsigned sl_offline_rule(const struct sl_offline *o, const char *name); /* SL_RULE_NONE: no such */
const char *sl_offline_rule_name(const struct sl_offline *o, unsigned rule); /* "(unmatched)" too */
/* "sample", "rate_limit", "rule", "unmatched" */
const char *sl_drop_reason_word(enum sl_drop_reason reason);

#endif
