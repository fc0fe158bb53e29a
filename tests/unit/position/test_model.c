/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include "fake_runtime.h"
#include "position/fixture.h"

/* The positions beside a model that keeps every record of every sink, under chance: both readers,
 * outcomes out of order, detach, hand-over, retention, rules changes, commits, and death at any
 * time, after which all goes on from the committed line, by one that knows all sinks or not.
 *
 * The model says of each record whether a sink is to be given it, is at it, or is done with it: the
 * position is the first one it is not done with. It also keeps the rules that judged a record for
 * any sink that is done with it: another sink must never meet others. */

enum { RECORDS = 160, SINKS = 3, CUTS = 2 /* the sink that makes plans */, HOLDS = 48, AWAY = 1 };
enum { TODAY = 20000, STEPS = 1500, VERSIONS = 8 };
#ifdef NDEBUG
enum { SEEDS = 400 };
#else /* slow */
enum { SEEDS = 60 };
#endif
enum status { UNREAD, GIVEN, DONE };

struct share { /* a hold, and what the model knows of it */
    struct sl_hold *hold;
    size_t sink;
    bool side, open, repeats;
    uint8_t version;
};

struct model {
    struct sl_partition *p;
    uint64_t seed;
    size_t n_sinks;             /* SINKS, or AWAY when the sinks from AWAY on are not known */
    struct share shares[HOLDS]; /* hold NULL: free */
    uint8_t status[SINKS][RECORDS];
    uint8_t by[SINKS][RECORDS];  /* GIVEN: index of the share */
    uint8_t version[RECORDS];    /* 1 + rules that judged it for some sink that is done */
    uint8_t had[SINKS][RECORDS]; /* bits of versions under which it was delivered */
    bool expired[SINKS][RECORDS];
    int64_t planned[SINKS]; /* end of what is known to be recorded */
    unsigned live;          /* version */
    int64_t log_start;
    char line[SL_METADATA_MAX]; /* committed */
    int64_t committed;
    bool noting;
    char noting_line[SL_METADATA_MAX];
    int64_t noting_end[SINKS], noting_least;
};

static const char *const ids[SINKS] = {"search", "alerts", "archive"};

static size_t chance(struct model *m, size_t n)
{
    return (size_t)(fake_next(&m->seed) % n);
}

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t seed = a << 32 ^ b << 16 ^ c;

    return fake_next(&seed);
}

static bool exists(const struct model *m, int64_t offset)
{
    return offset >= m->log_start && mix((uint64_t)offset, 7, 7) % 8 > 0;
}

static bool chosen(int64_t offset, size_t sink, unsigned version)
{
    return mix((uint64_t)offset, sink, version) % 3 > 0;
}

static const char *rules_of(unsigned version)
{
    static const char *const heads[VERSIONS] = {"000000000000", "111111111111", "222222222222",
                                                "333333333333", "444444444444", "555555555555",
                                                "666666666666", "777777777777"};

    return heads[version];
}

static struct sl_position_names names_of(const struct model *m)
{
    return (struct sl_position_names){ids, rules_of(m->live), TODAY};
}

/* ---- the model ---- */

static int64_t naive_position(const struct model *m, size_t sink)
{
    for (int64_t i = 0; i < RECORDS; i++)
        if (m->status[sink][i] != DONE)
            return i;
    return RECORDS;
}

/* Rules that judged a record hold as long as somebody is done with it, or has it in a plan. */
static void forget_versions(struct model *m)
{
    for (int64_t i = 0; i < RECORDS; i++) {
        bool kept = false;

        for (size_t s = 0; s < SINKS; s++)
            kept = kept || m->status[s][i] != UNREAD || i < m->planned[s];
        if (!kept)
            m->version[i] = 0;
    }
}

static void unread_from(struct model *m, size_t sink, int64_t position)
{
    for (int64_t i = position; i < RECORDS; i++)
        m->status[sink][i] = UNREAD;
    forget_versions(m);
}

static void agree(struct model *m)
{
    for (size_t s = 0; s < m->n_sinks; s++) {
        int64_t naive = naive_position(m, s), position = sl_partition_position(m->p, s);
        const struct sl_plan *plan = &m->p->sinks[s].plan;

        if (plan->end > 0) {
            assert_true(plan->first <= naive);
            naive = plan->first;
        }
        assert_int_equal(position, naive);
        if (plan->end > 0 && plan->confirmed)
            assert_int_equal(m->planned[s], plan->end);
    }
}

/* ---- reading ---- */

static struct share *share_for(struct model *m, size_t sink, bool side, unsigned version)
{
    size_t free_one = HOLDS;

    for (size_t i = 0; i < HOLDS; i++) {
        struct share *h = &m->shares[i];

        if (!h->hold)
            free_one = i;
        else if (h->sink == sink && h->side == side && h->open)
            return h;
    }
    if (free_one == HOLDS)
        return NULL;
    m->shares[free_one] = (struct share){.hold = sl_hold_new(sink, sink == CUTS, side),
                                         .sink = sink,
                                         .side = side,
                                         .open = true,
                                         .repeats = side && sl_plan_repeat_end(m->p, sink) > 0,
                                         .version = (uint8_t)version};
    return &m->shares[free_one];
}

static void close_share(struct share *h)
{
    if (h->open)
        sl_hold_close(h->hold);
    h->open = false;
}

static void close_reader(struct model *m, size_t sink, bool side)
{
    for (size_t i = 0; i < HOLDS; i++)
        if (m->shares[i].hold && m->shares[i].sink == sink && m->shares[i].side == side)
            close_share(&m->shares[i]);
}

/* What the live reader has given waits, after a hand-over, for what the side reader is to give yet:
 * it must leave it room. */
static bool has_room(const struct model *m, bool side)
{
    size_t n = 0;

    for (size_t i = 0; i < HOLDS; i++)
        n += !m->shares[i].hold;
    return n >= (side ? SINKS : HOLDS / 4);
}

static int64_t next_existing(const struct model *m, int64_t offset)
{
    while (offset < RECORDS && !exists(m, offset))
        offset++;
    return offset;
}

static void give(struct model *m, size_t sink, bool side, int64_t offset)
{
    unsigned version = (unsigned)(sl_partition_era(m->p, offset)->rules[0] - '0');
    struct share *h;

    assert_int_equal(m->status[sink][offset], UNREAD); /* never twice */
    if (m->version[offset] > 0)
        assert_int_equal(version + 1, m->version[offset]);
    m->version[offset] = (uint8_t)(version + 1);
    m->status[sink][offset] = DONE;
    h = share_for(m, sink, side, version);
    if (h->version != version) {
        assert_false(h->repeats && sl_plan_repeat_end(m->p, sink) > 0);
        close_share(h);
        h = share_for(m, sink, side, version);
    }
    if (!chosen(offset, sink, version)) {
        if (h->hold->n == 0) {
            sl_hold_unref(h->hold);
            *h = (struct share){0};
        }
        return;
    }
    sl_hold_cover(h->hold, m->p, offset);
    m->status[sink][offset] = GIVEN;
    m->by[sink][offset] = (uint8_t)(h - m->shares);
}

static void passed_over(struct model *m, size_t sink, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        if (m->status[sink][i] == UNREAD) {
            m->status[sink][i] = DONE;
            m->expired[sink][i] = m->expired[sink][i] || i < m->log_start;
        }
}

static void read_live(struct model *m)
{
    struct sl_partition *p = m->p;
    int64_t offset = next_existing(m, p->next);

    if (!has_room(m, false))
        return;
    for (size_t s = 0; s < m->n_sinks; s++)
        if (p->sinks[s].from < offset)
            passed_over(m, s, p->next > p->sinks[s].from ? p->next : p->sinks[s].from, offset);
    if (offset == RECORDS) {
        sl_partition_skip(p, RECORDS);
        return;
    }
    for (size_t s = 0; s < m->n_sinks; s++)
        if (sl_partition_serves(p, s, offset))
            give(m, s, false, offset);
    sl_partition_advance(p, offset, offset, 0);
}

static void expire_sink(struct model *m, size_t sink)
{
    int64_t from, n = sl_partition_expire(m->p, sink, m->log_start, &from);

    for (int64_t i = from; i < from + n; i++) {
        assert_int_equal(m->status[sink][i], UNREAD);
        m->status[sink][i] = DONE;
        m->expired[sink][i] = true;
    }
    if (m->p->sinks[sink].catch_up < 0)
        close_reader(m, sink, true);
    if (m->p->sinks[sink].plan.end == 0)
        m->planned[sink] = 0;
    forget_versions(m);
}

static void read_side(struct model *m, size_t sink)
{
    struct sl_sink_position *at = &m->p->sinks[sink];
    int64_t offset, end;

    expire_sink(m, sink);
    if (at->catch_up < 0 || !has_room(m, true))
        return;
    offset = next_existing(m, at->catch_up);
    end = sl_plan_repeat_end(m->p, sink);
    if (end > 0 && offset >= end) { /* nothing of the plan lies beyond */
        passed_over(m, sink, at->catch_up, end);
        sl_partition_caught_skip(m->p, sink, end);
        close_reader(m, sink, true);
        return;
    }
    passed_over(m, sink, at->catch_up, offset < at->from ? offset : at->from);
    if (offset == RECORDS || offset >= at->from) {
        sl_partition_caught_skip(m->p, sink, offset);
    } else {
        give(m, sink, true, offset);
        sl_partition_caught(m->p, sink, offset, offset, 0);
        if (end > 0 && offset + 1 >= end)
            close_reader(m, sink, true);
    }
    if (at->catch_up < 0)
        close_reader(m, sink, true);
}

/* ---- outcomes ---- */

static bool may_send(struct model *m, struct share *h)
{
    const struct sl_span *span = h->hold->n > 0 ? h->hold->spans[0] : NULL;

    close_share(h);
    if (h->sink != CUTS || !span)
        return true;
    if (sl_plan_gate(h->hold) != SL_PLAN_GO)
        return false;
    assert_int_equal(m->planned[CUTS], span->last + 1); /* recorded */
    assert_int_equal(span->first, sl_partition_position(m->p, CUTS));
    return true;
}

static void plan_done(struct model *m)
{
    if (m->n_sinks == SINKS && m->p->sinks[CUTS].plan.end == 0)
        m->planned[CUTS] = 0;
}

static void settle(struct model *m, struct share *h)
{
    size_t index = (size_t)(h - m->shares);

    if (!h->hold || (h->open && h->side && sl_plan_repeat_end(m->p, h->sink) > 0) ||
        !may_send(m, h))
        return;
    for (int64_t i = 0; i < RECORDS; i++)
        if (m->status[h->sink][i] == GIVEN && m->by[h->sink][i] == index) {
            m->status[h->sink][i] = DONE;
            m->had[h->sink][i] |= (uint8_t)(1 << h->version);
        }
    sl_hold_unref(h->hold);
    *h = (struct share){0};
    plan_done(m);
}

/* ---- what disturbs ---- */

static void drop_shares(struct model *m, size_t sink, bool let_go)
{
    for (size_t i = 0; i < HOLDS; i++) {
        struct share *h = &m->shares[i];

        if (!h->hold || (sink < SINKS && h->sink != sink))
            continue;
        if (let_go)
            sl_hold_let_go(h->hold);
        sl_hold_unref(h->hold);
        *h = (struct share){0};
    }
}

static void detach(struct model *m, size_t sink)
{
    int64_t position = sl_partition_position(m->p, sink);

    sl_partition_detach(m->p, sink);
    drop_shares(m, sink, true);
    unread_from(m, sink, position);
}

static void expire(struct model *m)
{
    int64_t start = m->log_start + (int64_t)chance(m, 6);

    if (start > m->p->next)
        return;
    m->log_start = start;
    for (size_t s = 0; s < m->n_sinks; s++)
        expire_sink(m, s);
}

static void cut_over(struct model *m)
{
    m->live = (unsigned)chance(m, VERSIONS);
    for (size_t s = 0; s < m->n_sinks; s++)
        close_reader(m, s, false);
    sl_partition_cut_over(m->p, rules_of(m->live), NULL);
}

static void note(struct model *m)
{
    struct sl_position_names names = names_of(m);

    assert_true(sl_metadata_write(m->p, &names, m->noting_line) > 0);
    sl_partition_noting(m->p, true);
    m->noting = true;
    m->noting_least = sl_partition_least(m->p);
    for (size_t s = 0; s < SINKS; s++)
        m->noting_end[s] = s < m->n_sinks ? m->p->sinks[s].plan.end : m->planned[s];
}

static void applied(struct model *m)
{
    memcpy(m->line, m->noting_line, sizeof(m->line));
    m->committed = m->noting_least;
    for (size_t s = 0; s < SINKS; s++)
        if (m->noting_end[s] > 0)
            m->planned[s] = m->noting_end[s];
}

static void noted(struct model *m)
{
    if (!m->noting)
        return;
    applied(m);
    sl_partition_noted(m->p);
    m->noting = false;
    plan_done(m);
}

/* By the committed line each sink is done with what lies before its position; but what the log does
 * not have any more it will not get. */
static void take_up(struct model *m, size_t sink, int64_t position)
{
    for (int64_t i = 0; i < position; i++)
        m->status[sink][i] = DONE;
    unread_from(m, sink, position);
}

static void arrive(struct model *m, size_t n_sinks)
{
    struct sl_position_names names = names_of(m);
    bool new_sinks[SINKS];

    m->p = fixture_partition(n_sinks, -1);
    m->p->committed = m->committed;
    m->p->log_end = RECORDS;
    m->n_sinks = n_sinks;
    if (!sl_metadata_read(m->p, &names, m->committed, sl_slice_str(m->line), new_sinks))
        fail_msg("not read: %s", m->line);
    for (size_t s = 0; s < n_sinks; s++) {
        struct sl_sink_position *at = &m->p->sinks[s];

        assert_false(new_sinks[s]);
        m->planned[s] = at->plan.end;
        take_up(m, s, at->catch_up >= 0 ? at->catch_up : at->from);
    }
    for (size_t i = 0; i < m->p->n_carried; i++) {
        m->planned[n_sinks + i] = m->p->carried[i].plan_end;
        take_up(m, n_sinks + i, m->p->carried[i].position);
    }
    assert_int_equal(n_sinks + m->p->n_carried, SINKS);
    sl_partition_cut_over(m->p, rules_of(m->live), NULL);
    sl_partition_settle(m->p);
    for (size_t s = 0; s < n_sinks; s++)
        expire_sink(m, s);
}

static void end(struct model *m)
{
    m->p->ended = true;
    drop_shares(m, SINKS, false);
    sl_partition_unref(m->p);
    m->noting = false;
}

static void die(struct model *m)
{
    if (m->noting && chance(m, 2))
        applied(m); /* nobody heard of it */
    end(m);
    if (chance(m, 3) == 0)
        m->live = (unsigned)chance(m, VERSIONS);
    arrive(m, chance(m, 4) == 0 ? AWAY : SINKS);
}

static bool alone(const struct model *m, size_t sink)
{
    for (size_t s = 0; s < m->n_sinks; s++)
        if (s != sink && sl_partition_attached(m->p, s))
            return false;
    return true;
}

static void step(struct model *m)
{
    size_t what = chance(m, 64), sink = chance(m, m->n_sinks);

    if (what < 16) {
        if (!alone(m, SINKS))
            read_live(m);
    } else if (what < 32) {
        read_side(m, sink);
    } else if (what < 48) {
        settle(m, &m->shares[chance(m, HOLDS)]);
    } else if (what < 52) {
        if (!m->noting)
            note(m);
    } else if (what < 56) {
        noted(m);
    } else if (what < 58) {
        if (!sl_partition_attached(m->p, sink))
            sl_partition_hand_over(m->p, sink);
        if (m->p->sinks[sink].catch_up < 0)
            close_reader(m, sink, true);
    } else if (what < 59) {
        if (!sl_partition_attached(m->p, sink) || !alone(m, sink))
            detach(m, sink);
    } else if (what < 60) {
        cut_over(m);
    } else if (what < 61) {
        if (chance(m, 4) == 0)
            expire(m);
    } else if (what < 62) {
        if (chance(m, 3) == 0)
            die(m);
    } else if (what < 63) {
        sl_partition_prune_eras(m->p);
    } else {
        close_reader(m, sink, false);
    }
}

/* Nothing disturbs any more: all of it is done. */
static void come_to_rest(struct model *m)
{
    while (!m->noting)
        note(m);
    noted(m);
    end(m);
    arrive(m, SINKS);
    for (size_t round = 0; round < 4000 && sl_partition_least(m->p) < RECORDS; round++) {
        for (size_t s = 0; s < SINKS; s++) {
            read_side(m, s);
            if (!sl_partition_attached(m->p, s))
                sl_partition_hand_over(m->p, s);
            if (m->p->sinks[s].catch_up < 0)
                close_reader(m, s, true);
        }
        if (!alone(m, SINKS))
            read_live(m);
        for (size_t i = 0; i < HOLDS; i++)
            settle(m, &m->shares[i]);
        if (!m->noting)
            note(m);
        noted(m);
        agree(m);
    }
    assert_int_equal(sl_partition_least(m->p), RECORDS);
    for (size_t i = 0; i < HOLDS; i++)
        settle(m, &m->shares[i]); /* empty ones */
    assert_true(sl_partition_idle(m->p));
    for (size_t s = 0; s < SINKS; s++) {
        assert_true(sl_partition_attached(m->p, s));
        for (int64_t i = 0; i < RECORDS; i++)
            if (m->version[i] > 0 && chosen(i, s, m->version[i] - 1u) && !m->expired[s][i])
                assert_true(m->had[s][i] >> (m->version[i] - 1) & 1);
    }
    end(m);
}

static void run(uint64_t seed)
{
    static struct model m;

    m = (struct model){.seed = seed, .n_sinks = SINKS};
    m.p = fixture_partition(SINKS, 0);
    sl_partition_cut_over(m.p, rules_of(0), NULL);
    note(&m);
    noted(&m);
    agree(&m);
    for (size_t i = 0; i < STEPS; i++) {
        step(&m);
        agree(&m);
    }
    come_to_rest(&m);
}

static uint64_t last_seed;

static void agrees_with_a_model_of_every_record(void **state)
{
    (void)state;
    for (last_seed = 1; last_seed <= SEEDS; last_seed++)
        run(last_seed);
}

static int say_seed(void **state)
{
    (void)state;
    if (last_seed <= SEEDS)
        printf("  seed %llu\n", (unsigned long long)last_seed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(agrees_with_a_model_of_every_record, say_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
