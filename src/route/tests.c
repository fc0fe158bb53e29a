/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "config/arena.h"
#include "config/units.h"
#include "route/expect.h"

enum { VALUE_MAX = 64 << 20, NS_PER_MS = 1000000 };

struct loading {
    struct sl_rule_set set; /* for the problems of the one file at hand */
    const struct sl_rules *rules;
    struct sl_rule_tests *tests;
    const char **names; /* of the rules, sorted */
    struct sl_buf text;
};

/* ---- texts of the YAML tree, which goes ---- */

static struct sl_arena *arena(struct loading *l)
{
    return l->tests->arena;
}

static struct sl_slice keep(struct loading *l, const char *p, size_t n)
{
    return sl_slice(sl_arena_strndup(arena(l), p ? p : "", n), n);
}

static struct sl_slice keep_scalar(struct loading *l, const struct sl_yaml_node *node)
{
    if (!node || node->type != SL_YAML_SCALAR)
        return sl_slice(NULL, 0);
    return keep(l, node->text, node->n);
}

static void write_string(const char *p, size_t n, struct sl_buf *out)
{
    sl_buf_byte(out, '"');
    sl_json_escape(sl_slice(p, n), out);
    sl_buf_byte(out, '"');
}

static void write_scalar(const struct sl_yaml_node *node, struct sl_buf *out)
{
    struct sl_value number = {node->text, (uint32_t)node->n, SL_VALUE_STRING, false};
    double real;
    bool is, is_int;
    int64_t integer;

    if (!node->quoted &&
        (sl_parse_bool(node->text, &is) || sl_value_number(&number, &real, &is_int, &integer)))
        sl_buf_append(out, node->text, node->n);
    else
        write_string(node->text, node->n, out);
}

static void write_json(const struct sl_yaml_node *node, struct sl_buf *out)
{
    bool mapping = node->type == SL_YAML_MAPPING;

    if (node->type == SL_YAML_NULL) {
        SL_BUF_LITERAL(out, "null");
        return;
    }
    if (node->type == SL_YAML_SCALAR) {
        write_scalar(node, out);
        return;
    }
    sl_buf_byte(out, mapping ? '{' : '[');
    for (size_t i = 0; i < node->n_children; i++) {
        sl_buf_text(out, i ? "," : "");
        if (mapping) {
            write_string(node->children[i].key, strlen(node->children[i].key), out);
            sl_buf_byte(out, ':');
        }
        write_json(&node->children[i], out);
    }
    sl_buf_byte(out, mapping ? '}' : ']');
}

static struct sl_slice keep_json(struct loading *l, const struct sl_yaml_node *node)
{
    sl_buf_clear(&l->text);
    write_json(node, &l->text);
    return keep(l, l->text.p, l->text.n);
}

/* ---- one test; its form is good ---- */

static void read_headers(struct loading *l, const struct sl_yaml_node *from,
                         struct sl_rule_test *ret)
{
    struct sl_header *headers;

    if (!from || from->n_children == 0)
        return;
    headers = sl_arena_calloc(arena(l), from->n_children, sizeof(*headers));
    for (size_t i = 0; i < from->n_children; i++) {
        const struct sl_yaml_node *member = &from->children[i];

        headers[i].name = keep(l, member->key, strlen(member->key));
        headers[i].value = keep_scalar(l, member);
    }
    ret->headers = headers;
    ret->n_headers = from->n_children;
}

static uint64_t read_sinks(struct loading *l, const struct sl_yaml_node *to)
{
    uint8_t sinks[SL_SINKS_MAX];
    uint64_t bits = 0;
    size_t n;

    sl_parse_sinks(&l->set, to, sinks, &n);
    for (size_t i = 0; i < n; i++)
        bits |= 1ULL << sinks[i];
    return bits;
}

static void read_fields(struct loading *l, const struct sl_yaml_node *from, struct sl_expected *ret)
{
    struct sl_expected_field *fields;

    if (!from || from->n_children == 0)
        return;
    fields = sl_arena_calloc(arena(l), from->n_children, sizeof(*fields));
    for (size_t i = 0; i < from->n_children; i++) {
        fields[i].path = sl_arena_strdup(arena(l), from->children[i].key);
        fields[i].json = keep_json(l, &from->children[i]);
    }
    ret->fields = fields;
    ret->n_fields = from->n_children;
}

static int sink_index(const struct loading *l, const char *name)
{
    for (size_t i = 0; i < l->set.n_sinks; i++)
        if (!strcmp(l->set.sinks[i], name))
            return (int)i;
    return -1;
}

/* A block's last line break is YAML's, not the record's. */
static struct sl_slice without_end(struct sl_slice text)
{
    if (text.n && text.p[text.n - 1] == '\n')
        text.n--;
    return text;
}

static void read_bytes(struct loading *l, const struct sl_yaml_node *from, struct sl_expected *ret)
{
    size_t n = !from ? 0 : from->type == SL_YAML_MAPPING ? from->n_children : 1;
    struct sl_expected_bytes *bytes;

    if (n == 0)
        return;
    bytes = sl_arena_calloc(arena(l), n, sizeof(*bytes));
    for (size_t i = 0; i < n; i++) {
        const struct sl_yaml_node *at = from->type == SL_YAML_MAPPING ? &from->children[i] : from;

        bytes[i].sink = at == from ? -1 : sink_index(l, at->key);
        bytes[i].text = without_end(keep_scalar(l, at));
    }
    ret->bytes = bytes;
    ret->n_bytes = n;
}

static void read_expected(struct loading *l, const struct sl_yaml_node *expect,
                          struct sl_expected *ret)
{
    const struct sl_yaml_node *to = sl_yaml_get(expect, "to"),
                              *dropped = sl_yaml_get(expect, "dropped");

    ret->rule = keep_scalar(l, sl_yaml_get(expect, "rule")).p;
    ret->has_to = to != NULL;
    if (to)
        ret->to = read_sinks(l, to);
    if (dropped)
        sl_expect_drop(dropped, &ret->drop, &ret->reason);
    read_fields(l, sl_yaml_get(expect, "fields"), ret);
    read_bytes(l, sl_yaml_get(expect, "bytes"), ret);
}

static void read_test(struct loading *l, const struct sl_yaml_node *node, const char *file)
{
    const struct sl_yaml_node *name = sl_yaml_get(node, "name"), *time = sl_yaml_get(node, "time"),
                              *repeat = sl_yaml_get(node, "repeat"),
                              *record = sl_yaml_get(node, "record");
    struct sl_rule_test t = {.file = file, .line = node->line, .time_ms = -1, .repeat = 1};
    const char *base = strrchr(file, '/');
    uint64_t n = 1;
    int64_t ns;

    sl_buf_clear(&l->text);
    sl_buf_printf(&l->text, "%s:%u", base ? base + 1 : file, node->line);
    t.name = name ? keep_scalar(l, name).p : keep(l, l->text.p, l->text.n).p;
    t.value = record ? keep_json(l, record) : keep_scalar(l, sl_yaml_get(node, "raw"));
    t.key = keep_scalar(l, sl_yaml_get(node, "key"));
    t.topic = keep_scalar(l, sl_yaml_get(node, "topic")).p;
    read_headers(l, sl_yaml_get(node, "headers"), &t);
    if (time && sl_time_from_rfc3339(sl_slice(time->text, time->n), &ns))
        t.time_ms = ns / NS_PER_MS;
    if (repeat && sl_parse_uint(repeat->text, &n))
        t.repeat = (unsigned)n;
    read_expected(l, sl_yaml_get(node, "expect"), &t.expected);
    if (l->tests->n == l->tests->cap) {
        l->tests->cap = l->tests->cap ? 2 * l->tests->cap : 64;
        l->tests->items = sl_reallocarray(l->tests->items, l->tests->cap, sizeof(t));
    }
    l->tests->items[l->tests->n++] = t;
}

/* ---- files ---- */

static bool is_table(const char *path)
{
    size_t n = strlen(path);

    return n > 4 && !strcmp(path + n - 4, ".csv");
}

static bool same_file(const char *a, const char *b)
{
    struct stat st, other;

    return !strcmp(a, b) || (stat(a, &st) == 0 && stat(b, &other) == 0 &&
                             st.st_dev == other.st_dev && st.st_ino == other.st_ino);
}

static bool has_rules_of(const struct loading *l, const char *path)
{
    for (size_t i = 0; i < l->rules->n_files; i++)
        if (same_file(l->rules->files[i], path))
            return true;
    return false;
}

static void read_tree(struct loading *l, const struct sl_yaml_node *root, const char *path)
{
    const struct sl_yaml_node start = {.line = 1, .column = 1}, *listed, *tests;
    size_t errors = l->set.diags->errors;

    if (!root || root->type != SL_YAML_MAPPING) {
        SL_RULE_PROBLEM(&l->set, root ? root : &start, false,
                        "expected `tests:`, and a list of them below it");
        return;
    }
    listed = sl_yaml_get(root, "rules");
    tests = sl_yaml_get(root, "tests");
    if (listed && !has_rules_of(l, path))
        SL_RULE_PROBLEM(&l->set, listed, true,
                        "the rules of this file are not among the `routes` of %s: its tests would "
                        "judge others",
                        l->set.config->path);
    if (!tests || l->set.diags->errors > errors)
        return;
    sl_expect_parse(&l->set, tests);
    sl_expect_rules(&l->set, tests, l->names, l->rules->n_rules);
    if (tests->type != SL_YAML_SEQUENCE || l->set.diags->errors > errors)
        return;
    for (size_t i = 0; i < tests->n_children; i++)
        read_test(l, &tests->children[i], sl_arena_strdup(arena(l), path));
}

static void read_file(struct loading *l, const char *path)
{
    struct sl_yaml *yaml;

    if (is_table(path))
        return;
    yaml = sl_yaml_load(path, l->set.diags);
    if (yaml) {
        const struct sl_rule_file file = {
            .path = (char *)path,
            .yaml = yaml,
            .content = sl_yaml_content(yaml),
        };

        l->set.file = &file;
        read_tree(l, sl_yaml_root(yaml), path);
        l->set.file = NULL;
    }
    sl_yaml_free(yaml);
}

struct sl_rule_tests *sl_rule_tests_load(const struct sl_config *config,
                                         const struct sl_rules *rules,
                                         const struct sl_strings *files, struct sl_diags *diags)
{
    struct loading l = {.set = {.config = config, .diags = diags}, .rules = rules};
    size_t errors = diags->errors;
    struct sl_rule_tests *tests = sl_zalloc(sizeof(*tests));

    l.tests = tests;
    tests->arena = sl_zalloc(sizeof(struct sl_arena));
    sl_arena_init(tests->arena);
    sl_buf_init(&l.text, VALUE_MAX);
    for (size_t i = 0; i < config->n_sinks && i < SL_SINKS_MAX; i++)
        l.set.sinks[l.set.n_sinks++] = config->sinks[i].name;
    l.names = sl_calloc(rules->n_rules + 1, sizeof(*l.names));
    for (size_t i = 0; i < rules->n_rules; i++)
        l.names[i] = rules->rules[i].name;
    qsort(l.names, rules->n_rules, sizeof(*l.names), sl_expect_compare);
    for (size_t i = 0; files && i < files->n; i++)
        read_file(&l, files->items[i]);
    for (size_t i = 0; !files && i < rules->n_files; i++)
        read_file(&l, rules->files[i]);
    free(l.names);
    sl_buf_release(&l.text);
    if (diags->errors > errors) {
        sl_rule_tests_free(tests);
        tests = NULL;
    }
    return tests;
}

void sl_rule_tests_free(struct sl_rule_tests *t)
{
    if (!t)
        return;
    sl_arena_release(t->arena);
    free(t->arena);
    free(t->items);
    free(t);
}
