/* SPDX-License-Identifier: Apache-2.0 */
#include "sluice/lint.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "route/actions_impl.h"
#include "route/match.h"
#include "route/table.h"

/* ---- one rule, one record ---- */

struct sl_rules_probe {
    const struct sl_rules *rules;
    struct sl_match *match;
};

struct sl_rules_probe *sl_rules_probe_new(const struct sl_rules *r)
{
    struct sl_rules_probe *p = sl_zalloc(sizeof(*p));

    p->rules = r;
    p->match = sl_match_new(r);
    return p;
}

void sl_rules_probe_free(struct sl_rules_probe *p)
{
    if (!p)
        return;
    sl_match_free(p->match);
    free(p);
}

void sl_rules_probe_begin(struct sl_rules_probe *p, const struct sl_record *record)
{
    sl_match_begin(p->match, record);
}

bool sl_rules_probe_ask(struct sl_rules_probe *p, unsigned rule)
{
    const uint32_t when = p->rules->rules[rule].when;

    return when == SL_WHEN_ALWAYS || sl_match_node(p->match, when) == SL_YES;
}

/* ---- facts ---- */

bool sl_rule_changes(const struct sl_rules *r, unsigned rule)
{
    return r->rules[rule].actions && r->rules[rule].actions->changes;
}

bool sl_rule_repeatable(const struct sl_rules *r, unsigned rule)
{
    return !r->rules[rule].actions || sl_actions_repeatable(r->rules[rule].actions);
}

uint64_t sl_rule_sinks(const struct sl_rules *r, unsigned rule)
{
    uint64_t sinks = 0;

    for (size_t i = 0; i < r->rules[rule].n_to; i++)
        sinks |= 1ULL << r->rules[rule].to[i];
    return sinks;
}

bool sl_rule_is_unconditional(const struct sl_rules *r, unsigned rule)
{
    return r->rules[rule].when == SL_WHEN_ALWAYS;
}

static void write_test(const struct sl_rules *r, const struct sl_fields *fields,
                       const struct sl_test *t, struct sl_buf *out)
{
    sl_buf_printf(out, "%s%s %s", sl_op_name(t->op), t->fold ? "/i" : "",
                  sl_fields_name(fields, r->fields[t->field]));
    for (uint32_t i = 0; t->operands && i < t->n; i++) {
        sl_buf_printf(out, " %zu:", t->operands[i].text.n);
        sl_buf_slice(out, t->operands[i].text);
    }
    if (t->regex)
        sl_buf_slice(out, sl_regex_pattern(t->regex));
    if (t->table)
        sl_buf_text(out, sl_table_path(t->table));
    sl_buf_byte(out, ';');
}

static void write_node(const struct sl_rules *r, const struct sl_fields *fields, uint32_t at,
                       struct sl_buf *out)
{
    const struct sl_rule_node *node = &r->nodes[at];

    if (node->kind == SL_NODE_TEST) {
        write_test(r, fields, &r->tests[node->first], out);
        return;
    }
    sl_buf_printf(out, "%d(", (int)node->kind);
    for (uint32_t i = 0; i < node->n; i++)
        write_node(r, fields, node->first + i, out);
    sl_buf_byte(out, ')');
}

void sl_rule_write(const struct sl_rules *r, const struct sl_fields *fields, unsigned rule,
                   struct sl_buf *out)
{
    if (r->rules[rule].when != SL_WHEN_ALWAYS)
        write_node(r, fields, r->rules[rule].when, out);
}

static void note_fields(const struct sl_rules *r, uint32_t at, unsigned rule, unsigned *first)
{
    const struct sl_rule_node *node = &r->nodes[at];

    if (node->kind == SL_NODE_TEST) {
        unsigned *of = &first[r->tests[node->first].field];

        *of = rule < *of ? rule : *of;
        return;
    }
    for (uint32_t i = 0; i < node->n; i++)
        note_fields(r, node->first + i, rule, first);
}

size_t sl_rules_asked_fields(const struct sl_rules *r, unsigned **ret_fields,
                             unsigned **ret_first_rules)
{
    *ret_fields = sl_calloc(r->n_fields + 1, sizeof(**ret_fields));
    *ret_first_rules = sl_calloc(r->n_fields + 1, sizeof(**ret_first_rules));
    for (size_t i = 0; i < r->n_fields; i++) {
        (*ret_fields)[i] = r->fields[i];
        (*ret_first_rules)[i] = SL_RULE_NONE;
    }
    for (unsigned i = 0; i < r->n_rules; i++)
        if (r->rules[i].when != SL_WHEN_ALWAYS)
            note_fields(r, r->rules[i].when, i, *ret_first_rules);
    return r->n_fields;
}
