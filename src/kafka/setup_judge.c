/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/alloc.h"
#include "kafka/setup.h"

/* What will hurt one day, in sentences that say what and why. */

static void warn(struct sl_kafka_setup *s, char *sentence)
{
    s->warnings = sl_reallocarray(s->warnings, s->n_warnings + 1, sizeof(*s->warnings));
    s->warnings[s->n_warnings++] = sentence;
}

static bool is_known(const struct sl_kafka_topic *t)
{
    return t->status != SL_TOPIC_REFUSED &&
           (t->status != SL_TOPIC_MISSING || t->use != SL_TOPIC_SOURCE);
}

/* The source that is best replicated: what is taken out of it should be as safe. */
static const struct sl_kafka_topic *safest_source(const struct sl_kafka_setup *s)
{
    const struct sl_kafka_topic *best = NULL;

    for (size_t i = 0; i < s->n; i++)
        if (s->topics[i].use == SL_TOPIC_SOURCE && is_known(&s->topics[i]) &&
            (!best || s->topics[i].replication > best->replication))
            best = &s->topics[i];
    return best;
}

static void judge_replication(struct sl_kafka_setup *s, const struct sl_kafka_topic *t)
{
    const struct sl_kafka_topic *source = safest_source(s);
    const char *use = sl_topic_use_name(t->use);

    if (t->min_insync > t->replication)
        warn(s, sl_asprintf("%s %s has %d replica(s) and min.insync.replicas is %d: nothing can be "
                            "written to it",
                            use, t->name, t->replication, t->min_insync));
    if (source && t->replication < source->replication)
        warn(s, sl_asprintf("%s %s has %d replica(s), and source topic %s has %d: what it holds is "
                            "less safe than the records it is about",
                            use, t->name, t->replication, source->name, source->replication));
}

static void judge_letters(struct sl_kafka_setup *s, const struct sl_kafka_topic *t)
{
    judge_replication(s, t);
    if (t->compacted)
        warn(s, sl_asprintf("dead-letter topic %s is compacted: letters replace one another, and "
                            "those without a key are refused (cleanup.policy=delete)",
                            t->name));
    for (size_t i = 0; i < s->n && t->max_message_bytes >= 0; i++)
        if (s->topics[i].use == SL_TOPIC_SOURCE &&
            s->topics[i].max_message_bytes > t->max_message_bytes) {
            warn(s, sl_asprintf("dead-letter topic %s takes messages up to %" PRId64
                                " bytes, and source topic %s up to %" PRId64
                                ": letters of larger records only point to them "
                                "(max.message.bytes)",
                                t->name, t->max_message_bytes, s->topics[i].name,
                                s->topics[i].max_message_bytes));
            return;
        }
}

static void judge_state(struct sl_kafka_setup *s, const struct sl_kafka_topic *t)
{
    judge_replication(s, t);
    if (t->described && !t->compacted)
        warn(s,
             sl_asprintf("state topic %s is not compacted: retention deletes rules versions, and "
                         "then positions are void (cleanup.policy=compact)",
                         t->name));
}

static void judge_source(struct sl_kafka_setup *s, const struct sl_kafka_topic *t)
{
    if (t->status == SL_TOPIC_MISSING)
        warn(s, sl_asprintf("source topic %s does not exist", t->name));
    else if (t->status == SL_TOPIC_REFUSED)
        warn(s, sl_strdup(t->why));
    else if (t->compacted)
        warn(s, sl_asprintf("source topic %s is compacted: its records vanish, so no sink leaves "
                            "the live reader, and a slow one holds the others back",
                            t->name));
}

void sl_kafka_setup_judge(struct sl_kafka_setup *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct sl_kafka_topic *t = &s->topics[i];

        if (t->use == SL_TOPIC_SOURCE)
            judge_source(s, t);
        else if (is_known(t) && t->use == SL_TOPIC_LETTERS)
            judge_letters(s, t);
        else if (is_known(t))
            judge_state(s, t);
    }
}
