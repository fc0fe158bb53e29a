/* SPDX-License-Identifier: Apache-2.0 */
#include "route/help.h"
#include "route/rate.h"

/* `sample` and `rate_limit`: what they hold back, and what becomes of it. */

static uint64_t now;

static uint64_t read_now(void *user)
{
    return *(uint64_t *)user;
}

/* After box_rules(): with a clock. */
static void box_clock(struct box *b)
{
    now = 1000;
    sl_matcher_free(b->matcher);
    b->matcher = sl_matcher_new(
        b->rules,
        &(struct sl_matcher_config){.fields = b->fields, .now_ms = read_now, .user = &now});
}

static void assert_dropped(const struct box *b, unsigned rule, enum sl_drop_reason reason)
{
    assert_int_equal(b->decision.n, 0);
    assert_int_equal(b->decision.dropped_by, rule);
    assert_int_equal(b->decision.drop_reason, reason);
    assert_int_equal(b->decision.error_rule, SL_RULE_NONE);
}

/* ---- sample ---- */

/* Which of the records `before` i `after` the rule keeps. after == NULL: all are `before`. */
static void kept_by(const char *rule, const char *before, const char *after, unsigned n,
                    uint8_t *ret)
{
    char *yaml = sl_asprintf("rules: [ { to: search, %s } ]\n", rule), value[80];
    struct box b;

    box_config(&b);
    box_rules(&b, yaml);
    for (unsigned i = 0; i < n; i++) {
        if (after)
            snprintf(value, sizeof(value), "%s%u%s", before, i, after);
        else
            snprintf(value, sizeof(value), "%s", before);
        b.message.offset = (int64_t)i;
        box_route(&b, value);
        ret[i] = b.decision.n == 1;
        if (!ret[i])
            assert_dropped(&b, 0, SL_DROP_SAMPLE);
    }
    box_release(&b);
    free(yaml);
}

static unsigned count(const uint8_t *kept, unsigned n)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += kept[i];
    return sum;
}

enum { KEYS = 100000 };

static void a_share_is_kept_and_a_smaller_one_is_part_of_it(void **state)
{
    static const struct {
        const char *share;
        unsigned want;
    } shares[] = {{"0.01%", 10},  {"1%", 1000},   {"0.025", 2500},
                  {"10%", 10000}, {"50%", 50000}, {"99.9%", 99900}};
    static uint8_t kept[2][KEYS];

    (void)state;
    for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
        char *rule = sl_asprintf("sample: { keep: %s, by: id }", shares[i].share);
        uint8_t *now_kept = kept[i & 1], *before = kept[~i & 1];
        unsigned n, slack = 20 + shares[i].want / 20;

        kept_by(rule, "{\"id\":\"request-", "\"}", KEYS, now_kept);
        n = count(now_kept, KEYS);
        if (n + slack < shares[i].want || n > shares[i].want + slack)
            fail_msg("%s keeps %u of %d", shares[i].share, n, KEYS);
        for (unsigned k = 0; i && k < KEYS; k++)
            assert_true(now_kept[k] >= before[k]);
        free(rule);
    }
}

static void a_request_is_kept_whole(void **state)
{
    static uint8_t texts[1000], again[1000], numbers[1000];

    (void)state;
    kept_by("sample: { keep: 30%, by: id }", "{\"id\":\"", "\"}", 1000, texts);
    kept_by("when: { id: { exists: true } }, sample: { by: id, keep: 0.3 }",
            "{\"other\":1,\"id\":\"", "\",\"x\":[]}", 1000, again);
    kept_by("sample: { keep: 30%, by: id }", "{\"id\":", "}", 1000, numbers);
    assert_memory_equal(texts, again, 1000);
    assert_memory_equal(texts, numbers, 1000);
    assert_in_range(count(texts, 1000), 250, 350);
}

/* The same in every process and version: these are promises to replicas. */
static void what_is_kept_is_fixed(void **state)
{
    static const char want[] = "111100111001010010100011011010";
    static uint8_t kept[30];

    (void)state;
    kept_by("sample: { keep: 50%, by: id }", "{\"id\":\"request-", "\"}", 30, kept);
    for (unsigned i = 0; i < 30; i++)
        if (kept[i] != (want[i] == '1')) {
            char got[31] = "";

            for (unsigned k = 0; k < 30; k++)
                got[k] = kept[k] ? '1' : '0';
            fail_msg("got %s", got);
        }
}

static void a_record_without_the_field_goes_by_its_own_id(void **state)
{
    static uint8_t own[10000], absent[10000], null[10000];

    (void)state;
    kept_by("sample: 10%", "{}", NULL, 10000, own);
    kept_by("sample: { keep: 10%, by: id }", "{}", NULL, 10000, absent);
    kept_by("sample: { keep: 0.1, by: id }", "{\"id\":null}", NULL, 10000, null);
    assert_memory_equal(own, absent, 10000);
    assert_in_range(count(own, 10000), 850, 1150);
    assert_in_range(count(null, 10000), 850, 1150); /* another value, another id */
}

/* A rule judges the field as it came, not as an earlier rule left it. */
static void sampling_sees_the_record_as_judged(void **state)
{
    struct box b;
    unsigned n = 0;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { set: { id: same }, continue: true }\n"
                  "- { to: search, sample: { keep: 50%, by: id } }\n");
    for (unsigned i = 0; i < 100; i++) {
        char value[40];

        snprintf(value, sizeof(value), "{\"id\":%u}", i);
        box_route(&b, value);
        n += b.decision.n == 1;
    }
    assert_in_range(n, 25, 75);
    box_release(&b);
}

/* ---- what becomes of it ---- */

/* Every record of these is held back by rule 1: its bucket is empty. */
static void held(struct box *b, const char *rules)
{
    box_config(b);
    box_rules(b, rules);
    box_clock(b);
    box_route(b, "{\"x\":1}");
    box_route(b, "{\"x\":1}");
}

#define LIMIT "rate_limit: { records: 1, per: 1h }"

static void held_back_is_dropped_unless_chosen_before(void **state)
{
    struct box b;
    size_t n;

    (void)state;
    held(&b, "rules:\n- { continue: true }\n- { to: search, " LIMIT " }\n- { to: alerts }\n");
    assert_dropped(&b, 1, SL_DROP_RATE_LIMIT);
    sl_matcher_matched(b.matcher, &n);
    assert_int_equal(n, 2);
    box_release(&b);
    held(&b, "rules:\n- { to: alerts, continue: true }\n- { to: search, " LIMIT " }\n");
    assert_int_equal(b.decision.sinks, 1U << ALERTS);
    assert_int_equal(b.decision.dropped_by, SL_RULE_NONE);
    box_release(&b);
}

static void a_rule_without_sinks_holds_back_for_all_later(void **state)
{
    struct box b;

    (void)state;
    held(&b, "rules:\n- { when: { y: 1 }, to: alerts }\n- { continue: true, " LIMIT
             " }\n- { to: search }\n");
    assert_dropped(&b, 1, SL_DROP_RATE_LIMIT);
    box_release(&b);
}

static void a_rule_that_continues_leaves_only_its_sinks_out(void **state)
{
    struct box b;

    (void)state;
    held(&b, "rules:\n- { continue: true }\n"
             "- { to: search, set: { y: 1 }, continue: true, " LIMIT " }\n"
             "- { when: { x: 1 }, to: [search, alerts] }\n");
    assert_int_equal(b.decision.sinks, 1U << ALERTS | 1U << SEARCH);
    assert_int_equal(b.decision.chosen[0].rule, 2);
    assert_ptr_equal(b.decision.chosen[0].record, &b.record);
    assert_int_equal(b.decision.dropped_by, SL_RULE_NONE);
    box_release(&b);
    /* Nothing else takes it: dropped by the first that held it back, not unmatched. */
    held(&b, "rules:\n- { continue: true }\n- { to: search, continue: true, " LIMIT " }\n"
             "- { to: alerts, continue: true, " LIMIT " }\n- { when: { x: 2 }, to: alerts }\n");
    assert_dropped(&b, 1, SL_DROP_RATE_LIMIT);
    box_release(&b);
    held(&b, "rules:\n- { continue: true }\n- { to: search, continue: true, " LIMIT " }\n"
             "- { drop: true }\n");
    assert_dropped(&b, 2, SL_DROP_RULE);
    box_release(&b);
}

/* ---- rate_limit ---- */

static unsigned pass(struct box *b, const char *value, unsigned n)
{
    unsigned passed = 0;

    for (unsigned i = 0; i < n; i++) {
        box_route(b, value);
        passed += b->decision.n == 1;
        if (b->decision.n == 0)
            assert_dropped(b, 0, SL_DROP_RATE_LIMIT);
    }
    return passed;
}

static void a_bucket_empties_and_fills(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { to: search, rate_limit: { records: 10, per: 1s, burst: 20 } } ]\n");
    box_clock(&b);
    assert_int_equal(pass(&b, "{}", 50), 20);
    now += 99;
    assert_int_equal(pass(&b, "{}", 5), 0);
    now += 1;
    assert_int_equal(pass(&b, "{}", 5), 1);
    for (int i = 0; i < 1000; i++) { /* looks do not lose time to rounding */
        now += 1;
        assert_true(pass(&b, "{}", 1) == (i % 100 == 99));
    }
    now -= 500; /* a clock that steps back gives nothing */
    assert_int_equal(pass(&b, "{}", 5), 0);
    now += 500 + 1000;
    assert_int_equal(pass(&b, "{}", 50), 10);
    now = UINT64_MAX; /* no sum overflows */
    assert_int_equal(pass(&b, "{}", 50), 20);
    box_release(&b);
}

static void each_value_has_a_bucket(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { to: search, rate_limit: { records: 2, per: 1m, by: s } } ]\n");
    box_clock(&b);
    assert_int_equal(pass(&b, "{\"s\":\"a\"}", 5), 2);
    assert_int_equal(pass(&b, "{\"s\":\"b\"}", 5), 2);
    assert_int_equal(pass(&b, "{}", 5), 2);
    assert_int_equal(pass(&b, "{\"s\":null}", 5), 0); /* as without */
    assert_int_equal(pass(&b, "{\"s\":\"\"}", 5), 2);
    now += 30000;
    assert_int_equal(pass(&b, "{\"s\":\"a\"}", 5), 1);
    box_release(&b);
}

static void without_a_clock_only_the_burst_passes(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { to: search, rate_limit: { records: 3, per: 1ms } } ]\n");
    assert_int_equal(pass(&b, "{}", 50), 3);
    box_release(&b);
}

static void what_was_not_taken_is_given_back(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { to: search, rate_limit: { records: 2, per: 1h }, continue: true }\n"
                  "- { to: alerts, rate_limit: { records: 4, per: 1h, by: s }, continue: true }\n");
    box_clock(&b);
    for (int i = 0; i < 10; i++) {
        box_route(&b, "{\"s\":1}");
        assert_int_equal(b.decision.n, 2);
        sl_route_undo(b.matcher);
        sl_route_undo(b.matcher); /* once is all there is */
    }
    for (int i = 0; i < 2; i++) {
        box_route(&b, "{\"s\":1}");
        assert_int_equal(b.decision.n, 2);
    }
    for (int i = 0; i < 2; i++) {
        box_route(&b, "{\"s\":1}");
        assert_int_equal(b.decision.sinks, 1U << ALERTS);
    }
    box_route(&b, "{\"s\":1}");
    assert_dropped(&b, 0, SL_DROP_RATE_LIMIT);
    sl_route_undo(b.matcher); /* nothing was counted */
    box_route(&b, "{\"s\":1}");
    assert_dropped(&b, 0, SL_DROP_RATE_LIMIT);
    box_release(&b);
}

/* The records of a message are routed twice: the same comes of it, and it counts once or, where
 * the message is not taken, not at all. Keys come in turns, so that an order that is not kept would
 * show. */
static void a_message_of_many_counts_once(void **state)
{
    static const char *const records[] = {"{\"s\":1}", "{\"s\":2}", "{\"s\":1}", "{\"s\":1}",
                                          "{\"s\":2}"};
    static const size_t sinks[] = {2, 2, 2, 1, 2};
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { to: search, continue: true }\n"
                  "- { to: archive, rate_limit: { records: 2, per: 1h, by: s } }\n"
                  "- { to: search }\n");
    box_clock(&b);
    for (int taken = 0; taken < 2; taken++) {
        for (int pass = 0; pass < 1 + taken; pass++) {
            if (pass == 0)
                sl_route_note(b.matcher);
            else
                sl_route_repeat(b.matcher);
            for (size_t i = 0; i < 5; i++) {
                box_route(&b, records[i]);
                assert_int_equal(b.decision.n, sinks[i]);
            }
        }
        if (taken)
            sl_route_end(b.matcher);
        else
            sl_route_undo(b.matcher);
    }
    for (size_t i = 0; i < 5; i++) { /* two of each key have been counted */
        box_route(&b, records[i]);
        assert_int_equal(b.decision.n, 1);
    }
    box_release(&b);
}

/* What sampling holds back does not count against the rate. */
static void sample_comes_first(void **state)
{
    struct box b;
    unsigned passed = 0;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { to: search, sample: { keep: 10%, by: i }, "
                  "rate_limit: { records: 10, per: 1h } } ]\n");
    for (unsigned i = 0; i < 1000; i++) {
        char value[40];

        snprintf(value, sizeof(value), "{\"i\":%u}", i);
        box_route(&b, value);
        passed += b.decision.n == 1;
    }
    assert_int_equal(passed, 10);
    box_release(&b);
}

static void buckets_are_bounded_by_use(void **state)
{
    const struct sl_rate rate = {1, 1000, 1};
    struct sl_limiter *l = sl_limiter_new(&rate, 100);

    (void)state;
    for (uint64_t key = 0; key < 100; key++)
        assert_true(sl_limiter_take(l, key, 0));
    assert_false(sl_limiter_take(l, 0, 0)); /* used: 1 is now the oldest */
    assert_true(sl_limiter_take(l, 100, 0));
    assert_int_equal(sl_limiter_buckets(l), 100);
    assert_false(sl_limiter_take(l, 0, 0));
    for (uint64_t key = 2; key <= 100; key++)
        assert_false(sl_limiter_take(l, key, 0));
    assert_true(sl_limiter_take(l, 1, 0)); /* forgotten, so full again; 0 goes */
    assert_true(sl_limiter_take(l, 0, 0));
    for (uint64_t key = 1000; key < 100000; key++)
        assert_true(sl_limiter_take(l, key * 64, key));
    assert_int_equal(sl_limiter_buckets(l), 100);
    sl_limiter_free(l);
}

static void a_long_pause_fills_a_bucket(void **state)
{
    const struct sl_rate rate = {1 << 29, 1, 1};
    struct sl_limiter *l = sl_limiter_new(&rate, 1);

    (void)state;
    assert_true(sl_limiter_take(l, 0, 0));
    assert_false(sl_limiter_take(l, 0, 0));
    assert_true(sl_limiter_take(l, 0, 1ULL << 35)); /* what it gives is 2^64 */
    sl_limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_kept_and_a_smaller_one_is_part_of_it),
        cmocka_unit_test(a_request_is_kept_whole),
        cmocka_unit_test(what_is_kept_is_fixed),
        cmocka_unit_test(a_record_without_the_field_goes_by_its_own_id),
        cmocka_unit_test(sampling_sees_the_record_as_judged),
        cmocka_unit_test(held_back_is_dropped_unless_chosen_before),
        cmocka_unit_test(a_rule_without_sinks_holds_back_for_all_later),
        cmocka_unit_test(a_rule_that_continues_leaves_only_its_sinks_out),
        cmocka_unit_test(a_bucket_empties_and_fills),
        cmocka_unit_test(each_value_has_a_bucket),
        cmocka_unit_test(without_a_clock_only_the_burst_passes),
        cmocka_unit_test(what_was_not_taken_is_given_back),
        cmocka_unit_test(a_message_of_many_counts_once),
        cmocka_unit_test(sample_comes_first),
        cmocka_unit_test(a_long_pause_fills_a_bucket),
        cmocka_unit_test(buckets_are_bounded_by_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
