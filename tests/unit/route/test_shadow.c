/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "route/help.h"
#include "sluice/lint.h"

/* Rules that can never match: what is said of them is compared with every record of a small world.
 */

static void look(struct box *b, const char *yaml, struct sl_shadows *ret)
{
    box_config(b);
    box_rules(b, yaml);
    sl_rules_shadows(b->rules, b->fields, SL_SHADOW_STEPS, ret);
}

/* "rule<taker,taker rule" of all that can never match. */
static void expect(const char *yaml, const char *wanted)
{
    struct sl_shadows s;
    struct sl_buf got;
    struct box b;

    look(&b, yaml, &s);
    sl_buf_init(&got, 1 << 20);
    for (size_t i = 0; i < s.n; i++) {
        sl_buf_printf(&got, "%s%s", i ? " " : "", sl_rules_info(b.rules, s.items[i].rule).name);
        for (size_t k = 0; k < s.items[i].n_takers; k++)
            sl_buf_printf(&got, "%c%s", k ? ',' : '<',
                          sl_rules_info(b.rules, s.items[i].takers[k]).name);
    }
    assert_string_equal(sl_buf_str(&got), wanted);
    assert_int_equal(s.unsure, 0);
    sl_buf_release(&got);
    sl_shadows_release(&s);
    box_release(&b);
}

#define A(when) "- {name: a, when: " when ", to: search}\n"
#define B(when) "- {name: b, when: " when ", to: search}\n"
#define C(when) "- {name: c, when: " when ", to: search}\n"
#define D(when) "- {name: d, when: " when ", to: search}\n"
#define C2(when) "- {name: c2, when: " when ", to: search}\n"
#define RULES "rules:\n"

static void equalities(void **state)
{
    (void)state;
    expect(RULES A("{x: 1}") B("{x: 1, y: 2}"), "b<a");
    expect(RULES A("{x: 1, y: 2}") B("{x: 1}"), "");
    expect(RULES A("{x: [p, q, r]}") B("{x: [r, p]}"), "b<a");
    expect(RULES A("{x: [p, q]}") B("{x: [r, p]}"), "");
    expect(RULES A("{x: 500}") B("{x: '500.0'}"), "b<a");
    expect(RULES A("{x: '500'}") B("{x: 5e2}"), "b<a");
    expect(RULES A("{x: {equal: P, case: insensitive}}") B("{x: p}") C("{x: P}"), "b<a c<a");
    expect(RULES A("{x: p}") B("{x: {equal: p, case: insensitive}}"), "");
    expect(RULES A("{x: '5'}") B("{x: {equal: '5', case: insensitive}}"), "b<a");
    /* 2^53 + 1 and 2^53 are one number as doubles and two as integers. */
    expect(RULES A("{x: 9007199254740993}") B("{x: 9007199254740992}"), "");
    expect(RULES A("{x: 9007199254740993}") B("{x: 9007199254740993}"), "b<a");
    expect(RULES A("{x: {lte: 9007199254740992}}") B("{x: 9007199254740992.0}"), "");
    expect(RULES "- {name: a, to: search}\n" B("{x: 1}"), "b<a");
    expect(RULES "- {name: a, drop: true}\n- {name: b, to: search}\n", "b<a");
    expect(RULES "- {name: a, to: search, continue: true}\n" B("{x: 1}"), "");
    expect(RULES A("{x: 1}") "- {name: b, to: search}\n", "");
}

static void unions(void **state)
{
    (void)state;
    expect(RULES A("{x: [p, q]}") B("{x: [r, s]}") C("{x: [q, r]}"), "c<a,b");
    expect(RULES A("{x: p}") B("{x: q}") C("{x: [p, q, r]}"), "");
    expect(RULES A("{x: p}") B("{x: q}") C("{x: [p, q], y: 1}"), "c<a,b");
    expect(RULES A("{x: p, y: 1}") B("{x: q, y: 1}") C("{x: p, y: 2}") C2("{x: q, y: 2}")
               D("{x: [p, q], y: [1, 2]}"),
           "d<a,b,c,c2");
    expect(RULES A("{x: {gte: 0, lt: 5}}") B("{x: {gte: 5, lte: 9}}") C("{x: {gt: 1, lt: 8}}"),
           "c<a,b");
    expect(RULES A("{x: {gte: 0, lt: 5}}") B("{x: {gt: 5, lte: 9}}") C("{x: {gt: 1, lt: 8}}"), "");
    expect(RULES A("{x: {exists: true}}") B("{x: {exists: false}}") C("{y: 1}"), "c<a,b");
    expect(RULES A("{x: 1}") B("{not: {x: 1}}") C("{y: 1}"), "c<a,b");
    /* What a rule takes together with others is not needed where one takes all. */
    expect(RULES A("{x: p}") B("{x: q}") D("{x: [p, q]}") C("{x: [p, q], y: 1}"), "d<a,b c<a,b");
}

static void texts(void **state)
{
    (void)state;
    expect(RULES A("{x: {prefix: ab}}") B("{x: {prefix: abc}}"), "b<a");
    expect(RULES A("{x: {prefix: abc}}") B("{x: {prefix: ab}}"), "");
    expect(RULES A("{x: {suffix: bc}}") B("{x: {suffix: abc}}"), "b<a");
    expect(RULES A("{x: {contains: b}}") B("{x: {prefix: abc}}") C("{x: {glob: '?b*'}}"),
           "b<a c<a");
    expect(RULES A("{x: {contains: B, case: insensitive}}") B("{x: {prefix: abc}}"), "b<a");
    expect(RULES A("{x: {contains: b}}") B("{x: {contains: B, case: insensitive}}"), "");
    expect(RULES A("{x: {glob: '/health*'}}") B("{x: /healthz}") C("{x: {prefix: /health/}}"),
           "b<a c<a");
    expect(RULES A("{x: {regex: '^a+$'}}") B("{x: [aa, aaa]}") C("{x: [aa, ab]}"), "b<a");
    expect(RULES A("{x: {regex: 'a+'}}") B("{x: {regex: 'a+'}, y: 1}"), "b<a");
    expect(RULES A("{x: {regex: 'time out'}}") B("{x: {prefix: 'a time out'}}"), "b<a");
    expect(RULES A("{x: {regex: '(?i)b'}}") B("{x: {contains: c}}"), "");
    expect(RULES A("{x: {gte: 500}}") B("{x: 503}") C("{x: {gt: 600}}") D("{x: [400, 503]}"),
           "b<a c<a");
    expect(RULES A("{x: {gte: 500}}") B("{x: high}"), "");
    /* 5.0 is 5 and has another text. */
    expect(RULES A("{x: {regex: '^5$'}}") B("{x: 5}"), "");
    expect(RULES A("{x: {prefix: '5'}}") B("{x: {equal: 5, gt: 4}}"), "");
    expect(RULES A("{x: {exists: true}}") B("{x: {prefix: p}}"), "b<a");
    expect(RULES A("{x: {prefix: ''}}") B("{x: {exists: true}}") C("{x: {gt: 1}}"), "c<a");
}

static void trees(void **state)
{
    (void)state;
    expect(RULES A("{any: [{x: 1}, {y: 2}]}") B("{x: 1, z: 3}") C("{y: 2}") D("{z: 1}"), "b<a c<a");
    expect(RULES A("{x: 1}") B("{y: 2}") C("{any: [{x: 1, z: 1}, {y: 2}]}"), "c<a,b");
    expect(RULES A("{x: 1}") C("{any: [{x: 1}, {y: 2}]}"), "");
    expect(RULES A("{not: {x: 1}}") B("{not: {any: [{x: 1}, {y: 2}]}}"), "b<a");
    expect(RULES A("{not: {x: 1}}") B("{x: {exists: false}}"), "b<a");
    expect(RULES A("{not: {x: {exists: true}}}") B("{x: {exists: false}}"), "b<a");
    expect(RULES A("{all: [{x: 1}, {y: 1}]}") B("{y: 1, x: 1, z: 1}"), "b<a");
    expect(RULES A("{x: {not: [p, q]}}") B("{x: {not: [p, q, r]}}") C("{x: {not: p}}"), "b<a");
}

static void arrays(void **state)
{
    (void)state;
    /* An array may hold a value for each of them. */
    expect(RULES A("{all: [{x: 1}, {x: 2}]}") B("{x: 1}"), "");
    expect(RULES A("{x: 1}") B("{x: 2, not: {x: 1}}") C("{all: [{x: 2}, {x: 1}]}"), "c<a");
    expect(RULES B("{all: [{x: 200}, {x: {lt: 100}}]}"), "");
    expect(RULES A("{x: {gte: 1, lt: 5}}") B("{all: [{x: {gte: 1}}, {x: {lt: 5}}]}"), "");
    expect(RULES A("{all: [{x: {gte: 1}}, {x: {lt: 5}}]}") B("{x: {gte: 1, lt: 5}}"), "b<a");
    /* Not so the names that begin with @. */
    expect(RULES B("{all: [{'@key': p}, {'@key': q}]}"), "b");
    expect(RULES A("{'@key': p}") B("{'@key': {prefix: p}, not: {'@key': q}}"), "");
}

static void contradictions(void **state)
{
    (void)state;
    expect(RULES B("{x: {equal: 200, lt: 100}}"), "b");
    expect(RULES B("{x: {equal: [50, 200], lt: 100}}"), "");
    expect(RULES B("{x: {gte: 10, lt: 10}}") C("{x: {gte: 10, lte: 10}}"), "b");
    expect(RULES B("{x: {exists: false}, not: {x: {exists: false}}}"), "b");
    expect(RULES B("{all: [{x: {exists: false}}, {x: 5}]}"), "b");
    expect(RULES B("{x: 5, not: {x: 5}}"), "b");
    expect(RULES B("{x: {prefix: a, equal: [b, c]}}"), "b");
    expect(RULES B("{x: {prefix: a, not: {prefix: ''}}}"), "b");
    expect(RULES B("{any: [{x: 5, not: {x: 5}}, {x: {equal: 1, gt: 2}}]}"), "b");
}

static void other_takers(void **state)
{
    (void)state;
    expect(RULES "- {name: a, when: {x: 1}, sample: 10%, to: search}\n" B("{x: 1}"), "b<a");
    expect(RULES
           "- {name: a, when: {x: 1}, rate_limit: {records: 1, per: 1s}, to: search}\n" B("{x: 1}"),
           "b<a");
    expect(RULES "- {name: a, when: {x: {cidr: 10.0.0.0/8}}, to: search}\n" B("{x: 10.1.2.3}")
               C("{x: {cidr: 10.1.0.0/16}}") D("{x: {cidr: [10.1.0.0/16, 11.0.0.0/8]}}"),
           "b<a c<a");
    expect(RULES
           "- {name: a, when: {x: {cidr: 10.0.0.0/8}}, to: search}\n" B("{x: {cidr: 9.0.0.0/8}}"),
           "");
}

/* ---- every record of a small world ---- */

static const char *const values[] = {
    NULL,    "null",        "{}",   "[]",  "\"p\"",     "\"q\"",          "\"P\"", "\"pq\"",
    "5",     "5.0",         "7",    "8",   "[\"p\",5]", "[\"q\",\"p\"]",  "[7,8]", "[\"pq\",7]",
    "[5,7]", "[{\"r\":1}]", "\"\"", "6.5", "\"5e0\"",   "\"10.200.2.3\"", "true",  "[\"PQ\",-1]",
};
static const char *const keys[] = {NULL, "p", "q", "P", "5", "7", "8", "pq"};
enum { N_VALUES = sizeof(values) / sizeof(*values), N_KEYS = sizeof(keys) / sizeof(*keys) };

static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s >> 11;
}

static const char *one_of(uint64_t *s, const char *const *words, size_t n)
{
    return words[next(s) % n];
}

static const char *const fields[] = {"x", "y", "'@key'"};

static void add_value(struct sl_buf *b, uint64_t *s)
{
    static const char *const lists[] = {
        "p", "q", "5", "7", "P", "[p, q]", "[5, 7]", "[q, 5, pq]", "[p, P, 5.0]", "['7', 8]"};

    sl_buf_text(b, one_of(s, lists, sizeof(lists) / sizeof(*lists)));
}

static void add_operators(struct sl_buf *b, uint64_t *s)
{
    static const char *const some[] = {
        "{prefix: p}",
        "{prefix: P, case: insensitive}",
        "{suffix: q}",
        "{contains: p}",
        "{glob: 'p*'}",
        "{glob: '?q'}",
        "{regex: '^p'}",
        "{regex: 'q$'}",
        "{lt: 6}",
        "{gte: 5}",
        "{gt: 5, lt: 8}",
        "{gte: 5, lt: 7}",
        "{exists: true}",
        "{exists: false}",
        "{not: p}",
        "{not: [5, p]}",
        "{lt: 7, not: 5}",
        "{equal: [p, q], case: insensitive}",
        "{equal: 7, gt: 5}",
        "{regex: '^5$'}",
        "{any: [p, {gt: 6}]}",
        "{prefix: ''}",
        "{equal: [5, p], prefix: p}",
        "{contains: P, case: insensitive}",
        "{suffix: Q}",
        "{prefix: P}",
        "{all: [{prefix: p, case: insensitive}, {prefix: P}]}",
        "{glob: 'p*', case: insensitive}",
        "{glob: '*Q', case: insensitive}",
        "{regex: '^P', case: insensitive}",
        "{glob: ''}",
        "{regex: ''}",
        "{contains: '5'}",
        "{glob: '5*'}",
        "{cidr: 10.0.0.0/8}",
        "{cidr: [10.0.0.0/9, 10.128.0.0/9]}",
        "{any: [{lt: 6}, {gte: 6}]}",
    };

    sl_buf_text(b, one_of(s, some, sizeof(some) / sizeof(*some)));
}

static void add_mapping(struct sl_buf *b, uint64_t *s, bool plain, unsigned depth)
{
    unsigned kind = plain ? 9 : (unsigned)(next(s) % (depth ? 8 : 12));
    size_t n = 1 + next(s) % 2;

    if (kind < 3 && depth < 2) {
        sl_buf_text(b, kind == 0 ? "{not: " : kind == 1 ? "{any: [" : "{all: [");
        for (size_t i = 0; i < (kind ? 2 : 1); i++) {
            sl_buf_text(b, i ? ", " : "");
            add_mapping(b, s, false, depth + 1);
        }
        sl_buf_text(b, kind ? "]}" : "}");
        return;
    }
    for (size_t i = 0, at = next(s); i < n; i++, at++) {
        sl_buf_printf(b, "%s%s: ", i ? ", " : "{", fields[at % 3]);
        if (plain || next(s) % 2)
            add_value(b, s);
        else
            add_operators(b, s);
    }
    sl_buf_text(b, "}");
}

static void make_rules(struct sl_buf *b, uint64_t *s, bool plain)
{
    size_t n = 3 + next(s) % 6;

    sl_buf_clear(b);
    sl_buf_text(b, "rules:\n");
    for (size_t i = 0; i < n; i++) {
        sl_buf_printf(b, "- {name: r%zu, when: ", i);
        add_mapping(b, s, plain, 0);
        sl_buf_text(b, next(s) % 6 ? ", to: search}\n" : ", to: alerts, continue: true}\n");
    }
}

static void count_matches(struct box *b, size_t *matches)
{
    struct sl_buf json;

    sl_buf_init(&json, 4096);
    for (size_t i = 0; i < N_VALUES * N_VALUES * N_KEYS; i++) {
        const char *x = values[i % N_VALUES], *y = values[i / N_VALUES % N_VALUES];
        const unsigned *matched;
        size_t n;

        sl_buf_clear(&json);
        sl_buf_text(&json, "{\"z\":1");
        if (x)
            sl_buf_printf(&json, ",\"x\":%s", x);
        if (y)
            sl_buf_printf(&json, ",\"y\":%s", y);
        sl_buf_text(&json, "}");
        b->message.key = sl_slice_str(keys[i / N_VALUES / N_VALUES]);
        box_route_n(b, sl_buf_as_slice(&json));
        matched = sl_matcher_matched(b->matcher, &n);
        for (size_t k = 0; k < n; k++)
            matches[matched[k]]++;
    }
    sl_buf_release(&json);
}

static bool reported(const struct sl_shadows *s, unsigned rule)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].rule == rule)
            return true;
    return false;
}

/* ret: rules that never matched, and of these those that were not found. */
static void compare(struct sl_buf *yaml, bool exact, size_t *ret_dead, size_t *ret_missed)
{
    size_t matches[16] = {0};
    struct sl_shadows s;
    struct box b;

    look(&b, sl_buf_str(yaml), &s);
    count_matches(&b, matches);
    for (unsigned i = 0; i < sl_rules_count(b.rules); i++) {
        bool is = reported(&s, i);

        if (is && matches[i])
            fail_msg("r%u is said never to match, and %zu records do:\n%s", i, matches[i],
                     sl_buf_str(yaml));
        if (exact && !is && matches[i] == 0)
            fail_msg("r%u never matches, which was not found:\n%s", i, sl_buf_str(yaml));
        *ret_dead += matches[i] == 0;
        *ret_missed += !is && matches[i] == 0;
    }
    sl_shadows_release(&s);
    box_release(&b);
}

static void small_world(bool plain, unsigned sets)
{
    const char *given = getenv("SLUICE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20260131;
    size_t dead = 0, missed = 0;
    struct sl_buf yaml;

    sl_buf_init(&yaml, 1 << 16);
    for (unsigned i = 0; i < sets; i++) {
        make_rules(&yaml, &seed, plain);
        compare(&yaml, plain, &dead, &missed);
    }
    /* Some match what is not in this world, and the rest shows what the analysis misses. */
    print_message("%zu rules match no record, %zu of them not proven so\n", dead, missed);
    assert_true(dead - missed > sets / 4);
    sl_buf_release(&yaml);
}

static void never_wrong(void **state)
{
    (void)state;
    small_world(false, 400);
}

static void exact_for_lists_of_values(void **state)
{
    (void)state;
    small_world(true, 400);
}

/* Ten thousand rules take well under a second, whatever they are about. */
static void many(void **state)
{
    struct sl_shadows s;
    struct sl_buf yaml;
    struct box b;

    (void)state;
    sl_buf_init(&yaml, 16 << 20);
    sl_buf_text(&yaml, RULES);
    for (unsigned i = 0; i < 10000; i++)
        sl_buf_printf(&yaml,
                      "- {name: r%u, when: {service: s%u, level: [a%u, b], message: {contains: "
                      "'word%05u'}}, to: search}\n",
                      i, i % 200, i % 7, i % 9999);
    look(&b, sl_buf_str(&yaml), &s);
    assert_int_equal(s.n, 0); /* r9999 has word0, and another service than r0 */
    assert_int_equal(s.unsure, 0);
    sl_shadows_release(&s);
    /* With a tenth of the steps it says that it has not seen all. */
    sl_rules_shadows(b.rules, b.fields, 10000, &s);
    assert_true(s.unsure > 0);
    sl_shadows_release(&s);
    box_release(&b);
    sl_buf_release(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equalities),
        cmocka_unit_test(unions),
        cmocka_unit_test(texts),
        cmocka_unit_test(trees),
        cmocka_unit_test(arrays),
        cmocka_unit_test(contradictions),
        cmocka_unit_test(other_takers),
        cmocka_unit_test(never_wrong),
        cmocka_unit_test(exact_for_lists_of_values),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
