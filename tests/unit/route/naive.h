/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ROUTE_NAIVE_H
#define TESTS_ROUTE_NAIVE_H

#include <jansson.h>
#include <stdbool.h>

/* What the rules mean, written down once more in the plainest way: a tree of the rules, a tree of
 * the record, one rule after another, and not a line of src/route or src/record. Regular
 * expressions are POSIX's, so patterns keep to what both dialects share, and those whose groups are
 * read (their names are cut out) to what both find alike; addresses are inet_pton()'s; a number's
 * text is as jansson spells it. naive.c judges and walks, naive_act.c changes records. */

enum { NAIVE_NONE = -1, NAIVE_UNMATCHED = -2, NAIVE_MAX = 512 };
enum naive_reason { NAIVE_RULE, NAIVE_NO_RULE, NAIVE_SAMPLE, NAIVE_RATE_LIMIT };

struct naive_set {
    const json_t *rules;      /* the array below `rules:` */
    const json_t *tables;     /* path -> [[name of the key, columns...], [key, cells...], ...] */
    const char *const *sinks; /* names in the order of their indexes */
    int n_sinks, unmatched;
    bool (*keeps)(const char *text, double percent); /* `sample` by a field */

    json_t *taken; /* rate_limit: by rule and key, how many passed. Time stands still */
    struct naive_regexes *regexes;
};

void naive_begin(struct naive_set *s); /* after the members above are set */
void naive_end(struct naive_set *s);

struct naive {
    int sinks[8], rules[8]; /* chosen, in order */
    json_t *records[8];     /* as the sink gets it */
    int n;
    int dropped_by;
    enum naive_reason reason;
    int matched[NAIVE_MAX];
    int n_matched;
    json_t *named; /* members that a rule may have changed, by their keys at the top */
};

/* names: what paths with @ stand for. The record shows its kind and level, so that nothing is added
 * to it. */
void naive_route(struct naive_set *s, const json_t *record, const json_t *names, struct naive *ret);
void naive_release(struct naive *n);

/* ---- shared by the two files ---- */
struct naive_record {
    const json_t *record, *names;
};
const json_t *naive_find(const struct naive_record *r, const char *path);
char *naive_text(const json_t *value); /* the caller's */
enum { NAIVE_GROUPS = 10 };
struct naive_groups {
    int begin[NAIVE_GROUPS], end[NAIVE_GROUPS]; /* -1: took no part */
    const char *names[NAIVE_GROUPS];            /* NULL: none */
    int n;
};
/* The first match of the pattern, whose names of groups are cut out. */
bool naive_search(struct naive_set *s, const json_t *pattern, bool fold, const char *text,
                  struct naive_groups *ret);
bool naive_folds(const json_t *mapping, bool outer);
bool naive_equal(const char *text, const json_t *operand, bool fold);
const json_t *naive_row(struct naive_set *s, const json_t *path, const char *text, bool fold);
/* Changes *record (a copy of its own) as the rule says. */
void naive_change(struct naive_set *s, const json_t *rule, const struct naive_record *judged,
                  json_t *record, json_t *named);

#endif
