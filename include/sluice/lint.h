/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LINT_H
#define SLUICE_LINT_H

#include "sluice/route.h"

/* What is likely a mistake in rules that are right by the language. Implemented in route/. */

/* ---- rules that can never match (shadow.c) ---- */

/* A rule takes a record when it matches and has no `continue`: no later rule sees the record, also
 * when `sample` or `rate_limit` holds it back. A rule whose every record is taken before it can
 * never match. That is proven, never guessed: for conditions made of equalities and lists of values
 * each such rule is found; of the other operators what follows from one for another (a prefix of a
 * prefix, a range inside ranges, a text that passes a regex), and of `not`, `any` and `all` what
 * follows without trying every combination. */
struct sl_shadow {
    unsigned rule;
    unsigned *takers; /* owned; earlier rules that take all of it. None: its own conditions cannot
                         hold together */
    size_t n_takers;
};

struct sl_shadows {
    struct sl_shadow *items; /* owned; by rule */
    size_t n, cap;
    size_t unsure; /* rules for which the search was ended before it had looked at everything */
    unsigned first_unsure;
};

enum { SL_SHADOW_STEPS = 300000000 }; /* a few seconds */

/* fields: those the rules were loaded with. */
void sl_rules_shadows(const struct sl_rules *r, struct sl_fields *fields, uint64_t steps,
                      struct sl_shadows *ret);
void sl_shadows_release(struct sl_shadows *s);

/* ---- regular expressions that meet their limits (trial.c) ---- */

enum { SL_TRIAL_UNIT_MAX = 32, SL_TRIAL_LARGE = 1 << 20 };

struct sl_regex_trouble {
    unsigned rule;                /* the first that asks it */
    unsigned field;               /* index into the rules' fields */
    struct sl_slice pattern;      /* borrowed from the rules */
    size_t bytes;                 /* of the string that it does not master */
    char unit[SL_TRIAL_UNIT_MAX]; /* which is this, again and again */
    size_t n_unit;
};

struct sl_regex_trials {
    uint64_t (*now_ms)(void *user); /* the caller's */
    void *user;
    uint64_t until_ms; /* by this clock no more is tried */

    struct sl_regex_trouble *items; /* owned; by rule */
    size_t n, cap;
    size_t patterns;   /* how many there are */
    size_t unfinished; /* of these were not tried with every string */
};

/* Runs each pattern of `when` over strings that are hard for it, of 1 KiB, 64 KiB and 1 MiB. */
void sl_rules_try_regexes(const struct sl_rules *r, struct sl_regex_trials *trials);
void sl_regex_trials_release(struct sl_regex_trials *t);

/* ---- one rule and one record, whatever other rules say (lint.c) ---- */

struct sl_rules_probe;
struct sl_rules_probe *sl_rules_probe_new(const struct sl_rules *r);
void sl_rules_probe_free(struct sl_rules_probe *p);
void sl_rules_probe_begin(struct sl_rules_probe *p, const struct sl_record *record);
/* The conditions hold. What was asked of this record before is not judged again. */
bool sl_rules_probe_ask(struct sl_rules_probe *p, unsigned rule);

/* ---- facts about rules (lint.c) ---- */

bool sl_rule_changes(const struct sl_rules *r, unsigned rule);    /* a record that it sends on */
bool sl_rule_repeatable(const struct sl_rules *r, unsigned rule); /* no rate_limit */
uint64_t sl_rule_sinks(const struct sl_rules *r, unsigned rule);
/* What its conditions ask, as text: the same for the same conditions in another set of rules (but
 * for the networks of `cidr`). For telling apart rules without a name. */
void sl_rule_write(const struct sl_rules *r, const struct sl_fields *fields, unsigned rule,
                   struct sl_buf *out);
bool sl_rule_is_unconditional(const struct sl_rules *r, unsigned rule); /* no `when` */
/* The fields that conditions are about: n ids, and of each the first rule that asks for it. The
 * caller frees both. */
size_t sl_rules_asked_fields(const struct sl_rules *r, unsigned **ret_fields,
                             unsigned **ret_first_rules);

#endif
