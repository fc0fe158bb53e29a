/* SPDX-License-Identifier: Apache-2.0 */
/* Records that come twice, and records that have no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow/flow.h"

#define RECORD(members) "{\"correlation_id\":\"c1\",\"service\":\"a\"" members "}"
#define AT(time) ",\"time\":\"2026-01-31T12:00:0" time "Z\""

static const int64_t noon = INT64_C(1769860800) * 1000000000;

static struct sl_flow_input input(const char *record, uint64_t origin, uint64_t sequence,
                                  int64_t offset)
{
    return (struct sl_flow_input){.json = sl_slice_str(record),
                                  .kafka_ms = -1,
                                  .origin = origin,
                                  .sequence = sequence,
                                  .offset = offset,
                                  .from_ns = INT64_MIN,
                                  .to_ns = INT64_MAX};
}

static void add(struct sl_flow *f, const char *record, uint64_t origin, uint64_t sequence,
                int64_t offset)
{
    const struct sl_flow_input in = input(record, origin, sequence, offset);

    assert_int_equal(sl_flow_add(f, &in), SL_OK);
}

/* Two objects hold the same offsets, and are read one after the other. */
static void what_comes_twice_is_shown_once(void **state)
{
    static const char one[] = RECORD(AT("0")), two[] = RECORD(AT("1"));
    struct sl_flow *f = sl_flow_new("c1");

    (void)state;
    add(f, one, 1, 1, 10);
    add(f, two, 1, 2, 20);
    add(f, one, 1, 3, 10);
    add(f, two, 1, 4, 20);
    add(f, one, 2, 5, 10); /* of another partition */
    add(f, two, 1, 6, -1); /* of an offset that is not known */
    add(f, two, 1, 7, -1);
    sl_flow_finish(f);
    assert_int_equal(f->n_records, 5);
    assert_int_equal(f->total, 5);
    sl_flow_free(f);
}

static void a_log_without_any_time(void **state)
{
    struct sl_flow *f = sl_flow_new("c1");
    struct sl_buf out;

    (void)state;
    add(f, RECORD(""), 1, 1, 1);
    add(f, RECORD(AT("3")), 2, 1, 1);
    add(f, RECORD(AT("1")), 2, 2, 2);
    sl_flow_finish(f);
    assert_int_equal(f->from_ns, noon + 1000000000);
    assert_int_equal(f->to_ns, noon + INT64_C(3000000000));
    assert_false(f->records[0].timed && f->records[1].timed);
    sl_flow_free(f);

    f = sl_flow_new("c1"); /* nothing is told of when it was */
    add(f, RECORD(""), 1, 1, 1);
    sl_flow_finish(f);
    sl_buf_init(&out, 1 << 20);
    sl_flow_terminal(f, &(struct sl_flow_look){80, true, false}, &out);
    sl_flow_html(f, &out);
    sl_flow_json(f, &out);
    assert_null(strstr(sl_buf_str(&out), "1970"));
    assert_non_null(strstr(sl_buf_str(&out), "\"start\":null,\"end\":null"));
    sl_buf_release(&out);
    sl_flow_free(f);
}

/* What a field says is not the record's time where that is known to be another. */
static void a_time_that_is_none(void **state)
{
    struct sl_flow *f = sl_flow_new("c1");
    struct sl_flow_input in = input(RECORD(",\"time\":\"2099-01-31T12:00:00Z\""), 1, 2, 2);

    (void)state;
    in.untimed = true;
    in.from_ns = noon;
    in.to_ns = noon + 60 * INT64_C(1000000000);
    add(f, RECORD(AT("0")), 1, 1, 1);
    assert_int_equal(sl_flow_add(f, &in), SL_OK);
    sl_flow_finish(f);
    assert_int_equal(f->n_records, 2);
    assert_int_equal(f->to_ns, noon);
    assert_false(f->records[1].timed);
    sl_flow_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_twice_is_shown_once),
        cmocka_unit_test(a_log_without_any_time),
        cmocka_unit_test(a_time_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
