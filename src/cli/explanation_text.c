/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/explanation.h"
#include "cli/json_diff.h"
#include "cli/show.h"

/* For a tired operator: what was asked, what the record had, and what became of it, in columns. */

enum { VALUE_SHOWN = 60, WANTED_SHOWN = 60, MEMBER_SHOWN = 80, COLUMN_MAX = 40, SMALL = 512 };

static const char *mark(enum sl_explained verdict)
{
    static const char *const marks[] = {
        [SL_EXPLAIN_NO] = "\u2717", [SL_EXPLAIN_YES] = "\u2713", [SL_EXPLAIN_LIMIT] = "!"};

    return marks[verdict];
}

static void indent(struct sl_buf *out, unsigned n)
{
    sl_buf_printf(out, "%*s", (int)n, "");
}

static unsigned min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* ---- conditions ---- */

static bool is_word(const struct sl_explained_condition *c)
{
    return !c->field;
}

/* "✓ level" and what stands before it. */
static void write_field(const struct sl_explained_condition *c, struct sl_buf *out)
{
    indent(out, 2 * c->depth);
    sl_buf_printf(out, "%s %s", mark(c->verdict), is_word(c) ? c->word : c->field);
}

static void write_wanted(const struct sl_explained_condition *c, struct sl_buf *out)
{
    if (!strcmp(c->word, "element")) {
        SL_BUF_LITERAL(out, "one element with");
        return;
    }
    sl_buf_text(out, c->word);
    if (c->wanted.n) {
        sl_buf_byte(out, ' ');
        sl_show_text(c->wanted, WANTED_SHOWN, out);
    }
    if (c->fold)
        SL_BUF_LITERAL(out, " (any case)");
}

static void measure(const struct sl_explanation *e, const struct sl_explained_rule *r,
                    unsigned *ret_field, unsigned *ret_wanted)
{
    struct sl_buf text;

    *ret_field = *ret_wanted = 0;
    sl_buf_init(&text, 64 << 10);
    for (size_t i = r->first; i < r->first + r->n; i++) {
        const struct sl_explained_condition *c = &e->conditions[i];
        unsigned n;

        if (is_word(c))
            continue;
        sl_buf_clear(&text);
        write_field(c, &text);
        n = min((unsigned)sl_show_width(sl_buf_as_slice(&text)), COLUMN_MAX);
        *ret_field = n > *ret_field ? n : *ret_field;
        sl_buf_clear(&text);
        write_wanted(c, &text);
        n = min((unsigned)sl_show_width(sl_buf_as_slice(&text)), COLUMN_MAX);
        *ret_wanted = n > *ret_wanted ? n : *ret_wanted;
    }
    sl_buf_release(&text);
}

static void write_conditions(const struct sl_explanation *e, const struct sl_explained_rule *r,
                             unsigned left, struct sl_buf *out)
{
    unsigned field, wanted;

    measure(e, r, &field, &wanted);
    for (size_t i = r->first; i < r->first + r->n; i++) {
        const struct sl_explained_condition *c = &e->conditions[i];
        size_t begin;

        indent(out, left);
        begin = out->n;
        write_field(c, out);
        if (!is_word(c)) {
            sl_show_pad(out, begin, field + 2);
            begin = out->n;
            write_wanted(c, out);
            sl_show_pad(out, begin, wanted + 2);
            sl_show_value(&c->value, VALUE_SHOWN, out);
        }
        sl_buf_byte(out, '\n');
    }
}

/* ---- rules ---- */

static void write_place(const struct sl_explanation *e, unsigned rule, struct sl_buf *out)
{
    struct sl_rule_info info = sl_rules_info(e->o->routing->rules, rule);

    sl_buf_printf(out, "%s:%u", info.file, info.line);
}

static void write_rules(const struct sl_explanation *e, unsigned left, struct sl_buf *out)
{
    size_t width = 0;

    for (size_t i = 0; i < e->n_rules; i++) {
        size_t n = strlen(sl_offline_rule_name(e->o, e->rules[i].rule));

        n = n > COLUMN_MAX ? COLUMN_MAX : n;
        width = n > width ? n : width;
    }
    for (size_t i = 0; i < e->n_rules; i++) {
        const struct sl_explained_rule *r = &e->rules[i];
        size_t begin;

        indent(out, left);
        begin = out->n;
        sl_buf_printf(out, "%s rule %s", mark(r->verdict), sl_offline_rule_name(e->o, r->rule));
        sl_show_pad(out, begin, width + 9);
        write_place(e, r->rule, out);
        if (sl_explanation_matched(e, r->rule) || r->rule == e->o->decision.error_rule)
            sl_buf_printf(out, "  %s", sl_explanation_did(e, r->rule));
        else if (r->verdict == SL_EXPLAIN_YES && e->only == SL_RULE_NONE)
            SL_BUF_LITERAL(out, "  would match, but it was not tried: a rule before it decided");
        sl_buf_byte(out, '\n');
        write_conditions(e, r, left + 4, out);
    }
    if (e->passed) {
        indent(out, left);
        sl_show_count(e->passed, out);
        sl_buf_text(out, e->passed == 1 ? " other rule could not match\n"
                                        : " other rules could not match\n");
    }
}

/* ---- why not? ---- */

static void write_why_not(const struct sl_explanation *e, unsigned left, struct sl_buf *out)
{
    const char *name = sl_offline_rule_name(e->o, e->only);
    enum sl_explained verdict = e->rules[0].verdict;

    indent(out, left);
    if (sl_explanation_matched(e, e->only) || e->only == e->o->decision.error_rule)
        sl_buf_printf(out, "%s %s", name, sl_explanation_did(e, e->only));
    else if (verdict == SL_EXPLAIN_LIMIT)
        sl_buf_printf(out, "%s could not be judged: a regular expression meets its limits", name);
    else if (verdict == SL_EXPLAIN_NO)
        sl_buf_printf(out, "%s does not match", name);
    else
        sl_buf_printf(out, "%s would match, but it was not tried: a rule before it decided", name);
    sl_buf_byte(out, '\n');
    if (e->decider == e->only || e->decider == SL_RULE_UNMATCHED)
        return;
    indent(out, left);
    sl_buf_printf(out, "the rule that decided: %s, ", sl_offline_rule_name(e->o, e->decider));
    write_place(e, e->decider, out);
    sl_buf_byte(out, '\n');
}

/* ---- what changed ---- */

struct changes {
    struct sl_buf *out;
    unsigned left;
    size_t n;
};

static void write_member(void *user, struct sl_slice path, struct sl_slice before,
                         struct sl_slice after)
{
    struct changes *c = user;

    c->n++;
    indent(c->out, c->left);
    sl_buf_printf(c->out, "%c ", before.p && after.p ? '~' : after.p ? '+' : '-');
    sl_show_text(path, MEMBER_SHOWN, c->out);
    SL_BUF_LITERAL(c->out, ": ");
    if (before.p)
        sl_show_text(before, MEMBER_SHOWN, c->out);
    if (before.p && after.p)
        SL_BUF_LITERAL(c->out, " \u2192 ");
    if (after.p)
        sl_show_text(after, MEMBER_SHOWN, c->out);
    sl_buf_byte(c->out, '\n');
}

static void write_changes(struct sl_explanation *e, unsigned left, struct sl_buf *out)
{
    struct sl_explained_change changes[SL_SINKS_MAX];
    size_t n = sl_explanation_changes(e, changes);

    if (n)
        sl_explanation_record(&e->before, &e->o->record);
    for (size_t i = 0; i < n; i++) {
        struct changes c = {.out = out, .left = left + 4};

        indent(out, left);
        SL_BUF_LITERAL(out, "changed for ");
        sl_explanation_sinks(e, changes[i].sinks, out);
        SL_BUF_LITERAL(out, ":\n");
        sl_explanation_record(&e->after, changes[i].record);
        sl_json_diff(sl_buf_as_slice(&e->before), sl_buf_as_slice(&e->after), write_member, &c);
        if (c.n == 0) {
            indent(out, left + 4);
            SL_BUF_LITERAL(out, "nothing but its spelling\n");
        }
    }
}

/* ---- where it goes ---- */

static void write_output(struct sl_explanation *e, const struct sl_choice *c, struct sl_buf *out)
{
    struct sl_explained_output output;

    sl_explanation_output(e, c, &output);
    if (output.too_large) {
        SL_BUF_LITERAL(out, "too large for the sink: a dead letter\n");
        goto end;
    }
    sl_show_count(output.bytes, out);
    SL_BUF_LITERAL(out, " bytes");
    if (output.action.n) {
        SL_BUF_LITERAL(out, ", ");
        sl_show_text(output.action, SMALL, out);
    }
    if (output.key) {
        SL_BUF_LITERAL(out, ", under ");
        sl_show_text(sl_slice_str(output.key), SMALL, out);
        sl_buf_byte(out, '/');
    }
    if (c->record != &e->o->record)
        SL_BUF_LITERAL(out, ", changed");
    sl_buf_byte(out, '\n');
end:
    free(output.key);
}

static void write_dropped(const struct sl_explanation *e, unsigned left, struct sl_buf *out)
{
    const struct sl_decision *d = &e->o->decision;

    if (d->dropped_by == SL_RULE_NONE)
        return;
    indent(out, left);
    if (d->dropped_by == SL_RULE_UNMATCHED)
        SL_BUF_LITERAL(out, "\u2717 dropped: no rule took it, and `unmatched` is drop\n");
    else if (d->drop_reason == SL_DROP_RULE)
        sl_buf_printf(out, "\u2717 dropped by %s\n", sl_offline_rule_name(e->o, d->dropped_by));
    else
        sl_buf_printf(out, "\u2717 dropped: held back by %s of %s\n",
                      sl_drop_reason_word(d->drop_reason),
                      sl_offline_rule_name(e->o, d->dropped_by));
}

static void write_sinks(struct sl_explanation *e, unsigned left, struct sl_buf *out)
{
    const struct sl_decision *d = &e->o->decision;
    size_t width = 0;

    for (size_t i = 0; i < d->n; i++) {
        size_t n = strlen(e->o->config->sinks[d->chosen[i].sink].name);

        width = n > width ? n : width;
    }
    for (size_t i = 0; i < d->n; i++) {
        const struct sl_choice *c = &d->chosen[i];
        size_t begin;

        indent(out, left);
        begin = out->n;
        sl_buf_printf(out, "\u2192 %s", e->o->config->sinks[c->sink].name);
        sl_show_pad(out, begin, width + 4);
        if (c->rule == SL_RULE_UNMATCHED)
            SL_BUF_LITERAL(out, "no rule took it (unmatched): ");
        else if (c->rule == d->error_rule)
            sl_buf_printf(out, "rule_errors, for %s: ", sl_offline_rule_name(e->o, c->rule));
        else
            sl_buf_printf(out, "by %s: ", sl_offline_rule_name(e->o, c->rule));
        write_output(e, c, out);
    }
}

void sl_explanation_text(struct sl_explanation *e, unsigned left, struct sl_buf *out)
{
    write_rules(e, left, out);
    if (e->only != SL_RULE_NONE)
        write_why_not(e, left, out);
    write_changes(e, left, out);
    write_dropped(e, left, out);
    write_sinks(e, left, out);
}
