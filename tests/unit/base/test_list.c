/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/list.h"

enum { MEMBERS = 40 };

struct member {
    int number;
    struct sl_list node;
};

static void assert_order(const struct sl_list *head, const int *numbers, size_t n)
{
    const struct sl_list *at;
    size_t i = 0;

    sl_list_each (at, head) {
        assert_true(i < n);
        assert_int_equal(sl_container_of(at, struct member, node)->number, numbers[i++]);
        assert_ptr_equal(at->next->prev, at);
    }
    assert_int_equal(i, n);
    assert_int_equal(sl_list_empty(head), n == 0);
}

/* Random pushes and removals beside a plain array. */
static void behaves_as_a_plain_array(void **state)
{
    struct member members[MEMBERS];
    int model[MEMBERS];
    bool in[MEMBERS] = {false};
    size_t n = 0;
    uint32_t seed = 3;
    struct sl_list head;

    (void)state;
    sl_list_init(&head);
    for (int i = 0; i < MEMBERS; i++) {
        members[i].number = i;
        sl_list_init(&members[i].node);
    }
    for (unsigned step = 0; step < 5000; step++) {
        seed = seed * 1664525 + 1013904223;
        int i = (int)((seed >> 8) % MEMBERS);
        size_t at = 0;

        if (in[i]) {
            sl_list_remove(&members[i].node);
            while (model[at] != i)
                at++;
            memmove(model + at, model + at + 1, (--n - at) * sizeof(*model));
            sl_list_remove(&members[i].node); /* harmless twice */
        } else if (seed >> 31) {
            sl_list_push(&head, &members[i].node);
            model[n++] = i;
        } else {
            sl_list_push_front(&head, &members[i].node);
            memmove(model + 1, model, n++ * sizeof(*model));
            model[0] = i;
        }
        in[i] = !in[i];
        assert_order(&head, model, n);
    }
}

static void members_may_go_while_it_is_walked(void **state)
{
    struct member members[10];
    struct sl_list head, *at, *after;
    int seen = 0;

    (void)state;
    sl_list_init(&head);
    for (int i = 0; i < 10; i++) {
        members[i].number = i;
        sl_list_push(&head, &members[i].node);
    }
    sl_list_each_safe (at, after, &head) {
        struct member *m = sl_container_of(at, struct member, node);

        assert_int_equal(m->number, seen++);
        if (m->number % 2)
            sl_list_remove(at);
    }
    assert_int_equal(seen, 10);
    assert_order(&head, (const int[]){0, 2, 4, 6, 8}, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_a_plain_array),
        cmocka_unit_test(members_may_go_while_it_is_walked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
