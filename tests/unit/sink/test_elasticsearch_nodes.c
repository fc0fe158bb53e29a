/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sink/elasticsearch_nodes.h"

static void healthy_nodes_take_turns(void **state)
{
    struct sl_es_nodes n;

    (void)state;
    sl_es_nodes_init(&n, 3);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(sl_es_nodes_pick(&n, 5), i % 3);
    sl_es_nodes_release(&n);
}

static void a_failed_node_is_out_for_a_growing_time(void **state)
{
    static const uint64_t outs[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct sl_es_nodes n;
    uint64_t now = 77;

    (void)state;
    sl_es_nodes_init(&n, 2);
    for (size_t i = 0; i < sizeof(outs) / sizeof(outs[0]); i++) {
        sl_es_nodes_bad(&n, 0, now);
        sl_es_nodes_bad(&n, 0, now + 1); /* another request of the same moment: no longer */
        for (int k = 0; k < 4; k++) {
            assert_int_equal(sl_es_nodes_pick(&n, now), 1);
            assert_int_equal(sl_es_nodes_pick(&n, now + outs[i] - 1), 1);
        }
        now += outs[i];
        assert_true(sl_es_nodes_pick(&n, now) != sl_es_nodes_pick(&n, now));
    }
    sl_es_nodes_good(&n, 0);
    sl_es_nodes_bad(&n, 0, now);
    assert_true(sl_es_nodes_pick(&n, now + 1000) != sl_es_nodes_pick(&n, now + 1000));
    sl_es_nodes_release(&n);
}

static void when_all_are_out_the_one_that_failed_first_is_tried(void **state)
{
    struct sl_es_nodes n;

    (void)state;
    sl_es_nodes_init(&n, 3);
    assert_true(sl_es_nodes_any(&n, 10));
    sl_es_nodes_bad(&n, 1, 10);
    sl_es_nodes_bad(&n, 2, 20);
    assert_true(sl_es_nodes_any(&n, 20));
    sl_es_nodes_bad(&n, 0, 30);
    assert_false(sl_es_nodes_any(&n, 30));
    assert_int_equal(sl_es_nodes_pick(&n, 30), 1);
    sl_es_nodes_bad(&n, 1, 40);
    assert_int_equal(sl_es_nodes_pick(&n, 40), 2);
    sl_es_nodes_bad(&n, 2, 50);
    assert_int_equal(sl_es_nodes_pick(&n, 50), 0);
    assert_true(sl_es_nodes_any(&n, 1010));
    sl_es_nodes_release(&n);
}

static void one_node_is_always_tried(void **state)
{
    struct sl_es_nodes n;

    (void)state;
    sl_es_nodes_init(&n, 1);
    sl_es_nodes_bad(&n, 0, 10);
    assert_int_equal(sl_es_nodes_pick(&n, 10), 0);
    assert_int_equal(sl_es_nodes_pick(&n, 10), 0);
    sl_es_nodes_release(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_nodes_take_turns),
        cmocka_unit_test(a_failed_node_is_out_for_a_growing_time),
        cmocka_unit_test(when_all_are_out_the_one_that_failed_first_is_tried),
        cmocka_unit_test(one_node_is_always_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
