/* SPDX-License-Identifier: Apache-2.0 */
#include "route/act.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "route/actions_impl.h"

enum {
    VALUES_MAX = 64 << 20, /* what one step writes, and one text while it is made */
    VALUES_KEEP = 1 << 20, /* memory for them that is kept for the next record */
    BUCKETS_MAX = 1 << 20, /* of all rules together */
    ANSWERS_KEEP = 1024,
};

/* What a limiter answered for one of the records of a message. */
struct answer {
    struct sl_limiter *limiter;
    uint64_t key;
    bool yes;
};

enum pass { ONE_RECORD, NOTING, REPEATING };

struct sl_act {
    const struct sl_rules *rules;
    struct sl_match *match;
    const struct sl_record *record; /* as it was judged */
    uint64_t (*now_ms)(void *user);
    void *user;
    struct sl_limiter **limiters; /* by rule; NULL: no rule has one */
    struct sl_limiter **taken;    /* those that counted the record at hand */
    size_t n_taken;
    enum pass pass;
    struct answer *answers; /* of the message at hand, in the order they were asked for */
    size_t n_answers, cap_answers, repeated;
    struct sl_changer *changer;  /* NULL: no rule changes anything */
    bool begun;                  /* the changer knows of the record at hand */
    size_t mark;                 /* of the changer, before the steps of the rule at hand */
    struct sl_new_value *values; /* of one step, by path */
    size_t *at;                  /* where their JSON begins in `json`, which moves */
    struct sl_buf json, text, scratch;
    struct sl_captured captured;
};

/* ---- making it ---- */

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t most_paths(const struct sl_actions *a)
{
    size_t n = most(most(a->n_set, a->n_rename_paths), a->n_remove);

    for (size_t i = 0; i < a->n_parse; i++)
        n = most(n, a->parse[i].n_paths);
    return n;
}

static void make_limiters(struct sl_act *a, const struct sl_rules *r, size_t n)
{
    size_t buckets = BUCKETS_MAX / n;

    a->limiters = sl_calloc(r->n_rules, sizeof(struct sl_limiter *));
    a->taken = sl_calloc(n, sizeof(struct sl_limiter *));
    buckets = buckets > SL_RATE_BUCKETS_MAX ? SL_RATE_BUCKETS_MAX : most(buckets, 1);
    for (size_t i = 0; i < r->n_rules; i++) {
        const struct sl_actions *actions = r->rules[i].actions;

        if (actions && actions->rate.records)
            a->limiters[i] = sl_limiter_new(&actions->rate, buckets);
    }
}

struct sl_act *sl_act_new(const struct sl_rules *r, struct sl_match *match,
                          const struct sl_matcher_config *config)
{
    size_t paths = 0, limiters = 0, names = 0, any = 0;
    struct sl_act *a;

    for (size_t i = 0; i < r->n_rules; i++) {
        const struct sl_actions *actions = r->rules[i].actions;

        if (!actions)
            continue;
        any++;
        paths = most(paths, most_paths(actions) + actions->changes);
        limiters += actions->rate.records > 0;
        names = most(names, sl_captures_count(actions->captures));
    }
    if (!any)
        return NULL;
    a = sl_zalloc(sizeof(*a));
    a->rules = r;
    a->match = match;
    a->now_ms = config->now_ms;
    a->user = config->user;
    if (limiters)
        make_limiters(a, r, limiters);
    if (paths)
        a->changer = sl_changer_new(config->fields);
    a->values = sl_calloc(paths + 1, sizeof(*a->values));
    a->at = sl_calloc(paths + 1, sizeof(*a->at));
    sl_buf_init(&a->json, VALUES_MAX);
    sl_buf_init(&a->text, VALUES_MAX);
    sl_buf_init(&a->scratch, VALUES_MAX);
    sl_captured_init(&a->captured);
    sl_captured_reserve(&a->captured, names);
    return a;
}

void sl_act_free(struct sl_act *a)
{
    if (!a)
        return;
    for (size_t i = 0; a->limiters && i < a->rules->n_rules; i++)
        sl_limiter_free(a->limiters[i]);
    free(a->limiters);
    free(a->taken);
    free(a->answers);
    if (a->changer)
        sl_changer_free(a->changer);
    free(a->values);
    free(a->at);
    sl_buf_release(&a->json);
    sl_buf_release(&a->text);
    sl_buf_release(&a->scratch);
    sl_captured_release(&a->captured);
    free(a);
}

void sl_act_begin(struct sl_act *a, const struct sl_record *record)
{
    a->record = record;
    a->n_taken = 0;
    a->begun = false;
}

/* ---- what holds back ---- */

/* The hash of the field's text; 0 where the record has none. */
static bool hash_by(struct sl_act *a, unsigned field, uint64_t *ret)
{
    struct sl_value v;
    struct sl_slice text;

    if (field == SL_NO_FIELD)
        return false;
    v = sl_record_value(a->record, field);
    text = sl_value_text(&v, &a->scratch);
    if (text.p)
        *ret = sl_hash(text.p, text.n);
    sl_buf_reset(&a->scratch, VALUES_KEEP);
    return text.p != NULL;
}

/* Of one text all or none are kept, and a smaller share is part of a larger. */
static bool sampled(struct sl_act *a, const struct sl_actions *actions)
{
    char id[SL_RECORD_ID_MAX];
    uint64_t hash;

    if (!hash_by(a, actions->sample_by, &hash))
        hash = sl_hash(id, sl_record_id(a->record, id));
    return hash >> 32 < actions->share;
}

static void note_answer(struct sl_act *a, const struct answer *answer)
{
    if (a->n_answers == a->cap_answers) {
        a->cap_answers = a->cap_answers ? 2 * a->cap_answers : ANSWERS_KEEP;
        a->answers = sl_reallocarray(a->answers, a->cap_answers, sizeof(*a->answers));
    }
    a->answers[a->n_answers++] = *answer;
}

/* Records without the field share a bucket. */
static bool within_rate(struct sl_act *a, const struct sl_rule *rule)
{
    struct answer answer = {.limiter = a->limiters[rule - a->rules->rules]};

    if (a->pass == REPEATING) {
        assert(a->repeated < a->n_answers);
        return a->answers[a->repeated++].yes;
    }
    hash_by(a, rule->actions->rate_by, &answer.key);
    answer.yes = sl_limiter_take(answer.limiter, answer.key, a->now_ms ? a->now_ms(a->user) : 0);
    if (a->pass == NOTING)
        note_answer(a, &answer);
    else if (answer.yes)
        a->taken[a->n_taken++] = answer.limiter;
    return answer.yes;
}

bool sl_act_holds(struct sl_act *a, const struct sl_rule *rule, enum sl_drop_reason *ret)
{
    const struct sl_actions *actions = rule->actions;

    if (actions->share && !sampled(a, actions)) {
        *ret = SL_DROP_SAMPLE;
        return true;
    }
    if (actions->rate.records && !within_rate(a, rule)) {
        *ret = SL_DROP_RATE_LIMIT;
        return true;
    }
    return false;
}

void sl_act_note(struct sl_act *a)
{
    a->pass = NOTING;
    a->n_answers = a->repeated = 0;
}

void sl_act_repeat(struct sl_act *a)
{
    a->pass = REPEATING;
    a->repeated = 0;
}

void sl_act_end(struct sl_act *a)
{
    a->pass = ONE_RECORD;
    a->n_answers = 0;
    if (a->cap_answers > ANSWERS_KEEP) {
        free(a->answers);
        a->answers = NULL;
        a->cap_answers = 0;
    }
}

void sl_act_undo(struct sl_act *a)
{
    while (a->n_answers > 0) {
        const struct answer *last = &a->answers[--a->n_answers];

        if (last->yes)
            sl_limiter_give_back_to(last->limiter, last->key);
    }
    sl_act_end(a);
    while (a->n_taken > 0)
        sl_limiter_give_back(a->taken[--a->n_taken]);
}

/* ---- values of one step ---- */

static void begin_values(struct sl_act *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a->values[i].what = SL_KEEP;
    sl_buf_clear(&a->json);
}

static void begin_value(struct sl_act *a, size_t path)
{
    a->values[path].what = SL_SET;
    a->at[path] = a->json.n;
}

static void end_value(struct sl_act *a, size_t path)
{
    a->values[path].json = sl_slice(NULL, a->json.n - a->at[path]);
}

static void put_text(struct sl_act *a, struct sl_slice text)
{
    sl_buf_byte(&a->json, '"');
    sl_json_escape(text, &a->json);
    sl_buf_byte(&a->json, '"');
}

static void set_text(struct sl_act *a, size_t path, struct sl_slice text)
{
    begin_value(a, path);
    put_text(a, text);
    end_value(a, path);
}

/* A value as it is spelled. A number beyond 64 bits counts as absent, but it has a spelling. */
static bool has_json(const struct sl_value *v)
{
    return v->type != SL_VALUE_ABSENT || v->p;
}

static void set_copy(struct sl_act *a, size_t path, const struct sl_value *v)
{
    begin_value(a, path);
    if (v->type != SL_VALUE_STRING) {
        sl_buf_append(&a->json, v->p, v->n);
    } else if (v->escaped) {
        sl_buf_byte(&a->json, '"');
        sl_buf_append(&a->json, v->p, v->n);
        sl_buf_byte(&a->json, '"');
    } else {
        put_text(a, sl_slice(v->p, v->n));
    }
    end_value(a, path);
}

static int edit(struct sl_act *a, const struct sl_editor *e, size_t n,
                const struct sl_record **record)
{
    struct sl_error err;
    const struct sl_record *made;
    bool any = false;

    if (a->json.full)
        return SL_ELIMIT;
    for (size_t i = 0; i < n; i++) {
        any |= a->values[i].what != SL_KEEP;
        if (a->values[i].what == SL_SET)
            a->values[i].json.p = a->json.p + a->at[i];
    }
    if (!any)
        return SL_OK;
    made = sl_record_edit(a->changer, e, *record, a->values, &err);
    if (!made)
        return SL_ELIMIT;
    sl_changer_keep(a->changer, a->mark, made);
    *record = made;
    return SL_OK;
}

/* ---- parse ---- */

/* 1: the text matches and its groups stand in a->values; 0: it does not; SL_ELIMIT. */
static int try_pattern(struct sl_act *a, const struct sl_parse_pattern *p, struct sl_slice text)
{
    struct sl_effort *effort = sl_match_effort(a->match);
    struct sl_regex_span *spans = a->captured.spans;
    unsigned n = p->n <= SL_REGEX_GROUPS_MAX ? p->n : SL_REGEX_GROUPS_MAX + 1;
    int found;

    if (!sl_effort_take(effort, text.n))
        return SL_ELIMIT;
    found = sl_regex_search(p->regex, effort->regex, text, 0, spans, n);
    for (unsigned g = 1; found == 1 && g < n; g++) {
        size_t path = p->paths[g];

        if (path == 0 || spans[g].begin > spans[g].end || a->values[path - 1].what == SL_SET)
            continue;
        set_text(a, path - 1, sl_slice(text.p + spans[g].begin, spans[g].end - spans[g].begin));
    }
    return found;
}

/* Like a condition: of an array, its elements that have a text of their own. */
static int try_value(struct sl_act *a, const struct sl_parse_pattern *p, const struct sl_value *v)
{
    struct sl_slice text;

    if (v->type == SL_VALUE_OBJECT || v->type == SL_VALUE_ARRAY)
        return 0;
    text = sl_value_text(v, &a->scratch);
    return text.p ? try_pattern(a, p, text) : 0;
}

static int run_parse(struct sl_act *a, const struct sl_parse_step *step,
                     const struct sl_record **record)
{
    struct sl_value v = sl_record_value(*record, step->field), element;
    int found = 0;

    begin_values(a, step->n_paths);
    for (size_t i = 0; i < step->n && found == 0; i++) {
        const struct sl_parse_pattern *p = &step->patterns[i];
        size_t at = 0;

        if (v.type != SL_VALUE_ARRAY) {
            found = try_value(a, p, &v);
            continue;
        }
        while (found == 0 && sl_value_element(&v, &at, &element))
            found = try_value(a, p, &element);
    }
    return found < 0 ? SL_ELIMIT : edit(a, step->editor, step->n_paths, record);
}

/* ---- set, rename, remove ---- */

static void set_one(struct sl_act *a, const struct sl_set_value *set, size_t path,
                    const struct sl_record *r)
{
    const struct sl_template_one *one = &set->one;
    struct sl_value v;

    switch (set->kind) {
    case SL_SET_JSON:
        begin_value(a, path);
        sl_buf_append(&a->json, set->json, set->n);
        end_value(a, path);
        return;
    case SL_SET_TEXT:
        sl_buf_clear(&a->text);
        sl_template_render_named(set->from, r, a->captured.texts, &a->scratch, &a->text);
        if (a->text.full)
            a->json.full = true;
        set_text(a, path, sl_buf_as_slice(&a->text));
        return;
    case SL_SET_COPY:
        break;
    }
    if (one->named) {
        struct sl_slice text = a->captured.texts[one->id];

        v = (struct sl_value){text.p, (uint32_t)text.n, text.p ? SL_VALUE_STRING : SL_VALUE_ABSENT,
                              false};
    } else {
        v = sl_record_value(r, one->id);
    }
    if (!has_json(&v) || v.type == SL_VALUE_NULL ||
        (one->has_other && v.type == SL_VALUE_STRING && v.n == 0)) {
        if (one->has_other)
            set_text(a, path, one->other);
        return;
    }
    set_copy(a, path, &v);
}

static int run_set(struct sl_act *a, const struct sl_actions *actions,
                   const struct sl_record **record)
{
    int rc = actions->captures ? sl_captures_take(actions->captures, a->match, &a->captured) : 0;

    if (rc != SL_OK)
        return rc;
    begin_values(a, actions->n_set);
    for (size_t i = 0; i < actions->n_set; i++)
        set_one(a, &actions->set[i], i, *record);
    return edit(a, actions->set_paths, actions->n_set, record);
}

/* All names are given up before the first is taken: two may be exchanged. */
static int run_rename(struct sl_act *a, const struct sl_actions *actions,
                      const struct sl_record **record)
{
    begin_values(a, actions->n_rename_paths);
    for (size_t i = 0; i < actions->n_moves; i++) {
        const struct sl_move *m = &actions->moves[i];
        struct sl_value v = sl_record_value(*record, m->field);

        if (!has_json(&v))
            continue;
        if (a->values[m->from].what == SL_KEEP)
            a->values[m->from].what = SL_REMOVE;
        set_copy(a, m->to, &v);
    }
    return edit(a, actions->rename_paths, actions->n_rename_paths, record);
}

static int run_remove(struct sl_act *a, const struct sl_actions *actions,
                      const struct sl_record **record)
{
    begin_values(a, 0);
    for (size_t i = 0; i < actions->n_remove; i++)
        a->values[i].what = SL_REMOVE_BELOW;
    return edit(a, actions->remove_paths, actions->n_remove, record);
}

/* ---- all of it ---- */

static void shrink(struct sl_act *a)
{
    sl_buf_reset(&a->json, VALUES_KEEP);
    sl_buf_reset(&a->text, VALUES_KEEP);
    sl_buf_reset(&a->scratch, VALUES_KEEP);
    sl_buf_reset(&a->captured.bytes, VALUES_KEEP);
}

int sl_act_change(struct sl_act *a, const struct sl_rule *rule, const struct sl_record **record)
{
    const struct sl_actions *actions = rule->actions;
    const struct sl_record *r = *record;
    struct sl_error err = {0};
    int rc = SL_OK;

    if (!actions->changes)
        return SL_OK;
    if (!a->begun)
        sl_changer_begin(a->changer);
    a->begun = true;
    a->mark = sl_changer_mark(a->changer);
    for (size_t i = 0; i < actions->n_parse && rc == SL_OK; i++)
        rc = run_parse(a, &actions->parse[i], &r);
    if (actions->n_set && rc == SL_OK)
        rc = run_set(a, actions, &r);
    if (actions->n_moves && rc == SL_OK)
        rc = run_rename(a, actions, &r);
    if (actions->n_remove && rc == SL_OK)
        rc = run_remove(a, actions, &r);
    if (actions->redact && rc == SL_OK)
        rc = sl_redact_apply(actions->redact, a->changer, sl_match_effort(a->match), &r, &err);
    sl_changer_keep(a->changer, a->mark, rc == SL_OK ? r : NULL);
    shrink(a);
    if (rc != SL_OK)
        return SL_ELIMIT;
    *record = r;
    return SL_OK;
}
