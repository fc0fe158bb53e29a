/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_MATCH_PRIVATE_H
#define SL_ROUTE_MATCH_PRIVATE_H

#include "route/index.h"
#include "route/match.h"

/* Private to match.c (values, tests and nodes) and match_index.c (what the index says, and the
 * rules in their order). */

/* Beside the verdicts: the literal of the test is there, it is yet to be judged. */
enum { SL_POSSIBLE = SL_LIMIT + 1 };

/* What is known of a field of the record at hand. */
struct sl_view {
    uint32_t generation;
    bool in_texts, text_known;
    size_t at; /* in_texts: where in sl_match.texts, which may move */
    struct sl_scalar scalar;
};

/* Postings that are being walked. */
struct sl_source {
    const struct sl_post *at, *end;
};

struct sl_match {
    const struct sl_rules *rules;
    const struct sl_index *index;
    const struct sl_record *record;
    uint32_t generation;
    uint32_t *answers;     /* by test: generation << 2 | verdict */
    uint32_t *direct;      /* the same without the index; NULL: nobody asked yet */
    struct sl_view *views; /* by field */
    struct sl_buf texts;   /* unescaped fields of this record */
    struct sl_buf scratch; /* one unescaped text */
    char *key_scratch;     /* for sl_index_keys_find() */
    struct sl_effort effort;

    bool in_order;        /* without the index: this record */
    bool always_in_order; /* every record */
    bool directly;        /* sl_match_node(): the node at hand */
    bool spare_regex;     /* the rule at hand is set aside */
    bool *aside;          /* by rule; NULL: none is */
    uint32_t *done;       /* by pass: generation */
    size_t next_pass;     /* those before it have been run */
    uint32_t last;        /* rule, or SL_RULE_NONE: none yet */
    uint32_t *found;      /* tests that have postings */
    size_t n_found, n_pushed;
    struct sl_source *heap; /* the least rule is that of the first */
    size_t n_heap;
};

/* ---- match.c ---- */
static inline bool sl_has_text(const struct sl_value *v)
{
    return v->type != SL_VALUE_ABSENT && v->type != SL_VALUE_NULL && v->type != SL_VALUE_OBJECT &&
           v->type != SL_VALUE_ARRAY;
}

static inline bool sl_match_knows(const struct sl_match *m, uint32_t answer)
{
    return answer >> 2 == m->generation;
}

struct sl_view *sl_match_look(struct sl_match *m, uint32_t field);
bool sl_match_unescape(struct sl_match *m, const struct sl_value *value, struct sl_slice *ret);
bool sl_match_view_text(struct sl_match *m, struct sl_view *v);
enum sl_verdict sl_match_judge(struct sl_match *m, const struct sl_rule_node *node);
enum sl_verdict sl_match_ask(struct sl_match *m, const struct sl_rule_node *node);
enum sl_verdict sl_match_rule(struct sl_match *m, uint32_t rule);

/* ---- match_index.c ---- */
/* Of a test that the index answers: whether its answer is known now. What is not seen is NO. */
bool sl_match_ask_index(struct sl_match *m, uint32_t test);
/* Of a test whose literal is there: whether its other one is missing. */
bool sl_match_lacks(struct sl_match *m, uint32_t test);
void sl_match_begin_walk(struct sl_match *m);

#endif
