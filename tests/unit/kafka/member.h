/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KAFKA_MEMBER_H
#define KAFKA_MEMBER_H

#include "kafka_fixture.h"

#include "kafka/consumer.h"
#include "kafka/consumer_private.h"

/* Members of a group that write down what they see. */

enum { PARTITIONS_MAX = 64 };

struct seen {
    int64_t least; /* offset taken; INT64_MAX */
    int64_t last;  /* newest one; -1 */
    uint64_t n;
    struct sl_partition *at;
    int epochs;
};

struct member {
    struct world *w;
    struct sl_source_config source;
    struct sl_property properties[8];
    const char *topic;
    struct sl_consumer *c;
    struct seen seen[PARTITIONS_MAX];
    uint64_t n, broken; /* messages; those out of order within one assignment, or after its end */
    int64_t room;       /* messages that on_message takes before it says no; -1: without end */
    uint64_t refused;
    struct sl_timer arrive;
    struct sl_hold *hold; /* while set, the next message of each partition is held by it */
    bool hold_all;
    bool many_topics; /* seen[] is by partition number only: not kept */
    bool free_when_closed;
    bool drain_later; /* on_revoking does not answer at once */
    /* Sinks' own positions: read from the line at arrival, written beside the offset. */
    bool lines;
    bool strict;
    bool arrive_later;                       /* sl_consumer_arrived() is the test's to call */
    const char *stop;                        /* on_arriving stops the first one, and why */
    void (*arrived)(struct sl_partition *p); /* before it is settled */
    struct sl_arrival *arrivals;
    size_t n_arrivals;
    bool line_read; /* of the partition that arrived last */
    int64_t base;
    uint64_t arriving, committed, bounds, overtaken;
    int64_t overtaken_from, overtaken_to;
    uint64_t assigned, revoking, ended, lost, topics;
    size_t headers;
    bool closed, fatal;
    char why[256];
};

static bool member_message(void *user, const struct sl_message *m)
{
    struct member *me = user;
    struct seen *s = &me->seen[m->at->number];

    if (me->room == 0) {
        me->refused++;
        return false;
    }
    if (me->room > 0)
        me->room--;
    if (me->many_topics)
        s->at = m->at;
    if (m->at->ended || m->at->draining || m->offset != m->at->next || s->at != m->at)
        me->broken++;
    me->headers += m->n_headers;
    if (me->hold && (me->hold_all || sl_list_empty(&m->at->sinks[0].spans)))
        sl_hold_cover(me->hold, m->at, m->offset);
    sl_partition_advance(m->at, m->offset, m->timestamp_ms, 0);
    s->least = m->offset < s->least ? m->offset : s->least;
    s->last = m->offset;
    s->n++;
    me->n++;
    return true;
}

static const char *const sink_ids[] = {"one", "two"};
static const struct sl_position_names names = {
    .sink_ids = sink_ids, .rules = "0123456789abcdef", .day = 20000};

static void member_arriving(void *user, struct sl_arrival *a, size_t n)
{
    struct member *me = user;

    assert_string_not_equal(sl_consumer_cluster_id(me->c), "");
    for (size_t i = 0; i < n; i++) {
        struct sl_partition *p = a[i].p;

        assert_true(!p->ended && !p->stopped && p->next < 0);
        assert_null(sl_consumer_find(me->c, p->topic->name, p->number));
        me->base = a[i].base;
        me->line_read = me->lines && sl_metadata_read(p, &names, p->committed, a[i].line, NULL);
        if (!me->line_read)
            sl_partition_void(p, a[i].base);
        if (me->arrived)
            me->arrived(p);
        sl_partition_cut_over(p, names.rules, NULL);
        sl_partition_settle(p);
    }
    if (me->stop)
        sl_consumer_stop(me->c, a[0].p, me->stop);
    me->arriving += n;
    me->arrivals = a;
    me->n_arrivals = n;
    if (!me->arrive_later)
        sl_timer_start(&me->w->loop.rt, &me->arrive, 1); /* never from inside */
}

static void member_arrive(struct sl_timer *t)
{
    struct member *me = sl_container_of(t, struct member, arrive);

    if (me->c)
        sl_consumer_arrived(me->c);
}

static void member_committed(void *user)
{
    struct member *me = user;

    me->committed++;
}

static void member_bounds(void *user)
{
    struct member *me = user;

    me->bounds++;
}

static void member_overtaken(void *user, struct sl_partition *p, int64_t from, int64_t to)
{
    struct member *me = user;

    assert_int_equal(p->next, from);
    me->overtaken++;
    me->overtaken_from = from;
    me->overtaken_to = to;
}

static void member_assigned(void *user, struct sl_partition *const *p, size_t n)
{
    struct member *me = user;

    assert_string_not_equal(sl_consumer_cluster_id(me->c), "");
    for (size_t i = 0; i < n; i++) {
        struct seen *s = &me->seen[p[i]->number];

        assert_true(p[i]->next >= 0);
        assert_true(!s->at || me->many_topics);
        s->at = p[i];
        s->epochs++;
    }
    me->assigned += n;
}

static void member_revoking(void *user, struct sl_partition *const *p, size_t n)
{
    struct member *me = user;

    for (size_t i = 0; i < n; i++)
        assert_true(p[i]->draining && !p[i]->ended);
    me->revoking += n;
    if (!me->drain_later)
        sl_consumer_revoked(me->c);
}

static void member_ended(void *user, struct sl_partition *const *p, size_t n, bool lost)
{
    struct member *me = user;

    for (size_t i = 0; i < n; i++) {
        struct seen *s = &me->seen[p[i]->number];

        assert_true(p[i]->ended);
        assert_true(!s->at || s->at == p[i] || me->many_topics);
        me->assigned -= s->at || me->many_topics;
        s->at = NULL;
    }
    me->ended += n;
    me->lost += lost ? n : 0;
}

static void member_fatal(void *user, const char *reason)
{
    struct member *me = user;

    me->fatal = true;
    snprintf(me->why, sizeof(me->why), "%s", reason);
}

static void member_topic(void *user, struct sl_topic *topic)
{
    struct member *me = user;

    assert_non_null(topic->name);
    me->topics++;
}

static void member_closed(void *user)
{
    struct member *me = user;

    me->closed = true;
    sl_timer_stop(&me->w->loop.rt, &me->arrive);
    if (me->free_when_closed)
        sl_consumer_free(me->c);
}

static const struct sl_consumer_ops member_ops = {
    .on_message = member_message,
    .on_arriving = member_arriving,
    .on_assigned = member_assigned,
    .on_committed = member_committed,
    .on_bounds = member_bounds,
    .on_overtaken = member_overtaken,
    .on_revoking = member_revoking,
    .on_ended = member_ended,
    .on_fatal = member_fatal,
    .on_topic = member_topic,
    .on_closed = member_closed,
};

static inline void member_init(struct member *m, struct world *w, const char *topic)
{
    memset(m, 0, sizeof(*m));
    m->w = w;
    m->topic = topic;
    m->room = -1;
    m->arrive.fire = member_arrive;
    for (size_t i = 0; i < PARTITIONS_MAX; i++) {
        m->seen[i].least = INT64_MAX;
        m->seen[i].last = -1;
    }
    m->source.brokers = (struct sl_strings){&w->broker, 1};
    m->source.topics = (struct sl_strings){&m->topic, 1};
    m->source.group = "sluice";
    m->source.start = SL_START_EARLIEST;
    m->source.out_of_range = SL_RANGE_STOP;
    m->source.memory = 64u << 20;
    m->properties[0] = (struct sl_property){"session.timeout.ms", "6000", 0, 0};
    m->properties[1] = (struct sl_property){"heartbeat.interval.ms", "200", 0, 0};
    m->properties[2] = (struct sl_property){"fetch.wait.max.ms", "50", 0, 0};
    /* Not in step with the mock's joins, which take whole seconds: below 2.1 a leader whose refresh
     * is under way when it is to assign takes the topic for gone, and joins anew. */
    m->properties[3] = (struct sl_property){"topic.metadata.refresh.interval.ms", "1370", 0, 0};
    m->source.consumer = (struct sl_properties){m->properties, 4};
    if (getenv("SLUICE_TEST_DEBUG"))
        m->properties[m->source.consumer.n++] =
            (struct sl_property){"debug", getenv("SLUICE_TEST_DEBUG"), 0, 0};
}

static inline void member_open(struct member *m, const char *const *excluded, size_t n)
{
    struct sl_consumer_config config = {.source = &m->source,
                                        .excluded_topics = excluded,
                                        .n_excluded = n,
                                        .n_sinks = 2,
                                        .names = m->lines ? &names : NULL,
                                        .strict = m->strict,
                                        .ops = &member_ops,
                                        .user = m};
    struct sl_error err = {.text = ""};

    m->c = sl_consumer_new(&m->w->loop, &config, &err);
    assert_string_equal(err.text, "");
    assert_non_null(m->c);
    assert_int_equal(sl_consumer_start(m->c, &err), SL_OK);
}

static inline void member_start(struct member *m, struct world *w, const char *topic)
{
    member_init(m, w, topic);
    member_open(m, NULL, 0);
}

static inline void member_close(struct member *m)
{
    sl_consumer_close(m->c);
    UNTIL(m->w, m->closed);
    assert_int_equal(m->assigned, 0);
    sl_consumer_free(m->c);
    m->c = NULL;
    for (int i = 0; i < 3; i++) /* its handles close */
        uv_run(&m->w->loop.uv, UV_RUN_NOWAIT);
}

static inline struct sl_partition *at(struct member *m, size_t i)
{
    return m->seen[i].at;
}

/* Until they are cleared; the library tries again by itself. */
static inline void all_commits_fail(struct world *w, rd_kafka_resp_err_t err)
{
    for (int i = 0; i < 200; i++)
        rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 1, err);
}

/* ---- waiting for what must not happen ---- */

/* One more record to each partition is written and read: what comes twice comes before it. */
static inline void read_one_more(struct member *m, int32_t partitions)
{
    int64_t before[PARTITIONS_MAX];

    for (int32_t i = 0; i < partitions; i++)
        before[i] = m->seen[i].last;
    fill(m->w, m->topic, partitions, 1);
    for (int32_t i = 0; i < partitions; i++)
        UNTIL(m->w, m->seen[i].last > before[i]);
}

/* The consumer looks once more at what there is to commit, after everything that it has seen. */
static inline void look_for_commits(struct member *m)
{
    uint64_t before = m->c->commit_ms;

    UNTIL(m->w, m->c->commit_ms != before);
}

/* A consumer that is paused asks for nothing and nothing else tells that it would have had the time
 * to: four times as long as a fetch may wait at the broker. */
static inline void nothing_comes(struct member *m)
{
    uint64_t until = uv_hrtime() + 200 * 1000000, n = m->n;

    while (uv_hrtime() < until)
        uv_run(&m->w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(m->n, n);
}

#endif
