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
#include "route/glob.h"
#include "route/literal.h"
#include "base/regex.h"

/* Literals of patterns: those that are known, and, for random patterns, that PCRE2 never matches a
 * text without them. SLUICE_SEED repeats a run. */

/* "abc|def", with a ~ before it when case does not matter; "": none */
static void write_literals(const char *pattern, bool fold, struct sl_buf *out)
{
    struct sl_literals l, also;

    if (!sl_literals_of_regex(sl_slice_str(pattern), fold, &l, &also))
        return;
    if (l.fold)
        sl_buf_byte(out, '~');
    for (unsigned i = 0; i < l.n; i++) {
        if (i)
            sl_buf_byte(out, '|');
        sl_buf_append(out, l.items[i].p, l.items[i].n);
    }
}

struct known {
    const char *pattern, *literals;
};

static void assert_known(const struct known *cases, size_t n, bool fold)
{
    for (size_t i = 0; i < n; i++) {
        size_t offset;
        struct sl_error err = {0};
        struct sl_regex *r = sl_regex_new(sl_slice_str(cases[i].pattern), fold, &offset, &err);
        struct sl_buf out;

        if (!r)
            fail_msg("%s: %s", cases[i].pattern, err.text);
        sl_regex_free(r);
        sl_buf_init(&out, 4096);
        write_literals(cases[i].pattern, fold, &out);
        if (strcmp(sl_buf_str(&out), cases[i].literals) != 0)
            fail_msg("%s gives %s, not %s", cases[i].pattern, sl_buf_str(&out), cases[i].literals);
        sl_buf_release(&out);
    }
}

static void what_every_match_holds_is_found(void **state)
{
    static const struct known cases[] = {
        {"timeout", "timeout"},
        {"^connection reset$", "connection reset"},
        {"user \\d+ logged in", " logged in"},
        {"\\bdisk (full|quota)\\b", "disk full|disk quota"},
        {"colou?r", "colour|color"},
        {"ab[cd]ef", "abcef|abdef"},
        {"[.]example[.]com", ".example.com"},
        {"abcd[x[.:]efgh|[/:]", ""}, /* `[.` begins nothing: the class ends at its bracket */
        {"a\\.b\\x2fc\\x{2F}", "a.b/c/"},
        {"(?:GET|POST|PUT) /", "GET /|POST /|PUT /"},
        {"(?<verb>GET|HEAD)", "GET|HEAD"},
        {"abcx+defgh", "xdefgh"},
        {"abc(?:de){2}f", "abcdedef"},
        {"abc(?:de){2,}fgh", "abcde"},
        {"\\Qa.b*c\\E+d", "a.b*c"},
        {"\\Qab\\E\\Qcd\\E", "abcd"},
        {"(?x) time \\  out # all of it", "time out"},
        {"(?x: a b c ) d e f", "abc d e f"},
        {"foo(?=bar)baz", "foobaz"},
        {"foo(?!bar)baz", "foobaz"},
        {"(?<=foo)bar", "bar"},
        {"foo\\Kbar", "foobar"},
        {"(?>foo|foobar)baz", "foobaz|foobarbaz"},
        {"(?|(abc)|(def))", "abc|def"},
        {"Zo\xc3\xab S", "Zo\xc3\xab S"},
        {"foo{", "foo{"},
        {"foo{1,x}", "foo{1,x}"},
        {"(*UTF)(*ANYCRLF)abcd", "abcd"},
        {"(abc|def)(?:xyz)*gh", "abc|def"},
        {"abc(?i)def", "~abcdef"},
        {"abc(?i:def)ghi", "~abcdefghi"},
        {"(a(?i)bcd|ef.ghij)", "~abcd|ghij"},
        {"one|two|three", "one|two|three"},
        {"\\d+ms took=\\d+", "ms took="},
        {"a\\tb\\nc", "a\tb\nc"},
        {"a(?#a word)+bcd", "abcd"},
        {"x*yyy", "yyy"},
    };

    (void)state;
    assert_known(cases, sizeof(cases) / sizeof(*cases), false);
}

static void what_is_not_sure_gives_nothing(void **state)
{
    static const struct known cases[] = {
        {"\\d+", ""},
        {"ab", ""},
        {"abc|d", ""},
        {"abc|", ""},
        {"(abc)?", ""},
        {"(abc)*", ""},
        {"(abc){0,3}", ""},
        {"(?=abcdef)a", ""},
        {"(?!abcdef)", ""},
        {"(?<!abcdef)", ""},
        {"abcd(*ACCEPT)efgh", ""},
        {"(*ACCEPT)abcd", ""},
        {"(?(?=abcd)abcd|x)", ""},
        {"(a)(?(1)bcd|efg)", ""},
        {"(a)\\1\\1\\1", ""},
        {"(?<n>a)(?P=n)bc", ""},
        {"(?C1)abcdef", ""},
        {"(*positive_lookahead:abc)abc", ""},
        {"\\cAbcdef", ""},
        {"[a-z]bc", ""},
        {"[[:alpha:]]xy", ""},
        {"[\\Qabc\\E]defg", ""},
        {"(?xx)[ ]abcde]fgh", ""},
        {"(?xx)[^\t]abcde]fgh", ""},
        {"(?x) abcd # bc\r efgh\n", ""},
        {"(?x) ab\xe2\x80\xa8*c d e f", ""},
        {"(*CR)(?x) abcd # efgh\n ijkl", ""},
        {"\\p{Lu}\\pLab", ""},
        {"\\N{U+41}bc", ""},
        {"a.c", ""},
        {"", ""},
    };

    (void)state;
    assert_known(cases, sizeof(cases) / sizeof(*cases), false);
}

static void without_regard_to_case_some_letters_are_several(void **state)
{
    static const struct known cases[] = {
        {"Error", "~error"},
        {"(?-i)Error", "Error"},
        {"TASK", "~task|tas\xe2\x84\xaa|ta\xc5\xbf"
                 "k|ta\xc5\xbf\xe2\x84\xaa"},
        {"Zo\xc3\xab timer", "~ timer"},
        {"[Ab]cde", "~acde|bcde"},
    };
    struct sl_literals l, also;
    size_t offset;
    unsigned partners = 0;

    (void)state;
    assert_known(cases, sizeof(cases) / sizeof(*cases), true);
    /* And no other letter is: every character against every ASCII letter. */
    for (char letter = 'a'; letter <= 'z'; letter++) {
        char pattern[] = {letter, letter, letter, 0};
        struct sl_regex *r = sl_regex_new(sl_slice_str(pattern), true, &offset, NULL);
        struct sl_regex_scratch *s = sl_regex_scratch_new();

        assert_true(sl_literals_of_regex(sl_slice_str(pattern), true, &l, &also));
        for (unsigned c = 0x80; c < 0x3000; c++) {
            char one[3], text[9];
            size_t n = c < 0x800 ? 2 : 3;

            one[0] = (char)(n == 2 ? 0xc0 | c >> 6 : 0xe0 | c >> 12);
            one[1] = (char)(n == 2 ? 0x80 | (c & 63) : 0x80 | (c >> 6 & 63));
            one[2] = (char)(0x80 | (c & 63));
            for (unsigned i = 0; i < 3; i++)
                memcpy(text + i * n, one, n);
            if (sl_regex_match(r, s, sl_slice(text, 3 * n)) == 1) {
                assert_true((c == 0x212a && letter == 'k') || (c == 0x17f && letter == 's'));
                partners++;
            }
        }
        sl_regex_scratch_free(s);
        sl_regex_free(r);
    }
    assert_int_equal(partners, 2);
}

/* ---- random patterns ---- */

/* A pattern and a text that has a good chance to match it. */
static void random_pattern(struct sl_buf *pattern, struct sl_buf *text, unsigned depth);

static void random_word(struct sl_buf *pattern, struct sl_buf *text)
{
    static const char letters[] = "abcdefgkstuKSE 019";
    size_t begin = pattern->n;

    for (unsigned n = 1 + below(5); n > 0; n--)
        sl_buf_byte(pattern, letters[below(sizeof(letters) - 1)]);
    for (size_t i = begin; i < pattern->n; i++) {
        char c = pattern->p[i];

        if ((c | 0x20) == 'k' && below(8) == 0)
            SL_BUF_LITERAL(text, "\xe2\x84\xaa");
        else if ((c | 0x20) == 's' && below(8) == 0)
            SL_BUF_LITERAL(text, "\xc5\xbf");
        else
            sl_buf_byte(text, below(4) ? c : (char)(c ^ ((c & 0x40) >> 1)));
    }
}

static void random_atom(struct sl_buf *pattern, struct sl_buf *text)
{
    static const struct {
        const char *pattern, *text;
    } atoms[] = {
        {"\\d+", "42"},
        {"[a-f]", "c"},
        {".", "x"},
        {".*", " anything "},
        {"\\s", " "},
        {"\\w*", "word"},
        {"[ab]", "b"},
        {"[^x]", "q"},
        {"\\.", "."},
        {"\\Qa+b\\E", "a+b"},
        {"\\x41", "A"},
        {"\\x{e9}", "\xc3\xa9"},
        {"\xc3\xab", "\xc3\xab"},
        {"\xc3\xab?", ""},
        {"^", ""},
        {"$", ""},
        {"\\b", ""},
        {"(?#no)", ""},
        {"\\K", ""},
        {"[]x]", "]"},
        {"[.]", "."},
        {"(?i)", ""},
        {"(?-i)", ""},
        {"(?x) ", ""},
        {"(?^)", ""},
        {"\\E", ""},
        {"[[:digit:]k]", "k"},
        {"\\R", "\n"},
        {"\\Qxy\\E+", "xyyy"},
        {"\\t", "\t"},
        {"#", "#"},
        {"[k]", "K"},
        {"\\1", ""},
        {"(?1)", ""},
        {"(?R)?", ""},
        {"\\101", "A"},
        {"(*ACCEPT)", ""},
        {"(*COMMIT)", ""},
        {"(?C)", ""},
        {"\\N", "n"},
        {"\\pL", "l"},
        {"\\cA", "\x01"},
        {"[\\]a]", "]"},
        {"[a\\-z]", "-"},
        {"\\g{1}", ""},
        {"(?(1)abc|def)", "abc"},
        {"{", "{"},
        {"x{,2}", "x{,2}"},
    };
    unsigned i = below(sizeof(atoms) / sizeof(*atoms));

    sl_buf_text(pattern, atoms[i].pattern);
    sl_buf_text(text, atoms[i].text);
}

static void random_group(struct sl_buf *pattern, struct sl_buf *text, unsigned depth)
{
    static const char *const begins[] = {"(",    "(?:",   "(?>", "(?|", "(?<n>", "(?'m'", "(?i:",
                                         "(?x:", "(?-i:", "(?=", "(?!", "(?<=",  "(?<!",  "(?P<o>"};
    static const char *const repeats[] = {"",   "",    "",      "?",      "*",
                                          "+",  "{2}", "{0,2}", "{2,}",   "+?",
                                          "++", "{1}", "{0}",   "{2}{2}", " +"};
    unsigned kind = below(sizeof(begins) / sizeof(*begins)), branches = 1 + below(3);
    unsigned chosen = below(branches);
    struct sl_buf own, unused;

    sl_buf_init(&own, 1 << 16);
    sl_buf_init(&unused, 1 << 16);
    sl_buf_text(pattern, begins[kind]);
    for (unsigned i = 0; i < branches; i++) {
        if (i)
            sl_buf_byte(pattern, '|');
        random_pattern(pattern, i == chosen ? &own : &unused, depth + 1);
    }
    sl_buf_byte(pattern, ')');
    sl_buf_text(pattern, PICK(repeats));
    for (unsigned n = kind >= 9 && kind < 13 ? 0 : below(4); n > 0; n--)
        sl_buf_slice(text, sl_buf_as_slice(&own));
    sl_buf_release(&own);
    sl_buf_release(&unused);
}

static void random_pattern(struct sl_buf *pattern, struct sl_buf *text, unsigned depth)
{
    for (unsigned n = 1 + below(4); n > 0; n--) {
        unsigned kind = below(depth < 3 ? 8 : 6);

        if (kind < 4)
            random_word(pattern, text);
        else if (kind < 6)
            random_atom(pattern, text);
        else
            random_group(pattern, text, depth);
    }
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

static void no_match_is_without_its_literal(void **state)
{
    const char *seed = getenv("SLUICE_SEED");
    struct sl_regex_scratch *s = sl_regex_scratch_new();
    unsigned matched = 0, known = 0;
    struct sl_buf pattern, text, other;

    (void)state;
    dice = seed ? strtoull(seed, NULL, 10) : 20261123;
    print_message("SLUICE_SEED=%llu\n", (unsigned long long)dice);
    dice |= 1ULL << 63; /* the generator never leaves 0 */
    sl_buf_init(&pattern, 1 << 16);
    sl_buf_init(&text, 1 << 16);
    sl_buf_init(&other, 1 << 16);
    for (unsigned i = 0; i < 30000; i++) {
        bool fold = below(3) == 0;
        struct sl_literals l, also;
        struct sl_regex *r;
        size_t offset;

        sl_buf_clear(&pattern);
        sl_buf_clear(&text);
        random_pattern(&pattern, &text, 0);
        if (below(3) == 0) /* for lookarounds: more than the pattern was made for */
            random_word(&other, &text);
        sl_buf_clear(&other);
        r = sl_regex_new(sl_buf_as_slice(&pattern), fold, &offset, NULL);
        if (!r)
            continue;
        if (sl_literals_of_regex(sl_buf_as_slice(&pattern), fold, &l, &also)) {
            known++;
            sl_regex_begin(s);
            if (sl_regex_match(r, s, sl_buf_as_slice(&text)) == 1) {
                matched++;
                if (!holds_one(&l, sl_buf_as_slice(&text)) ||
                    (also.n && !holds_one(&also, sl_buf_as_slice(&text))))
                    fail_msg("%s%s matches %s without %.*s", fold ? "(?i) " : "",
                             sl_buf_str(&pattern), sl_buf_str(&text), l.items[0].n, l.items[0].p);
            }
        }
        sl_regex_free(r);
    }
    /* Most patterns have one, and many of these matched: else nothing was tried. */
    assert_true(known > 5000 && matched > 1000);
    sl_buf_release(&pattern);
    sl_buf_release(&text);
    sl_buf_release(&other);
    sl_regex_scratch_free(s);
}

/* ---- globs ---- */

static void globs_say_how_they_begin_and_end(void **state)
{
    static const struct {
        const char *glob, *head, *tail, *inner;
        bool whole;
    } cases[] = {
        {"/health*", "/health", "", "/health", false},
        {"*.log", "", ".log", ".log", false},
        {"/a/*/b", "/a/", "/b", "/a/", false},
        {"*timeout*", "", "", "timeout", false},
        {"plain", "plain", "", "", true},
        {"a\\*b", "a*b", "", "", true},
        {"ab[cd]efg?h", "ab", "h", "efg", false},
        {"[]x]abc", "", "abc", "abc", false},
        {"[!]x]abc", "", "abc", "abc", false},
        {"[a\\]b]c", "", "c", "c", false},
        {"", "", "", "", true},
        {"*", "", "", "", false},
    };
    char room[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sl_glob_literals g;

        sl_literals_of_glob(sl_slice_str(cases[i].glob), room, &g);
        assert_true(sl_slice_is(g.head, cases[i].head));
        assert_true(sl_slice_is(g.tail, cases[i].tail));
        assert_true(sl_slice_is(g.inner, cases[i].inner) || cases[i].whole);
        assert_int_equal(g.whole, cases[i].whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_every_match_holds_is_found),
        cmocka_unit_test(what_is_not_sure_gives_nothing),
        cmocka_unit_test(without_regard_to_case_some_letters_are_several),
        cmocka_unit_test(no_match_is_without_its_literal),
        cmocka_unit_test(globs_say_how_they_begin_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
