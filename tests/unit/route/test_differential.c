/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>

#include "route/help.h"
#include "route/naive.h"

/* Random rules and random records: the router must decide as naive.c does. SLUICE_SEED repeats a
 * run, SLUICE_PAIRS makes it longer. */

static uint64_t state_of_chance;

static unsigned below(unsigned n)
{
    state_of_chance ^= state_of_chance << 13;
    state_of_chance ^= state_of_chance >> 7;
    state_of_chance ^= state_of_chance << 17;
    return (unsigned)((state_of_chance >> 11) % n);
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof(*(array)))])

static const char *const paths[] = {"level", "service", "message", "status", "user.id", "user.name",
                                    "tags",  "path",    "a.b.c",   "flag",   "odd"};
static const char *const words[] = {"error",
                                    "info",
                                    "warn",
                                    "catalog",
                                    "tile-server",
                                    "auth",
                                    "/api/v1",
                                    "/health",
                                    "500",
                                    "200",
                                    "5e2",
                                    "500.0",
                                    "-1",
                                    "0",
                                    "0500",
                                    "true",
                                    "false",
                                    "null",
                                    "",
                                    "a\"b",
                                    "back\\slash",
                                    "Zo\xc3\xab",
                                    "x*y",
                                    "[ab]",
                                    "aab",
                                    "time out",
                                    "1.5",
                                    "1e400",
                                    "/api/health",
                                    " 500",
                                    "error ",
                                    "Error",
                                    "tab\there",
                                    "abc",
                                    "9007199254740993"};
static const char *const patterns[] = {"^err",      "or$", "[0-9]+", "a|b", "(ab|aa)+", "^/api/.*",
                                       "time ?out", "^$",  "e.r",    "o+",  "^.{3}$",   "\\*"};
static const char *const globs[] = {"*",      "err*",  "*or",  "/api/*", "?00", "[!a-c]*",
                                    "[a-c]*", "*a*b*", "\\[*", "x\\*y",  ""};
static const char *const sinks[] = {"search", "archive", "alerts"};

static json_t *random_number(void)
{
    static const double reals[] = {0.5, 1.5, 2.25, 500.5, -1.75, 500.0, 0.0};
    static const json_int_t integers[] = {
        0, 1, 5, 200, 404, 499, 500, 501, -1, 9007199254740993, 9007199254740992};

    return below(3) ? json_integer(PICK(integers)) : json_real(PICK(reals));
}

static json_t *random_plain(void)
{
    switch (below(8)) {
    case 0:
        return json_boolean(below(2));
    case 1:
    case 2:
        return random_number();
    default:
        return json_string(PICK(words));
    }
}

/* ---- rules ---- */

static json_t *random_field(unsigned depth);

static void add_operator(json_t *mapping, unsigned depth)
{
    static const char *const orders[] = {"lt", "lte", "gt", "gte"};
    static const char *const texts[] = {"prefix", "suffix", "contains"};
    json_t *list;

    switch (below(depth < 3 ? 12 : 8)) {
    case 0:
        json_object_set_new(mapping, "exists", json_boolean(below(2)));
        break;
    case 1:
    case 2:
        json_object_set_new(mapping, PICK(orders), below(4) ? random_number() : json_string("500"));
        break;
    case 3:
        json_object_set_new(mapping, "regex", json_string(PICK(patterns)));
        break;
    case 4:
        json_object_set_new(mapping, "glob", json_string(PICK(globs)));
        break;
    case 5:
    case 6:
        json_object_set_new(mapping, PICK(texts),
                            below(5) ? json_string(PICK(words)) : random_number());
        break;
    case 7:
        json_object_set_new(mapping, "equal", random_plain());
        break;
    case 8:
    case 9:
        json_object_set_new(mapping, "not", random_field(depth + 1));
        break;
    default:
        list = json_array();
        for (unsigned n = 1 + below(3); n > 0; n--)
            json_array_append_new(list, random_field(depth + 1));
        json_object_set_new(mapping, below(2) ? "all" : "any", list);
        break;
    }
}

static json_t *random_field(unsigned depth)
{
    json_t *value;

    switch (below(4)) {
    case 0:
        return random_plain();
    case 1:
        value = json_array();
        for (unsigned n = 1 + below(4); n > 0; n--)
            json_array_append_new(value, random_plain());
        return value;
    default:
        value = json_object();
        for (unsigned n = 1 + below(2); n > 0; n--)
            add_operator(value, depth);
        return value;
    }
}

static json_t *random_when(unsigned depth)
{
    json_t *when = json_object(), *list;

    for (unsigned n = 1 + below(2); n > 0; n--) {
        if (depth == 3 || below(4)) {
            json_object_set_new(when, PICK(paths), random_field(0));
        } else if (below(3) == 0) {
            json_object_set_new(when, "not", random_when(depth + 1));
        } else {
            list = json_array();
            for (unsigned k = 1 + below(3); k > 0; k--)
                json_array_append_new(list, random_when(depth + 1));
            json_object_set_new(when, below(2) ? "all" : "any", list);
        }
    }
    return when;
}

static json_t *random_rule(unsigned number)
{
    json_t *rule = json_object(), *to;
    char name[32];

    snprintf(name, sizeof(name), "rule-%u", number);
    json_object_set_new(rule, "name", json_string(name));
    if (below(100))
        json_object_set_new(rule, "when", random_when(0));
    if (below(10) == 0) {
        json_object_set_new(rule, "drop", json_true());
        return rule;
    }
    if (below(10)) {
        unsigned bits = 1 + below(7);

        to = json_array();
        for (unsigned i = 0; i < 3; i++)
            if (bits >> i & 1)
                json_array_append_new(to, json_string(sinks[2 - i]));
        json_object_set_new(rule, "to", to);
    }
    if (!json_object_get(rule, "to") || below(2))
        json_object_set_new(rule, "continue", json_true());
    return rule;
}

static json_t *random_rules(void)
{
    json_t *rules = json_array();
    unsigned n = 1 + below(below(3) ? 12 : 100);

    for (unsigned i = 0; i < n; i++)
        json_array_append_new(rules, random_rule(i));
    return rules;
}

/* ---- records ---- */

/* Beyond SL_REGEX_PLAIN_MAX, where regular expressions run with their steps counted. */
static json_t *long_text(void)
{
    const char *begin = PICK(words), *fill = PICK(words), *end = PICK(words);
    struct sl_buf text;
    json_t *value;

    sl_buf_init(&text, 1 << 16);
    sl_buf_text(&text, begin);
    while (text.n < 1100)
        sl_buf_text(&text, *fill ? fill : "abc");
    sl_buf_text(&text, end);
    value = json_string(sl_buf_str(&text));
    sl_buf_release(&text);
    return value;
}

static json_t *random_value(unsigned depth)
{
    json_t *value;

    if (below(400) == 0)
        return long_text();

    switch (below(10)) {
    case 0:
        return json_null();
    case 1:
    case 2:
        value = json_array();
        for (unsigned n = below(4); n > 0; n--)
            json_array_append_new(value, depth < 2 ? random_value(depth + 1) : random_plain());
        return value;
    case 3:
        value = json_object();
        json_object_set_new(value, PICK(words), random_plain());
        return value;
    default:
        return random_plain();
    }
}

static json_t *random_record(void)
{
    json_t *record = json_object(), *user = json_object(), *a = json_object(), *b = json_object();

    for (unsigned n = below(9); n > 0; n--)
        json_object_set_new(record, PICK(paths),
                            random_value(0)); /* dotted paths as literal keys */
    if (below(2)) {
        json_object_set_new(user, "id", random_value(1));
        if (below(2))
            json_object_set_new(user, "name", random_value(1));
        json_object_set(record, "user", user);
    }
    if (below(3) == 0) {
        json_object_set_new(b, "c", random_value(1));
        json_object_set(a, "b", b);
        if (below(2))
            json_object_set_new(a, "b.c", random_value(1));
        json_object_set(record, "a", a);
    }
    json_decref(user);
    json_decref(a);
    json_decref(b);
    return record;
}

/* ---- both ---- */

static void compare(struct box *b, const json_t *rules, const json_t *record, const char *text)
{
    struct naive want;
    const unsigned *matched;
    size_t n;
    bool same;

    naive_route(rules, record, sinks, 3, ARCHIVE, &want);
    box_route(b, text);
    matched = sl_matcher_matched(b->matcher, &n);
    same = b->decision.n == (size_t)want.n && n == (size_t)want.n_matched &&
           b->decision.dropped_by ==
               (want.dropped_by == NAIVE_NONE ? SL_RULE_NONE : (unsigned)want.dropped_by) &&
           b->decision.error_rule == SL_RULE_NONE;
    for (size_t i = 0; same && i < n; i++)
        same = matched[i] == (unsigned)want.matched[i];
    for (int i = 0; same && i < want.n; i++)
        same =
            b->decision.chosen[i].sink == (unsigned)want.sinks[i] &&
            b->decision.chosen[i].rule ==
                (want.rules[i] == NAIVE_UNMATCHED ? SL_RULE_UNMATCHED : (unsigned)want.rules[i]) &&
            (b->decision.sinks >> want.sinks[i] & 1);
    if (!same) {
        unsigned got = n ? matched[n - 1] : 9999;
        int wanted = want.n_matched ? want.matched[want.n_matched - 1] : 9999;
        const json_t *rule = json_array_get(rules, got < (unsigned)wanted ? got : (size_t)wanted);

        fail_msg("they part on %s\nlast rule %u, naive %d: %s", text, got, wanted,
                 rule ? json_dumps(rule, 0) : "");
    }
}

static size_t one_set(unsigned records, size_t *unmatched)
{
    json_t *rules = random_rules(), *file = json_pack("{so}", "rules", rules);
    char *yaml = json_dumps(file, below(2) ? JSON_INDENT(2) : 0);
    struct box b;

    box_config(&b);
    box_rules(&b, yaml);
    for (unsigned i = 0; i < records; i++) {
        json_t *record = random_record();
        char *text = json_dumps(record, (below(2) ? JSON_ENSURE_ASCII : 0) |
                                            (below(2) ? JSON_ESCAPE_SLASH : 0));

        compare(&b, rules, record, text);
        *unmatched += b.decision.n == 1 && b.decision.chosen[0].rule == SL_RULE_UNMATCHED;
        free(text);
        json_decref(record);
    }
    box_release(&b);
    free(yaml);
    json_decref(file);
    return records;
}

static void the_router_decides_as_the_naive_evaluator(void **state)
{
    const char *seed = getenv("SLUICE_SEED"), *wanted = getenv("SLUICE_PAIRS");
    size_t pairs = wanted ? strtoul(wanted, NULL, 10) : 200000, done = 0, unmatched = 0;

    (void)state;
    state_of_chance = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 2654435761u;
    print_message("SLUICE_SEED=%llu\n", (unsigned long long)state_of_chance);
    state_of_chance |= 1ULL << 63; /* the generator never leaves 0 */
    while (done < pairs)
        done += one_set(400, &unmatched);
    /* Random rules must be worth something: neither all records nor none match. */
    assert_in_range(unmatched, done / 100, done * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_router_decides_as_the_naive_evaluator)};

    setlocale(LC_ALL, "C.UTF-8"); /* for POSIX regular expressions */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
