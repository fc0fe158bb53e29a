/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_CHECK_RULES_H
#define SL_CLI_CHECK_RULES_H

#include "cli/offline.h"
#include "cli/places.h"
#include "cli/sample.h"
#include "sluice/lint.h"

/* What is likely a mistake in rules that are right by the language. All of it are warnings, at the
 * place in the rule file; what has no place is a note, and what is no mistake but a cost (rules
 * that no index can rule out) is a table.
 *
 * Proven: rules that can never match, sinks that nothing reaches, regexes that meet their limits,
 * rate limits (not repeatable), changed records in `raw` sinks. With a sample of real records also
 * what is likely: rules whose every record another rule takes first, and fields that no record has.
 */

struct sl_costly_rule {
    char *name, *file; /* owned */
    unsigned line;
    const char *why;
    double ns; /* a record */
};

struct sl_rule_findings {
    struct sl_costly_rule *costly; /* the dearest first; those that were measured */
    size_t n_costly, n_always;     /* of how many */
    size_t cost_records;           /* over which the cost was measured */
    bool typical;                  /* which were made up, for want of a sample */
    char **notes;
    size_t n_notes;
};

/* One look at the rules. */
struct sl_rule_check {
    const struct sl_config *config;
    struct sl_offline *offline;
    const struct sl_sample *sample; /* NULL: there is none */
    struct sl_diags *diags;
    struct sl_places *places;
    struct sl_shadows shadows;
    struct sl_rule_findings *findings;
};

/* The configuration and its rules are right. sample NULL: none. Adds warnings to diags. */
void sl_check_rules(const struct sl_config *config, const struct sl_sample *sample,
                    struct sl_diags *diags, struct sl_rule_findings *ret);
void sl_rule_findings_release(struct sl_rule_findings *f);
void sl_rule_findings_print(const struct sl_rule_findings *f, FILE *to);
/* Members of an object, each led by a comma; none where there is nothing to tell. */
void sl_rule_findings_json(const struct sl_rule_findings *f, struct sl_buf *out);

/* Sinks that no rule names, or only rules that can never match (shadows; NULL: not known). */
void sl_check_unreached(const struct sl_config *config, const struct sl_rules *rules,
                        const struct sl_shadows *shadows, struct sl_diags *diags);

/* ---- the parts ---- */
void sl_check_note(struct sl_rule_check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "rule `a` (routes/10.yaml:3)" for each, "and 3 others" past a few. */
void sl_check_rule_names(const struct sl_rules *r, const unsigned *rules, size_t n,
                         struct sl_buf *out);
/* Of work, not of the clock on the wall: on a busy machine as much is found. */
uint64_t sl_check_worked_ms(void *user);
void sl_check_sample(struct sl_rule_check *c); /* check_sample.c */
void sl_check_cost(struct sl_rule_check *c);   /* check_cost.c */

/* ---- check_names.c: the names that fields have in records ---- */
struct sl_seen_names;
struct sl_seen_names *sl_seen_names_new(void);
void sl_seen_names_free(struct sl_seen_names *s);
void sl_seen_names_add(struct sl_seen_names *s, const struct sl_record *record);
/* The name that was meant, or NULL. */
const char *sl_seen_names_nearest(const struct sl_seen_names *s, const char *name);

#endif
