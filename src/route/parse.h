/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_PARSE_H
#define SL_ROUTE_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/diag.h"
#include "config/yaml.h"
#include "route/rules.h"

/* Rules as written: the form between YAML and the compiled rules. Every part remembers the node it
 * came from, so that what only the compiler can find (a bad pattern, a bad path) is shown at its
 * place. */

enum sl_cond_kind { SL_COND_TEST, SL_COND_GROUP, SL_COND_NOT, SL_COND_ALL, SL_COND_ANY };

struct sl_cond {
    enum sl_cond_kind kind;
    enum sl_op op;                    /* TEST */
    bool fold;                        /* TEST: `case: insensitive` */
    const struct sl_table *table;     /* IN_TABLE: one of the set's */
    uint32_t test;                    /* TEST: its index, once compiled */
    const struct sl_yaml_node *field; /* TEST: the node whose key is the path */
    const struct sl_yaml_node *at;    /* TEST: the operand, a scalar or a sequence of scalars */
    struct sl_cond **children;        /* others: owned */
    size_t n;
};

/* A source of rules. Files stay open until the rules are compiled: definitions borrow their text.
 * Cells of a rule table are nodes too, made by table_rules.c. */
struct sl_rule_cells;
struct sl_rule_file {
    char *path;                  /* for people */
    struct sl_yaml *yaml;        /* owned; NULL: a rule table */
    struct sl_rule_cells *cells; /* owned; a rule table's */
    struct sl_slice content;     /* the file's bytes, borrowed from one of the two */
};

struct sl_rule_def {
    char *name; /* owned */
    const struct sl_rule_file *file;
    const struct sl_yaml_node *at;
    const struct sl_yaml_node *name_at; /* NULL: the rule has none of its own */
    struct sl_cond *when;               /* owned; NULL: always */
    struct sl_action_defs *actions;     /* owned; NULL: none (actions.h) */
    bool row;                           /* of a rule table */
    uint8_t to[SL_SINKS_MAX];
    size_t n_to;
    bool drop, go_on;
};

enum { SL_RULES_MAX = 200000 }; /* in all files */

struct sl_rule_set {
    const struct sl_config *config;
    struct sl_diags *diags;
    size_t errors_before;            /* the caller's diags may hold errors of other files */
    const char *sinks[SL_SINKS_MAX]; /* names, for look-up and hints */
    size_t n_sinks;
    struct sl_rule_file **files;
    size_t n_files, cap_files;
    struct sl_rule_def *defs;
    size_t n_defs, cap_defs;
    struct sl_table **tables; /* what `in_table` names; the compiled rules take them */
    size_t n_tables, cap_tables;
    const struct sl_rule_file *file; /* the one being parsed */
    struct sl_buf *keep;             /* what is read is kept here (pack.h); NULL: it is not */
    struct sl_slice kept;            /* tables come from here; p NULL: from their files */
    bool too_many;                   /* rules; said once */
};

/* A problem at a node of the file being parsed. */
#define SL_RULE_PROBLEM(set, node, at_key, ...)                                                    \
    sl_rule_problem((set), (node), (at_key), __VA_ARGS__)
void sl_rule_problem(struct sl_rule_set *set, const struct sl_yaml_node *node, bool at_key,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Where a byte of a value stands: quotes, escapes and indentation lie between the two (place.c). */
void sl_rule_place(const struct sl_rule_file *file, const struct sl_yaml_node *node, size_t offset,
                   unsigned *ret_line, unsigned *ret_column);
/* A problem there: "bad <what>: <why>". */
void sl_problem_inside(struct sl_rule_set *set, const struct sl_yaml_node *node, size_t offset,
                       const char *what, const char *why);

/* ---- parse.c ---- */
/* At the first rule past SL_RULES_MAX. */
void sl_too_many_rules(struct sl_rule_set *set, const struct sl_yaml_node *node);
void sl_parse_file(struct sl_rule_set *set, const struct sl_rule_file *file);
/* One rule: a mapping as under `rules:`, here made by table_rules.c. The definition, which is the
 * last of the set's and moves with the next; NULL when it is none. */
struct sl_rule_def *sl_parse_rule(struct sl_rule_set *set, const struct sl_yaml_node *node);
/* Unique names, and the tests' expectations of rules in other files. After the last
 * sl_parse_file(). */
void sl_parse_finish(struct sl_rule_set *set);
/* Is the key one of `known`? If not, says so, with the nearest of them. */
bool sl_parse_key(struct sl_rule_set *set, const struct sl_yaml_node *member, const char *what,
                  const char *const *known, size_t n_known);
bool sl_parse_flag(struct sl_rule_set *set, const struct sl_yaml_node *node, bool *ret);
/* A sink's name or a list of them. False when something was wrong with it. */
bool sl_parse_sinks(struct sl_rule_set *set, const struct sl_yaml_node *node, uint8_t *ret,
                    size_t *ret_n);

/* ---- condition.c ---- */
/* NULL when the mapping holds nothing or is wrong (diags tells them apart). */
struct sl_cond *sl_cond_parse(struct sl_rule_set *set, const struct sl_yaml_node *when);
/* What stands under the path that is field->key: a value, a list or an operator mapping. */
struct sl_cond *sl_cond_parse_field(struct sl_rule_set *set, const struct sl_yaml_node *field,
                                    const struct sl_yaml_node *node);
/* All of them, which it takes; those that are NULL are left out, NULL when all are. */
struct sl_cond *sl_cond_all(struct sl_cond *const *conds, size_t n);
void sl_cond_free(struct sl_cond *c);
const char *sl_op_name(enum sl_op op); /* as in rule files */
/* Canonical form: the same bytes for the same question, whatever the file looked like. It tells
 * tests apart when they are interned, and it is what the rules' hash covers. */
void sl_cond_write(const struct sl_cond *c, struct sl_buf *out);

/* ---- table_rules.c ---- */
/* The rows of a rule table, which stands in file->content. */
void sl_parse_table(struct sl_rule_set *set, struct sl_rule_file *file);
struct sl_rule_cells *sl_rule_cells_new(struct sl_buf *content); /* takes the bytes */
struct sl_slice sl_rule_cells_content(const struct sl_rule_cells *c);
void sl_rule_cells_free(struct sl_rule_cells *c);

/* ---- expect.c ---- */
void sl_expect_parse(struct sl_rule_set *set, const struct sl_yaml_node *tests);
void sl_expect_finish(struct sl_rule_set *set, const struct sl_yaml_node *tests);

/* ---- version.c ---- */
/* A reference, the hash and the names of all that was defined. */
struct sl_rules_version *sl_rules_version_new(const struct sl_rule_set *set);

/* ---- compile.c ---- */
/* Takes the definitions into compiled form. NULL when there was a problem. */
struct sl_rules *sl_rules_compile(struct sl_rule_set *set, struct sl_fields *fields);

#endif
