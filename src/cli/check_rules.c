/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check_rules.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { NAMED_MAX = 4, TRIAL_MS = 2000, PATTERN_SHOWN = 60, TEXT_MAX = 4096 };

void sl_check_note(struct sl_rule_check *c, const char *format, ...)
{
    struct sl_rule_findings *f = c->findings;
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    f->notes = sl_reallocarray(f->notes, f->n_notes + 1, sizeof(*f->notes));
    f->notes[f->n_notes++] = sl_strdup(text);
}

uint64_t sl_check_worked_ms(void *user)
{
    struct timespec t;

    (void)user;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void sl_check_rule_names(const struct sl_rules *r, const unsigned *rules, size_t n,
                         struct sl_buf *out)
{
    const size_t shown = n > NAMED_MAX + 1 ? NAMED_MAX : n;

    sl_buf_text(out, n == 1 ? "rule " : "rules ");
    for (size_t i = 0; i < shown; i++) {
        const struct sl_rule_info info = sl_rules_info(r, rules[i]);

        if (i)
            sl_buf_text(out, i + 1 == n ? " and " : ", ");
        sl_buf_printf(out, "`%s` (%s:%u)", info.name, info.file, info.line);
    }
    if (shown < n)
        sl_buf_printf(out, " and %zu others", n - shown);
}

/* ---- rules that can never match ---- */

static void warn_shadows(struct sl_rule_check *c)
{
    const struct sl_rules *r = c->offline->routing->rules;
    struct sl_buf takers;

    sl_rules_shadows(r, c->offline->routing->fields, SL_SHADOW_STEPS, &c->shadows);
    sl_buf_init(&takers, TEXT_MAX);
    for (size_t i = 0; i < c->shadows.n; i++) {
        const struct sl_shadow *s = &c->shadows.items[i];
        const char *name = sl_rules_info(r, s->rule).name;

        if (s->n_takers == 0) {
            sl_places_warn(c->places, c->diags, s->rule, NULL,
                           "rule `%s` can never match: its conditions contradict each other", name);
            continue;
        }
        sl_buf_clear(&takers);
        sl_check_rule_names(r, s->takers, s->n_takers, &takers);
        sl_places_warn(c->places, c->diags, s->rule, NULL,
                       "rule `%s` can never match: %s before it take%s every record that it could; "
                       "move it up or remove it",
                       name, sl_buf_str(&takers), s->n_takers == 1 ? "s" : "");
    }
    if (c->shadows.unsure)
        sl_check_note(c,
                      "whether %zu rule%s can ever match was not looked at to the end (the first: "
                      "`%s`): there are too many combinations",
                      c->shadows.unsure, c->shadows.unsure == 1 ? "" : "s",
                      sl_rules_info(r, c->shadows.first_unsure).name);
    sl_buf_release(&takers);
}

/* ---- sinks that nothing reaches ---- */

/* A sink that no rule names and nothing falls to is a mistake more often than a plan. */
void sl_check_unreached(const struct sl_config *config, const struct sl_rules *rules,
                        const struct sl_shadows *shadows, struct sl_diags *diags)
{
    uint64_t reached = config->unmatched.sinks | config->rule_errors.sinks;
    const uint64_t named = sl_rules_sinks(rules);
    size_t dead = 0;

    for (unsigned i = 0; i < sl_rules_count(rules); i++) {
        if (shadows && dead < shadows->n && shadows->items[dead].rule == i)
            dead++;
        else
            reached |= sl_rule_sinks(rules, i);
    }
    for (size_t i = 0; i < config->n_sinks; i++)
        if (!(reached >> i & 1))
            sl_config_problem(config, config->sinks[i].name, 0, SL_WARNING, diags,
                              "nothing reaches sink `%s`: %s", config->sinks[i].name,
                              named >> i & 1 ? "only rules that can never match name it"
                                             : "no rule names it");
}

/* ---- regular expressions ---- */

static void show(struct sl_slice text, size_t most, struct sl_buf *out)
{
    for (size_t i = 0; i < text.n && i < most; i++)
        sl_buf_byte(out, (unsigned char)text.p[i] < ' ' ? '?' : text.p[i]);
    if (text.n > most)
        sl_buf_text(out, "...");
}

static void warn_regex(struct sl_rule_check *c, const struct sl_regex_trouble *t,
                       const unsigned *fields)
{
    const struct sl_routing *routing = c->offline->routing;
    struct sl_buf pattern, unit;

    sl_buf_init(&pattern, TEXT_MAX);
    sl_buf_init(&unit, TEXT_MAX);
    show(t->pattern, PATTERN_SHOWN, &pattern);
    show(sl_slice(t->unit, t->n_unit), PATTERN_SHOWN, &unit);
    sl_places_warn(c->places, c->diags, t->rule, sl_fields_name(routing->fields, fields[t->field]),
                   "rule `%s`: the regular expression `%s` meets its limits on %zu bytes of `%s`; "
                   "such a record goes where `rule_errors` says: take the repeat out of the "
                   "repeat, make it possessive (`++`) or bound it",
                   sl_rules_info(routing->rules, t->rule).name, sl_buf_str(&pattern), t->bytes,
                   sl_buf_str(&unit));
    sl_buf_release(&pattern);
    sl_buf_release(&unit);
}

/* Texts of a megabyte are rare, and a plain `a.*b` is too much for the worst of them: no warning
 * each. */
static void warn_regexes(struct sl_rule_check *c)
{
    struct sl_regex_trials t = {.now_ms = sl_check_worked_ms};
    const struct sl_rules *r = c->offline->routing->rules;
    unsigned *fields, *first, example = SL_RULE_NONE;
    size_t large = 0;

    t.until_ms = sl_check_worked_ms(NULL) + TRIAL_MS;
    sl_rules_try_regexes(r, &t);
    sl_rules_asked_fields(r, &fields, &first);
    for (size_t i = 0; i < t.n; i++) {
        if (t.items[i].bytes < SL_TRIAL_LARGE) {
            warn_regex(c, &t.items[i], fields);
        } else if (large++ == 0) {
            example = t.items[i].rule;
        }
    }
    if (large)
        sl_check_note(c,
                      "%zu regular expression%s limits only on the worst text of 1 MiB (the "
                      "first in rule `%s`)",
                      large, large == 1 ? " meets its" : "s meet their",
                      sl_rules_info(r, example).name);
    if (t.unfinished)
        sl_check_note(
            c, "%zu of %zu regular expressions were not tried on every hard text: %d s are over",
            t.unfinished, t.patterns, TRIAL_MS / 1000);
    free(fields);
    free(first);
    sl_regex_trials_release(&t);
}

/* ---- what holds only as long as one looks once ---- */

static bool is_raw(const struct sl_sink_config *s)
{
    return (s->kind == SL_SINK_S3 && s->s3.format == SL_ARCHIVE_RAW) ||
           (s->kind == SL_SINK_FILE && s->file.format == SL_ARCHIVE_RAW);
}

static void warn_actions(struct sl_rule_check *c)
{
    const struct sl_rules *r = c->offline->routing->rules;

    for (unsigned i = 0; i < sl_rules_count(r); i++) {
        const uint64_t sinks = sl_rule_sinks(r, i);
        const char *name = sl_rules_info(r, i).name;

        if (!sl_rule_repeatable(r, i))
            sl_places_warn(c->places, c->diags, i, "rate_limit",
                           "rule `%s`: what `rate_limit` lets pass depends on when records come; a "
                           "replay, or another number of replicas, keeps others",
                           name);
        for (size_t k = 0; k < c->config->n_sinks && sl_rule_changes(r, i); k++)
            if (is_raw(&c->config->sinks[k]) && (sinks == 0 || (sinks >> k & 1)))
                sl_places_warn(c->places, c->diags, i, NULL,
                               "rule `%s` changes records: in sink `%s`, whose format is `raw`, "
                               "they stand as changed, not as they came",
                               name, c->config->sinks[k].name);
    }
}

/* ---- all of it ---- */

void sl_check_rules(const struct sl_config *config, const struct sl_sample *sample,
                    struct sl_diags *diags, struct sl_rule_findings *ret)
{
    struct sl_rule_check c = {.config = config, .sample = sample, .diags = diags, .findings = ret};
    struct sl_diags known; /* what the caller has been told already */
    struct sl_offline_base *base;

    sl_diags_init(&known);
    base = sl_offline_base_new(config, &known);
    c.offline = base ? sl_offline_new(base, NULL, &known) : NULL;
    if (c.offline) {
        c.places = sl_places_new(c.offline->routing->rules);
        warn_shadows(&c);
        sl_check_unreached(config, c.offline->routing->rules, &c.shadows, diags);
        warn_actions(&c);
        warn_regexes(&c);
        if (sample && sample->n)
            sl_check_sample(&c);
        sl_check_cost(&c);
    }
    sl_places_free(c.places);
    sl_shadows_release(&c.shadows);
    sl_offline_free(c.offline);
    sl_offline_base_free(base);
    sl_diags_release(&known);
}

void sl_rule_findings_release(struct sl_rule_findings *f)
{
    for (size_t i = 0; i < f->n_notes; i++)
        free(f->notes[i]);
    for (size_t i = 0; i < f->n_costly; i++) {
        free(f->costly[i].name);
        free(f->costly[i].file);
    }
    free(f->notes);
    free(f->costly);
    *f = (struct sl_rule_findings){0};
}
