/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include <string.h>

#include "audit_private.h"
#include "pipeline/state.h"
#include "rules.h"
#include "store.h"

/* What was produced and where it arrived: I1 completeness, I2 no invention, I3 selection, I6
 * duplicates, I8 the program's own ledger, and bounds of memory. Commits and plans: audit_commit.c.
 */

void audit_begin(void)
{
    sim->audit = sim_new(sizeof(*sim->audit));
    sim->audit->cap = 512;
    sim->audit->records = sim_new(sim->audit->cap * sizeof(struct source_record *));
}

struct audit_partition *audit_partition(const struct k_partition *p)
{
    return &sim->audit->parts[p->number];
}

static unsigned sub_of(const struct audit_partition *ap, const struct k_partition *p)
{
    const struct source_record *last = ap->n ? ap->records[ap->n - 1] : NULL;

    return last && last->incarnation == p->incarnation && last->offset == p->end - 1 ? last->sub + 1
                                                                                     : 0;
}

void audit_message(size_t bytes)
{
    if (bytes > sim->audit->largest)
        sim->audit->largest = bytes;
}

struct source_record *audit_record(struct k_partition *p, unsigned kind, char *value, size_t n,
                                   bool bad, bool tombstone)
{
    struct audit *a = sim->audit;
    struct audit_partition *ap = audit_partition(p);
    struct source_record *r = sim_new(sizeof(*r));

    *r = (struct source_record){.n = (uint32_t)a->n,
                                .kind = kind,
                                .p = p,
                                .incarnation = p->incarnation,
                                .offset = p->end - 1,
                                .sub = sub_of(ap, p),
                                .value = value,
                                .value_n = n,
                                .message = value,
                                .message_n = n,
                                .bad = bad,
                                .tombstone = tombstone,
                                .at_us = sim->now_us};
    if (a->n == a->cap) {
        struct source_record **records = sim_new(2 * a->cap * sizeof(*records));

        memcpy(records, a->records, a->n * sizeof(*records));
        a->records = records;
        a->cap *= 2;
    }
    a->records[a->n++] = r;
    if (ap->n == ap->cap) {
        size_t cap = ap->cap ? 2 * ap->cap : 128;
        struct source_record **records = sim_new(cap * sizeof(*records));

        if (ap->n)
            memcpy(records, ap->records, ap->n * sizeof(*records));
        ap->records = records;
        ap->cap = cap;
    }
    ap->records[ap->n++] = r;
    return r;
}

struct source_record *audit_by_number(uint32_t n)
{
    return n < sim->audit->n ? sim->audit->records[n] : NULL;
}

/* ---- rules ---- */

void audit_rules_live(unsigned table, unsigned sinks)
{
    struct audit *a = sim->audit;

    for (size_t i = 0; i < a->n_versions; i++)
        if (a->versions[i].table == table && a->versions[i].sinks == sinks)
            return;
    if (a->n_versions == VERSIONS_MAX)
        abort();
    a->versions[a->n_versions] = (struct audit_version){.table = table, .sinks = sinks};
    rules_head(table, sinks, a->versions[a->n_versions++].head);
}

/* Some version that was live, and none but the one that is known to have judged it, explains what
 * each of these sinks has of the record. */
bool audit_explained(const struct source_record *r, unsigned sinks)
{
    const struct audit *a = sim->audit;
    unsigned had = r->delivered | r->dead;

    if (r->tombstone || r->expired)
        return true;
    for (size_t i = 0; i < a->n_versions; i++) {
        unsigned expected = rules_expected(a->versions[i].table, a->versions[i].sinks, r->kind) &
                            sinks & ~r->waived;

        if ((!r->judged || r->judged >> i & 1) && (expected & ~had) == 0)
            return true;
    }
    return false;
}

static bool ever_expected(const struct source_record *r, unsigned sink)
{
    const struct audit *a = sim->audit;

    for (size_t i = 0; i < a->n_versions; i++)
        if (rules_expected(a->versions[i].table, a->versions[i].sinks, r->kind) >> sink & 1)
            return true;
    return false;
}

/* ---- arrivals ---- */

void audit_excuse(struct audit_partition *ap)
{
    ap->excused = true;
    audit_unbind(ap);
}

void audit_unbind(struct audit_partition *ap)
{
    for (size_t i = 0; i < ap->n; i++) { /* other rules may judge it, or what is left of it */
        ap->records[i]->judged = 0;
        ap->records[i]->expired |= ap->records[i]->offset < ap->records[i]->p->start;
    }
}

void audit_void(unsigned partition)
{
    struct audit_partition *ap = &sim->audit->parts[partition];

    reach(REACH_VOID);
    audit_excuse(ap);
    /* What a sink lacks that is away just then, nobody knows by which rules: it is judged by those
     * of its return. */
    for (size_t i = 0; sim->current && i < ap->n; i++)
        ap->records[i]->waived |= (uint8_t)~sim->current->sink_set;
}

void audit_disturbed(const char *what)
{
    (void)what;
    sim->audit->disturbances++;
}

uint64_t audit_disturbances(void)
{
    return sim->audit->disturbances;
}

void audit_asked(uint64_t disturbances, uint64_t sent_us, bool zombie)
{
    sim->audit->asked = zombie ? UINT64_MAX : disturbances;
    sim->audit->sent_us = sent_us;
    sim->audit->zombie = zombie;
}

/* The bound of duplicates: what a line that counts says the sink has, nobody sends again, but who
 * does not know yet that others have gone on without it. */
static void check_again(const struct source_record *r, unsigned sink)
{
    const struct audit *a = sim->audit;

    if (r->had_us[sink] && r->had_us[sink] < a->sent_us && !a->zombie &&
        r->incarnation == r->p->incarnation && !audit_partition(r->p)->excused)
        sim_find("I6: record %u (logs-%d@%ld) is sent to %s again, and a commit had said that it "
                 "is there",
                 r->n, (int)r->p->number, r->offset, store_names[sink]);
}

/* All lines are its own: only one of a log that was cut off speaks of what is not there, and one
 * that an operator's reset has left is of another offset. */
void audit_not_understood(unsigned partition)
{
    if (!sim->audit->parts[partition].excused)
        sim_find("a line of logs-%u is not understood by those who write it", partition);
    audit_void(partition);
}

struct source_record *audit_recognise(unsigned sink, const char *json, size_t n)
{
    static const char mark[] = "{\"n\":";
    struct source_record *r = NULL;

    if (n > sizeof(mark) && memcmp(json, mark, sizeof(mark) - 1) == 0)
        r = audit_by_number((uint32_t)strtoul(json + sizeof(mark) - 1, NULL, 10));
    if (!r || r->value_n != n || memcmp(r->value, json, n) != 0) {
        sim_find("I2: %s has bytes that nobody produced: %.*s", store_names[sink],
                 (int)(n < 200 ? n : 200), json);
        return NULL;
    }
    if (!ever_expected(r, sink)) {
        sim_find("I3: record %u (%s-%d@%lld, kind %u) is not for %s", r->n, r->p->topic->name,
                 (int)r->p->number, (long long)r->offset, r->kind, store_names[sink]);
        return NULL;
    }
    return r;
}

void audit_note(struct source_record *r, unsigned sink)
{
    struct audit *a = sim->audit;

    check_again(r, sink);
    if (r->times[sink]++ > 0)
        a->counts.duplicates++;
    r->delivered |= (uint8_t)(1u << sink);
    r->seen[sink] = a->asked;
}

void audit_delivered(unsigned sink, const char *json, size_t n)
{
    struct source_record *r = audit_recognise(sink, json, n);

    if (!r)
        return;
    if (r->times[sink] > 0 && sink < 2) /* the store itself refuses a second of the same id */
        sim_find("I6: record %u is in %s under two ids", r->n, store_names[sink]);
    if (r->times[sink] > 0 && r->seen[sink] == sim->audit->disturbances &&
        sim->audit->asked == sim->audit->disturbances)
        sim_find("I6: record %u (%s-%d@%lld) comes to %s again, and nothing had happened", r->n,
                 r->p->topic->name, (int)r->p->number, (long long)r->offset, store_names[sink]);
    audit_note(r, sink);
}

void audit_known(unsigned sink, const char *json, size_t n, bool sent)
{
    struct source_record *r = audit_recognise(sink, json, n);

    if (!r)
        return;
    if (sent)
        check_again(r, sink);
    r->delivered |= (uint8_t)(1u << sink);
}

void audit_recreated(struct k_partition *p)
{
    struct audit_partition *ap = audit_partition(p);

    audit_disturbed("a topic made anew");
    for (size_t i = 0; i < ap->n; i++)
        ap->records[i]->expired = ap->records[i]->nobodys = true;
    ap->n = ap->checked = 0;
    ap->excused = false;
}

void audit_reset(struct k_partition *p, int64_t to)
{
    struct audit_partition *ap = audit_partition(p);
    unsigned away = audit_carried(p->metadata);

    audit_disturbed("an offset reset");
    audit_excuse(ap);
    for (size_t i = 0; i < ap->n; i++) /* with the line goes what sinks lack that are away */
        ap->records[i]->waived |= (uint8_t)(~sim->sink_set | away);
    for (size_t i = 0; i < ap->n; i++)
        if (ap->records[i]->offset >= to) {
            if (ap->checked > i)
                ap->checked = i;
            ap->records[i]->delivered = ap->records[i]->dead = 0;
        }
}

/* ---- dead letters ---- */

static const char *header(const struct k_message *m, const char *name)
{
    for (size_t i = 0; i < m->n_headers; i++)
        if (strcmp(m->headers[i].name, name) == 0)
            return m->headers[i].value;
    return NULL;
}

/* By place and value; a letter that was too large comes without one, and what is made anew has
 * places again that letters of the old topic, still under way, name as well: then the time tells.
 */
static bool is_of(const struct k_message *letter, const struct source_record *r)
{
    const char *time = header(letter, "sluice-timestamp");

    if (letter->value_n)
        return letter->value_n == r->message_n &&
               memcmp(letter->value, r->message, r->message_n) == 0;
    return time && strtoll(time, NULL, 10) == sim->wall_base_ms + (int64_t)(r->at_us / 1000);
}

static void note_letter(struct source_record *r, unsigned sink)
{
    r->dead |= (uint8_t)(1u << sink);
    sim->audit->counts.dead++;
    sim_trace("dead letter of %s-%d@%lld for %s", "logs", r->p->number, (long long)r->offset,
              store_names[sink]);
    if (!ever_expected(r, sink))
        sim_find("I3: record %u is not for %s, and is a dead letter of it", r->n,
                 store_names[sink]);
    if (!r->bad || store_of(sink)->kind == STORE_S3)
        sim_find("record %u was refused by nobody and is a dead letter of %s", r->n,
                 store_names[sink]);
}

void audit_produced(struct k_topic *t, const struct k_message *m)
{
    const char *sink = header(m, "sluice-sink"), *partition = header(m, "sluice-partition"),
               *offset = header(m, "sluice-offset"), *index = header(m, "sluice-index");
    struct audit_partition *ap;

    if (strcmp(t->name, "dead") != 0 || !sink || !partition || !offset || !index)
        return;
    ap = &sim->audit->parts[strtol(partition, NULL, 10)];
    for (size_t i = 0; i < ap->n; i++)
        if (ap->records[i]->offset == strtoll(offset, NULL, 10) &&
            ap->records[i]->incarnation == ap->records[i]->p->incarnation &&
            ap->records[i]->sub == strtoul(index, NULL, 10) && is_of(m, ap->records[i]))
            for (unsigned s = 0; s < SINKS_MAX; s++)
                if (strcmp(store_names[s], sink) == 0)
                    note_letter(ap->records[i], s);
}

void audit_retained(struct k_partition *p)
{
    struct audit_partition *ap = audit_partition(p);

    audit_disturbed("retention");
    sim->audit->lost = true;
    audit_tear_plans(p);
    for (size_t i = 0; i < ap->n; i++)
        if (ap->records[i]->offset < p->start && !ap->records[i]->expired &&
            !(ap->records[i]->judged && audit_explained(ap->records[i], ~0u))) {
            ap->records[i]->expired = true; /* for whom other rules would still have it go to */
            ap->records[i]->nobodys = p->committed < 0;
            sim->audit->counts.expired++;
        }
}

/* What it had at its end is gone, and other records come to have those offsets. */
void audit_truncated(struct k_partition *p)
{
    struct audit_partition *ap = audit_partition(p);

    audit_disturbed("truncation");
    reach(REACH_CUT_OFF);
    audit_excuse(ap);
    for (; ap->n > 0 && ap->records[ap->n - 1]->offset >= p->end; ap->n--)
        ap->records[ap->n - 1]->expired = ap->records[ap->n - 1]->nobodys = true;
    ap->checked = ap->checked > ap->n ? ap->n : ap->checked;
}

/* ---- the program's own numbers ---- */

/* What is more than a queue holds is taken all the same where it is one message. Batches that are
 * halved down to the one record to blame have their own structs each; and a
 * recorded cut that is larger than the queue is held whole all the same, or it could never be
 * repeated. */
static size_t allowed(const struct sl_sink *s)
{
    size_t most = s->config->queue_bytes;

    if (sim->audit->largest > most / 2) /* it goes in whole, whatever else there is */
        most += sim->audit->largest;
    if (s->type->flags & SL_SINK_CUTS)
        return most * 2;
    return sim->scenario->bad ? most + most / 4 : most;
}

static void check_sink(const struct replica *r, const struct sl_sink *s)
{
    const struct sl_sink_counters *c = &s->count;
    uint64_t routed = *c->routed, rest = *c->delivered + *c->dead + *c->let_go + *c->in_flight;

    if (routed != rest)
        sim_find(
            "I8: r%zu, sink %s: routed %lu, but delivered %lu, dead %lu, let go %lu, in flight %lu",
            r->number, s->config->name, routed, *c->delivered, *c->dead, *c->let_go, *c->in_flight);
    if (sl_sink_bytes(s) > allowed(s))
        sim_find("r%zu, sink %s holds %zu bytes, more than its %zu", r->number, s->config->name,
                 sl_sink_bytes(s), s->config->queue_bytes);
}

void audit_step(struct replica *r)
{
    uint64_t let_go = 0;

    if (!r->pipeline)
        return;
    for (size_t i = 0; i < r->pipeline->n_sinks; i++) {
        check_sink(r, r->pipeline->sinks[i]);
        let_go += *r->pipeline->sinks[i]->count.let_go;
    }
    reach_step(r);
    if (*r->pipeline->count.breaches)
        sim_find("I8: r%zu says that its own books do not balance", r->number);
    if (let_go != sim->audit->let_go[r->number]) {
        sim->audit->let_go[r->number] = let_go;
        audit_disturbed("records were let go");
    }
}

/* I7: what retention took is told: for each sink at least as many offsets as it has lost records.
 * (Deaths make it more: who comes next tells it again.) */
void audit_gone(const struct replica *r)
{
    for (size_t i = 0; r->pipeline && i < r->pipeline->n_sinks; i++) {
        const char *name = r->pipeline->sinks[i]->config->name;
        const struct sl_label labels[] = {{"sink", name}, {NULL, NULL}};

        for (unsigned s = 0; s < SINKS_MAX; s++)
            if (strcmp(store_names[s], name) == 0)
                sim->audit->told_expired[s] +=
                    sl_metrics_sum(r->pipeline->metrics, "sluice_expired_offsets_total", labels);
    }
}

/* The sinks that the record was for, where that is certain: one version only can have judged it. */
static unsigned certain(const struct source_record *r)
{
    const struct audit *a = sim->audit;
    unsigned found = 0, n = 0;

    for (size_t i = 0; i < a->n_versions; i++)
        if (!r->judged || r->judged >> i & 1) {
            found = rules_expected(a->versions[i].table, a->versions[i].sinks, r->kind);
            n++;
        }
    return n == 1 ? found & ~r->waived : 0;
}

static void check_expired(void)
{
    const struct audit *a = sim->audit;
    uint64_t lost[SINKS_MAX] = {0};
    const struct k_partition *at = NULL;
    int64_t offset = -1;
    unsigned counted = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct source_record *r = a->records[i];

        if (r->p != at || r->offset != offset)
            counted = 0; /* offsets are told, and a message has one */
        at = r->p;
        offset = r->offset;
        for (unsigned s = 0; s < SINKS_MAX && r->expired && !r->nobodys && !r->tombstone; s++) {
            bool lacks = certain(r) >> s & 1 && !((r->delivered | r->dead) >> s & 1);

            lost[s] += lacks && !(counted >> s & 1);
            counted |= (unsigned)lacks << s;
        }
    }
    for (unsigned s = 0; s < SINKS_MAX; s++)
        if (!a->lost && a->told_expired[s])
            sim_find("I7: the program tells of %lu offsets that %s has lost, and none was",
                     a->told_expired[s], store_names[s]);
        else if (lost[s] > a->told_expired[s])
            sim_find("I7: retention took %lu records that %s was to have, and the program tells of "
                     "%lu offsets",
                     lost[s], store_names[s], a->told_expired[s]);
}

/* ---- the end ---- */

bool audit_at_rest(void)
{
    const struct k_topic *t = cluster_topic("logs");

    for (int32_t i = 0; i < t->n; i++)
        if (t->parts[i].committed != t->parts[i].end)
            return false;
    return group_at_rest();
}

const char *audit_unrest(char *ret, size_t n)
{
    const struct k_topic *t = cluster_topic("logs");

    snprintf(ret, n, "the group is not at rest");
    for (int32_t i = 0; i < t->n; i++)
        if (t->parts[i].committed != t->parts[i].end) {
            snprintf(ret, n, "logs-%d is committed at %ld \"%s\" and ends at %ld", (int)i,
                     t->parts[i].committed, t->parts[i].metadata ? t->parts[i].metadata : "",
                     t->parts[i].end);
            break;
        }
    return ret;
}

void audit_others_have_all(unsigned dead)
{
    const struct audit *a = sim->audit;

    for (size_t i = 0; i < a->n; i++) {
        const struct source_record *r = a->records[i];

        if (r->at_us + 30 * SIM_S > sim->now_us || audit_explained(r, ~(1u << dead)))
            continue;
        sim_find("I9: %s is dead, and record %u (logs-%d@%ld, kind %u) has come only to %x",
                 store_names[dead], r->n, (int)r->p->number, r->offset, r->kind,
                 r->delivered | r->dead);
        return;
    }
}

void audit_end(void)
{
    const struct audit *a = sim->audit;

    if (sim->closing)
        check_expired();

    for (size_t i = 0; i < a->n; i++) {
        const struct source_record *r = a->records[i];

        if (!audit_explained(r, ~0u)) {
            sim_find(
                "I1: record %u (logs-%d@%ld, kind %u) is lost: delivered to %x, dead letters %x",
                r->n, (int)r->p->number, r->offset, r->kind, r->delivered, r->dead);
            return;
        }
    }
}

void audit_count(struct counts *to)
{
    const struct audit *a = sim->audit;
    const struct cluster *c = sim->cluster;

    to->seeds++;
    to->events += sim->fired;
    to->turns += sim->turns;
    to->records += a->n;
    to->rebalances += c->rebalances;
    to->commits += c->commits_applied;
    to->refused += c->commits_refused;
    to->late += c->late_commits;
    to->plans += a->n_plans;
    to->dead += a->counts.dead;
    to->expired += a->counts.expired;
    to->duplicates += a->counts.duplicates;
    to->objects += a->counts.objects;
    for (size_t i = 0; i < REACHES; i++)
        to->reached[i] += a->counts.reached[i];
    to->kills += a->counts.kills;
    to->pauses += a->counts.pauses;
    to->reloads += a->counts.reloads;
}
