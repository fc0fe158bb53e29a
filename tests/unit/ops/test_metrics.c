/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ops/metrics.h"

#define LABELS(...) ((struct sl_label[]){__VA_ARGS__, {NULL, NULL}})

static struct sl_metrics *m;
static struct sl_buf out;

static int setup(void **state)
{
    (void)state;
    m = sl_metrics_new();
    sl_buf_init(&out, 16 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sl_metrics_free(m);
    sl_buf_release(&out);
    return 0;
}

static const char *rendered(void)
{
    sl_buf_clear(&out);
    sl_metrics_render(m, &out);
    return sl_buf_str(&out);
}

static void test_text_is_exact(void **state)
{
    static const double bounds[] = {0.1, 1, 2.5};
    struct sl_histogram *h;

    (void)state;
    *sl_metrics_counter(m, "a_total", "Counts\\ of\na.", LABELS({"sink", "one"})) = 5;
    *sl_metrics_gauge(m, "b", "Gauge.", NULL) = UINT64_MAX;
    *sl_metrics_counter(m, "a_total", "ignored", LABELS({"sink", "two"}, {"code", "200"})) += 2;
    *sl_metrics_gauge_double(m, "c", "Real.", LABELS({"x", "y"})) = 0.1;
    *sl_metrics_gauge_double(m, "c", "Real.", LABELS({"x", "inf"})) = INFINITY;
    *sl_metrics_gauge_double(m, "c", "Real.", LABELS({"x", "nan"})) = NAN;
    *sl_metrics_gauge_double(m, "c", "Real.", LABELS({"x", "big"})) = 1700000000.123;
    h = sl_metrics_histogram(m, "d_seconds", "Times.", LABELS({"sink", "one"}), bounds, 3);
    sl_histogram_observe(h, 0.1, 1); /* a bound belongs to its bucket */
    sl_histogram_observe(h, 0.5, 2);
    sl_histogram_observe(h, 99, 1);
    assert_string_equal(rendered(), "# HELP a_total Counts\\\\ of\\na.\n"
                                    "# TYPE a_total counter\n"
                                    "a_total{sink=\"one\"} 5\n"
                                    "a_total{sink=\"two\",code=\"200\"} 2\n"
                                    "# HELP b Gauge.\n"
                                    "# TYPE b gauge\n"
                                    "b 18446744073709551615\n"
                                    "# HELP c Real.\n"
                                    "# TYPE c gauge\n"
                                    "c{x=\"y\"} 0.1\n"
                                    "c{x=\"inf\"} +Inf\n"
                                    "c{x=\"nan\"} NaN\n"
                                    "c{x=\"big\"} 1700000000.123\n"
                                    "# HELP d_seconds Times.\n"
                                    "# TYPE d_seconds histogram\n"
                                    "d_seconds_bucket{sink=\"one\",le=\"0.1\"} 1\n"
                                    "d_seconds_bucket{sink=\"one\",le=\"1\"} 3\n"
                                    "d_seconds_bucket{sink=\"one\",le=\"2.5\"} 3\n"
                                    "d_seconds_bucket{sink=\"one\",le=\"+Inf\"} 4\n"
                                    "d_seconds_sum{sink=\"one\"} 100.1\n"
                                    "d_seconds_count{sink=\"one\"} 4\n");
}

static void test_label_values_are_escaped(void **state)
{
    (void)state;
    sl_metrics_counter(m, "a_total", "A.", LABELS({"l", "q\"b\\n\nu\xc3\xa9 bad\xff\xc3"}));
    assert_non_null(strstr(
        rendered(), "a_total{l=\"q\\\"b\\\\n\\nu\xc3\xa9 bad\xef\xbf\xbd\xef\xbf\xbd\"} 0\n"));
}

static void test_same_labels_same_series(void **state)
{
    uint64_t *first[5000], *again;
    char name[16];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "%d", i);
        first[i] = sl_metrics_counter(m, "a_total", "A.", LABELS({"rule", name}));
        *first[i] = (uint64_t)i;
    }
    for (int i = 0; i < 5000; i++) { /* pointers hold while the table grows */
        snprintf(name, sizeof(name), "%d", i);
        again = sl_metrics_counter(m, "a_total", "A.", LABELS({"rule", name}));
        assert_ptr_equal(again, first[i]);
        assert_int_equal(*again, i);
    }
    again = sl_metrics_counter(m, "b_total", "B.", LABELS({"rule", "7"}));
    assert_ptr_not_equal(again, first[7]);
}

static void test_dropped_series_are_gone(void **state)
{
    char label[16];

    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(label, sizeof(label), "%d", i);
        *sl_metrics_counter(m, "c_total", "h", LABELS({"rule", label})) = 1;
    }
    for (int i = 0; i < 300; i += 3) { /* the first, the last and some between */
        snprintf(label, sizeof(label), "%d", 299 - i);
        sl_metrics_drop(m, "c_total", LABELS({"rule", label}));
        sl_metrics_drop(m, "c_total", LABELS({"rule", label}));
    }
    sl_metrics_drop(m, "c_total", LABELS({"rule", "0"}));
    sl_metrics_drop(m, "unknown", NULL);
    assert_int_equal(sl_metrics_sum(m, "c_total", NULL), 199);
    assert_int_equal(sl_metrics_sum(m, "c_total", LABELS({"rule", "299"})), 0);
    assert_int_equal(sl_metrics_sum(m, "c_total", LABELS({"rule", "298"})), 1);
    /* It begins at nothing again. */
    assert_int_equal(*sl_metrics_counter(m, "c_total", "h", LABELS({"rule", "299"})), 0);
    *sl_metrics_counter(m, "c_total", "h", LABELS({"rule", "299"})) = 5;
    assert_int_equal(sl_metrics_sum(m, "c_total", NULL), 204);
    sl_metrics_drop(m, "c_total", LABELS({"rule", "299"}));
    assert_int_equal(sl_metrics_sum(m, "c_total", NULL), 199);
}

static void test_removed_series_are_not_shown(void **state)
{
    uint64_t *lag, *count;

    (void)state;
    lag = sl_metrics_gauge(m, "lag", "Lag.", LABELS({"partition", "0"}));
    count = sl_metrics_counter(m, "c_total", "C.", LABELS({"partition", "0"}));
    *lag = 5;
    *count = 5;
    sl_metrics_remove(m, "lag", LABELS({"partition", "0"}));
    sl_metrics_remove(m, "lag", LABELS({"partition", "1"}));
    sl_metrics_remove(m, "unknown", NULL);
    sl_metrics_remove(m, "c_total", LABELS({"partition", "0"}));
    *lag = 6; /* the pointer still leads somewhere */
    assert_string_equal(rendered(), "");
    assert_int_equal(sl_metrics_sum(m, "lag", NULL), 0);
    /* A gauge begins anew, a counter never goes back. */
    assert_int_equal(*sl_metrics_gauge(m, "lag", "Lag.", LABELS({"partition", "0"})), 0);
    assert_int_equal(*sl_metrics_counter(m, "c_total", "C.", LABELS({"partition", "0"})), 5);
    assert_string_equal(rendered(), "# HELP lag Lag.\n# TYPE lag gauge\nlag{partition=\"0\"} 0\n"
                                    "# HELP c_total C.\n# TYPE c_total counter\n"
                                    "c_total{partition=\"0\"} 5\n");
}

static void test_sums(void **state)
{
    static const double bounds[] = {1};

    (void)state;
    *sl_metrics_counter(m, "a_total", "A.", LABELS({"rule", "x"}, {"reason", "r"})) = 1;
    *sl_metrics_counter(m, "a_total", "A.", LABELS({"rule", "x"}, {"reason", "s"})) = 10;
    *sl_metrics_counter(m, "a_total", "A.", LABELS({"rule", "y"}, {"reason", "r"})) = 100;
    sl_histogram_observe(sl_metrics_histogram(m, "h", "H.", NULL, bounds, 1), 0.5, 3);
    assert_int_equal(sl_metrics_sum(m, "a_total", NULL), 111);
    assert_int_equal(sl_metrics_sum(m, "a_total", LABELS({"rule", "x"})), 11);
    assert_int_equal(sl_metrics_sum(m, "a_total", LABELS({"reason", "r"})), 101);
    assert_int_equal(sl_metrics_sum(m, "a_total", LABELS({"reason", "s"}, {"rule", "x"})), 10);
    assert_int_equal(sl_metrics_sum(m, "a_total", LABELS({"other", "x"})), 0);
    assert_int_equal(sl_metrics_sum(m, "none", NULL), 0);
    assert_int_equal(sl_metrics_sum(m, "h", NULL), 3);
}

static void set_gauge(void *user)
{
    ++*(uint64_t *)user;
}

static void test_gauges_are_computed_before_rendering(void **state)
{
    uint64_t *gauge = sl_metrics_gauge(m, "g", "G.", NULL);

    (void)state;
    sl_metrics_on_render(m, set_gauge, gauge);
    sl_metrics_on_render(m, set_gauge, gauge);
    assert_non_null(strstr(rendered(), "\ng 2\n"));
}

static double value_of(const char *text, const char *name)
{
    char line[80];
    const char *at;

    snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(text, line);
    if (!at)
        fail_msg("%s is missing", name);
    return strtod(at + strlen(line), NULL);
}

static void test_process(void **state)
{
    const char *text;
    double fds;
    FILE *more;

    (void)state;
    assert_null(strstr(rendered(), "process_"));
    sl_metrics_process(m);
    text = rendered();
    assert_true(value_of(text, "process_cpu_seconds_total") >= 0);
    assert_true(value_of(text, "process_resident_memory_bytes") > 1e5);
    assert_true(value_of(text, "process_virtual_memory_bytes") >
                value_of(text, "process_resident_memory_bytes"));
    assert_true(value_of(text, "process_max_fds") >= value_of(text, "process_open_fds"));
    assert_true(fabs(value_of(text, "process_start_time_seconds") - (double)time(NULL)) < 3600);
    fds = value_of(text, "process_open_fds");
    more = tmpfile();
    assert_true(value_of(rendered(), "process_open_fds") == fds + 1);
    fclose(more);
    assert_non_null(strstr(rendered(), "# TYPE process_cpu_seconds_total counter\n"));
}

#define WITH_METRICS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_METRICS(test_text_is_exact),
        WITH_METRICS(test_label_values_are_escaped),
        WITH_METRICS(test_same_labels_same_series),
        WITH_METRICS(test_dropped_series_are_gone),
        WITH_METRICS(test_removed_series_are_not_shown),
        WITH_METRICS(test_sums),
        WITH_METRICS(test_gauges_are_computed_before_rendering),
        WITH_METRICS(test_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
