/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan_compare.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "cli/show.h"
#include "sluice/lint.h"

enum { VALUE_SHOWN = 160, PREVIEW_MAX = 256 << 20, TEXT_MAX = 64 << 10 };

/* ---- rules by what they are known by ---- */

struct known {
    char **keys;     /* by row; owned */
    uint32_t *slots; /* open addressing: row + 1 */
    size_t n;
};

static uint32_t row_of(struct sl_compare *p, struct known *known, const char *key, const char *name)
{
    size_t at = (size_t)sl_hash(key, strlen(key)) & (known->n - 1);

    for (; known->slots[at]; at = (at + 1) & (known->n - 1))
        if (!strcmp(known->keys[known->slots[at] - 1], key))
            return known->slots[at] - 1;
    known->keys[p->n_rules] = sl_strdup(key);
    p->rules[p->n_rules].name = sl_strdup(name);
    known->slots[at] = (uint32_t)++p->n_rules;
    return known->slots[at] - 1;
}

/* FILE:17 is how a rule without a name is called. */
static bool is_nameless(const struct sl_rule_info *info)
{
    const char *slash = strrchr(info->file, '/'), *base = slash ? slash + 1 : info->file;
    const size_t n = strlen(base);
    char line[16];

    snprintf(line, sizeof(line), ":%u", info->line);
    return !strncmp(info->name, base, n) && !strcmp(info->name + n, line);
}

/* A rule of a YAML file that has no name is known by its conditions: its line moves. */
static uint32_t nameless_row(struct sl_compare *p, struct known *known, enum sl_compare_side side,
                             unsigned rule)
{
    const struct sl_routing *r = p->side[side]->routing;
    const struct sl_rule_info info = sl_rules_info(r->rules, rule);
    const size_t n = strlen(info.name) - strlen(strrchr(info.name, ':'));
    char key[1024];
    uint32_t row;

    sl_buf_clear(&p->text);
    sl_rule_write(r->rules, r->fields, rule, &p->text);
    for (unsigned again = 0;; again++) {
        snprintf(key, sizeof(key), "%.*s\n%016llx\n%u", (int)n, info.name,
                 (unsigned long long)sl_hash(p->text.p, p->text.n), again);
        row = row_of(p, known, key, info.name);
        if (!p->rules[row].exists[side])
            return row;
    }
}

static void gather_rules(struct sl_compare *p)
{
    const size_t all = sl_rules_count(p->side[SL_COMPARE_BEFORE]->routing->rules) +
                       sl_rules_count(p->side[SL_COMPARE_AFTER]->routing->rules) + 1;
    struct known known = {.n = 64};

    while (known.n < 2 * all)
        known.n *= 2;
    known.slots = sl_calloc(known.n, sizeof(*known.slots));
    known.keys = sl_calloc(all, sizeof(*known.keys));
    p->rules = sl_calloc(all, sizeof(*p->rules));
    row_of(p, &known, "(unmatched)", "(unmatched)");
    p->rules[0].exists[SL_COMPARE_BEFORE] = p->rules[0].exists[SL_COMPARE_AFTER] = true;
    for (enum sl_compare_side side = 0; side < SL_COMPARE_SIDES; side++) {
        const struct sl_rules *r = p->side[side]->routing->rules;

        p->rows[side] = sl_calloc(sl_rules_count(r) + 1, sizeof(*p->rows[side]));
        for (unsigned i = 0; i < sl_rules_count(r); i++) {
            const struct sl_rule_info info = sl_rules_info(r, i);
            const bool row = strcmp(info.metric, info.name) != 0;
            uint32_t at;

            if (!is_nameless(&info))
                at = row_of(p, &known, info.name, info.name);
            else if (row)
                at = row_of(p, &known, info.metric, info.metric);
            else
                at = nameless_row(p, &known, side, i);
            p->rows[side][i] = at;
            p->rules[at].exists[side] = true;
        }
    }
    for (size_t i = 0; i < p->n_rules; i++)
        free(known.keys[i]);
    free(known.keys);
    free(known.slots);
}

void sl_compare_init(struct sl_compare *p, struct sl_offline *before, struct sl_offline *after)
{
    *p = (struct sl_compare){.config = before->config, .side = {before, after}};
    for (int side = 0; side < SL_COMPARE_SIDES; side++) {
        sl_buf_init(&p->preview[side], PREVIEW_MAX);
        sl_buf_init(&p->json[side], PREVIEW_MAX);
    }
    sl_buf_init(&p->text, TEXT_MAX);
    sl_buf_init(&p->members, TEXT_MAX);
    p->classes = sl_calloc(SL_COMPARE_CLASSES_MAX, sizeof(*p->classes));
    gather_rules(p);
}

void sl_compare_release(struct sl_compare *p)
{
    for (size_t i = 0; i < p->n_rules; i++)
        free(p->rules[i].name);
    for (size_t i = 0; i < p->n_classes; i++) {
        free(p->classes[i].place);
        free(p->classes[i].value);
        free(p->classes[i].differences);
        free(p->classes[i].differences_json);
    }
    for (int side = 0; side < SL_COMPARE_SIDES; side++) {
        sl_buf_release(&p->preview[side]);
        sl_buf_release(&p->json[side]);
        free(p->rows[side]);
    }
    sl_buf_release(&p->text);
    sl_buf_release(&p->members);
    free(p->rules);
    free(p->classes);
}

/* ---- one record, one set of rules ---- */

static struct sl_compare_way way_of(struct sl_compare *p, enum sl_compare_side side)
{
    const struct sl_offline *o = p->side[side];
    const struct sl_decision *d = &o->decision;
    const unsigned rule = sl_offline_decider(o);
    struct sl_compare_way way = {.sinks = d->sinks};

    way.rule = rule == SL_RULE_UNMATCHED ? 0 : p->rows[side][rule];
    way.dropped = (uint16_t)(d->dropped_by == SL_RULE_NONE ? 0 : 1 + d->drop_reason);
    way.limit = d->error_rule != SL_RULE_NONE;
    if (way.dropped)
        p->dropped[side][d->drop_reason]++;
    p->limits[side] += way.limit;
    return way;
}

static void count_matched(struct sl_compare *p, enum sl_compare_side side)
{
    size_t n;
    const unsigned *matched = sl_matcher_matched(p->side[side]->routing->matcher, &n);

    for (size_t i = 0; i < n; i++)
        p->rules[p->rows[side][matched[i]]].records[side]++;
    if (sl_offline_decider(p->side[side]) == SL_RULE_UNMATCHED)
        p->rules[0].records[side]++;
}

/* The rule that decided is told apart; what differs is what matched before it. */
static bool matched_differ(const struct sl_compare *p)
{
    const unsigned *matched[SL_COMPARE_SIDES];
    size_t n[SL_COMPARE_SIDES];

    for (int side = 0; side < SL_COMPARE_SIDES; side++) {
        matched[side] = sl_matcher_matched(p->side[side]->routing->matcher, &n[side]);
        if (n[side] && matched[side][n[side] - 1] == sl_offline_decider(p->side[side]))
            n[side]--;
    }
    if (n[0] != n[1])
        return true;
    for (size_t i = 0; i < n[0]; i++)
        if (p->rows[0][matched[0][i]] != p->rows[1][matched[1][i]])
            return true;
    return false;
}

/* ---- what sinks get ---- */

static const struct sl_choice *choice_of(const struct sl_offline *o, unsigned sink)
{
    for (size_t i = 0; i < o->decision.n; i++)
        if (o->decision.chosen[i].sink == sink)
            return &o->decision.chosen[i];
    return NULL;
}

struct output {
    size_t bytes, body;
    bool given;
    char *key; /* owned */
};

static struct output output_of(struct sl_compare *p, enum sl_compare_side side,
                               const struct sl_choice *choice)
{
    struct output out = {.given = true};
    struct sl_buf *to = &p->preview[side];

    sl_buf_clear(to);
    if (sl_offline_preview(p->side[side], choice, to, &out.body, &out.key) != SL_OK)
        sl_buf_clear(to); /* too large: it becomes a dead letter */
    out.bytes = to->n;
    return out;
}

static bool same_key(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void compare_outputs(struct sl_compare *p, unsigned sink, const struct output *a,
                            const struct output *b, struct sl_compare_change *ret)
{
    const struct sl_buf *x = &p->preview[SL_COMPARE_BEFORE], *y = &p->preview[SL_COMPARE_AFTER];
    const size_t from_a = a->body < x->n ? a->body : x->n, from_b = b->body < y->n ? b->body : y->n;

    if (!sl_slice_equal(sl_slice(x->p + from_a, x->n - from_a),
                        sl_slice(y->p + from_b, y->n - from_b)))
        ret->bytes |= 1ULL << sink;
    if (!same_key(a->key, b->key) ||
        !sl_slice_equal(sl_slice(x->p, from_a), sl_slice(y->p, from_b)))
        ret->places |= 1ULL << sink;
}

static bool untouched(const struct sl_offline *o, const struct sl_choice *c)
{
    return c->record == &o->record;
}

static void look_at_sink(struct sl_compare *p, unsigned sink, struct sl_compare_change *ret)
{
    struct sl_compare_sink *count = &p->sinks[sink];
    struct output out[SL_COMPARE_SIDES] = {0};
    const struct sl_choice *choice[SL_COMPARE_SIDES];
    bool alike;

    for (int side = 0; side < SL_COMPARE_SIDES; side++)
        choice[side] = choice_of(p->side[side], sink);
    alike = choice[0] && choice[1] && untouched(p->side[0], choice[0]) &&
            untouched(p->side[1], choice[1]);
    for (enum sl_compare_side side = 0; side < SL_COMPARE_SIDES; side++) {
        if (!choice[side])
            continue;
        if (alike && side == SL_COMPARE_AFTER)
            out[side].bytes = out[SL_COMPARE_BEFORE].bytes;
        else
            out[side] = output_of(p, side, choice[side]);
        count->records[side]++;
        count->bytes[side] += out[side].bytes;
    }
    if (!alike && choice[0] && choice[1])
        compare_outputs(p, sink, &out[0], &out[1], ret);
    free(out[0].key);
    free(out[1].key);
}

/* ---- classes ---- */

static bool is_change(const struct sl_compare_change *c)
{
    return c->bytes || c->places || c->matched ||
           memcmp(&c->way[0], &c->way[1], sizeof(c->way[0])) != 0;
}

static void describe(struct sl_compare *p, struct sl_compare_class *class,
                     const struct sl_input_record *in)
{
    const struct sl_compare_change *c = &class->change;
    char place[512];

    sl_offline_place(p->side[SL_COMPARE_BEFORE], in, place, sizeof(place));
    class->place = sl_strdup(place);
    sl_buf_clear(&p->text);
    sl_show_text(p->side[SL_COMPARE_BEFORE]->record.raw, VALUE_SHOWN, &p->text);
    class->value = sl_strdup(sl_buf_str(&p->text));
    sl_buf_clear(&p->text);
    sl_buf_clear(&p->members);
    for (unsigned sink = 0; sink < p->config->n_sinks; sink++)
        if ((c->bytes | c->places) >> sink & 1)
            sl_compare_differences(p, sink, choice_of(p->side[0], sink),
                                   choice_of(p->side[1], sink));
    if (c->matched)
        sl_compare_matched(p);
    class->differences = sl_strdup(sl_buf_str(&p->text));
    class->differences_json = sl_strdup(p->members.full ? "" : sl_buf_str(&p->members));
}

static void count_change(struct sl_compare *p, const struct sl_compare_change *c,
                         const struct sl_input_record *in)
{
    struct sl_compare_class *class;

    p->changed++;
    for (size_t i = 0; i < p->n_classes; i++)
        if (memcmp(&p->classes[i].change, c, sizeof(*c)) == 0) {
            p->classes[i].records++;
            return;
        }
    if (p->n_classes == SL_COMPARE_CLASSES_MAX) {
        p->others++;
        return;
    }
    class = &p->classes[p->n_classes++];
    class->change = *c;
    class->records = 1;
    class->order = p->n_classes;
    describe(p, class, in);
}

static void compare_one(struct sl_compare *p, const struct sl_input_record *in)
{
    struct sl_compare_change change = {0};

    sl_offline_judge(p->side[SL_COMPARE_AFTER], in);
    p->records++;
    for (enum sl_compare_side side = 0; side < SL_COMPARE_SIDES; side++) {
        change.way[side] = way_of(p, side);
        count_matched(p, side);
    }
    for (unsigned sink = 0; sink < p->config->n_sinks; sink++)
        look_at_sink(p, sink, &change);
    change.matched = matched_differ(p);
    if (is_change(&change))
        count_change(p, &change, in);
}

void sl_compare_record(struct sl_compare *p, const struct sl_input_record *message)
{
    struct sl_input_record in = *message;

    for (; sl_offline_judge(p->side[SL_COMPARE_BEFORE], &in); in.sub++)
        compare_one(p, &in);
    p->tombstones += in.sub == 0;
}

static int most_first(const void *a, const void *b)
{
    const struct sl_compare_class *x = a, *y = b;

    if (x->records != y->records)
        return x->records > y->records ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void sl_compare_finish(struct sl_compare *p)
{
    qsort(p->classes, p->n_classes, sizeof(*p->classes), most_first);
}
