/* SPDX-License-Identifier: Apache-2.0 */
#include "base/regex.h"
#include "config/read.h"

/* source.decode and source.correlation: how messages become records. */

static const char *const form_names[] = {
    [SL_DECODE_AUTO] = "auto",           [SL_DECODE_JSON] = "json",
    [SL_DECODE_TEXT] = "text",           [SL_DECODE_COMMON] = "common",
    [SL_DECODE_COMBINED] = "combined",   [SL_DECODE_NGINX_ERROR] = "nginx-error",
    [SL_DECODE_SYSLOG] = "syslog",       [SL_DECODE_LOGFMT] = "logfmt",
    [SL_DECODE_KLOG] = "klog",           [SL_DECODE_PYTHON] = "python",
    [SL_DECODE_JAVA] = "java",           [SL_DECODE_CRI] = "cri",
    [SL_DECODE_DOCKER] = "docker",       [SL_DECODE_CLOUDWATCH] = "cloudwatch",
    [SL_DECODE_OTLP_JSON] = "otlp_json", [SL_DECODE_FORMS] = NULL,
};
static const char *const kind_names[] = {"", "server", "metric", NULL};

/* ---- patterns ---- */

/* Of a byte of the text, in characters, from 1. */
static unsigned column_of(const char *text, size_t byte)
{
    unsigned column = 1;

    for (size_t i = 0; i < byte; i++)
        column += ((unsigned char)text[i] & 0xc0) != 0x80;
    return column;
}

static bool check_groups(struct sl_reader *r, const struct sl_yaml_node *node,
                         const struct sl_regex *regex)
{
    unsigned n = sl_regex_groups(regex), named = 0;

    for (unsigned i = 1; i <= n; i++) {
        const char *name = sl_regex_group_name(regex, i);

        named += name != NULL;
        if (name && !strcmp(name, "message")) {
            sl_read_error(r, node, "the group `message`: that is the whole text; `msg` is free");
            return false;
        }
    }
    if (named == 0)
        sl_read_error(r, node,
                      "the pattern has no named group, (?<name>...): there is nothing to find");
    else if (n > SL_REGEX_GROUPS_MAX)
        sl_read_error(r, node, "the pattern has more than %d groups; (?:...) is none",
                      SL_REGEX_GROUPS_MAX);
    return named > 0 && n <= SL_REGEX_GROUPS_MAX;
}

static bool check_pattern(struct sl_reader *r, const struct sl_yaml_node *node, const char *pattern)
{
    struct sl_error err = {0};
    size_t offset;
    struct sl_regex *regex = sl_regex_new(sl_slice_str(pattern), false, &offset, &err);
    bool good;

    if (!regex) {
        struct sl_yaml_node at = sl_read_inside(r->yaml, node, column_of(pattern, offset));

        sl_read_error(r, &at, "not a regular expression: %s", err.text);
        return false;
    }
    good = check_groups(r, node, regex);
    sl_regex_free(regex);
    return good;
}

static void read_patterns(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_decode_rule *rule = at;

    rule->form = SL_DECODE_TEXT;
    sl_read_texts(r, node, check_pattern, &rule->patterns);
}

/* ---- source.decode ---- */

#define AT(member) offsetof(struct sl_decode_rule, member)

static const struct sl_option rule_options[] = {
    {.name = "form", .type = SL_OPT_ENUM, .names = form_names, .offset = AT(form)},
    {.name = "text", .type = SL_OPT_CUSTOM, .read = read_patterns},
    {.name = "kind", .type = SL_OPT_ENUM, .names = kind_names, .offset = AT(kind)},
    {0},
};

static void read_rule(struct sl_reader *r, const struct sl_yaml_node *node,
                      struct sl_decode_rule *ret)
{
    static const struct sl_option form = {
        .name = "form", .type = SL_OPT_ENUM, .names = form_names, .offset = AT(form)};
    const struct sl_yaml_node *text = sl_yaml_get(node, "text");

    if (node->type != SL_YAML_MAPPING) {
        sl_read_option(r, node, &form, ret);
        return;
    }
    sl_read_mapping(r, node, "a decoder", rule_options, NULL, ret);
    if (text && sl_yaml_get(node, "form"))
        sl_read_error_at_key(r, text, "`text` (patterns) and `form` exclude each other");
}

void sl_read_decode(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_source_config *s = at;

    if (!sl_read_want(r, node, SL_YAML_MAPPING))
        return;
    s->decode = sl_arena_calloc(&r->owner->arena, node->n_children, sizeof(*s->decode));
    for (size_t i = 0; i < node->n_children; i++) {
        const struct sl_yaml_node *child = &node->children[i];
        const struct sl_yaml_node key = {.type = SL_YAML_SCALAR,
                                         .text = child->key,
                                         .n = strlen(child->key),
                                         .line = child->key_line,
                                         .column = child->key_column};
        struct sl_decode_rule *rule = &s->decode[s->n_decode++];

        sl_read_check_topic(r, &key, child->key);
        rule->topic = sl_arena_strdup(&r->owner->arena, child->key);
        read_rule(r, child, rule);
    }
}

/* ---- source.correlation ---- */

static bool check_field(struct sl_reader *r, const struct sl_yaml_node *node, const char *name)
{
    bool good = *name != '@';
    size_t parts = 1;

    if (!good)
        sl_read_error(r, node, "%s is no field of a record; headers have a list of their own",
                      sl_read_quote(r, node));
    for (const char *c = name; good && *c; c++) {
        parts += *c == '.';
        good = *c != '.' || (c > name && c[1] && c[1] != '.');
    }
    if (*name != '@' && !good)
        sl_read_error(r, node, "%s has an empty part", sl_read_quote(r, node));
    if (good && parts > 8) {
        sl_read_error(r, node, "%s has more than 8 parts", sl_read_quote(r, node));
        good = false;
    }
    return good;
}

static void read_names(struct sl_reader *r, const struct sl_yaml_node *node,
                       bool (*check)(struct sl_reader *r, const struct sl_yaml_node *item,
                                     const char *text),
                       struct sl_strings *ret)
{
    *ret = (struct sl_strings){0};
    if (node->type == SL_YAML_SEQUENCE && node->n_children == 0) /* none are looked at */
        return;
    sl_read_texts(r, node, check, ret);
    if (ret->n > SL_CORRELATION_NAMES_MAX)
        sl_read_error(r, node, "`%s` has more than %d names", node->key, SL_CORRELATION_NAMES_MAX);
}

static void read_fields(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    read_names(r, node, check_field, at);
}

static void read_headers(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    read_names(r, node, NULL, at);
}

#undef AT
#define AT(member) offsetof(struct sl_correlation_config, member)

static const struct sl_option correlation_options[] = {
    {.name = "fields", .type = SL_OPT_CUSTOM, .read = read_fields, .offset = AT(fields)},
    {.name = "headers", .type = SL_OPT_CUSTOM, .read = read_headers, .offset = AT(headers)},
    {.name = "make", .type = SL_OPT_BOOL, .offset = AT(make)},
    {0},
};

void sl_read_correlation(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    sl_read_mapping(r, node, "`source.correlation`", correlation_options, NULL, at);
}

void sl_read_correlation_defaults(struct sl_correlation_config *ret, struct sl_arena *arena)
{
    static const char *const names[] = {"correlation_id", "request_id", "x-request-id", "trace_id",
                                        "traceparent"};
    enum { N = sizeof(names) / sizeof(names[0]) };

    *ret = (struct sl_correlation_config){
        .fields = {sl_arena_calloc(arena, N, sizeof(names[0])), N},
    };
    memcpy(ret->fields.items, names, sizeof(names));
    ret->headers = ret->fields;
}
