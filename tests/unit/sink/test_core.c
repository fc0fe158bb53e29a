/* SPDX-License-Identifier: Apache-2.0 */
/* The sink core under random outcomes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "sink/core_world.h"

static void random_run(const struct sl_sink_type *type, uint64_t seed)
{
    struct world w;

    world_init(&w, type, seed);
    for (int step = 0; step < 3000; step++) {
        uint64_t n = fake_next(&w.seed) % 100;

        if (n < 60)
            route(&w, (int)(fake_next(&w.seed) % PARTITIONS), fake_next(&w.seed) % 300);
        else if (n < 61)
            route(&w, 0, 300000); /* more than this sink can ever take */
        else if (n < 75 && w.fake.n_work)
            fake_run_work(&w.fake);
        else if (n < 88 && w.sinks.n)
            reply(&w, fake_next(&w.seed) % w.sinks.n, false);
        else if (n < 93 && w.n_letters)
            confirm_letter(&w, fake_next(&w.seed) % w.n_letters, n == 92 ? SL_EKAFKA : SL_OK);
        else if (n < 98)
            fake_advance(&w.fake, fake_next(&w.seed) % 500);
        else if (n == 98)
            w.refuse_letters = fake_next(&w.seed) % 2;
        else if (fake_next(&w.seed) % 20 == 0)
            reassign(&w, (int)(fake_next(&w.seed) % PARTITIONS));
        check(&w);
        assert_true(w.sinks.n <= w.config.requests);
        assert_true(sl_sink_bytes(w.sink) <= w.config.queue_bytes);
    }
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
    for (uint64_t seed = 1; seed <= 150; seed++)
        random_run(&fake_items_type, seed);
}

static void random_outcomes_with_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++)
        random_run(&fake_cuts_type, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_outcomes_with_items),
        cmocka_unit_test(random_outcomes_with_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
