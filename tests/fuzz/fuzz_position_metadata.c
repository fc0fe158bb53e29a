/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside a committed offset: the first byte says how many sinks are known and whether
 * the log's end is, the next two the committed offset, the rest is the line. What is read, written
 * and read again is the same; what is not read leaves everything as it was. */
#include <stdlib.h>
#include <string.h>

#include "sluice/position.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SINKS = 3 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct sl_partition *partition(size_t n_sinks)
{
    static char name[] = "logs";
    static struct sl_topic topic = {.name = name};

    return sl_partition_new(&topic, 0, 1, n_sinks, "");
}

static void check_same(const struct sl_partition *a, const struct sl_partition *b)
{
    for (size_t i = 0; i < a->n_sinks; i++) {
        const struct sl_sink_position *x = &a->sinks[i], *y = &b->sinks[i];

        check(x->from == y->from && x->catch_up == y->catch_up);
        check(x->plan.first == y->plan.first && x->plan.end == y->plan.end);
    }
    check(a->n_eras == b->n_eras && a->n_carried == b->n_carried);
    for (size_t i = 0; i < a->n_eras; i++)
        check(a->eras[i].begin == b->eras[i].begin &&
              strcmp(a->eras[i].rules, b->eras[i].rules) == 0);
    for (size_t i = 0; i < a->n_carried; i++) {
        const struct sl_carried *x = &a->carried[i], *y = &b->carried[i];

        check(strcmp(x->id, y->id) == 0 && x->position == y->position &&
              x->plan_end == y->plan_end && x->behind == y->behind && x->day == y->day);
    }
}

static void check_sound(const struct sl_partition *p, int64_t committed)
{
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_sink_position *s = &p->sinks[i];

        check(s->catch_up < 0 ? s->from >= committed && s->from < INT64_MAX : s->from == INT64_MAX);
        check(s->plan.end == 0 ||
              (s->plan.first == s->catch_up && s->plan.first < s->plan.end && s->plan.confirmed));
    }
    for (size_t i = 1; i < p->n_eras; i++)
        check(p->eras[i - 1].begin < p->eras[i].begin);
    check(p->next == -1);
}

static void write_and_read(struct sl_partition *p, const struct sl_position_names *names)
{
    struct sl_partition *again = partition(p->n_sinks);
    char line[SL_METADATA_MAX];
    size_t n;

    sl_partition_settle(p);
    n = sl_metadata_write(p, names, line);
    check(strlen(line) == n);
    if (n > 0 && p->n_sinks > 0) {
        struct sl_partition *third = partition(p->n_sinks);
        char twice[SL_METADATA_MAX];

        check(sl_metadata_read(again, names, sl_partition_least(p), sl_slice(line, n), NULL));
        sl_partition_settle(again);
        /* From here on nothing changes any more: not for size, and not for what was cut short. */
        n = sl_metadata_write(again, names, twice);
        if (n > 0) {
            check(sl_metadata_read(third, names, sl_partition_least(again), sl_slice(twice, n),
                                   NULL));
            sl_partition_settle(third);
            check_same(again, third);
        }
        sl_partition_unref(third);
    }
    sl_partition_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const ids[SINKS] = {"search", "archive", "alerts"};
    const struct sl_position_names names = {ids, "0123456789ab", 20000};
    bool new_sinks[SINKS];
    struct sl_partition *p;
    struct sl_slice line;
    int64_t committed;

    if (n < 3)
        return 0;
    p = partition(data[0] % (SINKS + 1));
    committed = data[1] << 8 | data[2];
    line = sl_slice((const char *)data + 3, n - 3);
    if (data[0] & 0x80)
        p->log_end = committed + 1000;
    if (sl_metadata_read(p, &names, committed, line, new_sinks)) {
        check(sl_metadata_each(line, committed, NULL, NULL));
        check_sound(p, committed);
        sl_metadata_reaches(line, committed, committed + 5);
        write_and_read(p, &names);
    } else {
        for (size_t i = 0; i < p->n_sinks; i++)
            check(p->sinks[i].from == 0 && p->sinks[i].catch_up == -1 && p->sinks[i].plan.end == 0);
        check(p->n_eras == 0 && p->n_carried == 0);
    }
    sl_partition_unref(p);
    return 0;
}
