/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/redact_impl.h"

/* `redact` as written -> struct sl_redact. */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What `detect` takes, in the order of the canonical form. */
enum { WORD_EMAIL, WORD_IPV4, WORD_IPV6, WORD_CARD, WORD_AWS_KEY, WORD_JWT, WORD_ALL, N_WORDS };
static const char *const words[N_WORDS] = {"email",   "ipv4", "ipv6", "card",
                                           "aws_key", "jwt",  "all"};
static const char *const keys[] = {"fields", "detect", "regex", "with", "mask"};

/* A value, or the values of a list. */
static size_t count_items(const struct sl_yaml_node *node)
{
    return !node ? 0 : node->type == SL_YAML_SEQUENCE ? node->n_children : 1;
}

static const struct sl_yaml_node *item(const struct sl_yaml_node *node, size_t i)
{
    return node->type == SL_YAML_SEQUENCE ? &node->children[i] : node;
}

/* Of `fields`, `detect` and `regex`: is each item a text? */
static bool check_items(struct sl_rule_set *set, const struct sl_yaml_node *node, const char *what)
{
    bool good = true;

    if (node->type == SL_YAML_NULL || (node->type != SL_YAML_SCALAR && node->n_children == 0)) {
        SL_RULE_PROBLEM(set, node, true, "`%s` is empty; it takes %s, or a list of them", node->key,
                        what);
        return false;
    }
    for (size_t i = 0; i < count_items(node); i++) {
        if (item(node, i)->type == SL_YAML_SCALAR)
            continue;
        SL_RULE_PROBLEM(set, item(node, i), false, "`%s` takes %s, or a list of them", node->key,
                        what);
        good = false;
    }
    return good;
}

/* ---- what is looked for ---- */

static void add_finder(struct sl_rule_set *set, const struct sl_yaml_node *node,
                       struct sl_redact_clause *c, struct sl_finder finder)
{
    if (c->n_finders == SL_FINDERS_MAX) {
        SL_RULE_PROBLEM(set, node, false,
                        "more than %d things to look for at once; make a second mapping of them",
                        SL_FINDERS_MAX);
        return;
    }
    c->finders = sl_reallocarray(c->finders, c->n_finders + 1, sizeof(*c->finders));
    c->finders[c->n_finders++] = finder;
}

static size_t word_of(const struct sl_yaml_node *node)
{
    size_t word = 0;

    while (word < N_WORDS && strcmp(words[word], node->text) != 0)
        word++;
    return word;
}

static void no_such_detector(struct sl_rule_set *set, const struct sl_yaml_node *node)
{
    const char *near = sl_nearest(node->text, words, N_WORDS);

    if (near)
        SL_RULE_PROBLEM(set, node, false, "no detector `%s`; did you mean `%s`?", node->text, near);
    else
        SL_RULE_PROBLEM(set, node, false,
                        "no detector `%s`; there are email, ipv4, ipv6, card, aws_key, jwt and all",
                        node->text);
}

static void compile_detect(struct sl_rule_set *set, const struct sl_yaml_node *node,
                           struct sl_redact_clause *c)
{
    static const enum sl_detector detectors[] = {SL_DETECT_EMAIL, SL_DETECT_IPV4,    SL_DETECT_IPV6,
                                                 SL_DETECT_CARD,  SL_DETECT_AWS_KEY, SL_DETECT_JWT};
    bool seen[N_WORDS] = {false};

    if (!check_items(set, node, "the name of a detector, like `email`"))
        return;
    for (size_t i = 0; i < count_items(node); i++) {
        const struct sl_yaml_node *at = item(node, i);
        size_t word = word_of(at);

        if (word == N_WORDS) {
            no_such_detector(set, at);
            continue;
        }
        if (seen[word]) {
            SL_RULE_PROBLEM(set, at, false, "`%s` is named twice", at->text);
            continue;
        }
        seen[word] = true;
        if (word == WORD_ALL) {
            c->all = true;
            continue;
        }
        add_finder(set, at, c, (struct sl_finder){words[word], detectors[word], NULL, 0});
        if (word == WORD_EMAIL)
            add_finder(set, at, c, (struct sl_finder){words[word], SL_DETECT_EMAIL_URL, NULL, 0});
        if (word == WORD_AWS_KEY)
            add_finder(set, at, c, (struct sl_finder){words[word], SL_DETECT_AWS_SECRET, NULL, 0});
    }
}

/* Past what is no group: \( and [(]. */
static size_t pass_item(const char *p, size_t n, size_t at)
{
    if (p[at] == '\\')
        return at + 2;
    if (p[at] != '[')
        return at + 1;
    at += at + 1 < n && p[at + 1] == '^' ? 2 : 1;
    for (size_t first = at; at < n && (p[at] != ']' || at == first); at++)
        at += p[at] == '\\';
    return at + 1;
}

/* Is a capturing group repeated, itself or what it stands in? The pattern is a valid one. Odd
 * spellings (\Q, comments) may be taken for what they are not: it is for a warning. */
static bool repeats_a_group(const char *p, size_t n)
{
    enum { DEPTH_MAX = 64 };
    bool takes[DEPTH_MAX + 1] = {false}; /* by depth: is there a group that takes? */
    size_t depth = 0, at = 0;

    while (at < n && depth < DEPTH_MAX) {
        char next = at + 1 < n ? p[at + 1] : 0;

        if (p[at] == '(') {
            char third = at + 3 < n ? p[at + 3] : 0;

            takes[++depth] = next == '?' ? p[at + 2] == 'P' || p[at + 2] == '\'' ||
                                               (p[at + 2] == '<' && third != '=' && third != '!')
                                         : next != '*';
        } else if (p[at] == ')' && depth > 0) {
            if (takes[depth] && (next == '*' || next == '+' || next == '{'))
                return true;
            takes[depth - 1] |= takes[depth];
            depth--;
        }
        at = p[at] == '(' || p[at] == ')' ? at + 1 : pass_item(p, n, at);
    }
    return false;
}

static void compile_regexes(struct sl_rule_set *set, const struct sl_yaml_node *node,
                            struct sl_redact_clause *c)
{
    if (!check_items(set, node, "a regular expression"))
        return;
    c->regexes = sl_calloc(count_items(node), sizeof(struct sl_regex *));
    for (size_t i = 0; i < count_items(node); i++) {
        const struct sl_yaml_node *at = item(node, i);
        struct sl_error err = {0};
        size_t offset = 0;
        struct sl_regex *regex = sl_regex_new(sl_slice(at->text, at->n), false, &offset, &err);
        unsigned groups = regex ? sl_regex_groups(regex) : 0;

        if (!regex) {
            sl_problem_inside(set, at, offset, "regular expression", err.text);
            continue;
        }
        c->regexes[c->n_regexes++] = regex;
        if (groups > SL_REGEX_GROUPS_MAX) {
            SL_RULE_PROBLEM(set, at, false, "more than %d groups; `(?:...)` makes none",
                            SL_REGEX_GROUPS_MAX);
            continue;
        }
        if (repeats_a_group(at->text, at->n))
            sl_diags_add(set->diags, SL_WARNING, set->file->path, set->file->content, at->line,
                         at->column,
                         "of a group that is repeated only what it took last is replaced; leave "
                         "out the repeat (the pattern is searched for again behind each match), "
                         "or make a group around it");
        for (unsigned g = groups ? 1 : 0; g <= groups; g++)
            add_finder(set, at, c, (struct sl_finder){"regex", SL_DETECTORS, regex, g});
    }
}

/* ---- where, and what stands there afterwards ---- */

static void compile_fields(struct sl_rule_set *set, const struct sl_yaml_node *node,
                           struct sl_redact_clause *c)
{
    size_t n = count_items(node), wrong = SIZE_MAX;
    struct sl_slice *paths;
    struct sl_error err = {0};

    if (!check_items(set, node, "the path of a field"))
        return;
    paths = sl_calloc(n, sizeof(*paths));
    for (size_t i = 0; i < n; i++)
        paths[i] = sl_slice(item(node, i)->text, item(node, i)->n);
    c->editor = sl_editor_new(paths, n, &wrong, &err);
    if (!c->editor)
        SL_RULE_PROBLEM(set, wrong < n ? item(node, wrong) : node, false, "%s", err.text);
    free(paths);
}

static void compile_with(struct sl_rule_set *set, const struct sl_yaml_node *node,
                         struct sl_redact_clause *c)
{
    static const char *const ways[] = {"mask", "hash"};
    const char *near = node->type == SL_YAML_SCALAR ? sl_nearest(node->text, ways, 2) : NULL;

    if (!near)
        SL_RULE_PROBLEM(set, node, false, "`with` is `mask` or `hash`");
    else if (strcmp(near, node->text) != 0)
        SL_RULE_PROBLEM(set, node, false, "`with` is `mask` or `hash`; did you mean `%s`?", near);
    else
        c->hash = near == ways[1];
    if (c->hash && !set->config->redact_key)
        SL_RULE_PROBLEM(set, node, false,
                        "a hash needs a key that all replicas share; in sluice.yaml write "
                        "`redact: { key: \"${REDACT_KEY}\" }`");
}

static void compile_mask(struct sl_rule_set *set, const struct sl_yaml_node *node,
                         struct sl_redact_clause *c)
{
    struct sl_buf json;

    sl_buf_init(&json, 6 * SL_REDACT_MASK_MAX); /* \u0000 */
    if (node->type != SL_YAML_SCALAR)
        SL_RULE_PROBLEM(set, node, false, "`mask` is a text, as in `mask: '***'`");
    else if (node->n > SL_REDACT_MASK_MAX)
        SL_RULE_PROBLEM(set, node, false, "a mask has at most %d bytes", SL_REDACT_MASK_MAX);
    else if (c->hash)
        SL_RULE_PROBLEM(set, node, true, "`mask` is not for `with: hash`, whose words differ");
    else {
        sl_json_escape(sl_slice(node->text, node->n), &json);
        c->mask = sl_strdup(sl_buf_str(&json));
    }
    sl_buf_release(&json);
}

/* ---- all of it ---- */

static void compile_clause(struct sl_rule_set *set, const struct sl_yaml_node *node,
                           struct sl_redact_clause *c)
{
    const struct sl_yaml_node *at;
    bool known = true;

    if (node->type == SL_YAML_SCALAR && word_of(node) < N_WORDS) {
        SL_RULE_PROBLEM(set, node, false, "write `{ detect: %s }`", node->text);
        return;
    }
    if (node->type != SL_YAML_MAPPING) {
        SL_RULE_PROBLEM(set, node, false,
                        "expected what to look for, as in `{ detect: [email, card] }`");
        return;
    }
    for (size_t i = 0; i < node->n_children; i++)
        known &= sl_parse_key(set, &node->children[i], "key", keys, COUNT(keys));
    if ((at = sl_yaml_get(node, "fields")))
        compile_fields(set, at, c);
    if ((at = sl_yaml_get(node, "detect")))
        compile_detect(set, at, c);
    if ((at = sl_yaml_get(node, "regex")))
        compile_regexes(set, at, c);
    if ((at = sl_yaml_get(node, "with")))
        compile_with(set, at, c);
    if ((at = sl_yaml_get(node, "mask")))
        compile_mask(set, at, c);
    if (c->all && (c->n_finders || c->n_regexes))
        SL_RULE_PROBLEM(set, sl_yaml_get(node, "detect"), false,
                        "with `all` nothing is left to look for; what else is found goes into a "
                        "mapping of its own");
    if (known && !sl_yaml_get(node, "detect") && !sl_yaml_get(node, "regex"))
        SL_RULE_PROBLEM(set, node, false,
                        "`redact` needs `detect`, `regex` or both; `detect: all` takes whole "
                        "values");
}

struct sl_redact *sl_redact_compile(struct sl_rule_set *set, const struct sl_yaml_node *node)
{
    struct sl_redact *r = sl_zalloc(sizeof(*r));
    size_t errors = set->diags->errors, n = count_items(node);

    r->key = set->config->redact_key;
    if (n == 0)
        SL_RULE_PROBLEM(set, node, false, "an empty list; `redact` needs `detect` or `regex`");
    r->clauses = sl_calloc(n + 1, sizeof(*r->clauses));
    for (; r->n < n; r->n++)
        compile_clause(set, item(node, r->n), &r->clauses[r->n]);
    if (set->diags->errors == errors)
        return r;
    sl_redact_free(r);
    return NULL;
}

void sl_redact_free(struct sl_redact *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++) {
        struct sl_redact_clause *c = &r->clauses[i];

        for (size_t k = 0; k < c->n_regexes; k++)
            sl_regex_free(c->regexes[k]);
        free(c->regexes);
        free(c->finders);
        free(c->mask);
        if (c->editor)
            sl_editor_free(c->editor);
    }
    free(r->clauses);
    free(r);
}

/* ---- canonical form ---- */

static void write_items(const struct sl_yaml_node *clause, const char *key, struct sl_buf *out)
{
    const struct sl_yaml_node *node = sl_yaml_get(clause, key);

    if (!node)
        return;
    sl_buf_printf(out, " %s %zu", key, count_items(node));
    for (size_t i = 0; i < count_items(node); i++) {
        sl_buf_printf(out, " %zu:", item(node, i)->n);
        sl_buf_append(out, item(node, i)->text, item(node, i)->n);
    }
}

/* Detectors are a set: their order decides nothing. */
static void write_detectors(const struct sl_yaml_node *clause, struct sl_buf *out)
{
    const struct sl_yaml_node *node = sl_yaml_get(clause, "detect");
    bool seen[N_WORDS + 1] = {false};

    for (size_t i = 0; i < count_items(node); i++)
        if (item(node, i)->type == SL_YAML_SCALAR)
            seen[word_of(item(node, i))] = true;
    for (size_t i = 0; i < N_WORDS; i++)
        if (seen[i])
            sl_buf_printf(out, " %s", words[i]);
}

void sl_redact_write(const struct sl_yaml_node *node, struct sl_buf *out)
{
    size_t n = count_items(node);

    sl_buf_printf(out, "%zu", n);
    for (size_t i = 0; i < n; i++) {
        const struct sl_yaml_node *clause = item(node, i), *with;

        if (clause->type != SL_YAML_MAPPING)
            continue; /* wrong: there will be no version */
        with = sl_yaml_get(clause, "with");
        SL_BUF_LITERAL(out, " {");
        write_items(clause, "fields", out);
        write_detectors(clause, out);
        write_items(clause, "regex", out);
        if (with && with->type == SL_YAML_SCALAR && !strcmp(with->text, "hash"))
            SL_BUF_LITERAL(out, " hash");
        write_items(clause, "mask", out);
        SL_BUF_LITERAL(out, " }");
    }
}
