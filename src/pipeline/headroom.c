/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

/* Retention comes closer to a sink that does not keep up, and passes it.
 *
 * Headroom is what the log retains: a position at its start has used up all of it. Told is a sink
 * that is detached, or stalled, at 50, 80 and 95 %, once each for a partition until it recovers.
 * Others move with the live reader, whose lag is a metric of its own; and a log that begins at 0
 * has never been cut. */

static const unsigned marks[] = {95, 80, 50, 0};

static unsigned used(const struct sl_partition *at, size_t sink)
{
    int64_t position = sl_partition_position(at, sink), kept = at->log_end - at->log_start;

    if (at->log_start <= 0 || kept <= 0 || position < 0 || position >= at->log_end)
        return 0;
    if (position < at->log_start)
        return 100;
    return (unsigned)((double)(at->log_end - position) / (double)kept * 100);
}

static void warn(struct sl_pipeline *p, const struct sl_partition *at, size_t sink, unsigned share)
{
    char number[16], percent[16], behind[24];

    snprintf(number, sizeof(number), "%d", (int)at->number);
    snprintf(percent, sizeof(percent), "%u", share);
    snprintf(behind, sizeof(behind), "%lld",
             (long long)(at->log_end - sl_partition_position(at, sink)));
    sl_log(p->log, SL_LOG_WARN,
           "retention comes closer to a sink that is behind: what it passes is lost to this sink; "
           "mend the sink, or raise the topic's retention",
           "sink", p->config->sinks[sink].name, "topic", at->topic->name, "partition", number,
           "percent", percent, "behind", behind, NULL);
}

static void look_at(struct sl_pipeline *p, struct sl_partition *at, size_t sink)
{
    struct sl_sink_position *s = &at->sinks[sink];
    bool told = s->catch_up >= 0 || sl_sink_state(p->sinks[sink]) == SL_SINK_STALLED;
    unsigned share = told ? used(at, sink) : 0, mark = 0;

    for (size_t i = 0; marks[i] && !mark; i++)
        if (share >= marks[i])
            mark = marks[i];
    if (mark > s->warned)
        warn(p, at, sink, share);
    s->warned = mark;
}

void sl_headroom_expired(struct sl_pipeline *p, const struct sl_partition *at, size_t sink,
                         int64_t from, int64_t n)
{
    char number[16], first[24], last[24];

    *p->count.expired[sink] += (uint64_t)n;
    snprintf(number, sizeof(number), "%d", (int)at->number);
    snprintf(first, sizeof(first), "%lld", (long long)from);
    snprintf(last, sizeof(last), "%lld", (long long)(from + n - 1));
    sl_log(p->log, SL_LOG_ERROR,
           "retention has removed offsets that the sink did not have yet: they are lost to it",
           "sink", p->config->sinks[sink].name, "topic", at->topic->name, "partition", number,
           "first", first, "last", last, NULL);
}

static void expire(struct sl_pipeline *p, struct sl_partition *at, size_t sink)
{
    int64_t from, n = 0;

    if (!sl_partition_attached(at, sink) && at->log_start >= 0)
        n = sl_partition_expire(at, sink, at->log_start, &from);
    if (n <= 0)
        return;
    sl_headroom_expired(p, at, sink, from, n);
    sl_catchup_skipped(p, at, sink);
}

void sl_headroom_look(struct sl_pipeline *p)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < p->n_sinks && sl_partition_active(all[i]); s++) {
            expire(p, all[i], s);
            look_at(p, all[i], s);
        }
    }
}
