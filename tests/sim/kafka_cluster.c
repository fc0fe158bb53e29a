/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit.h"
#include "kafka.h"
#include "scenario.h"

/* Topics and their logs. */

void cluster_begin(void)
{
    struct cluster *c = sim->cluster = sim_new(sizeof(*c));

    c->version = sim->scenario->cooperative ? 0x020c01ff : 0x020002ff;
    c->cooperative = sim->scenario->cooperative;
    group_begin();
}

struct k_topic *cluster_topic(const char *name)
{
    for (size_t i = 0; i < sim->cluster->n_topics; i++)
        if (strcmp(sim->cluster->topics[i].name, name) == 0)
            return &sim->cluster->topics[i];
    return NULL;
}

struct k_topic *cluster_add_topic(const char *name, int32_t partitions, bool source)
{
    struct k_topic *t = cluster_topic(name);

    if (t)
        return t;
    if (sim->cluster->n_topics == K_TOPICS_MAX)
        abort();
    t = &sim->cluster->topics[sim->cluster->n_topics++];
    t->name = sim_copy(name, strlen(name));
    t->n = partitions;
    t->source = source;
    t->parts = sim_new((size_t)partitions * sizeof(*t->parts));
    for (int32_t i = 0; i < partitions; i++) {
        t->parts[i].topic = t;
        t->parts[i].number = i;
        t->parts[i].committed = -1;
    }
    return t;
}

struct k_partition *cluster_partition(const char *topic, int32_t number)
{
    struct k_topic *t = cluster_topic(topic);

    return t && number >= 0 && number < t->n ? &t->parts[number] : NULL;
}

void cluster_append(struct k_partition *p, struct k_message *m, unsigned gap)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct k_message **log = sim_new(cap * sizeof(*log));

        if (p->n)
            memcpy(log, p->log, p->n * sizeof(*log));
        sim_free(p->log);
        p->log = log;
        p->cap = cap;
    }
    m->offset = p->end + gap;
    p->end = m->offset + 1;
    p->log[p->n++] = m;
    fetch_kick_all(p);
}

void cluster_end_gap(struct k_partition *p, unsigned gap)
{
    p->end += gap;
    fetch_kick_all(p);
}

void cluster_retain(struct k_partition *p, int64_t start)
{
    if (start > p->end)
        start = p->end;
    if (start <= p->start)
        return;
    sim_trace("retention: %s-%d begins at %lld", p->topic->name, (int)p->number, (long long)start);
    p->start = start;
    while (p->first < p->n && p->log[p->first]->offset < start)
        p->first++;
    if (p->topic->source)
        audit_retained(p);
    fetch_kick_all(p);
}

void cluster_recreate(struct k_partition *p)
{
    p->log = NULL;
    p->n = p->cap = p->first = 0;
    p->start = p->end = 0;
    p->incarnation++;
    p->committed = -1;
    p->committed_before = p->cut_off = false;
    sim_free(p->metadata);
    p->metadata = NULL;
    fetch_kick_all(p);
}

void cluster_truncate(struct k_partition *p, int64_t end)
{
    if (end < p->start)
        end = p->start;
    if (end >= p->end || p->cut_off)
        return;
    sim_trace("an unclean election: %s-%d ends at %lld", p->topic->name, (int)p->number,
              (long long)end);
    while (p->n > p->first && p->log[p->n - 1]->offset >= end)
        p->n--;
    p->end = end;
    p->cut_off = true;
    audit_truncated(p);
    fetch_kick_all(p);
}

bool cluster_cut_off(void)
{
    const struct k_topic *t = cluster_topic("logs");

    for (int32_t i = 0; i < t->n; i++)
        if (t->parts[i].cut_off)
            return true;
    return false;
}

const struct k_message *cluster_read(const struct k_partition *p, int64_t from)
{
    size_t low = p->first, high = p->n;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (p->log[mid]->offset < from)
            low = mid + 1;
        else
            high = mid;
    }
    return low < p->n ? p->log[low] : NULL;
}
