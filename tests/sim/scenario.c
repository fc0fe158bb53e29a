/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

#include "audit_private.h"
#include "kafka.h"
#include "rules.h"
#include "store.h"

/* ---- drawing ---- */

static uint64_t draw_state;

static uint64_t draw(uint64_t n)
{
    uint64_t z = draw_state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return n ? z % n : 0;
}

static void draw_tables(struct scenario *s)
{
    for (unsigned t = 0; t < TABLES_MAX; t++)
        for (unsigned k = 0; k < KINDS; k++) {
            uint8_t to = 0;

            for (unsigned i = 0; i < SINKS_MAX; i++)
                if (s->sinks >> i & 1 && draw(2))
                    to |= (uint8_t)(1u << i);
            if (!to)
                to = (uint8_t)(s->sinks & -s->sinks);
            s->table[t][k] = k == KINDS - 1 ? 0 : to; /* one kind is dropped by every version */
        }
}

static void draw_sinks(struct scenario *s)
{
    static const unsigned choices[] = {0x05, 0x15, 0x35, 0x0d, 0x07, 0x1d, 0x14, 0x0c};

    s->sinks = choices[draw(sizeof(choices) / sizeof(choices[0]))];
    for (unsigned i = 0; i < SINKS_MAX; i++) {
        s->queue_bytes[i] = (unsigned)(16384 << draw(3));
        s->batch_records[i] = (unsigned)(1 + draw(30));
        s->batch_bytes[i] = s->queue_bytes[i] / 4;
        s->batch_age_ms[i] = (unsigned)(100 + draw(3000));
        s->requests[i] = (unsigned)(1 + draw(4));
        s->overflow_after_ms[i] = (unsigned)(500 + draw(5000));
        s->blocks[i] = draw(6) == 0;
        if (i == 2 || i == 3) { /* S3 waits longer */
            s->batch_records[i] = (unsigned)(5 + draw(60));
            s->batch_age_ms[i] = (unsigned)(500 + draw(15000));
        }
    }
}

/* Each kind of fault is switched on with its own probability, so that some seeds are calm and some
 * wild. */
static unsigned maybe(unsigned most)
{
    return draw(4) == 0 ? 1 + (unsigned)draw(most) : 0;
}

static void draw_action(struct scenario *s, enum action_kind kind)
{
    static const int64_t lengths[] = {200, 2000, 15000, 40000};
    struct action *a = &s->actions[s->n_actions++];

    *a = (struct action){.at_us = SIM_S + draw(s->heal_us - SIM_S), .kind = kind};
    a->who = (unsigned)draw(s->replicas);
    a->a = lengths[draw(4)];
    a->a += (int64_t)draw(1000);
    switch (kind) {
    case ACTION_KILL_AT_EFFECT:
        a->a = 1 + (int64_t)draw(40);
        break;
    case ACTION_KILL_AT_ALLOCATION:
        a->a = 1 + (int64_t)draw(2000);
        break;
    case ACTION_STORE_DEAD:
    case ACTION_STORE_HANGS:
    case ACTION_STORE_SLOW:
    case ACTION_STORE_DENIES:
        do
            a->who = (unsigned)draw(SINKS_MAX);
        while (!(s->sinks >> a->who & 1));
        a->b = (int64_t)draw(4000);
        break;
    case ACTION_RELOAD:
    case ACTION_DEPLOY:
        a->a = (int64_t)draw(s->tables);
        break;
    case ACTION_CLOCK:
        a->a = (int64_t)draw(2 * 3600000) - 3600000;
        break;
    case ACTION_RETAIN:
    case ACTION_TRUNCATE:
        a->who = (unsigned)draw(s->partitions);
        a->a = (int64_t)draw(20);
        break;
    case ACTION_RESET:
        a->who = (unsigned)draw(s->partitions);
        a->a = (int64_t)draw(1000);
        break;
    case ACTION_SINKS:
        do
            a->a = (int64_t)(s->sinks & draw(64));
        while (!a->a);
        break;
    default:
        break;
    }
}

static void draw_faults(struct scenario *s)
{
    struct faults *f = &s->fault;
    unsigned kinds = 0, n;

    if (draw(10) == 0)
        return;
    f->commit_refused = maybe(200);
    f->commit_unheard = maybe(150);
    f->commit_late = maybe(150);
    f->commit_dropped = maybe(150);
    f->commit_deferred = maybe(200);
    f->commit_partial = maybe(60);
    f->metadata_refused = draw(3) == 0 ? maybe(40) : 0;
    f->ask_fails = maybe(300);
    f->produce_fails = maybe(300);
    f->produce_unheard = maybe(300);
    f->http_refused = maybe(200);
    f->http_unheard = maybe(200);
    f->http_lost = maybe(50);
    f->http_error = maybe(200);
    f->http_throttled = maybe(200);
    f->http_cut = maybe(200);
    f->http_slow = maybe(200);
    f->item_again = maybe(200);
    f->s3_lies = maybe(200);
    f->fetch_slow = draw(3) == 0 ? 100 + (unsigned)draw(900) : 0;
    s->bad = maybe(60);
    s->tombstones = maybe(60);
    s->tables = 1 + (unsigned)(draw(2) ? draw(TABLES_MAX) : 0);
    for (unsigned k = 0; k < ACTION_KINDS; k++)
        kinds |= draw(3) == 0 ? 1u << k : 0;
    if (s->tables == 1)
        kinds &= ~(1u << ACTION_RELOAD | 1u << ACTION_DEPLOY);
    if (draw(4))
        kinds &= ~(1u << ACTION_RETAIN);
    if (draw(3))
        kinds &= ~(1u << ACTION_SINKS);
    if (draw(6))
        kinds &= ~(1u << ACTION_RESET);
    if (draw(2) || s->tables == 1)
        kinds &= ~(1u << ACTION_STATE_LOST);
    if (draw(8))
        kinds &= ~(1u << ACTION_RECREATE);
    if (draw(6))
        kinds &= ~(1u << ACTION_TRUNCATE);
    if (kinds >> ACTION_SINKS & 1) /* without a line nobody knows of sinks that are away */
        f->metadata_refused = 0;
    n = (unsigned)draw(16);
    while (kinds && s->n_actions < n) {
        unsigned kind = (unsigned)draw(ACTION_KINDS);

        if (kinds >> kind & 1)
            draw_action(s, kind);
    }
}

/* One sink is dead for the whole time and nothing else happens: the others must not feel it. */
static void alone(struct scenario *s, unsigned among)
{
    unsigned sink;

    if (!(s->sinks & (s->sinks - 1))) /* there are no others */
        return;
    do
        sink = (unsigned)draw(SINKS_MAX);
    while (!(s->sinks & among) || !(s->sinks & among & 1u << sink));
    memset(s->blocks, 0, sizeof(s->blocks));
    s->compacted = false;
    s->alone = sink + 1;
    s->heal_us = s->produce_us + 60 * SIM_S;
    s->end_us = s->heal_us + 600 * SIM_S;
    s->actions[s->n_actions++] = (struct action){.at_us = draw(2) ? 0 : draw(10 * SIM_S),
                                                 .kind = ACTION_STORE_DEAD,
                                                 .who = sink,
                                                 .a = 1000000};
    s->n_actions = s->n_actions > 1 ? 1 : s->n_actions;
}

/* Behind all else, so that what was drawn before stays as it was. */
static void draw_many(struct scenario *s)
{
    if (draw(3))
        return;
    s->many = 50 + (unsigned)draw(400);
    s->huge = draw(4) ? 0 : 30;
    for (unsigned i = 0; i < SINKS_MAX; i++)
        if (draw(8) == 0) /* so much room that nothing need be added up */
            s->queue_bytes[i] = 1u << 21;
}

void scenario_draw(struct scenario *s, uint64_t seed)
{
    static const char *const names[] = {"A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M"};

    memset(s, 0, sizeof(*s));
    draw_state = seed * 0x2545f4914f6cdd1du + 7;
    s->seed = seed;
    s->cooperative = draw(2);
    s->partitions = 1 + (unsigned)draw(PARTITIONS);
    s->replicas = 1 + (unsigned)draw(REPLICAS_MAX);
    s->records = 30 + (unsigned)draw(170);
    s->tables = 1;
    s->record_most = 100 + (unsigned)draw(500);
    s->gaps = draw(2) ? (unsigned)draw(200) : 0;
    s->letter_max = draw(4) ? 1u << 20 : 100;
    s->produce_us = (5 + draw(40)) * SIM_S;
    s->heal_us = s->produce_us + draw(30) * SIM_S;
    s->end_us = s->heal_us + 600 * SIM_S;
    s->compacted = draw(20) == 0;
    draw_sinks(s);
    draw_tables(s);
    if (draw(16) == 0)
        alone(s, ~0u);
    else
        draw_faults(s);
    if (!s->alone && draw(8) == 0) { /* the others come when there are other sinks, or are healed */
        s->first_sinks = (unsigned)draw(64);
        s->earliest = (unsigned)draw(64);
        s->fault.metadata_refused = 0;
    }
    if (draw(4) == 0) /* some walk where the readings that fail do */
        scenario_named(s, names[draw(sizeof(names) / sizeof(names[0]))]);
    draw_many(s);
}

/* ---- the workload ---- */

struct workload {
    struct sim_event event;
};

static char *make_value(uint32_t n, unsigned kind, bool bad, size_t size, size_t *ret_n)
{
    char text[1024];
    size_t at = (size_t)snprintf(
        text, sizeof(text),
        "{\"n\":%u,\"k\":%u%s,\"@timestamp\":\"2026-01-01T00:00:00Z\",\"kind\":\"server\","
        "\"level\":\"info\",\"pad\":\"",
        n, kind, bad ? ",\"bad\":true" : "");

    while (at < size && at < sizeof(text) - 3)
        text[at++] = (char)('a' + n % 26);
    text[at++] = '"';
    text[at++] = '}';
    *ret_n = at;
    return sim_copy(text, at);
}

/* ---- messages that hold none or many records: CloudWatch's envelope, as forwarders inflate it */

enum { ENTRIES_MAX = 200 };

struct entry {
    unsigned kind;
    bool bad;
    char *value;
    size_t n;
};

static size_t put_escaped(char *to, const char *from, size_t n)
{
    char *at = to;

    for (size_t i = 0; i < n; i++) {
        if (from[i] == '"')
            *at++ = '\\';
        *at++ = from[i];
    }
    return (size_t)(at - to);
}

static char *make_envelope(const struct entry *entries, size_t n, size_t *ret_n)
{
    static const char head[] = "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[";
    static const char control[] = "{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[]}";
    size_t size = sizeof(head) + 8, at = sizeof(head) - 1;
    char *text;

    if (n == 0) {
        *ret_n = sizeof(control) - 1;
        return sim_copy(control, *ret_n);
    }
    for (size_t i = 0; i < n; i++)
        size += 2 * entries[i].n + 32;
    text = sim_new(size);
    memcpy(text, head, at);
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s{\"message\":\"", i ? "," : "");
        at += put_escaped(text + at, entries[i].value, entries[i].n);
        at += (size_t)snprintf(text + at, size - at, "\"}");
    }
    *ret_n = at + (size_t)snprintf(text + at, size - at, "]}");
    return text;
}

static void produce_many(struct k_partition *p)
{
    const struct scenario *s = sim->scenario;
    struct k_message *m = sim_new(sizeof(*m));
    struct entry entries[ENTRIES_MAX];
    size_t n = sim_below(SIM_WORKLOAD, 5), bytes = 0;

    if (p->cut_off)
        return;
    n += n > 0;
    if (sim_chance(SIM_WORKLOAD, s->huge))
        n = ENTRIES_MAX;
    for (size_t i = 0; i < n; i++) {
        struct entry *e = &entries[i];

        e->kind = (unsigned)sim_below(SIM_WORKLOAD, KINDS);
        e->bad = sim_chance(SIM_WORKLOAD, s->bad);
        e->value = make_value((uint32_t)(sim->audit->n + i), e->kind, e->bad,
                              sim_between(SIM_WORKLOAD, 80, s->record_most), &e->n);
        bytes += 4 * e->n + 2048; /* its line, its body, its batch */
    }
    m->value = make_envelope(entries, n, &m->value_n);
    m->timestamp_ms = sim->wall_base_ms + (int64_t)(sim->now_us / 1000);
    cluster_append(p, m, 0);
    for (size_t i = 0; i < n; i++) {
        struct source_record *r =
            audit_record(p, entries[i].kind, entries[i].value, entries[i].n, entries[i].bad, false);

        r->message = m->value;
        r->message_n = m->value_n;
    }
    if (n == 0)
        audit_record(p, 0, NULL, 0, false, true);
    audit_message(n == ENTRIES_MAX ? bytes + m->value_n : 0);
}

static void produce(struct k_partition *p)
{
    const struct scenario *s = sim->scenario;
    struct k_message *m = sim_new(sizeof(*m));
    unsigned kind = (unsigned)sim_below(SIM_WORKLOAD, KINDS);
    bool bad = sim_chance(SIM_WORKLOAD, s->bad),
         tombstone = sim_chance(SIM_WORKLOAD, s->tombstones);
    unsigned gap =
        sim_chance(SIM_WORKLOAD, s->gaps) ? (unsigned)sim_between(SIM_WORKLOAD, 1, 3) : 0;
    size_t size = sim_between(SIM_WORKLOAD, 80, s->record_most);

    if (p->cut_off)
        return;
    if (!tombstone)
        m->value = make_value((uint32_t)sim->audit->n, kind, bad, size, &m->value_n);
    m->timestamp_ms = sim->wall_base_ms + (int64_t)(sim->now_us / 1000);
    cluster_append(p, m, gap);
    audit_record(p, kind, m->value, m->value_n, bad, tombstone);
    if (sim_chance(SIM_WORKLOAD, s->gaps / 4))
        cluster_end_gap(p, 1);
}

static void work(struct sim_event *e)
{
    struct k_topic *t = cluster_topic("logs");
    uint64_t rest, burst = 1 + sim_below(SIM_WORKLOAD, sim_chance(SIM_WORKLOAD, 50) ? 40 : 3);

    while (burst-- > 0 && sim->left > 1) {
        struct k_partition *p = &t->parts[sim_below(SIM_WORKLOAD, sim->scenario->partitions)];

        sim->left--;
        if (sim_chance(SIM_WORKLOAD, sim->scenario->many))
            produce_many(p);
        else
            produce(p);
    }
    rest = sim->scenario->produce_us > sim->now_us ? sim->scenario->produce_us - sim->now_us : 0;
    if (sim->left > 1)
        sim_after(e, sim_below(SIM_WORKLOAD, 2 * rest / (sim->left - 1) + 1));
}

/* After the healing: what a late commit has put back is put right by the next one only. */
static void last_records(struct sim_event *e)
{
    if (sim->left > 1 || cluster_cut_off()) { /* not the last */
        sim_after(e, SIM_S);
        return;
    }
    for (unsigned i = 0; i < sim->scenario->partitions; i++)
        produce(&cluster_topic("logs")->parts[i]);
    sim->left--;
}

/* ---- a run ---- */

static void start_world(const struct scenario *s)
{
    struct workload *w;
    struct sim_event *last = sim_new(sizeof(*last));

    sim->sink_set = s->first_sinks & s->sinks ? s->first_sinks & s->sinks : s->sinks;
    rules_begin();
    cluster_begin();
    http_begin();
    audit_begin();
    cluster_add_topic("logs", (int32_t)s->partitions, true);
    cluster_add_topic("dead", 1, false);
    cluster_add_topic("state", 1, false);
    sim->replicas = sim_new((REPLICAS_MAX + 1) * sizeof(*sim->replicas));
    for (size_t i = 0; i < s->replicas; i++) {
        replica_new(i);
        sim_at(&sim->replicas[i]->start, sim_below(SIM_SCHEDULE, 2 * SIM_S));
    }
    actions_begin();
    w = sim_new(sizeof(*w));
    last->fire = last_records;
    sim_at(last, s->heal_us + 20 * SIM_S);
    sim->left = s->records + 1;
    w->event.fire = work;
    sim_at(&w->event, sim_below(SIM_WORKLOAD, SIM_S));
}

static bool run_to_rest(const struct scenario *s)
{
    char why[512];

    if (!sim_run_until(s->heal_us > s->produce_us ? s->heal_us : s->produce_us + SIM_S))
        return false;
    while (sim->now_us < s->end_us) {
        if (!sim_run_until(sim->now_us + SIM_S))
            return false;
        if (sim->left == 0 && audit_at_rest())
            return true;
    }
    sim_find("stuck: %s", audit_unrest(why, sizeof(why)));
    return false;
}

static void stop_all(void)
{
    sim->closing = true;
    for (size_t i = 0; i < sim->n_replicas; i++) {
        struct replica *r = sim->replicas[i];

        replica_stop(r);
        if (!sim_run_until(sim->now_us + 15 * SIM_S))
            return;
    }
}

bool scenario_run(struct world *w, const struct scenario *s)
{
    bool ok;

    sim_world_begin(w, s, s->seed);
    start_world(s);
    ok = run_to_rest(s);
    if (ok) {
        audit_end();
        stop_all();
        audit_end();
        ok = !w->finding[0];
    }
    for (size_t i = 0; i < w->n_replicas; i++)
        sim_arena_free(w->replicas[i]->arena);
    return ok;
}

void scenario_print(const struct scenario *s)
{
    static const char *const faults[] = {
        "commit_refused", "commit_unheard",   "commit_late", "commit_dropped", "commit_deferred",
        "commit_partial", "metadata_refused", "ask_fails",   "produce_fails",  "produce_unheard",
        "http_refused",   "http_unheard",     "http_lost",   "http_error",     "http_throttled",
        "http_cut",       "http_slow",        "item_again",  "s3_lies",        "fetch_slow"};
    const unsigned *f = (const unsigned *)&s->fault;

    printf("seed %lu: %s%s%s%s, %u partitions, %u replicas, %u records, sinks", s->seed,
           s->name ? s->name : "", s->name ? ", " : "", s->cooperative ? "cooperative" : "eager",
           s->compacted ? ", compacted" : "", s->partitions, s->replicas, s->records);
    for (unsigned i = 0; i < SINKS_MAX; i++)
        if (s->sinks >> i & 1)
            printf(" %s%s", store_names[i], s->blocks[i] ? " (block)" : "");
    printf("; gaps %u, bad %u, tombstones %u, many %u, huge %u; produce until %.1f s, heal at %.1f "
           "s\n",
           s->gaps, s->bad, s->tombstones, s->many, s->huge, (double)s->produce_us / 1e6,
           (double)s->heal_us / 1e6);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (f[i])
            printf("  %s %u/1000\n", faults[i], f[i]);
    for (unsigned i = 0; i < s->n_actions; i++)
        printf("  at %.3f s: %s (%u, %ld, %ld)\n", (double)s->actions[i].at_us / 1e6,
               action_names[s->actions[i].kind], s->actions[i].who, s->actions[i].a,
               s->actions[i].b);
}
