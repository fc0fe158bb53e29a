/* SPDX-License-Identifier: Apache-2.0 */
/* Ten thousand reloads while records flow, good and bad ones mixed: each record is judged by one
 * version and arrives once where that version says, the ledger balances, memory stays flat. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <malloc.h>

#include "pipeline/rules_world.h"

enum { RELOADS = 10000, SEEN_FIRST = 2000 };

struct drive {
    struct world *w;
    uint64_t seed;
    unsigned made; /* versions */
    unsigned good, bad;
    char written[24]; /* name of the last good version; live once it was loaded */
    uint64_t checked[PARTITIONS];
};

static uint64_t chance(struct drive *d, uint64_t n)
{
    return fake_next(&d->seed) % n;
}

static const char *const targets[] = {"items", "cuts", "items, cuts"};
static const uint8_t target_bits[] = {1 << ITEMS, 1 << CUTS, 1 << ITEMS | 1 << CUTS};

/* The version's number says where it sends what. */
static uint8_t bits_of(const char *rule)
{
    return target_bits[strtoul(rule + 1, NULL, 10) % 3];
}

static void write_good(struct drive *d)
{
    char *text;

    snprintf(d->written, sizeof(d->written), "v%u", ++d->made);
    text = sl_asprintf("# %*s\nrules:\n"
                       "  - { name: %s, to: [%s] }\n"
                       "  - { name: never-%u, when: { f%u: { regex: '^x%u' } }, drop: true }\n",
                       (int)(d->made % 500), "", d->written, targets[d->made % 3], d->made, d->made,
                       d->made);
    if (chance(d, 2))
        replace_file(d->w, "10.yaml", text);
    else
        write_file(d->w, "10.yaml", text);
    free(text);
    d->good++;
}

static void write_bad(struct drive *d)
{
    static const char *const wrong[] = {
        "rules:\n  - name: half\n    when: { a: { regex: '(",
        "rules:\n  - { name: nowhere, to: elsewhere }\n",
        "rules:\n  - { name: pattern, when: { a: { regex: '(' } }, to: items }\n",
        "rules:\n\t- tab\n",
        "rules: []\n",
    };
    unsigned n = (unsigned)chance(d, sizeof(wrong) / sizeof(wrong[0]) + 1);

    if (n == sizeof(wrong) / sizeof(wrong[0]))
        remove_file(d->w, "10.yaml");
    else
        write_file(d->w, "10.yaml", wrong[n]);
    d->bad++;
}

/* A restart or rebalance: one sink is ahead of the other in this partition. */
static void make_gap(struct drive *d)
{
    struct sl_partition *at = d->w->partitions[chance(d, PARTITIONS)];

    if (at->sinks[ITEMS].from <= at->next && at->sinks[CUTS].from <= at->next)
        at->sinks[chance(d, SINKS)].from = at->next + (int64_t)chance(d, 10);
}

static void flow(struct drive *d, unsigned n)
{
    struct world *w = d->w;

    while (n-- > 0) {
        size_t k = (size_t)chance(d, PARTITIONS);
        struct sl_partition *at = w->partitions[k];
        struct page *page = &w->book[k][at->next];

        page->to = bits_of(judging_rule(w, k));
        for (size_t s = 0; s < SINKS; s++)
            if (at->next < at->sinks[s].from)
                page->to &= (uint8_t) ~(1U << s);
        if (!record(w, k, "{\"a\":1}"))
            return; /* paused; the page is written anew when it is offered again */
    }
}

static void settle_one(struct drive *d)
{
    struct world *w = d->w;
    uint64_t n = chance(d, 10);

    if (n < 5 && w->fake.n_work)
        fake_run_work(&w->fake);
    else if (n < 8 && w->pending.n)
        deliver(w);
    else if (n < 9)
        commit(w);
    else
        fake_advance(&w->fake, chance(d, 50));
}

/* What is below both sinks' positions has arrived, once, where its version says. */
static void check_pages(struct drive *d)
{
    for (size_t k = 0; k < PARTITIONS; k++) {
        uint64_t end = (uint64_t)sl_partition_least(d->w->partitions[k]);

        for (; d->checked[k] < end; d->checked[k]++) {
            const struct page *page = &d->w->book[k][d->checked[k]];

            for (size_t s = 0; s < SINKS; s++)
                assert_int_equal(page->delivered[s], page->to >> s & 1);
        }
    }
}

static void check_ledger(struct drive *d)
{
    struct world *w = d->w;

    for (size_t s = 0; s < SINKS; s++) {
        const struct sl_sink_counters *c = &w->p.sinks[s]->count;

        assert_int_equal(*c->routed, *c->delivered + *c->dead + *c->let_go + *c->in_flight);
    }
    assert_int_equal(w->topic_counters[2], metric(w, "sluice_dropped_records_total", NULL, NULL) +
                                               metric(w, "sluice_kept_records_total", NULL, NULL));
    assert_int_equal(metric(w, "sluice_rule_records_total", NULL, NULL), w->topic_counters[2]);
    assert_int_equal(metric(w, "sluice_rules_info", NULL, NULL), 1);
}

/* One reload: asked for, or by the looks of the files. */
static void reload(struct drive *d)
{
    struct world *w = d->w;
    bool good = chance(d, 3) > 0;

    if (chance(d, 20) == 0)
        make_gap(d);
    if (good)
        write_good(d);
    else
        write_bad(d);
    if (chance(d, 4) > 0)
        sl_reload_now(&w->p);
    for (unsigned i = 0, n = 5 + (unsigned)chance(d, 20); i < n; i++) {
        flow(d, (unsigned)chance(d, 4));
        settle_one(d);
    }
    if (chance(d, 4) == 0) {
        tick(w); /* now and then everything comes to rest */
        flow(d, 5);
        tick(w);
        tick(w);
    }
    check_pages(d);
}

static void come_to_rest(struct drive *d)
{
    struct world *w = d->w;

    for (int i = 0; i < 50; i++) {
        flow(d, 3); /* gaps end */
        sl_sink_close_open(w->p.sinks[ITEMS], NULL);
        sl_sink_close_open(w->p.sinks[CUTS], NULL);
        run_work(w);
        while (w->pending.n)
            deliver(w);
        tick(w);
    }
    check_pages(d);
    assert_true(sl_sink_idle(w->p.sinks[ITEMS]) && sl_sink_idle(w->p.sinks[CUTS]));
}

static size_t memory_used(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

/* How often the records of a partition changed from one version to the next. */
static size_t versions_seen(const struct world *w, size_t partition)
{
    size_t n = 0;

    for (size_t i = 1; i < w->pages[partition]; i++)
        n += strcmp(w->book[partition][i].rule, w->book[partition][i - 1].rule) != 0;
    return n;
}

static void f54_ten_thousand_reloads(void **state)
{
    struct drive d = {.w = world_new("cuts"), .seed = 4, .made = 1};
    struct world *w = d.w;
    size_t memory = 0, records = 0;

    (void)state;
    for (unsigned i = 0; i < RELOADS; i++) {
        reload(&d);
        if (i == SEEN_FIRST) {
            come_to_rest(&d);
            memory = memory_used();
        }
        if (i % 100 == 0) {
            check_ledger(&d);
            rewind(w->log_file); /* the log would grow, nothing else shall */
        }
    }
    come_to_rest(&d);
    assert_true(memory_used() < memory + (256 << 10));
    write_good(&d);
    come_to_rest(&d);
    expect_live(w, d.written);
    assert_true(successful(w));
    check_ledger(&d);
    for (size_t k = 0; k < PARTITIONS; k++)
        records += w->pages[k];
    print_message("%u good, %u bad, %zu records, %zu + %zd bytes\n", d.good, d.bad, records, memory,
                  (ssize_t)(memory_used() - memory));
    assert_true(records > 100000 && d.bad > RELOADS / 4);
    assert_true(versions_seen(w, 0) > RELOADS / 4);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f54_ten_thousand_reloads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
