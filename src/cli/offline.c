/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "kafka/client.h"
#include "sluice/explain.h"
#include "sluice/position.h"

enum { NS_PER_MS = 1000000 };

struct sl_offline_base {
    const struct sl_config *config;
    struct sl_fields *fields;
    struct sl_cli_sinks *sinks;
};

/* ---- life ---- */

struct sl_offline_base *sl_offline_base_new(const struct sl_config *config, struct sl_diags *diags)
{
    struct sl_offline_base *b = sl_zalloc(sizeof(*b));
    size_t errors = diags->errors;
    struct sl_error err = {0};

    b->config = config;
    b->fields = sl_routing_base(config, &err);
    if (!b->fields)
        sl_config_problem(config, err.about, err.column, SL_PROBLEM, diags, "%s", err.text);
    else
        b->sinks = sl_cli_sinks_new(config, b->fields, diags);
    if (diags->errors > errors) {
        sl_offline_base_free(b);
        return NULL;
    }
    return b;
}

void sl_offline_base_free(struct sl_offline_base *b)
{
    if (!b)
        return;
    sl_cli_sinks_free(b->sinks);
    sl_fields_free(b->fields);
    free(b);
}

struct sl_cli_sinks *sl_offline_base_sinks(struct sl_offline_base *b)
{
    return b->sinks;
}

static uint64_t record_clock(void *user)
{
    const struct sl_offline *o = user;

    return (uint64_t)o->message.timestamp_ms;
}

struct sl_offline *sl_offline_new(struct sl_offline_base *base, const struct sl_strings *routes,
                                  struct sl_diags *diags)
{
    struct sl_offline *o = sl_zalloc(sizeof(*o));
    struct sl_routing_config routing = {
        .config = base->config,
        .routes = routes,
        .base = base->fields,
        .now_ms = record_clock,
        .user = o,
    };
    size_t errors = diags->errors;
    struct sl_error err = {0};

    o->config = base->config;
    o->base = base;
    o->routing = sl_routing_new(&routing, diags, &err);
    if (o->routing)
        return o;
    if (diags->errors == errors)
        sl_config_problem(base->config, err.about, err.column, SL_PROBLEM, diags, "%s", err.text);
    sl_offline_free(o);
    return NULL;
}

static void leave_place(struct sl_offline *o)
{
    sl_partition_unref(o->partition);
    if (o->topic)
        free(o->topic->name);
    free(o->topic);
    free(o->cluster_id);
}

void sl_offline_free(struct sl_offline *o)
{
    if (!o)
        return;
    sl_routing_free(o->routing);
    leave_place(o);
    free(o);
}

/* ---- one record ---- */

static bool is_at(const struct sl_offline *o, const struct sl_input_record *in)
{
    return o->partition && o->partition->number == in->partition &&
           !strcmp(o->topic->name, in->topic) && !strcmp(o->cluster_id, in->cluster_id);
}

/* A place of no assignment: what decoding and ids need of one. */
static void go_to(struct sl_offline *o, const struct sl_input_record *in)
{
    if (is_at(o, in))
        return;
    leave_place(o);
    o->topic = sl_zalloc(sizeof(*o->topic));
    o->topic->name = sl_strdup(in->topic);
    sl_kafka_decoding(&o->config->source, o->topic);
    o->cluster_id = sl_strdup(in->cluster_id);
    o->partition = sl_partition_new(o->topic, in->partition, 0, o->config->n_sinks, o->cluster_id);
}

/* Without a time from Kafka the decoder takes any time that the record has, and 1970 where it has
 * none; what follows from the time (an id that is made, a year that a line leaves out) is then as
 * if it had come at default_ms. */
static void settle_time(struct sl_offline *o, size_t sub)
{
    if (o->message.timestamp_ms >= 0)
        return;
    o->message.timestamp_ms = o->record.time_ns / NS_PER_MS;
    if (o->record.time_ns == 0) {
        o->message.timestamp_ms = o->default_ms;
        sl_decode_at(o->routing->decoder, sub, &o->record);
    }
}

size_t sl_offline_open(struct sl_offline *o, const struct sl_input_record *in)
{
    go_to(o, in);
    o->message = in->message;
    o->message.at = o->partition;
    o->n_records = 0;
    o->nothing = NULL;
    if (o->message.value.p)
        o->n_records = sl_decode_open(o->routing->decoder, &o->message);
    if (o->message.value.p && o->n_records == 0)
        o->nothing = sl_decode_nothing(o->routing->decoder);
    return o->n_records;
}

bool sl_offline_decode(struct sl_offline *o, const struct sl_input_record *in)
{
    if (in->sub == 0)
        sl_offline_open(o, in);
    if (in->sub >= o->n_records)
        return false;
    o->message.timestamp_ms = in->message.timestamp_ms; /* not the one settled for another */
    sl_decode_at(o->routing->decoder, in->sub, &o->record);
    settle_time(o, in->sub);
    return true;
}

void sl_offline_place(const struct sl_offline *o, const struct sl_input_record *in, char *ret,
                      size_t size)
{
    size_t n;

    sl_input_place(in, ret, size);
    n = strlen(ret);
    if (o->n_records > 0 && o->record.many)
        snprintf(ret + n, size - n, "#%" PRIu32, in->sub);
}

bool sl_offline_judge(struct sl_offline *o, const struct sl_input_record *in)
{
    if (!sl_offline_decode(o, in))
        return false;
    sl_route(o->routing->matcher, &o->record, &o->decision);
    return true;
}

int sl_offline_preview(const struct sl_offline *o, const struct sl_choice *choice,
                       struct sl_buf *out, size_t *ret_body, char **ret_key)
{
    sl_cli_sinks_rules(o->base->sinks, sl_rules_version(o->routing->rules));
    return sl_sink_preview(sl_cli_sinks_get(o->base->sinks, choice->sink), choice->record, out,
                           ret_body, ret_key);
}

void sl_offline_reset(struct sl_offline *o)
{
    const struct sl_matcher_config config = {
        .fields = o->routing->fields, .now_ms = record_clock, .user = o};

    sl_matcher_free(o->routing->matcher);
    o->routing->matcher = sl_matcher_new(o->routing->rules, &config);
}

unsigned sl_offline_decider(const struct sl_offline *o)
{
    const struct sl_decision *d = &o->decision;
    const unsigned *matched;
    size_t n;

    if (d->error_rule != SL_RULE_NONE)
        return d->error_rule;
    if (d->dropped_by != SL_RULE_NONE)
        return d->dropped_by;
    if (d->n && d->chosen[d->n - 1].rule == SL_RULE_UNMATCHED)
        return SL_RULE_UNMATCHED;
    matched = sl_matcher_matched(o->routing->matcher, &n);
    while (n-- > 0) {
        struct sl_rule_outline does = sl_rule_outline(o->routing->rules, matched[n]);

        if (does.to || does.drop)
            return matched[n];
    }
    return SL_RULE_UNMATCHED;
}

unsigned sl_offline_rule(const struct sl_offline *o, const char *name)
{
    const struct sl_rules *rules = o->routing->rules;

    for (unsigned i = 0; i < sl_rules_count(rules); i++)
        if (!strcmp(sl_rules_info(rules, i).name, name))
            return i;
    return SL_RULE_NONE;
}

const char *sl_offline_rule_name(const struct sl_offline *o, unsigned rule)
{
    return sl_rules_version_name(sl_rules_version(o->routing->rules), rule);
}

const char *sl_drop_reason_word(enum sl_drop_reason reason)
{
    static const char *const words[] = {
        [SL_DROP_RULE] = "rule",
        [SL_DROP_UNMATCHED] = "unmatched",
        [SL_DROP_SAMPLE] = "sample",
        [SL_DROP_RATE_LIMIT] = "rate_limit",
    };

    return words[reason];
}
