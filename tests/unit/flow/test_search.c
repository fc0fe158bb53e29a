/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fake_runtime.h"
#include "flow/search.h"
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

/* ---- pages ---- */

static struct sl_http_request *asked; /* what waits for its answer */
static int ended;                     /* 1 + the code */

static int submit(struct sl_http *h, struct sl_http_request *r, struct sl_error *err)
{
    (void)h;
    (void)err;
    assert_null(asked);
    asked = r;
    return SL_OK;
}

static void on_end(void *user, int code, const struct sl_error *err)
{
    (void)user;
    (void)err;
    assert_int_equal(ended, 0);
    ended = 1 + code;
}

/* A page of hits from the `from`th on; scroll: its id, or NULL. */
static void answer(size_t from, size_t n, const char *scroll)
{
    struct sl_http_request *r = asked;
    struct sl_buf body;

    sl_buf_init(&body, 1 << 20);
    sl_buf_byte(&body, '{');
    if (scroll)
        sl_buf_printf(&body, "\"_scroll_id\":\"%s\",", scroll);
    sl_buf_text(&body, "\"hits\":{\"hits\":[");
    for (size_t i = from; i < from + n; i++)
        sl_buf_printf(&body,
                      "%s{\"_index\":\"i\",\"_id\":\"%zu\",\"_source\":{\"correlation_id\":"
                      "\"c1\",\"n\":%zu}}",
                      i > from ? "," : "", i, i);
    sl_buf_text(&body, "]}}");
    assert_non_null(r);
    asked = NULL;
    r->done(r, &(struct sl_http_reply){.status = 200, .error = "", .body = sl_buf_as_slice(&body)});
    sl_buf_release(&body);
}

static bool asks(const char *method, const char *part)
{
    return asked && strcmp(asked->method, method) == 0 &&
           memmem(asked->body.p, asked->body.n, part, strlen(part));
}

/* 2,500 records; the first page has nothing to go on with, and is asked for anew. What cannot be
 * asked for is no end: the command fails, and does not show a part as the whole. */
static void test_scroll(void **state)
{
    const char *node = "http://127.0.0.1:1";
    struct sl_sink_config sink = {.name = "search",
                                  .kind = SL_SINK_ELASTICSEARCH,
                                  .elasticsearch = {.index = "logs", .nodes = {&node, 1}}};

    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        struct sl_http http = {.submit = submit};
        struct sl_flow *f = sl_flow_new("c1");
        struct sl_flow_search *s;
        struct fake_runtime fake;

        fake_runtime_init(&fake, 1);
        ended = 0;
        s = sl_flow_search_new(&sink, &fake.rt, &http, NULL);
        sl_flow_search_start(s, f, INT64_MIN, INT64_MAX, on_end, NULL);
        answer(0, SL_FLOW_PAGE, NULL);
        assert_true(asks("POST", "\"query\""));
        answer(0, SL_FLOW_PAGE, "one");
        assert_true(asks("POST", "\"scroll_id\":\"one\""));
        answer(SL_FLOW_PAGE, SL_FLOW_PAGE, broken ? NULL : "two");
        if (!broken) {
            assert_true(asks("POST", "\"scroll_id\":\"two\""));
            answer(2 * SL_FLOW_PAGE, SL_FLOW_PAGE / 2, "two");
            answer(0, 0, "two");
            assert_true(asks("DELETE", "[\"two\"]"));
            answer(0, 0, NULL);
            assert_int_equal(f->n_records, SL_FLOW_PAGE / 2 * 5);
        }
        assert_null(asked);
        assert_int_equal(ended, 1 + (broken ? SL_EIO : SL_OK));
        sl_flow_search_free(s);
        sl_flow_free(f);
        fake_runtime_release(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_patterns),
                                       cmocka_unit_test(test_scroll)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
