/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_ACTIONS_IMPL_H
#define SL_ROUTE_ACTIONS_IMPL_H

#include "route/actions.h"
#include "route/captures.h"
#include "route/rate.h"
#include "route/redact.h"
#include "sluice/change.h"
#include "sluice/template.h"

/* The forms of actions, private to actions.c, actions_compile.c and act.c.
 *
 * Whatever the order in the file: `sample` and `rate_limit` first, which may hold the record back,
 * then `parse`, `set`, `rename`, `remove`, `redact`. Each step sees the record as the one before
 * left it; what holds back, and named groups and columns, see it as it was judged. */

struct sl_action_defs {
    uint32_t share; /* sample: of 2^32; 0: none */
    const struct sl_yaml_node *sample_by;
    struct sl_rate rate; /* rate_limit; records == 0: none */
    const struct sl_yaml_node *rate_by;
    const struct sl_yaml_node *parse, *set, *rename, *remove; /* of good form; NULL: none */
    const struct sl_yaml_node *redact;
};

enum { SL_NO_FIELD = 0xffffffff };

/* One pattern of `parse`. */
struct sl_parse_pattern {
    struct sl_regex *regex;
    uint32_t *paths; /* by group: of the step's editor + 1; 0: no name */
    unsigned n;      /* groups that are looked at */
};

struct sl_parse_step {
    unsigned field;
    struct sl_parse_pattern *patterns;
    size_t n;
    struct sl_editor *editor; /* of all patterns' fields */
    size_t n_paths;
};

struct sl_set_value {
    enum { SL_SET_JSON, SL_SET_COPY, SL_SET_TEXT } kind;
    const char *json; /* JSON: owned */
    size_t n;
    struct sl_template *from; /* others: owned */
    struct sl_template_one one;
};

struct sl_move { /* of `rename` */
    unsigned field;
    uint32_t from, to; /* paths of the editor */
};

struct sl_actions {
    uint32_t share;
    unsigned sample_by, rate_by; /* SL_NO_FIELD: none */
    struct sl_rate rate;
    bool changes; /* any of what follows */
    struct sl_parse_step *parse;
    size_t n_parse;
    struct sl_captures *captures; /* NULL: no template names a group or column */
    struct sl_editor *set_paths;
    struct sl_set_value *set;
    size_t n_set;
    struct sl_editor *rename_paths;
    struct sl_move *moves;
    size_t n_moves, n_rename_paths;
    struct sl_editor *remove_paths;
    size_t n_remove;
    struct sl_redact *redact;
};

/* `parse: { FIELD: X }`, X a pattern, a list of them or { regex, into }: the patterns, one or a
 * list, and the path they go under, or NULL. */
const struct sl_yaml_node *sl_parse_patterns(const struct sl_yaml_node *member,
                                             const struct sl_yaml_node **ret_into);
/* The JSON that a value of `set` stands for; p == NULL: it is a template. */
struct sl_slice sl_set_json(const struct sl_yaml_node *value);

#endif
