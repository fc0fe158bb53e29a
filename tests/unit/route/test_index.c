/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "dice.h"
#include "route/help.h"
#include "route/index.h"
#include "route/match.h"

/* The index against judging every rule in order: random rules, random records, all rules that
 * match. SLUICE_SEED repeats a run, SLUICE_PAIRS makes it longer. */

/* Quoted for YAML in single quotes and for JSON in double ones: no quotes, no backslashes. */
static const char *const words[] = {
    "error",
    "Error",
    "info",
    "ERR",
    "a",
    "ab",
    "abc",
    "abcd",
    "tile-server",
    "tile-cache",
    "tile",
    "/api/v1",
    "/api/v1/x",
    "/api",
    "/health",
    "500",
    "500.0",
    "5e2",
    "-0",
    "0",
    "true",
    "timeout",
    "time out",
    "disk full",
    "DISK FULL",
    "10.1.2.3",
    "10.1.9.9",
    "::1",
    "192.168.0.1",
    "Zo\xc3\xab",
    "\xc5\xbft\xe2\x84\xaa",
    "st",
    "task",
    "TASK",
    "desk",
    "tas\xe2\x84\xaa",
    "9007199254740993",
    "9007199254740992",
    "upstream timed out",
    "connection reset by peer",
    "",
};
static const char *const fields[] = {"service", "level", "message", "path", "code", "tags", "ip"};
static const char *const patterns[] = {"^err",
                                       "time ?out",
                                       "(?:disk|quota) full",
                                       "[0-9]{3}",
                                       "tile-(server|cache)",
                                       "^$",
                                       "task",
                                       "ta[sk]+",
                                       "(?i)disk",
                                       "a.c",
                                       "api/v[0-9]+",
                                       "x|y",
                                       "\\bup.*out\\b",
                                       "connection (reset|refused)",
                                       "(?=.*abc)a",
                                       "^/api(?!/v2)",
                                       "ab{2,}c|abcd",
                                       "o+"};
static const char *const globs[] = {"*",      "tile-*", "*server", "/api/*/x", "*time*",  "a?c*",
                                    "[a-c]*", "abc",    "*[0-9]",  "*ea*",     "/health", "T*k"};
static const char *const networks[] = {"10.0.0.0/8", "10.1.0.0/16", "192.168.0.1", "::1"};

static void quoted(struct sl_buf *out, char quote, const char *text)
{
    sl_buf_byte(out, quote);
    sl_buf_text(out, text);
    sl_buf_byte(out, quote);
}

/* ---- rules ---- */

/* Words as they come, or of a few hundred, as columns of a table are. */
static void some_word(struct sl_buf *out, char quote)
{
    char text[16];

    if (below(3) == 0) {
        snprintf(text, sizeof(text), "w-%u", below(200));
        quoted(out, quote, text);
    } else {
        quoted(out, quote, PICK(words));
    }
}

static void word_list(struct sl_buf *out)
{
    sl_buf_byte(out, '[');
    for (unsigned n = 1 + below(below(10) ? 4 : 40); n > 0; n--) {
        some_word(out, '\'');
        if (n > 1)
            sl_buf_byte(out, ',');
    }
    sl_buf_byte(out, ']');
}

static void some_operators(struct sl_buf *out, unsigned depth);

static void operators_list(struct sl_buf *out, unsigned depth)
{
    sl_buf_byte(out, '[');
    for (unsigned n = 1 + below(3); n > 0; n--) {
        some_operators(out, depth + 1);
        if (n > 1)
            sl_buf_byte(out, ',');
    }
    sl_buf_byte(out, ']');
}

static void some_operator(struct sl_buf *out, unsigned depth, bool *letters)
{
    static const char *const orders[] = {"lt", "lte", "gt", "gte"};
    static const char *const texts[] = {"prefix", "suffix", "contains"};

    switch (below(depth < 2 ? 10 : 7)) {
    case 0:
        sl_buf_printf(out, "exists: %s", below(2) ? "true" : "false");
        return;
    case 1:
        sl_buf_printf(out, "%s: %u", PICK(orders), below(600));
        return;
    case 2:
        sl_buf_printf(out, "cidr: '%s'", PICK(networks));
        return;
    case 3:
        SL_BUF_LITERAL(out, "regex: ");
        quoted(out, '\'', PICK(patterns));
        break;
    case 4:
        SL_BUF_LITERAL(out, "glob: ");
        quoted(out, '\'', PICK(globs));
        break;
    case 5:
        sl_buf_printf(out, "%s: ", PICK(texts));
        some_word(out, '\'');
        break;
    case 6:
        SL_BUF_LITERAL(out, "equal: ");
        word_list(out);
        break;
    case 7:
        SL_BUF_LITERAL(out, "not: ");
        some_operators(out, depth + 1);
        return;
    default:
        sl_buf_text(out, below(2) ? "all: " : "any: ");
        operators_list(out, depth);
        return;
    }
    *letters = true;
}

static void some_operators(struct sl_buf *out, unsigned depth)
{
    bool letters = false;

    if (below(3) == 0) {
        word_list(out);
        return;
    }
    SL_BUF_LITERAL(out, "{ ");
    some_operator(out, depth, &letters);
    if (letters && below(3) == 0)
        SL_BUF_LITERAL(out, ", case: insensitive");
    else if (letters && below(3) == 0)
        SL_BUF_LITERAL(out, ", gte: 3");
    SL_BUF_LITERAL(out, " }");
}

static void some_mapping(struct sl_buf *out, unsigned depth)
{
    unsigned begin = below(7), n = 1 + below(3);

    SL_BUF_LITERAL(out, "{ ");
    for (unsigned i = 0; i < n; i++) {
        if (i)
            SL_BUF_LITERAL(out, ", ");
        if (i == 2 && depth < 2) {
            sl_buf_text(out, below(2) ? "any: [" : "all: [");
            some_mapping(out, depth + 1);
            sl_buf_byte(out, ',');
            some_mapping(out, depth + 1);
            sl_buf_byte(out, ']');
        } else {
            sl_buf_printf(out, "%s: ", fields[(begin + i) % 7]);
            some_operators(out, 0);
        }
    }
    SL_BUF_LITERAL(out, " }");
}

static void some_rules(struct sl_buf *out)
{
    unsigned n = below(4) ? 2 + below(60) : 300, always = below(40);

    SL_BUF_LITERAL(out, "rules:\n");
    for (unsigned i = 0; i < n; i++) {
        SL_BUF_LITERAL(out, "  - { to: search, continue: true");
        if (i != always) {
            SL_BUF_LITERAL(out, ", when: ");
            some_mapping(out, 0);
        }
        SL_BUF_LITERAL(out, " }\n");
    }
}

/* ---- records ---- */

static void some_text(struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "\"");
    for (unsigned n = 1 + (below(3) == 0) * below(4); n > 0; n--) {
        if (below(30) == 0)
            SL_BUF_LITERAL(out, "\\u0061\\\"\\t");
        if (below(4) == 0)
            sl_buf_printf(out, "w-%u", below(200));
        else
            sl_buf_text(out, PICK(words));
        if (n > 1)
            sl_buf_text(out, below(2) ? " " : "");
    }
    SL_BUF_LITERAL(out, "\"");
}

static void some_value(struct sl_buf *out, unsigned depth)
{
    static const char *const plain[] = {"null", "true", "500", "500.0", "5e2",
                                        "-0",   "{}",   "0.5", "42",    "9007199254740993"};

    if (below(5) == 0) {
        sl_buf_text(out, PICK(plain));
        return;
    }
    if (below(6) || depth) {
        some_text(out);
        return;
    }
    sl_buf_byte(out, '[');
    for (unsigned n = below(5); n > 0; n--) {
        some_value(out, depth + 1);
        if (n > 1)
            sl_buf_byte(out, ',');
    }
    sl_buf_byte(out, ']');
}

static void some_record(struct sl_buf *out)
{
    bool first = true;

    sl_buf_byte(out, '{');
    for (unsigned i = 0; i < 7; i++) {
        if (below(4) == 0)
            continue;
        sl_buf_printf(out, "%s\"%s\":", first ? "" : ",", fields[i]);
        first = false;
        some_value(out, 0);
    }
    sl_buf_byte(out, '}');
}

/* ---- both ---- */

struct tally {
    size_t records, rules, matched, ruled_out, indexed;
};

static void compare(struct sl_match *indexed, struct sl_match *in_order, struct box *b,
                    const char *yaml, const char *record, struct tally *tally)
{
    enum sl_verdict got, want;
    unsigned from = 0, rule, wanted;
    size_t n = sl_rules_count(b->rules);

    sl_match_begin(indexed, &b->record);
    sl_match_begin(in_order, &b->record);
    do {
        rule = sl_match_next(indexed, from, &got);
        wanted = sl_match_next(in_order, from, &want);
        if (rule != wanted || (rule != SL_RULE_NONE && got != want))
            fail_msg("the index says rule %d, it is rule %d\n%s\n%s", (int)rule, (int)wanted,
                     record, yaml);
        tally->matched += rule != SL_RULE_NONE;
        /* Sometimes a rule is passed over, as where a walk is taken up again. */
        from = rule + 1 + (below(8) == 0);
    } while (rule != SL_RULE_NONE);
    for (unsigned i = 0; i < n && below(4) == 0; i++) {
        uint32_t when = b->rules->rules[i].when;
        enum sl_verdict v = when == SL_WHEN_ALWAYS ? SL_YES : sl_match_node(indexed, when);

        if (v != SL_NO && !sl_match_could(indexed, i))
            fail_msg("rule %u could match %s\n%s", i, record, yaml);
        tally->ruled_out += !sl_match_could(indexed, i);
        tally->rules++;
    }
    tally->records++;
}

static void one_set(struct tally *tally)
{
    struct sl_match *indexed, *in_order;
    struct sl_buf yaml, record;
    struct box b;

    sl_buf_init(&yaml, 1 << 22);
    sl_buf_init(&record, 1 << 20);
    some_rules(&yaml);
    box_config(&b);
    box_rules(&b, sl_buf_str(&yaml));
    tally->indexed += !b.rules->index->plain;
    indexed = sl_match_new(b.rules);
    in_order = sl_match_new(b.rules);
    sl_match_in_order(in_order);
    for (unsigned i = 0; i < 200; i++) {
        const char *text; /* asked for once: the record points into it, and a full buffer moves */

        sl_buf_clear(&record);
        some_record(&record);
        text = sl_buf_str(&record);
        box_route(&b, text);
        compare(indexed, in_order, &b, sl_buf_str(&yaml), text, tally);
    }
    sl_match_free(indexed);
    sl_match_free(in_order);
    box_release(&b);
    sl_buf_release(&yaml);
    sl_buf_release(&record);
}

static void the_index_finds_what_judging_every_rule_finds(void **state)
{
    const char *seed = getenv("SLUICE_SEED"), *wanted = getenv("SLUICE_PAIRS");
    size_t pairs = wanted ? strtoul(wanted, NULL, 10) : 100000;
    struct tally tally = {0};

    (void)state;
    dice = seed ? strtoull(seed, NULL, 10) : 20261123;
    print_message("SLUICE_SEED=%llu\n", (unsigned long long)dice);
    dice |= 1ULL << 63; /* the generator never leaves 0 */
    while (tally.records < pairs)
        one_set(&tally);
    /* Most sets have an index, it rules much out, and there is much to find. */
    assert_true(tally.indexed * 200 > tally.records / 2);
    assert_true(tally.ruled_out > tally.rules / 3);
    assert_true(tally.matched > tally.records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_finds_what_judging_every_rule_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
