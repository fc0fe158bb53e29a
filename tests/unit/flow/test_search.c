/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sink/elasticsearch_encode.h"

/* Where a sink's records are: every index that its template can make, and its overflow. */
static void test_patterns(void **state)
{
    static const struct {
        const char *index, *type, *pattern;
    } cases[] = {
        {"sluice-{service|other}-{@timestamp:%Y.%m.%d}", NULL, "sluice-*"},
        {"{service}-logs", NULL, "*"},
        {"Logs-{{x}}-{a}", NULL, "logs-{x}-*"},
        {"logs", NULL, "logs,logsoverflow"},
        {NULL, "metrics", "metrics-*"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sl_elasticsearch_config c = {.index = cases[i].index, .type = cases[i].type};
        struct sl_buf out;

        sl_buf_init(&out, 1024);
        sl_es_index_pattern(&c, &out);
        assert_string_equal(sl_buf_str(&out), cases[i].pattern);
        sl_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patterns)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
