/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "route/actions_impl.h"

/* Definitions of actions -> struct sl_actions. Every problem is shown at its place and the rest is
 * looked at all the same. */

struct compile {
    struct sl_rule_set *set;
    struct sl_fields *fields;
    struct sl_actions *to;
    bool good;
};

static void problem(struct compile *c, const struct sl_yaml_node *node, bool at_key,
                    const char *text)
{
    SL_RULE_PROBLEM(c->set, node, at_key, "%s", text);
    c->good = false;
}

/* ---- fields that are read, paths that are changed ---- */

static unsigned read_field(struct compile *c, const struct sl_yaml_node *node, bool key)
{
    struct sl_error err = {0};
    unsigned id = SL_NO_FIELD;

    if (sl_fields_add(c->fields, key ? sl_slice_str(node->key) : sl_slice(node->text, node->n), &id,
                      &err) != SL_OK)
        problem(c, node, key, err.text);
    return id;
}

/* Paths of one editor, each with the node it came from. */
struct paths {
    struct sl_slice *items;
    struct {
        const struct sl_yaml_node *node;
        bool key;
    } * from;
    size_t n, cap;
};

static void add_path(struct paths *p, struct sl_slice path, const struct sl_yaml_node *node,
                     bool key)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 8;
        p->items = sl_reallocarray(p->items, p->cap, sizeof(*p->items));
        p->from = sl_reallocarray(p->from, p->cap, sizeof(*p->from));
    }
    p->items[p->n] = path;
    p->from[p->n].node = node;
    p->from[p->n++].key = key;
}

static size_t find_path(const struct paths *p, struct sl_slice path)
{
    size_t i = 0;

    while (i < p->n && !sl_slice_equal(p->items[i], path))
        i++;
    return i;
}

static struct sl_editor *make_editor(struct compile *c, struct paths *p)
{
    struct sl_editor *e = NULL;
    struct sl_error err = {0};
    size_t wrong = 0;
    bool good = true;

    for (size_t i = 0; i < p->n; i++) {
        if (p->items[i].n == 0 || p->items[i].p[0] != '@')
            continue;
        SL_RULE_PROBLEM(c->set, p->from[i].node, p->from[i].key,
                        "`%.*s` cannot be changed: what begins with @ is made from the message",
                        (int)p->items[i].n, p->items[i].p);
        good = false;
    }
    if (good) {
        e = sl_editor_new(p->items, p->n, &wrong, &err);
        if (!e && wrong < p->n)
            problem(c, p->from[wrong].node, p->from[wrong].key, err.text);
    }
    c->good &= e != NULL;
    return e;
}

static void release_paths(struct paths *p)
{
    free(p->items);
    free(p->from);
}

/* ---- set ---- */

/* The byte of a column that counts characters from 1. */
static size_t byte_of(const struct sl_yaml_node *node, unsigned column)
{
    size_t at = 0;

    for (unsigned i = 1; i < column && at < node->n; i++) {
        size_t n = sl_utf8_char(node->text + at, node->n - at, NULL);

        at += n ? n : 1;
    }
    return at;
}

static void compile_template(struct compile *c, const struct sl_yaml_node *node,
                             struct sl_captures *captures, struct sl_set_value *ret)
{
    const struct sl_template_names names = sl_captures_names(captures);
    struct sl_error err = {0};

    if (strlen(node->text) != node->n) {
        problem(c, node, false, "a template holds no NUL");
        return;
    }
    ret->from = sl_template_new_named(node->text, &names, c->fields, &err);
    if (!ret->from) {
        sl_problem_inside(c->set, node, byte_of(node, err.column), "template", err.text);
        c->good = false;
        return;
    }
    ret->kind = sl_template_is_one(ret->from, &ret->one) ? SL_SET_COPY : SL_SET_TEXT;
}

static void compile_set(struct compile *c, const struct sl_rule_def *def,
                        const struct sl_rules *rules)
{
    const struct sl_yaml_node *node = def->actions->set;
    struct sl_actions *to = c->to;
    struct sl_captures *captures;
    struct paths paths = {0};

    if (!node)
        return;
    captures = sl_captures_new(def->when, rules);
    to->n_set = node->n_children;
    to->set = sl_calloc(to->n_set, sizeof(*to->set));
    for (size_t i = 0; i < to->n_set; i++) {
        const struct sl_yaml_node *value = &node->children[i];
        struct sl_slice json = sl_set_json(value);

        add_path(&paths, sl_slice_str(value->key), value, true);
        if (json.p) {
            to->set[i].kind = SL_SET_JSON;
            to->set[i].json = sl_strndup(json.p, json.n);
            to->set[i].n = json.n;
        } else {
            compile_template(c, value, captures, &to->set[i]);
        }
        if (sl_captures_too_many(captures)) {
            SL_RULE_PROBLEM(c->set, value, false, "`%s` stands behind more than %d groups",
                            sl_captures_too_many(captures), SL_REGEX_GROUPS_MAX);
            c->good = false;
            break;
        }
    }
    to->captures = sl_captures_finish(captures);
    to->set_paths = make_editor(c, &paths);
    release_paths(&paths);
}

/* ---- rename, remove ---- */

static void compile_rename(struct compile *c, const struct sl_yaml_node *node)
{
    struct sl_actions *to = c->to;
    struct paths paths = {0};

    if (!node)
        return;
    to->moves = sl_calloc(node->n_children, sizeof(*to->moves));
    for (size_t i = 0; i < node->n_children; i++) {
        const struct sl_yaml_node *at = &node->children[i];

        to->moves[to->n_moves++] = (struct sl_move){read_field(c, at, true), (uint32_t)paths.n, 0};
        add_path(&paths, sl_slice_str(at->key), at, true);
    }
    /* A name may be given up and taken in one `rename`: both are the same path. */
    for (size_t i = 0; i < node->n_children; i++) {
        const struct sl_yaml_node *at = &node->children[i];
        struct sl_slice name = sl_slice(at->text, at->n);
        size_t place = find_path(&paths, name);

        to->moves[i].to = (uint32_t)place;
        if (place == paths.n)
            add_path(&paths, name, at, false);
        if (place == i)
            problem(c, at, false, "a field that keeps its name");
    }
    to->n_rename_paths = paths.n;
    to->rename_paths = make_editor(c, &paths);
    release_paths(&paths);
}

static void compile_remove(struct compile *c, const struct sl_yaml_node *node)
{
    struct paths paths = {0};

    if (!node)
        return;
    if (node->type == SL_YAML_SEQUENCE)
        for (size_t i = 0; i < node->n_children; i++) {
            const struct sl_yaml_node *at = &node->children[i];

            add_path(&paths, sl_slice(at->text, at->n), at, false);
        }
    else
        add_path(&paths, sl_slice(node->text, node->n), node, false);
    c->to->n_remove = paths.n;
    c->to->remove_paths = make_editor(c, &paths);
    release_paths(&paths);
}

/* ---- parse ---- */

/* The path of a named group among those of the step. */
static uint32_t group_path(struct paths *paths, struct sl_buf *names, const char *group,
                           const struct sl_yaml_node *into, const struct sl_yaml_node *at)
{
    size_t begin = names->n, place;
    struct sl_slice path;

    if (into)
        sl_buf_printf(names, "%s.", into->text);
    sl_buf_text(names, group);
    path = sl_slice(names->p + begin, names->n - begin);
    place = find_path(paths, path);
    if (place == paths->n)
        add_path(paths, path, into ? into : at, false);
    else
        sl_buf_truncate(names, begin);
    return (uint32_t)place + 1;
}

static void compile_pattern(struct compile *c, const struct sl_yaml_node *at,
                            const struct sl_yaml_node *into, struct paths *paths,
                            struct sl_buf *names, struct sl_parse_pattern *ret)
{
    struct sl_error err = {0};
    bool any = false;
    size_t offset;

    ret->regex = sl_regex_new(sl_slice(at->text, at->n), false, &offset, &err);
    if (!ret->regex) {
        sl_problem_inside(c->set, at, offset, "regular expression", err.text);
        c->good = false;
        return;
    }
    ret->n = sl_regex_groups(ret->regex) + 1;
    ret->paths = sl_calloc(ret->n, sizeof(*ret->paths));
    for (unsigned g = 1; g < ret->n; g++) {
        const char *group = sl_regex_group_name(ret->regex, g);

        if (!group)
            continue;
        any = true;
        if (g > SL_REGEX_GROUPS_MAX) {
            SL_RULE_PROBLEM(c->set, at, false, "`%s` stands behind more than %d groups", group,
                            SL_REGEX_GROUPS_MAX);
            c->good = false;
            return;
        }
        ret->paths[g] = group_path(paths, names, group, into, at);
    }
    if (!any)
        problem(c, at, false,
                "no named group, so nothing would come of it; name one, as in `(?<status>\\d+)`");
}

enum { PARSED_NAMES_MAX = 64 << 10 };

static void compile_parse_step(struct compile *c, const struct sl_yaml_node *member,
                               struct sl_parse_step *ret)
{
    const struct sl_yaml_node *into, *patterns = sl_parse_patterns(member, &into);
    const bool list = patterns->type == SL_YAML_SEQUENCE;
    struct paths paths = {0};
    struct sl_buf names;
    bool good = c->good;

    /* Paths point into it: it may not move. */
    sl_buf_init(&names, PARSED_NAMES_MAX);
    sl_buf_reserve(&names, PARSED_NAMES_MAX);
    c->good = true;
    ret->field = read_field(c, member, true);
    ret->n = list ? patterns->n_children : 1;
    ret->patterns = sl_calloc(ret->n, sizeof(*ret->patterns));
    for (size_t i = 0; i < ret->n; i++)
        compile_pattern(c, list ? &patterns->children[i] : patterns, into, &paths, &names,
                        &ret->patterns[i]);
    if (names.full)
        problem(c, member, true, "too many named groups");
    ret->n_paths = paths.n;
    if (c->good)
        ret->editor = make_editor(c, &paths);
    c->good &= good;
    release_paths(&paths);
    sl_buf_release(&names);
}

static void compile_parse(struct compile *c, const struct sl_yaml_node *node)
{
    if (!node)
        return;
    c->to->n_parse = node->n_children;
    c->to->parse = sl_calloc(node->n_children, sizeof(*c->to->parse));
    for (size_t i = 0; i < node->n_children; i++)
        compile_parse_step(c, &node->children[i], &c->to->parse[i]);
}

/* ---- all of it ---- */

static void compile_redact(struct compile *c, const struct sl_yaml_node *node)
{
    if (!node)
        return;
    c->to->redact = sl_redact_compile(c->set, node);
    c->good &= c->to->redact != NULL;
}

struct sl_actions *sl_actions_compile(struct sl_rule_set *set, const struct sl_rule_def *def,
                                      const struct sl_rules *rules, struct sl_fields *fields)
{
    const struct sl_action_defs *d = def->actions;
    struct sl_actions *to;
    struct compile c;

    if (!d)
        return NULL;
    to = sl_zalloc(sizeof(*to));
    c = (struct compile){set, fields, to, true};
    to->share = d->share;
    to->rate = d->rate;
    to->sample_by = d->sample_by ? read_field(&c, d->sample_by, false) : SL_NO_FIELD;
    to->rate_by = d->rate_by ? read_field(&c, d->rate_by, false) : SL_NO_FIELD;
    compile_parse(&c, d->parse);
    compile_set(&c, def, rules);
    compile_rename(&c, d->rename);
    compile_remove(&c, d->remove);
    compile_redact(&c, d->redact);
    to->changes = to->parse || to->set || to->moves || to->remove_paths || to->redact;
    if (!c.good || (!to->changes && !to->share && !to->rate.records)) {
        sl_actions_free(to);
        return NULL;
    }
    return to;
}

void sl_actions_free(struct sl_actions *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_parse; i++) {
        for (size_t k = 0; k < a->parse[i].n; k++) {
            sl_regex_free(a->parse[i].patterns[k].regex);
            free(a->parse[i].patterns[k].paths);
        }
        free(a->parse[i].patterns);
        sl_editor_free(a->parse[i].editor);
    }
    free(a->parse);
    for (size_t i = 0; i < a->n_set; i++) {
        free((char *)a->set[i].json);
        sl_template_free(a->set[i].from);
    }
    free(a->set);
    free(a->moves);
    sl_captures_free(a->captures);
    sl_editor_free(a->set_paths);
    sl_editor_free(a->rename_paths);
    sl_editor_free(a->remove_paths);
    sl_redact_free(a->redact);
    free(a);
}

bool sl_actions_repeatable(const struct sl_actions *a)
{
    return a->rate.records == 0;
}

bool sl_actions_change(const struct sl_actions *a)
{
    return a->changes;
}

bool sl_actions_read(const struct sl_actions *a, unsigned field)
{
    return a->sample_by == field || a->rate_by == field;
}
