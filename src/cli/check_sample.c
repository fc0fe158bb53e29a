/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/check_rules.h"

/* What a sample of real records makes likely. First every record is routed: which rules match,
 * which fields are there. Then the rules that matched none are asked about each record by
 * themselves: a rule whose conditions held, and that never got the record, stands behind another
 * that takes them.
 */

enum {
    ASKED_MAX = 20000000, /* questions to rules that matched nothing */
    ASKED_MS = 3000,      /* of work for them */
    NAMES_OF = 2000,      /* records whose fields' names are collected */
    LISTED_MAX = 20,
};

struct cold { /* a rule that matched nothing */
    unsigned rule;
    size_t held; /* records that met its conditions */
    unsigned *takers;
    size_t n_takers;
};

struct look {
    struct sl_rule_check *c;
    const struct sl_rules *rules;
    size_t records;
    uint64_t *matches; /* by rule */
    unsigned *fields, *first_rules;
    size_t n_fields;
    bool *seen;   /* by index in `fields` */
    bool headers; /* some record has one */
    struct cold *cold;
    size_t n_cold;
};

/* ---- the first look ---- */

static void look_at_fields(struct look *l)
{
    for (size_t i = 0; i < l->n_fields; i++)
        if (!l->seen[i])
            l->seen[i] =
                sl_record_value(&l->c->offline->record, l->fields[i]).type != SL_VALUE_ABSENT;
}

static void look_at_record(struct look *l)
{
    size_t n;
    const unsigned *matched = sl_matcher_matched(l->c->offline->routing->matcher, &n);

    l->records++;
    for (size_t k = 0; k < n; k++)
        l->matches[matched[k]]++;
    look_at_fields(l);
}

static void first_look(struct look *l)
{
    const struct sl_sample *s = l->c->sample;

    for (size_t i = 0; i < s->n; i++) {
        struct sl_input_record in = s->items[i];

        for (; sl_offline_judge(l->c->offline, &in); in.sub++)
            look_at_record(l);
        l->headers |= in.message.n_headers > 0;
    }
}

/* ---- rules that matched nothing ---- */

static bool is_shadow(const struct sl_shadows *s, unsigned rule)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].rule == rule)
            return true;
    return false;
}

static void gather_cold(struct look *l)
{
    const size_t n = sl_rules_count(l->rules);

    l->cold = sl_calloc(n + 1, sizeof(*l->cold));
    for (unsigned i = 0; i < n; i++)
        if (l->matches[i] == 0 && !is_shadow(&l->c->shadows, i))
            l->cold[l->n_cold++].rule = i;
}

static void add_taker(struct cold *k, unsigned rule)
{
    for (size_t i = 0; i < k->n_takers; i++)
        if (k->takers[i] == rule)
            return;
    if (k->n_takers == LISTED_MAX)
        return;
    k->takers = sl_reallocarray(k->takers, k->n_takers + 1, sizeof(*k->takers));
    k->takers[k->n_takers++] = rule;
}

/* Which of them would take the record judged last. */
static void ask_cold(struct look *l, struct sl_rules_probe *probe)
{
    sl_rules_probe_begin(probe, &l->c->offline->record);
    for (size_t k = 0; k < l->n_cold; k++) {
        if (!sl_rules_probe_ask(probe, l->cold[k].rule))
            continue;
        l->cold[k].held++;
        add_taker(&l->cold[k], sl_offline_decider(l->c->offline));
    }
}

static void second_look(struct look *l)
{
    const struct sl_sample *s = l->c->sample;
    struct sl_rules_probe *probe = sl_rules_probe_new(l->rules);
    const uint64_t until = sl_check_worked_ms(NULL) + ASKED_MS;
    uint64_t asked = 0;
    size_t records = 0;

    for (size_t i = 0; i < s->n && l->n_cold; i++) {
        if (asked >= ASKED_MAX || sl_check_worked_ms(NULL) >= until)
            break;
        for (struct sl_input_record in = s->items[i]; sl_offline_judge(l->c->offline, &in);
             in.sub++) {
            records++;
            asked += l->n_cold;
            ask_cold(l, probe);
        }
    }
    if (l->n_cold && records < l->records)
        sl_check_note(l->c,
                      "what rules that match nothing miss was looked for in the first %zu records "
                      "of the sample only",
                      records);
    sl_rules_probe_free(probe);
}

static void warn_cold(struct look *l)
{
    const size_t total = l->records;
    struct sl_buf names;
    size_t idle = 0;

    sl_buf_init(&names, 1 << 16);
    for (size_t i = 0; i < l->n_cold; i++) {
        struct cold *k = &l->cold[i];

        if (k->held == 0) {
            idle++;
            continue;
        }
        sl_buf_clear(&names);
        sl_check_rule_names(l->rules, k->takers, k->n_takers, &names);
        sl_places_warn(l->c->places, l->c->diags, k->rule, NULL,
                       "rule `%s` likely never matches: %zu of %zu records of the sample met its "
                       "conditions, and %s before it took them all",
                       sl_rules_info(l->rules, k->rule).name, k->held, total, sl_buf_str(&names));
    }
    sl_buf_clear(&names);
    for (size_t i = 0, shown = 0; i < l->n_cold && shown < LISTED_MAX; i++)
        if (l->cold[i].held == 0)
            sl_buf_printf(&names, "%s`%s`", shown++ ? ", " : "",
                          sl_rules_info(l->rules, l->cold[i].rule).name);
    if (idle)
        sl_check_note(l->c, "%zu of %zu rules met no record of the sample: %s%s", idle,
                      sl_rules_count(l->rules), sl_buf_str(&names),
                      idle > LISTED_MAX ? ", ..." : "");
    sl_buf_release(&names);
}

/* ---- fields that no record has ---- */

/* Names of the language are no typing mistakes, and some are absent as a rule (@parse_error).
 * Headers are the senders' own words, where the sample has any. */
static bool may_be_absent(const struct look *l, const char *name)
{
    return *name == '@' && (!l->headers || strncmp(name, "@headers.", 9) != 0);
}

static void warn_fields(struct look *l)
{
    struct sl_seen_names *names = sl_seen_names_new();
    const struct sl_sample *s = l->c->sample;
    const struct sl_fields *fields = l->c->offline->routing->fields;
    size_t unseen = 0;

    for (size_t i = 0; i < l->n_fields; i++)
        unseen += !l->seen[i];
    for (size_t i = s->n > NAMES_OF ? s->n - NAMES_OF : 0; i < s->n && unseen; i++)
        for (struct sl_input_record in = s->items[i]; sl_offline_decode(l->c->offline, &in);
             in.sub++)
            sl_seen_names_add(names, &l->c->offline->record);
    for (size_t i = 0; i < l->n_fields; i++) {
        const char *name = sl_fields_name(fields, l->fields[i]), *near;
        const unsigned rule = l->first_rules[i];

        if (l->seen[i] || rule == SL_RULE_NONE || may_be_absent(l, name))
            continue;
        near = *name == '@' ? NULL : sl_seen_names_nearest(names, name);
        sl_places_warn(l->c->places, l->c->diags, rule, name,
                       "rule `%s`: no record of the sample has the field `%s`%s%s%s",
                       sl_rules_info(l->rules, rule).name, name, near ? "; did you mean `" : "",
                       near ? near : "", near ? "`?" : "");
    }
    sl_seen_names_free(names);
}

void sl_check_sample(struct sl_rule_check *c)
{
    const struct sl_rules *r = c->offline->routing->rules;
    struct look l = {.c = c, .rules = r};

    l.matches = sl_calloc(sl_rules_count(r) + 1, sizeof(*l.matches));
    l.n_fields = sl_rules_asked_fields(r, &l.fields, &l.first_rules);
    l.seen = sl_calloc(l.n_fields + 1, sizeof(*l.seen));
    first_look(&l);
    gather_cold(&l);
    second_look(&l);
    warn_cold(&l);
    warn_fields(&l);
    for (size_t i = 0; i < l.n_cold; i++)
        free(l.cold[i].takers);
    free(l.cold);
    free(l.matches);
    free(l.fields);
    free(l.first_rules);
    free(l.seen);
}
