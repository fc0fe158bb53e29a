/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "ops/admin.h"

struct state {
    bool ready;
    const char *reasons;
};

static bool is_ready(void *user, struct sl_buf *reasons)
{
    const struct state *s = user;

    sl_buf_text(reasons, s->reasons);
    return s->ready;
}

static void put_status(void *user, struct sl_buf *out)
{
    (void)user;
    SL_BUF_LITERAL(out, "{\"version\":\"0\"}");
}

static struct state now;
static struct sl_admin admin;
static struct sl_buf out;
static const char *type;

static int setup(void **state)
{
    (void)state;
    now = (struct state){.ready = true, .reasons = ""};
    admin = (struct sl_admin){
        .metrics = sl_metrics_new(), .ready = is_ready, .status = put_status, .user = &now};
    sl_buf_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sl_metrics_free(admin.metrics);
    sl_buf_release(&out);
    return 0;
}

static void expect(const char *path, int status, const char *content_type, const char *body)
{
    sl_buf_clear(&out);
    assert_int_equal(sl_admin_answer(&admin, path, &type, &out), status);
    assert_memory_equal(type, content_type, strlen(content_type));
    if (body)
        assert_string_equal(sl_buf_str(&out), body);
}

static void test_health_and_readiness(void **state)
{
    (void)state;
    expect("/healthz", 200, "text/plain", "ok\n");
    expect("/readyz", 200, "text/plain", "ready\n");
    now.reasons = "the rules could not be changed";
    expect("/readyz", 200, "text/plain", "ready\nthe rules could not be changed\n");
    now = (struct state){.ready = false, .reasons = "no rules\nnot in the group"};
    expect("/readyz", 503, "text/plain", "no rules\nnot in the group\n");
    now.reasons = "no rules\n";
    expect("/readyz", 503, "text/plain", "no rules\n");
    now.reasons = "";
    expect("/readyz", 503, "text/plain", "not ready\n");
    expect("/healthz", 200, "text/plain", "ok\n"); /* alive all the same */
}

static void test_metrics_and_status(void **state)
{
    (void)state;
    *sl_metrics_gauge(admin.metrics, "g", "G.", NULL) = 1;
    expect("/metrics", 200, "text/plain; version=0.0.4", "# HELP g G.\n# TYPE g gauge\ng 1\n");
    expect("/status.json", 200, "application/json", "{\"version\":\"0\"}");
    admin.status = NULL;
    expect("/status.json", 404, "text/plain", NULL);
    expect("/metrics/", 404, "text/plain", NULL);
    expect("", 404, "text/plain", NULL);
}

/* Names and reasons come from files and from foreign servers: the page never parses them as markup,
 * and it needs nothing that its content security policy forbids. */
static void test_the_page_is_self_contained(void **state)
{
    static const char *const never[] = {"innerHTML",      "outerHTML", "insertAdjacentHTML",
                                        "document.write", "eval(",     "http:",
                                        "https:",         "src=",      "onclick"};
    const char *page;

    (void)state;
    expect("/", 200, "text/html; charset=utf-8", NULL);
    page = sl_buf_str(&out);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (strstr(page, never[i]))
            fail_msg("the page has %s", never[i]);
    assert_non_null(strstr(page, "fetch('/status.json')"));
    assert_non_null(strstr(page, "width=device-width"));
    assert_string_equal(page + strlen(page) - 8, "</html>\n");
}

#define WITH_ADMIN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ADMIN(test_health_and_readiness),
        WITH_ADMIN(test_metrics_and_status),
        WITH_ADMIN(test_the_page_is_self_contained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
