/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/actions.h"
#include "route/index.h"
#include "route/operator.h"
#include "route/parse.h"

/* Definitions -> compiled rules. What can only be found out by compiling (paths, patterns) is
 * reported here, at its place in the file. */

enum { FORMS_MAX = 1 << 30 };

struct known_test {
    uint64_t hash;
    size_t begin, n; /* its canonical form in sl_compile.forms */
    uint32_t test;
};

struct compile {
    struct sl_rule_set *set;
    struct sl_fields *fields;
    struct sl_rules *rules;
    size_t cap_tests, cap_nodes, cap_fields;
    struct known_test *known; /* open addressing, a power of two, at most half full */
    size_t n_known, cap_known;
    struct sl_buf forms;
    uint32_t *local; /* by field id: its index in rules->fields + 1, 0: none */
    size_t n_local;
};

/* ---- tests ---- */

static bool local_field(struct compile *c, const struct sl_yaml_node *field, uint32_t *ret)
{
    struct sl_error err = {0};
    unsigned id;

    if (sl_fields_add(c->fields, sl_slice_str(field->key), &id, &err) != SL_OK) {
        SL_RULE_PROBLEM(c->set, field, true, "%s", err.text);
        return false;
    }
    if (id >= c->n_local) {
        size_t n = 2 * (size_t)id + 64;

        c->local = sl_reallocarray(c->local, n, sizeof(*c->local));
        memset(c->local + c->n_local, 0, (n - c->n_local) * sizeof(*c->local));
        c->n_local = n;
    }
    if (!c->local[id]) {
        if (c->rules->n_fields == c->cap_fields) {
            c->cap_fields = c->cap_fields ? 2 * c->cap_fields : 16;
            c->rules->fields = sl_reallocarray(c->rules->fields, c->cap_fields, sizeof(unsigned));
        }
        c->rules->fields[c->rules->n_fields++] = id;
        c->local[id] = (uint32_t)c->rules->n_fields;
    }
    *ret = c->local[id] - 1;
    return true;
}

static void grow_known(struct compile *c)
{
    struct known_test *old = c->known;
    size_t n_old = c->cap_known;

    c->cap_known = n_old ? 2 * n_old : 256;
    c->known = sl_calloc(c->cap_known, sizeof(*c->known));
    for (size_t i = 0; i < n_old; i++) {
        size_t at = (size_t)old[i].hash & (c->cap_known - 1);

        if (old[i].n == 0)
            continue;
        while (c->known[at].n)
            at = (at + 1) & (c->cap_known - 1);
        c->known[at] = old[i];
    }
    free(old);
}

/* The index of the test, which is made when nobody asked the same before. */
static bool intern_test(struct compile *c, const struct sl_cond *cond, uint32_t *ret)
{
    size_t begin = c->forms.n, n, at;
    struct known_test *k;
    uint32_t field;
    uint64_t hash;

    if (2 * c->n_known >= c->cap_known)
        grow_known(c);
    sl_cond_write(cond, &c->forms);
    if (c->forms.full) {
        SL_RULE_PROBLEM(c->set, cond->field, true, "the rules are too large");
        sl_buf_truncate(&c->forms, begin);
        return false;
    }
    n = c->forms.n - begin;
    hash = sl_hash(c->forms.p + begin, n);
    for (at = (size_t)hash & (c->cap_known - 1); c->known[at].n;
         at = (at + 1) & (c->cap_known - 1)) {
        k = &c->known[at];
        if (k->hash == hash && k->n == n && !memcmp(c->forms.p + k->begin, c->forms.p + begin, n)) {
            sl_buf_truncate(&c->forms, begin);
            *ret = k->test;
            return true;
        }
    }
    if (c->rules->n_tests == c->cap_tests) {
        c->cap_tests = c->cap_tests ? 2 * c->cap_tests : 64;
        c->rules->tests = sl_reallocarray(c->rules->tests, c->cap_tests, sizeof(struct sl_test));
    }
    if (!local_field(c, cond->field, &field) ||
        !sl_test_compile(c->set, cond, &c->rules->tests[c->rules->n_tests])) {
        sl_buf_truncate(&c->forms, begin);
        return false;
    }
    c->rules->tests[c->rules->n_tests].field = field;
    *ret = (uint32_t)c->rules->n_tests++;
    c->known[at] = (struct known_test){hash, begin, n, *ret};
    c->n_known++;
    return true;
}

/* ---- nodes ---- */

static uint32_t add_nodes(struct compile *c, size_t n)
{
    uint32_t first = (uint32_t)c->rules->n_nodes;

    while (c->rules->n_nodes + n > c->cap_nodes) {
        c->cap_nodes = c->cap_nodes ? 2 * c->cap_nodes : 64;
        c->rules->nodes =
            sl_reallocarray(c->rules->nodes, c->cap_nodes, sizeof(struct sl_rule_node));
    }
    c->rules->n_nodes += n;
    return first;
}

/* What one look costs, roughly: the cheap side of an all/any goes first, which spares most regex
 * runs. The answer is the same in any order. */
static unsigned cost(const struct sl_cond *cond)
{
    unsigned most = 0;

    if (cond->kind == SL_COND_TEST)
        return cond->op == SL_OP_REGEX ? 3 : cond->op >= SL_OP_CONTAINS ? 2 : 1;
    for (size_t i = 0; i < cond->n; i++) {
        unsigned one = cost(cond->children[i]);

        most = one > most ? one : most;
    }
    return most;
}

static void compile_cond(struct compile *c, struct sl_cond *cond, uint32_t place)
{
    static const enum sl_rule_node_kind kinds[] = {[SL_COND_TEST] = SL_NODE_TEST,
                                                   [SL_COND_GROUP] = SL_NODE_GROUP,
                                                   [SL_COND_NOT] = SL_NODE_NOT,
                                                   [SL_COND_ALL] = SL_NODE_ALL,
                                                   [SL_COND_ANY] = SL_NODE_ANY};
    struct sl_rule_node node = {.kind = kinds[cond->kind], .n = (uint32_t)cond->n};
    uint32_t at;

    if (cond->kind == SL_COND_TEST) {
        intern_test(c, cond, &node.first);
        cond->test = node.first;
    } else {
        at = node.first = add_nodes(c, cond->n);
        for (unsigned level = 0; level <= 3; level++)
            for (size_t i = 0; i < cond->n; i++)
                if (cost(cond->children[i]) == level)
                    compile_cond(c, cond->children[i], at++);
    }
    c->rules->nodes[place] = node;
}

static void compile_rule(struct compile *c, struct sl_rule_def *def, const char *file,
                         struct sl_rule *ret)
{
    c->set->file = def->file;
    *ret = (struct sl_rule){
        .file = file,
        .line = def->at->line,
        .when = SL_WHEN_ALWAYS,
        .n_to = def->n_to,
        .drop = def->drop,
        .go_on = def->go_on,
    };
    ret->name = def->name;
    def->name = NULL;
    ret->row = def->row;
    ret->to = sl_alloc(def->n_to + 1);
    memcpy(ret->to, def->to, def->n_to);
    for (size_t i = 0; i < def->n_to; i++)
        c->rules->sinks |= 1ULL << def->to[i];
    if (def->when) {
        ret->when = add_nodes(c, 1);
        compile_cond(c, def->when, ret->when);
    }
    ret->actions = sl_actions_compile(c->set, def, c->rules, c->fields);
}

/* ---- all of it ---- */

static void take_files(struct compile *c)
{
    struct sl_rules *r = c->rules;

    r->n_files = c->set->n_files;
    r->files = sl_calloc(r->n_files + 1, sizeof(*r->files));
    for (size_t i = 0; i < r->n_files; i++)
        r->files[i] = sl_strdup(c->set->files[i]->path);
}

struct sl_rules *sl_rules_compile(struct sl_rule_set *set, struct sl_fields *fields)
{
    struct compile c = {.set = set, .fields = fields, .rules = sl_zalloc(sizeof(struct sl_rules))};
    struct sl_rules *r = c.rules;
    size_t file = 0;

    sl_buf_init(&c.forms, FORMS_MAX);
    r->unmatched = set->config->unmatched;
    r->rule_errors = set->config->rule_errors;
    take_files(&c);
    r->tables = set->tables;
    r->n_tables = set->n_tables;
    set->tables = NULL;
    set->n_tables = set->cap_tables = 0;
    r->version = sl_rules_version_new(set);
    r->rules = sl_calloc(set->n_defs + 1, sizeof(*r->rules));
    for (size_t i = 0; i < set->n_defs; i++) {
        while (set->files[file] != set->defs[i].file)
            file++;
        compile_rule(&c, &set->defs[i], r->files[file], &r->rules[r->n_rules++]);
    }
    free(c.known);
    free(c.local);
    sl_buf_release(&c.forms);
    if (set->diags->errors > set->errors_before) {
        sl_rules_free(r);
        r = NULL;
    } else {
        r->index = sl_index_new(r);
    }
    return r;
}
