/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "cli/dlq_copies.h"
#include "cli/dlq_deliver.h"
#include "config/config.h"

/* Letters to sinks of the command's own: here a file, which is as good as any destination that
 * delivers, and refuses what is larger than a quarter of its queue. */

enum { LETTERS_MAX = 3000, TEXT_MAX = 8 << 20 };

struct world {
    char folder[32];
    struct sl_config *config;
    struct sl_deliver *d;
    size_t told[SL_FATES];
    char why[256];            /* of the last that has one */
    size_t stop_after, asked; /* 0: never */
    struct sl_buf scratch;
};

static void write_file(const struct world *w, const char *name, const char *text)
{
    char *path = sl_asprintf("%s/%s", w->folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static const char *const rules =
    "rules:\n"
    "  - { name: noise, when: { id: noise }, drop: true }\n"
    "  - { name: other, when: { id: other }, to: old }\n"
    "  - { name: stuck, when: { id: stuck }, to: stuck }\n"
    "  - { name: few, when: { id: few }, rate_limit: { records: 1, per: 1h }, to: out }\n"
    "  - { name: mend, when: { id: { exists: true } }, "
    "set: { mended: yes }, to: [out, old] }\n";

static void settled(void *user, void *letter, enum sl_fate fate, const char *why)
{
    struct world *w = user;

    assert_ptr_equal(letter, w); /* each gives it as its letter */
    w->told[fate]++;
    if (why[0])
        snprintf(w->why, sizeof(w->why), "%s", why);
}

static bool stop(void *user)
{
    struct world *w = user;

    return w->stop_after && ++w->asked >= w->stop_after;
}

static int world_setup(void **state)
{
    struct world *w = sl_zalloc(sizeof(*w));
    const struct sl_deliver_ops ops = {
        .settled = settled, .stop = stop, .user = w, .patience_ms = 300};
    struct sl_diags diags;
    char *yaml;

    snprintf(w->folder, sizeof(w->folder), "/tmp/sluice-dlq-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    write_file(w, "rules.yaml", rules);
    yaml = sl_asprintf(
        "source: { kafka: { brokers: ['127.0.0.1:1'], topics: [logs], group: g } }\n"
        "routes: [%1$s/rules.yaml]\nunmatched: drop\n"
        "sinks:\n"
        "  out: { type: file, path: %1$s/out, format: json, queue: { bytes: 1MiB } }\n"
        "  old: { type: file, path: %1$s/old, format: json }\n"
        "  stuck: { type: file, path: %1$s/none/such, format: json }\n"
        "  archive: { type: s3, bucket: bucket, region: r, access_key: a, secret_key: b,"
        " key: k }\n",
        w->folder);
    write_file(w, "sluice.yaml", yaml);
    free(yaml);
    sl_diags_init(&diags);
    yaml = sl_asprintf("%s/sluice.yaml", w->folder);
    w->config = sl_config_load(yaml, &diags);
    free(yaml);
    w->d = w->config ? sl_deliver_new(w->config, "cluster", &ops, &diags) : NULL;
    if (!w->d)
        sl_diags_print(&diags, stderr);
    assert_non_null(w->d);
    sl_diags_release(&diags);
    sl_buf_init(&w->scratch, TEXT_MAX);
    *state = w;
    return 0;
}

static int world_teardown(void **state)
{
    static const char *const names[] = {"rules.yaml", "sluice.yaml", "out", "old"};
    struct world *w = *state;

    sl_deliver_free(w->d);
    sl_config_free(w->config);
    for (size_t i = 0; i < SL_LENGTH(names); i++) {
        char *path = sl_asprintf("%s/%s", w->folder, names[i]);

        unlink(path);
        free(path);
    }
    rmdir(w->folder);
    sl_buf_release(&w->scratch);
    free(w);
    return 0;
}

static struct sl_dead_letter letter(const char *sink, int64_t offset)
{
    return (struct sl_dead_letter){
        .topic = "dead",
        .sink = sl_slice_str(sink),
        .reason = SL_SLICE_LITERAL("refused"),
        .time_ms = 1769860800000,
        .source_topic = SL_SLICE_LITERAL("logs"),
        .source_partition = 3,
        .source_offset = offset,
        .source_ms = 1769860700123,
    };
}

static enum sl_fate judge(struct world *w, const struct sl_dead_letter *l, struct sl_slice value)
{
    const struct sl_original o = {.letter = l, .value = value, .timestamp_ms = l->source_ms};

    sl_buf_clear(&w->scratch);
    return sl_deliver_judge(w->d, &o, &w->scratch);
}

static bool put(struct world *w, const char *sink, int64_t offset, struct sl_slice value)
{
    const struct sl_dead_letter l = letter(sink, offset);

    assert_int_equal(judge(w, &l, value), SL_FATE_REDRIVEN);
    return sl_deliver_put(w->d, w);
}

/* What arrived, whole. */
static const char *contents(struct world *w, const char *name)
{
    char *path = sl_asprintf("%s/%s", w->folder, name);

    sl_buf_clear(&w->scratch);
    if (access(path, F_OK) == 0)
        assert_int_equal(sl_file_read(&w->scratch, path), SL_OK);
    free(path);
    return sl_buf_str(&w->scratch);
}

static size_t lines(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* By the current rules, and only to the sink that refused it. */
static void by_the_rules_to_one_sink(void **state)
{
    struct world *w = *state;

    assert_true(put(w, "out", 17, SL_SLICE_LITERAL("{\"id\":\"a\"}")));
    sl_deliver_finish(w->d);
    assert_int_equal(w->told[SL_FATE_REDRIVEN], 1);
    assert_string_equal(contents(w, "out"),
                        "{\"id\":\"a\",\"kind\":\"server\",\"mended\":\"yes\"}\n");
    assert_string_equal(contents(w, "old"), "");
    assert_string_equal(sl_deliver_trouble(w->d), "");
}

static void what_is_not_sent(void **state)
{
    struct world *w = *state;
    struct sl_dead_letter l = letter("out", 1);

    assert_int_equal(judge(w, &l, SL_SLICE_LITERAL("{\"id\":\"noise\"}")), SL_FATE_ELSEWHERE);
    assert_string_equal(sl_buf_str(&w->scratch), "rule noise drops them");
    assert_int_equal(judge(w, &l, SL_SLICE_LITERAL("{\"id\":\"other\"}")), SL_FATE_ELSEWHERE);
    assert_string_equal(sl_buf_str(&w->scratch), "rule other sends them to old");
    assert_int_equal(judge(w, &l, SL_SLICE_LITERAL("{}")), SL_FATE_ELSEWHERE);
    assert_string_equal(sl_buf_str(&w->scratch), "rule (unmatched) drops them");
    l.source_index = 4;
    assert_int_equal(judge(w, &l, SL_SLICE_LITERAL("{\"id\":\"a\"}")), SL_FATE_GONE);
    l = letter("renamed", 1);
    assert_int_equal(judge(w, &l, SL_SLICE_LITERAL("{\"id\":\"a\"}")), SL_FATE_NO_SINK);
    l = letter("archive", 1);
    assert_int_equal(judge(w, &l, SL_SLICE_LITERAL("{\"id\":\"a\"}")), SL_FATE_ARCHIVE);
    l = letter("out", 1);
    assert_int_equal(judge(w, &l, sl_slice(NULL, 0)), SL_FATE_ELSEWHERE); /* an empty record */
}

static void what_would_be_sent(void **state)
{
    struct world *w = *state;
    struct sl_dead_letter l = letter("out", 1);

    assert_int_equal(judge(w, &l, SL_SLICE_LITERAL("{\"id\":\"a\"}")), SL_FATE_REDRIVEN);
    sl_deliver_preview(w->d, 100, &w->scratch);
    assert_string_equal(sl_buf_str(&w->scratch),
                        "{\"id\":\"a\",\"kind\":\"server\",\"mended\":\"yes\"}");
    sl_deliver_finish(w->d);
    assert_string_equal(contents(w, "out"), "");
}

/* A rate limit counted it when it was routed; it does not hold back the rest of the letters. */
static void rate_limits_do_not_add_up(void **state)
{
    struct world *w = *state;

    for (int64_t i = 0; i < 5; i++)
        assert_true(put(w, "out", i, SL_SLICE_LITERAL("{\"id\":\"few\"}")));
    sl_deliver_finish(w->d);
    assert_int_equal(w->told[SL_FATE_REDRIVEN], 5);
}

/* Each letter has its own fate, although they share requests; none is refused twice. */
static void refused_among_delivered(void **state)
{
    struct world *w = *state;
    size_t n = (size_t)600 << 10;
    char *large = sl_alloc(n);

    memset(large, 'x', n);
    memcpy(large, "{\"id\":\"", 7);
    memcpy(large + n - 2, "\"}", 2);
    for (int64_t i = 0; i < 40; i++)
        assert_true(put(w, "out", i % 20,
                        i % 10 == 3 ? sl_slice(large, n) : SL_SLICE_LITERAL("{\"id\":\"small\"}")));
    sl_deliver_finish(w->d);
    assert_int_equal(w->told[SL_FATE_REFUSED], 4);
    assert_int_equal(w->told[SL_FATE_REDRIVEN], 36);
    assert_string_equal(w->why, "413 the record is too large for this sink's queue");
    assert_int_equal(lines(contents(w, "out")), 36);
    free(large);
}

/* More than are ever under way at once; each told once. */
static void more_than_a_window(void **state)
{
    struct world *w = *state;

    for (int64_t i = 0; i < LETTERS_MAX; i++)
        assert_true(put(w, "out", i, SL_SLICE_LITERAL("{\"id\":\"a\"}")));
    assert_true(w->told[SL_FATE_REDRIVEN] >= LETTERS_MAX - 1000);
    sl_deliver_finish(w->d);
    assert_int_equal(w->told[SL_FATE_REDRIVEN], LETTERS_MAX);
    assert_int_equal(lines(contents(w, "out")), LETTERS_MAX);
}

/* What no request has is let go at once; what was told as redriven is there, and nothing else. */
static void stopped(void **state)
{
    struct world *w = *state;
    size_t n = 0;

    while (n < 900 && put(w, "out", (int64_t)n, SL_SLICE_LITERAL("{\"id\":\"a\"}")))
        n++;
    w->stop_after = 1;
    sl_deliver_finish(w->d);
    assert_int_equal(w->told[SL_FATE_REDRIVEN] + w->told[SL_FATE_LEFT], n);
    assert_true(w->told[SL_FATE_LEFT] > 0);
    assert_int_equal(lines(contents(w, "out")), w->told[SL_FATE_REDRIVEN]);
    assert_int_equal(w->told[SL_FATE_UNKNOWN], 0);
}

/* A destination that takes nothing is given up, in its own words; the letters stay. */
static void given_up(void **state)
{
    struct world *w = *state;

    assert_true(put(w, "stuck", 1, SL_SLICE_LITERAL("{\"id\":\"stuck\"}")));
    assert_true(put(w, "out", 2, SL_SLICE_LITERAL("{\"id\":\"a\"}")));
    sl_deliver_finish(w->d);
    assert_int_equal(w->told[SL_FATE_REDRIVEN], 1);
    assert_int_equal(w->told[SL_FATE_UNKNOWN], 1);
    assert_non_null(strstr(sl_deliver_trouble(w->d), "sink stuck gave no answer"));
    assert_non_null(strstr(sl_deliver_trouble(w->d), "No such file or directory"));
    assert_false(put(w, "out", 3, SL_SLICE_LITERAL("{\"id\":\"a\"}")));
}

static void copies(void **state)
{
    struct sl_dead_letter l = letter("out", 1), other = letter("old", 1);
    struct sl_copies c = {0};
    struct sl_copy *first;
    bool is_new;

    (void)state;
    first = sl_copies_get(&c, &l, true, &is_new);
    assert_true(is_new);
    assert_ptr_equal(sl_copies_get(&c, &l, true, &is_new), first);
    assert_false(is_new);
    assert_ptr_not_equal(sl_copies_get(&c, &other, true, &is_new), first);
    assert_true(is_new);
    sl_copies_get(&c, &l, false, &is_new);
    assert_true(is_new);
    sl_copies_get(&c, &other, false, &is_new); /* the record is one */
    assert_false(is_new);
    l.source_ms++; /* the topic was made anew: another record */
    sl_copies_get(&c, &l, true, &is_new);
    assert_true(is_new);
    for (int64_t i = 100; i < 5000; i++) {
        l.source_offset = i;
        sl_copies_get(&c, &l, true, &is_new)->fate = (enum sl_fate)(i % 7);
        assert_true(is_new);
    }
    for (int64_t i = 100; i < 5000; i++) {
        l.source_offset = i;
        assert_int_equal(sl_copies_get(&c, &l, true, &is_new)->fate, i % 7);
        assert_false(is_new);
    }
    sl_copies_release(&c);
}

static void report(void **state)
{
    struct sl_report r = {0};
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, 1 << 20);
    assert_int_equal(sl_report_add(&r, SL_FATE_REDRIVEN, SL_SLICE_LITERAL("out"), "", "dead/0/1"),
                     1);
    assert_int_equal(sl_report_add(&r, SL_FATE_REDRIVEN, SL_SLICE_LITERAL("out"), "", "dead/0/2"),
                     2);
    sl_report_add(&r, SL_FATE_REFUSED, SL_SLICE_LITERAL("out"), "400 id 'x'", "dead/0/3");
    sl_report_add(&r, SL_FATE_REFUSED, SL_SLICE_LITERAL("out"), "400 id 'y'", "dead/0/4");
    sl_report_text(&r, false, &b);
    assert_string_equal(sl_buf_str(&b), "2 redriven\n  2  out\n2 refused again\n"
                                        "  2  out  N id '\u2026'  (such as dead/0/3)\n");
    sl_buf_clear(&b);
    sl_report_json(&r, &b);
    assert_non_null(strstr(sl_buf_str(&b), "\"redriven\":2,\"refused\":2,"));
    for (int i = 0; i < SL_REPORT_LINES_MAX + 100; i++) {
        char why[32] = {(char)('a' + i % 26), (char)('a' + i / 26), '\0'};

        sl_report_add(&r, SL_FATE_GONE, SL_SLICE_LITERAL("out"), why, "dead/0/9");
    }
    assert_int_equal(r.total[SL_FATE_GONE], SL_REPORT_LINES_MAX + 100);
    assert_int_equal(sl_report_letters(&r), SL_REPORT_LINES_MAX + 104);
    assert_true(r.n <= SL_REPORT_LINES_MAX + 3);
    sl_report_release(&r);
    sl_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_the_rules_to_one_sink, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_sent, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_would_be_sent, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(rate_limits_do_not_add_up, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(refused_among_delivered, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(more_than_a_window, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(stopped, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(given_up, world_setup, world_teardown),
        cmocka_unit_test(copies),
        cmocka_unit_test(report),
    };

    return cmocka_run_group_tests_name("cli dlq deliver", tests, NULL, NULL);
}
