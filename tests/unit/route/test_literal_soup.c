/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "dice.h"
#include "base/buf.h"
#include "base/fold.h"
#include "route/literal.h"
#include "base/regex.h"

/* Literals of patterns, against patterns that nobody would write: tokens of the syntax in any
 * order, as long as PCRE2 takes them. The texts are made of what the tokens look like, short and
 * without plan, so that some match by a way that the reader of patterns did not think of.
 * SLUICE_SEED repeats a run, SLUICE_PATTERNS makes it longer. */

static const char *const tokens[] = {
    "a",       "b",          "abc",     "abcd",      "k",        "S",
    "xyz",     "(",          "(?:",     "(?|",       "(?>",      "(?i:",
    "(?x:",    "(?xx:",      "(?^:",    "(?-x:",     "(?=",      "(?!",
    "(?<=",    "(?<!",       "(?<n>",   "(?P<m>",    "(?'o'",    ")",
    ")",       ")",          ")",       ")",         "|",        "|",
    "?",       "*",          "+",       "{0}",       "{2}",      "{1,2}",
    "{,2}",    "{2,",        "}",       "??",        "*+",       "[",
    "[^",      "]",          "]",       "]",         "-",        "[:alpha:]",
    "[:",      ":]",         "[.",      "^",         "$",        "\\b",
    "\\Q",     "\\E",        "\\E",     "\\",        "(?#",      "#",
    "\n",      "\r",         " ",       "\t",        "(?i)",     "(?-i)",
    "(?x)",    "(?xx)",      "(?-x)",   "(?^)",      "(?n)",     "(?U)",
    "(?J)",    "(?s-i)",     "(?i-x)",  "\\1",       "(?1)",     "(?R)?",
    "(?&n)",   "(?P>m)",     "\\g{1}",  "\\g1",      "\\k<n>",   "(?-1)",
    "(?(1)",   "(?(DEFINE)", "(?(?=a)", "(*ACCEPT)", "(*F)",     "(*SKIP)",
    "(*:n)",   "(*THEN)",    "(*pla:",  "(*atomic:", "(*sr:",    "(?C)",
    "(?C1)",   "\\x61",      "\\x{62}", "\\x",       "\\o{141}", "\\141",
    "\\0",     "\\N{U+61}",  "\\cA",    "\\R",       "\\X",      "\\h",
    "\\d",     "\\w",        ".",       "\\K",       "\\N",      "\\pL",
    "\\p{Lu}", "\\P{^Lu}",   "\\G",     "\\.",       "\xc3\xab", "\xe2\x84\xaa",
    "(*UTF)",  "(*CR)",      "(*ANY)",  "(*UCP)",    "(?<*",     "(?*",
    "[[:<:]]", "\xc2\x85",
};
/* Those that change what others mean. */
static const char *const marks[] = {
    "[ ",   "[ ]",   "[]",    "[^]",  "[]a", "[",  "]",   "]",   "[^",   "^",     "-",
    "(?x)", "(?xx)", " ",     "\t",   "#",   "\n", "(?#", "\\Q", "\\E",  "(",     ")",
    "|",    "(?i)",  "(?-i)", "(?i:", "?",   "+",  "{2}", "{0}", "(?^)", "(?-x)", "\\"};
static const char *const bits[] = {
    "a",    "b", "c",        "abc", "abcd", "ab",       "k",        "K",
    "s",    "S", "xyz",      "x",   "z",    "A",        "B",        "ABC",
    "]",    "[", "^",        "-",   "#",    " ",        "\n",       "\r",
    "\t",   "1", "}",        "{",   "{,2}", "\xc5\xbf", "\xc3\xab", "\xe2\x84\xaa",
    "\x01", ":", "\\",       "Q",   "E",    "?",        "+",        "|",
    "\xff", ".", "\xc2\x85", ")",
};

enum { POT = 10, FOR_ONE_POT = 100, TEXTS = 30 };

/* A few tokens at a time: of all of them those that have to meet never would. */
struct pot {
    const char *tokens[POT];
};

static void fill(struct pot *pot)
{
    for (unsigned i = 0; i < POT; i++)
        pot->tokens[i] = i < 3 ? tokens[below(7)] : i < 7 ? PICK(marks) : PICK(tokens);
}

static void random_pattern(const struct pot *pot, struct sl_buf *pattern)
{
    unsigned open = 0;

    sl_buf_clear(pattern);
    for (unsigned n = 2 + below(8); n > 0; n--) {
        const char *token = PICK(pot->tokens);

        open += *token == '(' && !strchr(token, ')');
        open -= open && *token == ')';
        sl_buf_text(pattern, token);
    }
    for (; open > 0; open--)
        sl_buf_byte(pattern, ')');
}

static bool holds_one(const struct sl_literals *l, struct sl_slice text)
{
    for (unsigned i = 0; i < l->n; i++) {
        struct sl_slice want = sl_slice(l->items[i].p, l->items[i].n);

        if (l->fold ? sl_fold_contains(text, want) : memmem(text.p, text.n, want.p, want.n) != NULL)
            return true;
    }
    return false;
}

/* How many of some texts match; each must hold what the pattern is said to need. */
static unsigned try_texts(const struct sl_regex *r, struct sl_regex_scratch *s, bool fold,
                          const struct sl_literals *l, const struct sl_literals *also)
{
    unsigned matched = 0;
    struct sl_buf text;

    sl_buf_init(&text, 4096);
    for (unsigned i = 0; i < TEXTS; i++) {
        sl_buf_clear(&text);
        for (unsigned n = below(9); n > 0; n--) {
            if (below(5) == 0) /* the literal itself, whole or not */
                sl_buf_append(&text, l->items[0].p, 1 + below(l->items[0].n));
            else
                sl_buf_text(&text, PICK(bits));
        }
        sl_regex_begin(s);
        if (sl_regex_match(r, s, sl_buf_as_slice(&text)) != 1)
            continue;
        matched++;
        if (!holds_one(l, sl_buf_as_slice(&text)) ||
            (also->n && !holds_one(also, sl_buf_as_slice(&text))))
            fail_msg("%s/%.*s/ matches /%s/ without /%.*s/ or /%.*s/", fold ? "(?i) " : "",
                     (int)sl_regex_pattern(r).n, sl_regex_pattern(r).p, sl_buf_str(&text),
                     l->items[0].n, l->items[0].p, also->n ? also->items[0].n : 0,
                     also->items[0].p);
    }
    sl_buf_release(&text);
    return matched;
}

static void no_soup_matches_without_its_literal(void **unused)
{
    const char *seed = getenv("SLUICE_SEED"), *more = getenv("SLUICE_PATTERNS");
    struct sl_regex_scratch *s = sl_regex_scratch_new();
    unsigned long patterns = more ? strtoul(more, NULL, 10) : 1000000;
    unsigned known = 0, matched = 0;
    struct sl_buf pattern;
    struct pot pot;

    (void)unused;
    dice = seed ? strtoull(seed, NULL, 10) : 20261123;
    print_message("SLUICE_SEED=%llu\n", (unsigned long long)dice);
    dice |= 1ULL << 63; /* the generator never leaves 0 */
    sl_buf_init(&pattern, 4096);
    for (unsigned long i = 0; i < patterns; i++) {
        struct sl_literals l, also;
        bool fold = below(4) == 0;
        struct sl_regex *r;
        size_t offset;

        if (i % FOR_ONE_POT == 0)
            fill(&pot);
        random_pattern(&pot, &pattern);
        /* What gives no literal needs no proof; the reader takes patterns that PCRE2 refuses. */
        if (!sl_literals_of_regex(sl_buf_as_slice(&pattern), fold, &l, &also))
            continue;
        r = sl_regex_new(sl_buf_as_slice(&pattern), fold, &offset, NULL);
        if (!r)
            continue;
        known++;
        matched += try_texts(r, s, fold, &l, &also);
        sl_regex_free(r);
    }
    /* Else nothing was tried. */
    assert_true(known > patterns / 30 && matched > patterns / 10);
    sl_buf_release(&pattern);
    sl_regex_scratch_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_soup_matches_without_its_literal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
