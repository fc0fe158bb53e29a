/* SPDX-License-Identifier: Apache-2.0 */
#include "sluice/explain.h"

#include "route/match.h"
#include "route/table.h"

enum { WANTED_MAX = 64 << 10, OPERANDS_TOLD = 10 };

struct walk {
    struct sl_matcher_parts of;
    const struct sl_explain_ops *ops;
    void *user;
    struct sl_buf wanted;
};

/* Judging what routing left out must not meet a limit that routing was far from: each condition has
 * the whole budget. What routing did judge is remembered with its answer, limits included. */
static enum sl_explained judge(struct walk *w, uint32_t node)
{
    struct sl_effort *effort = sl_match_effort(w->of.match);

    if (node == SL_WHEN_ALWAYS)
        return SL_EXPLAIN_YES;
    effort->runs = effort->subject_bytes = 0;
    sl_regex_begin(effort->regex);
    return (enum sl_explained)sl_match_node(w->of.match, node);
}

/* ---- one test ---- */

static void write_operands(const struct sl_test *t, struct sl_buf *out)
{
    if (t->n != 1)
        sl_buf_byte(out, '[');
    for (uint32_t i = 0; i < t->n && i < OPERANDS_TOLD; i++) {
        sl_buf_text(out, i ? ", " : "");
        sl_buf_slice(out, t->operands[i].text);
    }
    if (t->n > OPERANDS_TOLD)
        sl_buf_printf(out, ", ... (%u in all)", t->n);
    if (t->n != 1)
        sl_buf_byte(out, ']');
}

static void write_wanted(const struct sl_test *t, struct sl_buf *out)
{
    sl_buf_clear(out);
    if (t->op == SL_OP_REGEX)
        sl_buf_slice(out, sl_regex_pattern(t->regex));
    else if (t->op == SL_OP_IN_TABLE)
        sl_buf_text(out, sl_table_path(t->table));
    else if (t->operands)
        write_operands(t, out);
}

static const char *field_name(const struct walk *w, uint32_t field)
{
    return sl_fields_name(w->of.fields, w->of.rules->fields[field]);
}

static void tell_test(struct walk *w, uint32_t node, unsigned depth)
{
    const struct sl_rules *r = w->of.rules;
    const struct sl_test *t = &r->tests[r->nodes[node].first];
    struct sl_explained_condition c = {
        .depth = depth,
        .word = sl_op_name(t->op),
        .field = field_name(w, t->field),
        .fold = t->fold,
        .verdict = judge(w, node),
        .value = sl_match_value(w->of.match, t->field),
    };

    write_wanted(t, &w->wanted);
    c.wanted = sl_buf_as_slice(&w->wanted);
    w->ops->condition(w->user, &c);
}

/* ---- trees of them ---- */

static void tell(struct walk *w, uint32_t node, unsigned depth, bool required);

static void tell_children(struct walk *w, const struct sl_rule_node *node, unsigned depth,
                          bool required)
{
    for (uint32_t i = 0; i < node->n; i++)
        tell(w, node->first + i, depth, required);
}

static void tell_word(struct walk *w, uint32_t node, unsigned depth, const char *word)
{
    const struct sl_explained_condition c = {
        .depth = depth, .word = word, .verdict = judge(w, node)};

    w->ops->condition(w->user, &c);
}

/* Operators side by side: of an array one element has to satisfy them all, which is more than that
 * each of them holds. */
static void tell_group(struct walk *w, uint32_t at, unsigned depth, bool required)
{
    const struct sl_rules *r = w->of.rules;
    const struct sl_rule_node *node = &r->nodes[at];
    uint32_t field = r->tests[r->nodes[node->first].first].field;
    struct sl_explained_condition c = {
        .depth = depth,
        .word = "element",
        .field = field_name(w, field),
        .value = sl_match_value(w->of.match, field),
        .verdict = judge(w, at),
    };

    if (c.value.type == SL_VALUE_ARRAY)
        w->ops->condition(w->user, &c);
    else if (!required)
        tell_word(w, at, depth, "all");
    else
        depth--;
    tell_children(w, node, depth + 1, true);
}

/* required: all that stands beside it has to hold, so that `all` need not be said again. */
static void tell(struct walk *w, uint32_t at, unsigned depth, bool required)
{
    const struct sl_rule_node *node = &w->of.rules->nodes[at];

    switch (node->kind) {
    case SL_NODE_TEST:
        tell_test(w, at, depth);
        return;
    case SL_NODE_GROUP:
        tell_group(w, at, depth, required);
        return;
    case SL_NODE_NOT:
        tell_word(w, at, depth, "not");
        tell(w, node->first, depth + 1, false);
        return;
    case SL_NODE_ANY:
        tell_word(w, at, depth, "any");
        tell_children(w, node, depth + 1, false);
        return;
    case SL_NODE_ALL:
        if (!required)
            tell_word(w, at, depth++, "all");
        tell_children(w, node, depth, true);
        return;
    }
}

static void tell_rule(struct walk *w, unsigned rule)
{
    uint32_t when = w->of.rules->rules[rule].when;

    w->ops->rule(w->user, rule, judge(w, when));
    if (when != SL_WHEN_ALWAYS)
        tell(w, when, 0, true);
}

static void begin(struct walk *w, struct sl_matcher *m, const struct sl_explain_ops *ops,
                  void *user)
{
    *w = (struct walk){.of = sl_matcher_parts(m), .ops = ops, .user = user};
    sl_buf_init(&w->wanted, WANTED_MAX);
}

static bool has_matched(const struct sl_matcher *m, unsigned rule)
{
    size_t n;
    const unsigned *matched = sl_matcher_matched(m, &n);

    for (size_t i = 0; i < n; i++)
        if (matched[i] == rule)
            return true;
    return false;
}

void sl_route_explain(struct sl_matcher *m, const struct sl_record *record, unsigned also,
                      const struct sl_explain_ops *ops, void *user, struct sl_decision *ret,
                      size_t *ret_passed)
{
    struct walk w;
    size_t n;

    sl_route(m, record, ret);
    begin(&w, m, ops, user);
    n = w.of.ended == SL_RULE_NONE ? w.of.rules->n_rules : w.of.ended + 1;
    *ret_passed = 0;
    for (unsigned i = 0; i < n; i++)
        if (w.of.rules->n_rules <= SL_EXPLAIN_WHOLE || i == also || has_matched(m, i) ||
            i == ret->error_rule || sl_match_could(w.of.match, i))
            tell_rule(&w, i);
        else
            ++*ret_passed;
    if (also != SL_RULE_NONE && also >= n)
        tell_rule(&w, also);
    sl_buf_release(&w.wanted);
}

void sl_rule_explain(struct sl_matcher *m, const struct sl_record *record, unsigned rule,
                     const struct sl_explain_ops *ops, void *user)
{
    struct walk w;

    begin(&w, m, ops, user);
    sl_match_begin(w.of.match, record);
    tell_rule(&w, rule);
    sl_buf_release(&w.wanted);
}

struct sl_rule_outline sl_rule_outline(const struct sl_rules *r, unsigned rule)
{
    const struct sl_rule *of = &r->rules[rule];
    struct sl_rule_outline ret = {.drop = of->drop, .go_on = of->go_on, .acts = of->actions};

    for (size_t i = 0; i < of->n_to; i++)
        ret.to |= 1ULL << of->to[i];
    return ret;
}
