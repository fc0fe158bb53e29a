/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/explanation.h"
#include "cli/json_diff.h"
#include "cli/show.h"

/* For machines: the same as in explanation_text.c, nothing cut. */

static const char *verdict(enum sl_explained v)
{
    static const char *const words[] = {
        [SL_EXPLAIN_NO] = "no", [SL_EXPLAIN_YES] = "yes", [SL_EXPLAIN_LIMIT] = "limit"};

    return words[v];
}

static void member(struct sl_buf *out, const char *name, const char *text)
{
    sl_buf_printf(out, ",\"%s\":", name);
    sl_show_string(sl_slice_str(text), out);
}

static void write_condition(const struct sl_explained_condition *c, struct sl_buf *out)
{
    sl_buf_printf(out, "{\"depth\":%u", c->depth);
    member(out, "is", c->word);
    if (c->field) {
        member(out, "field", c->field);
        SL_BUF_LITERAL(out, ",\"wanted\":");
        sl_show_string(c->wanted, out);
        if (c->fold)
            SL_BUF_LITERAL(out, ",\"case\":\"insensitive\"");
        if (c->value.type != SL_VALUE_ABSENT) {
            SL_BUF_LITERAL(out, ",\"value\":");
            sl_show_json(&c->value, out);
        }
    }
    member(out, "verdict", verdict(c->verdict));
    sl_buf_byte(out, '}');
}

static void write_rules(const struct sl_explanation *e, struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "\"rules\":[");
    for (size_t i = 0; i < e->n_rules; i++) {
        const struct sl_explained_rule *r = &e->rules[i];
        struct sl_rule_info info = sl_rules_info(e->o->routing->rules, r->rule);

        sl_buf_text(out, i ? ",{\"rule\":" : "{\"rule\":");
        sl_show_string(sl_slice_str(info.name), out);
        member(out, "file", info.file);
        sl_buf_printf(out, ",\"line\":%u,\"matched\":%s", info.line,
                      sl_explanation_matched(e, r->rule) ? "true" : "false");
        member(out, "verdict", verdict(r->verdict));
        SL_BUF_LITERAL(out, ",\"conditions\":[");
        for (size_t k = 0; k < r->n; k++) {
            if (k)
                sl_buf_byte(out, ',');
            write_condition(&e->conditions[r->first + k], out);
        }
        SL_BUF_LITERAL(out, "]}");
    }
    sl_buf_printf(out, "],\"rules_passed\":%zu,\"decided_by\":", e->passed);
    sl_show_string(sl_slice_str(sl_offline_rule_name(e->o, sl_offline_decider(e->o))), out);
}

/* ---- what changed ---- */

struct changes {
    struct sl_buf *out;
    size_t n;
};

static void write_member(void *user, struct sl_slice path, struct sl_slice before,
                         struct sl_slice after)
{
    struct changes *c = user;

    /* The names of members are JSON already. */
    sl_buf_text(c->out, c->n++ ? ",{\"path\":\"" : "{\"path\":\"");
    sl_buf_slice(c->out, path);
    sl_buf_byte(c->out, '"');
    if (before.p) {
        SL_BUF_LITERAL(c->out, ",\"before\":");
        sl_buf_slice(c->out, before);
    }
    if (after.p) {
        SL_BUF_LITERAL(c->out, ",\"after\":");
        sl_buf_slice(c->out, after);
    }
    sl_buf_byte(c->out, '}');
}

static void write_names(const struct sl_explanation *e, uint64_t sinks, struct sl_buf *out)
{
    bool first = true;

    sl_buf_byte(out, '[');
    for (size_t i = 0; i < e->o->config->n_sinks; i++)
        if (sinks >> i & 1) {
            if (!first)
                sl_buf_byte(out, ',');
            sl_show_string(sl_slice_str(e->o->config->sinks[i].name), out);
            first = false;
        }
    sl_buf_byte(out, ']');
}

static void write_changes(struct sl_explanation *e, struct sl_buf *out)
{
    struct sl_explained_change changes[SL_SINKS_MAX];
    size_t n = sl_explanation_changes(e, changes);

    if (n)
        sl_explanation_record(&e->before, &e->o->record);
    SL_BUF_LITERAL(out, ",\"changes\":[");
    for (size_t i = 0; i < n; i++) {
        struct changes c = {.out = out};

        sl_buf_text(out, i ? ",{\"sinks\":" : "{\"sinks\":");
        write_names(e, changes[i].sinks, out);
        SL_BUF_LITERAL(out, ",\"members\":[");
        sl_explanation_record(&e->after, changes[i].record);
        sl_json_diff(sl_buf_as_slice(&e->before), sl_buf_as_slice(&e->after), write_member, &c);
        SL_BUF_LITERAL(out, "]}");
    }
    sl_buf_byte(out, ']');
}

/* ---- where it goes ---- */

static void write_sink(struct sl_explanation *e, const struct sl_choice *c, struct sl_buf *out)
{
    struct sl_explained_output output;

    sl_explanation_output(e, c, &output);
    SL_BUF_LITERAL(out, "{\"sink\":");
    sl_show_string(sl_slice_str(e->o->config->sinks[c->sink].name), out);
    member(out, "rule", sl_offline_rule_name(e->o, c->rule));
    sl_buf_printf(out, ",\"changed\":%s", c->record != &e->o->record ? "true" : "false");
    if (output.too_large)
        SL_BUF_LITERAL(out, ",\"too_large\":true");
    else
        sl_buf_printf(out, ",\"bytes\":%zu", output.bytes);
    if (output.action.n) {
        SL_BUF_LITERAL(out, ",\"action\":");
        sl_buf_slice(out, output.action);
    }
    if (output.key)
        member(out, "key", output.key);
    sl_buf_byte(out, '}');
    free(output.key);
}

static void write_end(struct sl_explanation *e, struct sl_buf *out)
{
    const struct sl_decision *d = &e->o->decision;

    SL_BUF_LITERAL(out, ",\"sinks\":[");
    for (size_t i = 0; i < d->n; i++) {
        if (i)
            sl_buf_byte(out, ',');
        write_sink(e, &d->chosen[i], out);
    }
    sl_buf_byte(out, ']');
    if (d->dropped_by != SL_RULE_NONE) {
        SL_BUF_LITERAL(out, ",\"dropped\":{\"rule\":");
        sl_show_string(sl_slice_str(sl_offline_rule_name(e->o, d->dropped_by)), out);
        member(out, "reason", sl_drop_reason_word(d->drop_reason));
        sl_buf_byte(out, '}');
    }
    if (d->error_rule != SL_RULE_NONE)
        member(out, "limit_met_by", sl_offline_rule_name(e->o, d->error_rule));
}

void sl_explanation_json(struct sl_explanation *e, struct sl_buf *out)
{
    write_rules(e, out);
    write_changes(e, out);
    write_end(e, out);
}
