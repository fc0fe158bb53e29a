/* SPDX-License-Identifier: Apache-2.0 */
#include "route/literal.h"

#include <string.h>

#include "base/fold.h"
#include "base/utf8.h"
#include "route/literal_set.h"

enum {
    DEPTH_MAX = 30, /* of groups; deeper patterns give nothing */
    REPEAT_MAX = 4, /* `(ab){3}` is written out as far as this */
    UNBOUNDED = 1 << 30,
    CLASS_MAX = 4, /* members of a class that are written out */
};

/* ---- the reader ---- */

struct reader {
    const char *p, *end;
    bool fold, extended;
    bool quoted;  /* inside \Q...\E */
    bool special; /* begins with a verb, such as one that chooses what a line break is */
    bool bad;     /* something that is not understood: no literal */
    unsigned depth;
};

/* What an item or a sequence can match. exact: `set` and nothing else. Otherwise one of `set` is in
 * what it matches, or nothing is known (set.n == 0). */
struct part {
    bool exact;
    struct sl_literals set;
    struct sl_literals also; /* of a sequence that is not exact: another such set, or n == 0 */
};

static void read_alternatives(struct reader *r, struct part *ret);

static bool fail(struct reader *r)
{
    r->bad = true;
    r->p = r->end;
    return false;
}

static bool at(const struct reader *r, const char *text)
{
    size_t n = strlen(text);

    return (size_t)(r->end - r->p) >= n && !memcmp(r->p, text, n);
}

static bool take(struct reader *r, const char *text)
{
    if (!at(r, text))
        return false;
    r->p += strlen(text);
    return true;
}

/* Past the next `c`. */
static void skip_past(struct reader *r, char c)
{
    const char *found = memchr(r->p, c, (size_t)(r->end - r->p));

    if (found)
        r->p = found + 1;
    else
        fail(r);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void set_unknown(struct part *p)
{
    p->exact = false;
    p->set.n = 0;
}

static void set_nothing(struct part *p) /* matches the empty string: an anchor, say */
{
    p->exact = true;
    sl_literals_empty(&p->set);
}

/* One character of the pattern that stands for itself. */
static void set_char(const struct reader *r, const char *p, size_t n, struct part *ret)
{
    bool ascii = n == 1 && !(*p & 0x80);

    ret->exact = true;
    ret->set.n = 0;
    ret->set.fold = false;
    if (r->fold && !ascii) {
        set_unknown(ret);
        return;
    }
    sl_literals_add(&ret->set, p, n);
    if (!r->fold || !is_letter(*p))
        return;
    sl_literals_fold(&ret->set);
    if ((*p | 0x20) == 'k')
        sl_literals_add(&ret->set, "\xe2\x84\xaa", 3);
    if ((*p | 0x20) == 's')
        sl_literals_add(&ret->set, "\xc5\xbf", 2);
}

static void read_char(struct reader *r, struct part *ret)
{
    size_t n = sl_utf8_char(r->p, (size_t)(r->end - r->p), NULL);

    /* Some of the characters beyond ASCII are blanks when the pattern is extended. */
    if (n == 0 || (n > 1 && r->extended && !r->quoted)) {
        fail(r);
        return;
    }
    set_char(r, r->p, n, ret);
    r->p += n;
}

/* What may stand between an item and its quantifier, or between items, and means nothing. */
static void skip_blank(struct reader *r)
{
    for (;;) {
        if (take(r, "(?#")) {
            skip_past(r, ')');
        } else if (take(r, "\\E") || take(r, "\\Q\\E")) {
            continue;
        } else if (r->extended && r->p < r->end && *r->p == '#') {
            /* Where it ends depends on what a line break is; only the plain case is read. */
            while (r->p < r->end && *r->p != '\n')
                if ((*r->p++ & 0x80) || r->p[-1] == '\r' || r->special)
                    fail(r);
        } else if (r->extended && r->p < r->end && *r->p && strchr(" \t\n\v\f\r", *r->p)) {
            r->p++;
        } else {
            return;
        }
    }
}

static unsigned read_number(struct reader *r)
{
    unsigned n = 0;

    for (; r->p < r->end && is_digit(*r->p); r->p++)
        n = n < 100000 ? 10 * n + (unsigned)(*r->p - '0') : n;
    return n;
}

/* Behind an item: how often. False: no quantifier, once. */
static bool read_quantifier(struct reader *r, unsigned *min, unsigned *max)
{
    const char *begin = r->p;

    *min = *max = 1;
    if (r->p == r->end)
        return false;
    switch (*r->p) {
    case '*':
        *min = 0;
        *max = UNBOUNDED;
        break;
    case '+':
        *max = UNBOUNDED;
        break;
    case '?':
        *min = 0;
        break;
    case '{':
        r->p++;
        if (r->p < r->end && is_digit(*r->p)) {
            *min = *max = read_number(r);
            if (take(r, ","))
                *max = r->p < r->end && is_digit(*r->p) ? read_number(r) : UNBOUNDED;
            if (r->p < r->end && *r->p == '}')
                break;
        }
        /* Not a quantifier here; `{,5}` and `{ 1, 2 }` are one in later versions. */
        for (r->p = begin + 1; r->p < r->end && (is_digit(*r->p) || strchr(", \t", *r->p)); r->p++)
            if (!*r->p)
                break;
        if (r->p < r->end && *r->p == '}' && r->p > begin + 1)
            fail(r);
        else
            r->p = begin;
        *min = *max = 1;
        return false;
    default:
        return false;
    }
    r->p++;
    if (r->extended)
        skip_blank(r);
    if (r->p < r->end && (*r->p == '+' || *r->p == '?'))
        r->p++;
    return true;
}

/* All of them: `a{2}{3}` is six. */
static void read_quantifiers(struct reader *r, unsigned *min, unsigned *max)
{
    unsigned more_min, more_max;

    if (!read_quantifier(r, min, max))
        return;
    for (skip_blank(r); read_quantifier(r, &more_min, &more_max); skip_blank(r)) {
        *min = 0;
        *max = UNBOUNDED;
    }
}

/* \x41, \x{41}: behind the x */
static void read_hex(struct reader *r, struct part *ret)
{
    bool braces = take(r, "{");
    uint32_t code = 0;
    unsigned n = 0;
    char byte;

    for (; r->p < r->end && (braces || n < 2); r->p++, n++) {
        char c = sl_fold_char(*r->p);

        if (!is_digit(c) && !(c >= 'a' && c <= 'f'))
            break;
        code = (code << 4 | (uint32_t)(is_digit(c) ? c - '0' : c - 'a' + 10)) & 0xffffff;
    }
    if ((braces && !take(r, "}")) || n > 6) {
        fail(r);
        return;
    }
    byte = (char)code;
    if (code < 0x80)
        set_char(r, &byte, 1, ret);
    else
        set_unknown(ret);
}

/* The name or number behind \g and \k. */
static void skip_reference(struct reader *r)
{
    if (take(r, "{"))
        skip_past(r, '}');
    else if (take(r, "<"))
        skip_past(r, '>');
    else if (take(r, "'"))
        skip_past(r, '\'');
    else if (take(r, "+") || take(r, "-") || r->p < r->end)
        read_number(r);
}

static void read_escape(struct reader *r, struct part *ret)
{
    static const char plain[] = "aefnrt", meant[] = "\a\x1b\f\n\r\t";
    const char *found;
    char c;

    if (++r->p == r->end) {
        fail(r);
        return;
    }
    c = *r->p;
    if (!is_letter(c) && !is_digit(c)) {
        read_char(r, ret);
        return;
    }
    r->p++;
    set_unknown(ret);
    found = strchr(plain, c);
    if (found) {
        set_char(r, &meant[found - plain], 1, ret);
    } else if (c == 'x') {
        read_hex(r, ret);
    } else if (strchr("bBAZzGK", c)) {
        set_nothing(ret);
    } else if (c == 'p' || c == 'P') {
        if (take(r, "{"))
            skip_past(r, '}');
        else if (r->p < r->end)
            r->p++;
    } else if (c == 'N' && at(r, "{U+")) {
        skip_past(r, '}');
    } else if (c == 'o' && take(r, "{")) {
        skip_past(r, '}');
    } else if (c == 'g' || c == 'k') {
        skip_reference(r);
    } else if (is_digit(c)) {
        read_number(r); /* a back reference, or a character by its octal number */
    } else if (!strchr("dDwWsShHvVNRX", c)) {
        fail(r); /* \c and what is yet to be invented */
    }
}

/* Of a class only its end matters, and its members where they are few and plain. */
static void read_class(struct reader *r, struct part *ret)
{
    struct part one;
    bool simple = true, first = true;

    r->p++;
    ret->exact = true;
    ret->set.n = 0;
    ret->set.fold = false;
    if (take(r, "^"))
        simple = false;
    for (; r->p < r->end && (first || *r->p != ']'); first = false) {
        char c = *r->p;

        if (c == '\\') {
            if (r->p + 1 == r->end || strchr("cQE", r->p[1]))
                goto unknown;
            simple = simple && !is_letter(r->p[1]) && !is_digit(r->p[1]) && !(r->p[1] & 0x80);
            r->p++;
        } else if (at(r, "[:")) {
            simple = false;
            for (r->p += 2; r->p < r->end && (is_letter(*r->p) || *r->p == '^'); r->p++)
                ;
            if (!take(r, ":]"))
                goto unknown;
            continue;
        } else if (at(r, "[.") || at(r, "[=") ||
                   (first && r->extended && (c == ' ' || c == '\t'))) {
            goto unknown; /* with (?xx) a blank is none, and the bracket behind it is a member */
        } else if ((c & 0x80) || c == ' ' || c == '\t' || c == '-' || c == '[') {
            simple = simple && c == '-' && first && r->p + 1 < r->end && r->p[1] == ']';
        }
        if (simple && ret->set.n < CLASS_MAX) {
            set_char(r, r->p, 1, &one);
            simple = sl_literals_union(&ret->set, &one.set);
        } else {
            simple = false;
        }
        r->p++;
    }
    if (!take(r, "]"))
        goto unknown;
    if (!simple)
        set_unknown(ret);
    return;
unknown:
    fail(r);
}

/* (?i) and the like, or (?i:...): behind the `(?`. True when a group follows. */
static bool read_options(struct reader *r)
{
    bool on = true;

    if (take(r, "^"))
        r->fold = r->extended = false;
    for (; r->p < r->end; r->p++) {
        switch (*r->p) {
        case 'i':
            r->fold = on;
            break;
        case 'x':
            r->extended = on;
            break;
        case '-':
            on = false;
            break;
        case 'm':
        case 's':
        case 'n':
        case 'J':
        case 'U':
            break;
        case ':':
        case ')':
            return *r->p++ == ':';
        default:
            return fail(r);
        }
    }
    return fail(r);
}

static void read_group(struct reader *r, struct part *ret)
{
    bool fold = r->fold, extended = r->extended, empty = false;

    set_nothing(ret);
    if (at(r, "(*")) {
        fail(r); /* (*ACCEPT) and the like */
        return;
    }
    if (!take(r, "(?")) {
        r->p++;
    } else if (take(r, "=") || take(r, "!") || take(r, "<=") || take(r, "<!")) {
        empty = true;
    } else if (at(r, "<*")) {
        fail(r);
        return;
    } else if (take(r, "P<") || take(r, "<")) {
        skip_past(r, '>');
    } else if (take(r, "'")) {
        skip_past(r, '\'');
    } else if (take(r, ":") || take(r, "|") || take(r, ">")) {
        ;
    } else if (at(r, "R") || at(r, "&") || at(r, "P") || at(r, "+") ||
               (r->p < r->end && is_digit(*r->p)) ||
               (at(r, "-") && r->p + 1 < r->end && is_digit(r->p[1]))) {
        skip_past(r, ')'); /* recursion, or a back reference by name */
        set_unknown(ret);
        return;
    } else if (!read_options(r)) {
        return; /* they hold on to the end of the group around */
    }
    if (++r->depth > DEPTH_MAX) {
        fail(r);
        return;
    }
    read_alternatives(r, ret);
    r->depth--;
    if (!take(r, ")"))
        fail(r);
    if (empty)
        set_nothing(ret);
    r->fold = fold;
    r->extended = extended;
}

static void read_item(struct reader *r, struct part *ret)
{
    set_unknown(ret);
    if (r->quoted) {
        read_char(r, ret);
        return;
    }
    switch (*r->p) {
    case '\\':
        read_escape(r, ret);
        break;
    case '[':
        read_class(r, ret);
        break;
    case '(':
        read_group(r, ret);
        break;
    case '.':
        r->p++;
        break;
    case '^':
    case '$':
        r->p++;
        set_nothing(ret);
        break;
    case '*':
    case '+':
    case '?':
        fail(r); /* a quantifier of something that was not seen as an item */
        break;
    default:
        read_char(r, ret);
    }
}

/* ---- sequences and alternatives ---- */

struct run {
    struct sl_literals now;  /* what the items since the last break can have matched */
    struct sl_literals best; /* of the runs before; n == 0: none */
    struct sl_literals next; /* the second best */
    bool broken;
};

static void keep_better(struct run *run, const struct sl_literals *set)
{
    unsigned worth = sl_literals_worth(set);

    if (worth > sl_literals_worth(&run->best)) {
        sl_literals_copy(&run->next, &run->best);
        sl_literals_copy(&run->best, set);
    } else if (worth > sl_literals_worth(&run->next)) {
        sl_literals_copy(&run->next, set);
    }
}

static void run_break(struct run *run)
{
    keep_better(run, &run->now);
    sl_literals_empty(&run->now);
    run->broken = true;
}

static void run_add(struct run *run, const struct part *part)
{
    if (!part->exact) {
        run_break(run);
        keep_better(run, &part->set);
    } else if (!sl_literals_append(&run->now, &part->set)) {
        run_break(run);
        sl_literals_copy(&run->now, &part->set);
    }
}

static void run_repeat(struct run *run, struct part *part, unsigned min, unsigned max)
{
    if (min == 0) {
        if (max == 1 && part->exact && part->set.n <= 2 && sl_literals_add(&part->set, "", 0))
            run_add(run, part);
        else
            run_break(run);
        return;
    }
    run_add(run, part);
    if (min == max && min <= REPEAT_MAX) {
        for (unsigned i = 1; i < min; i++)
            run_add(run, part);
        return;
    }
    /* Between the first copy, which touches what is before, and the last, which touches what
     * follows, there may be more. */
    run_break(run);
    if (part->exact)
        run_add(run, part);
}

static void read_sequence(struct reader *r, struct part *ret)
{
    struct run run = {.best = {.n = 0}, .next = {.n = 0}};
    struct part part;
    unsigned min, max;

    sl_literals_empty(&run.now);
    for (;;) {
        if (!r->quoted)
            skip_blank(r);
        if (r->quoted ? take(r, "\\E") : take(r, "\\Q")) {
            r->quoted = !r->quoted;
            continue;
        }
        if (r->p == r->end || (!r->quoted && (*r->p == '|' || *r->p == ')')))
            break;
        read_item(r, &part);
        if (r->quoted && take(r, "\\E"))
            r->quoted = false;
        min = max = 1;
        if (!r->quoted) {
            skip_blank(r);
            read_quantifiers(r, &min, &max);
        }
        run_repeat(&run, &part, min, max);
    }
    ret->exact = !run.broken;
    if (run.broken)
        keep_better(&run, &run.now);
    sl_literals_copy(&ret->set, run.broken ? &run.best : &run.now);
    sl_literals_copy(&ret->also, &run.next);
}

static void read_alternatives(struct reader *r, struct part *ret)
{
    struct part branch;
    bool known = true;

    read_sequence(r, ret);
    known = ret->set.n > 0;
    while (!r->bad && take(r, "|")) {
        read_sequence(r, &branch);
        ret->also.n = 0;
        ret->exact = ret->exact && branch.exact;
        known = known && branch.set.n > 0 && sl_literals_union(&ret->set, &branch.set);
    }
    if (!known)
        set_unknown(ret);
}

bool sl_literals_of_regex(struct sl_slice pattern, bool fold, struct sl_literals *ret,
                          struct sl_literals *ret_also)
{
    struct reader r = {.p = pattern.p, .end = pattern.p + pattern.n, .fold = fold};
    struct part part;

    ret->n = ret_also->n = 0;
    if (pattern.n == 0)
        return false;
    /* Verbs that choose options of the whole: (*UTF), (*CRLF), (*LIMIT_MATCH=1) */
    while (at(&r, "(*") && r.end - r.p > 2 && r.p[2] >= 'A' && r.p[2] <= 'Z') {
        if (at(&r, "(*ACCEPT") || at(&r, "(*FAIL") || at(&r, "(*F") || at(&r, "(*MARK"))
            return false;
        r.special = true;
        skip_past(&r, ')');
    }
    read_alternatives(&r, &part);
    if (r.bad || r.p != r.end || sl_literals_worth(&part.set) == 0)
        return false;
    sl_literals_copy(ret, &part.set);
    if (part.also.n == 1)
        sl_literals_copy(ret_also, &part.also);
    return true;
}
