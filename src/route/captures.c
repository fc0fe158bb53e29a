/* SPDX-License-Identifier: Apache-2.0 */
#include "route/captures.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "route/table.h"

enum { BYTES_MAX = 64 << 20 };

/* A place where a name can come from, in the order written. */
struct use {
    uint32_t test;
    uint32_t at; /* group, or column */
    uint32_t name;
};

struct sl_captures {
    const struct sl_rules *rules;
    char **names; /* owned; those that templates use */
    size_t n_names;
    uint32_t *tests; /* while templates are compiled: those that have names */
    size_t n_tests, cap_tests;
    struct use *uses; /* sorted by test, in the order written */
    size_t n_uses, cap_uses;
};

/* ---- finding them ---- */

/* A test that could not be compiled left its index unset: one that is not the same is passed over.
 */
static const struct sl_test *test_of(const struct sl_rules *rules, const struct sl_cond *c)
{
    const struct sl_test *t = c->test < rules->n_tests ? &rules->tests[c->test] : NULL;

    if (!t || t->op != c->op)
        return NULL;
    return (t->op == SL_OP_REGEX && t->regex) || (t->op == SL_OP_IN_TABLE && t->table) ? t : NULL;
}

static void gather(struct sl_captures *c, const struct sl_cond *cond)
{
    if (cond->kind == SL_COND_NOT)
        return;
    for (size_t i = 0; i < cond->n; i++)
        gather(c, cond->children[i]);
    if (cond->kind != SL_COND_TEST || !test_of(c->rules, cond))
        return;
    if (c->n_tests == c->cap_tests) {
        c->cap_tests = c->cap_tests ? 2 * c->cap_tests : 8;
        c->tests = sl_reallocarray(c->tests, c->cap_tests, sizeof(*c->tests));
    }
    c->tests[c->n_tests++] = cond->test;
}

struct sl_captures *sl_captures_new(const struct sl_cond *when, const struct sl_rules *rules)
{
    struct sl_captures *c = sl_zalloc(sizeof(*c));

    c->rules = rules;
    if (when)
        gather(c, when);
    return c;
}

static void add_use(struct sl_captures *c, uint32_t test, uint32_t at)
{
    if (c->n_uses == c->cap_uses) {
        c->cap_uses = c->cap_uses ? 2 * c->cap_uses : 8;
        c->uses = sl_reallocarray(c->uses, c->cap_uses, sizeof(*c->uses));
    }
    c->uses[c->n_uses++] = (struct use){test, at, (uint32_t)c->n_names};
}

static void add_uses(struct sl_captures *c, uint32_t test, struct sl_slice name)
{
    const struct sl_test *t = &c->rules->tests[test];
    int column;

    if (t->op == SL_OP_IN_TABLE) {
        column = sl_table_column(t->table, name);
        if (column >= 0)
            add_use(c, test, (uint32_t)column);
        return;
    }
    for (unsigned g = 1; g <= sl_regex_groups(t->regex); g++) {
        const char *group = sl_regex_group_name(t->regex, g);

        if (group && sl_slice_is(name, group))
            add_use(c, test, g);
    }
}

static int find(void *user, struct sl_slice name)
{
    struct sl_captures *c = user;
    size_t before = c->n_uses;

    for (size_t i = 0; i < c->n_names; i++)
        if (sl_slice_is(name, c->names[i]))
            return (int)i;
    for (size_t i = 0; i < c->n_tests; i++)
        add_uses(c, c->tests[i], name);
    if (c->n_uses == before)
        return -1;
    c->names = sl_reallocarray(c->names, c->n_names + 1, sizeof(*c->names));
    c->names[c->n_names] = sl_strndup(name.p, name.n);
    return (int)c->n_names++;
}

struct sl_template_names sl_captures_names(struct sl_captures *c)
{
    return (struct sl_template_names){find, c};
}

const char *sl_captures_too_many(const struct sl_captures *c)
{
    for (size_t i = 0; i < c->n_uses; i++)
        if (c->rules->tests[c->uses[i].test].op == SL_OP_REGEX &&
            c->uses[i].at > SL_REGEX_GROUPS_MAX)
            return c->names[c->uses[i].name];
    return NULL;
}

/* Uses of one test side by side, so that it runs once; tests in the order written. The names were
 * found one after the other, so this is a gathering by test. */
struct sl_captures *sl_captures_finish(struct sl_captures *c)
{
    struct use *sorted;
    size_t n = 0;

    if (c->n_names == 0) {
        sl_captures_free(c);
        return NULL;
    }
    sorted = sl_calloc(c->n_uses, sizeof(*sorted));
    for (size_t i = 0; i < c->n_tests; i++) {
        bool again = false; /* the same question, asked twice in one rule */

        for (size_t k = 0; k < i && !again; k++)
            again = c->tests[k] == c->tests[i];
        for (size_t k = 0; k < c->n_uses && !again; k++)
            if (c->uses[k].test == c->tests[i])
                sorted[n++] = c->uses[k];
    }
    free(c->uses);
    free(c->tests);
    c->uses = sorted;
    c->n_uses = n;
    c->tests = NULL;
    c->n_tests = 0;
    return c;
}

void sl_captures_free(struct sl_captures *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_names; i++)
        free(c->names[i]);
    free(c->names);
    free(c->tests);
    free(c->uses);
    free(c);
}

size_t sl_captures_count(const struct sl_captures *c)
{
    return c ? c->n_names : 0;
}

/* ---- taking them ---- */

void sl_captured_init(struct sl_captured *c)
{
    c->texts = NULL;
    c->at = NULL;
    c->cap = 0;
    sl_buf_init(&c->bytes, BYTES_MAX);
}

void sl_captured_release(struct sl_captured *c)
{
    free(c->texts);
    free(c->at);
    sl_buf_release(&c->bytes);
}

void sl_captured_reserve(struct sl_captured *c, size_t names)
{
    if (names <= c->cap)
        return;
    c->texts = sl_reallocarray(c->texts, names, sizeof(*c->texts));
    c->at = sl_reallocarray(c->at, names, sizeof(*c->at));
    c->cap = names;
}

/* The first that is found stays. What is kept is a copy: the matcher's text is its until the next
 * question. */
static void keep(struct sl_captured *ret, uint32_t name, struct sl_slice text)
{
    if (ret->texts[name].p)
        return;
    ret->texts[name] = sl_slice("", text.n);
    ret->at[name] = ret->bytes.n;
    sl_buf_slice(&ret->bytes, text);
}

static int search(const struct sl_test *t, const struct use *uses, size_t n, struct sl_slice text,
                  struct sl_effort *effort, struct sl_captured *ret)
{
    int found;

    if (!sl_effort_take(effort, text.n))
        return SL_ELIMIT;
    found = sl_regex_search(t->regex, effort->regex, text, 0, ret->spans, SL_REGEX_GROUPS_MAX + 1);
    if (found < 0)
        return SL_ELIMIT;
    for (size_t i = 0; found && i < n; i++) {
        struct sl_regex_span span = ret->spans[uses[i].at];

        if (span.begin <= span.end)
            keep(ret, uses[i].name, sl_slice(text.p + span.begin, span.end - span.begin));
    }
    return SL_OK;
}

static void look_up(const struct sl_test *t, const struct use *uses, size_t n, struct sl_slice text,
                    struct sl_captured *ret)
{
    struct sl_scalar s = {.value = {text.p, (uint32_t)text.n, SL_VALUE_STRING, false},
                          .text = text};
    int64_t row = sl_table_find(t->table, &s, t->fold);

    for (size_t i = 0; row >= 0 && i < n; i++)
        keep(ret, uses[i].name, sl_table_cell(t->table, row, (int)uses[i].at));
}

static bool wanted(const struct use *uses, size_t n, const struct sl_captured *have)
{
    for (size_t i = 0; i < n; i++)
        if (!have->texts[uses[i].name].p)
            return true;
    return false;
}

int sl_captures_take(const struct sl_captures *c, struct sl_match *match, struct sl_captured *ret)
{
    int rc = SL_OK;

    for (size_t i = 0; i < c->n_names; i++)
        ret->texts[i] = sl_slice(NULL, 0);
    sl_buf_clear(&ret->bytes);
    sl_buf_reserve(&ret->bytes, 1); /* so that an empty text has a place too */
    for (size_t i = 0, n; i < c->n_uses && rc == SL_OK; i += n) {
        const struct use *uses = &c->uses[i];
        const struct sl_test *t = &c->rules->tests[uses->test];
        struct sl_slice text;
        enum sl_verdict v;

        for (n = 1; i + n < c->n_uses && uses[n].test == uses->test; n++)
            ;
        if (!wanted(uses, n, ret))
            continue;
        v = sl_match_test(match, uses->test);
        if (v == SL_LIMIT)
            return SL_ELIMIT;
        text = v == SL_YES ? sl_match_text(match, uses->test) : sl_slice(NULL, 0);
        if (!text.p)
            continue;
        if (t->op == SL_OP_IN_TABLE)
            look_up(t, uses, n, text, ret);
        else
            rc = search(t, uses, n, text, sl_match_effort(match), ret);
    }
    for (size_t i = 0; i < c->n_names; i++)
        if (ret->texts[i].p)
            ret->texts[i].p = ret->bytes.p + ret->at[i];
    return ret->bytes.full ? SL_ELIMIT : rc;
}
