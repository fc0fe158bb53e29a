/* SPDX-License-Identifier: Apache-2.0 */
/* The sink core under random outcomes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "sink/core_readers.h"

/* A record has its size whenever it is read; now and then one that this sink can never take. */
static size_t size(const struct world *w, int partition, int64_t offset)
{
    uint64_t at = (uint64_t)partition << 32 | (uint64_t)offset, n = fake_next(&at);

    return n % 97 == 0 ? w->config.queue_bytes / 4 + 1 : n % 300;
}

/* What is sent in cuts has a plan that is recorded. */
static void sent(struct sl_sink *s, struct sl_batch *b)
{
    const struct sl_span *span = b->hold->spans[0];

    if ((s->type->flags & SL_SINK_CUTS) && !span->partition->ended) {
        assert_int_equal(world->committed[span->partition->number].plan.first, span->first);
        assert_int_equal(world->committed[span->partition->number].plan.end, span->last + 1);
    }
    fake_submit(s, b);
}

/* The side reader, the hand-over, detaching, commits. */
static void step_of_readers(struct world *w, uint64_t n)
{
    int i = (int)(fake_next(&w->seed) % PARTITIONS);

    if (n < 40)
        catch_up(w, i, size(w, i, w->partitions[i]->sinks[0].catch_up));
    else if (n < 60)
        commit_end(w, i);
    else if (n < 85)
        commit_begin(w, i);
    else if (n < 95)
        hand_over(w, i, 5);
    else if (fake_next(&w->seed) % 20 == 0)
        detach(w);
    else if (fake_next(&w->seed) % 20 == 0 && w->n_ended < ENDED_MAX)
        reassign(w, i);
}

static void step(struct world *w, uint64_t n)
{
    int i = (int)(fake_next(&w->seed) % PARTITIONS);

    if (n < 61)
        route(w, i, size(w, i, w->partitions[i]->next));
    else if (n < 75 && w->fake.n_work)
        fake_run_work(&w->fake);
    else if (n < 88 && w->sinks.n)
        reply(w, fake_next(&w->seed) % w->sinks.n, false);
    else if (n < 93 && w->n_letters)
        confirm_letter(w, fake_next(&w->seed) % w->n_letters, n == 92 ? SL_EKAFKA : SL_OK);
    else if (n < 98)
        fake_advance(&w->fake, fake_next(&w->seed) % 500);
    else if (n == 98)
        w->refuse_letters = fake_next(&w->seed) % 2;
    else if (fake_next(&w->seed) % 20 == 0 && w->n_ended < ENDED_MAX)
        reassign(w, i);
}

static void random_run(const struct sl_sink_type *like, uint64_t seed, bool readers)
{
    struct sl_sink_type type = *like;
    struct world w;

    type.submit = readers ? sent : fake_submit;
    world_init(&w, &type, seed);
    if (readers)
        w.env.commit = on_commit;
    if (seed % 2)
        w.config.queue_bytes = 64 << 10;
    w.config.batch_records = seed % 3 ? 50 : 500;
    w.config.dead_letter_limit = 1000;
    for (int i = 0; i < 3000; i++) {
        step(&w, fake_next(&w.seed) % 100);
        if (readers)
            step_of_readers(&w, fake_next(&w.seed) % 100);
        check(&w);
        assert_true(w.sinks.n <= w.config.requests);
        assert_true(sl_sink_bytes(w.sink) <= w.config.queue_bytes);
    }
    w.refuse_letters = false;
    catch_up_all(&w);
    settle_everything(&w);
    check(&w);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(sl_partition_least(w.partitions[i]), w.partitions[i]->next);
    assert_int_equal(*w.sink->count.in_flight, 0);
    assert_int_equal(sl_sink_bytes(w.sink), 0);
    world_release(&w);
}

static void random_outcomes_with_items(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++)
        random_run(&fake_items_type, seed, false);
}

static void random_outcomes_with_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++)
        random_run(&fake_cuts_type, seed, false);
}

static void random_detaches_with_items(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++)
        random_run(&fake_items_type, seed, true);
}

static void random_detaches_with_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++)
        random_run(&fake_cuts_type, seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_outcomes_with_items),
        cmocka_unit_test(random_outcomes_with_cuts),
        cmocka_unit_test(random_detaches_with_items),
        cmocka_unit_test(random_detaches_with_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
