/* SPDX-License-Identifier: Apache-2.0 */
#include "config/read.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "config/mask.h"
#include "config/secret.h"
#include "config/subst.h"
#include "config/units.h"

/* ---- words ---- */

static const char *const type_names[] = {
    [SL_YAML_NULL] = "nothing",
    [SL_YAML_SCALAR] = "a single value",
    [SL_YAML_SEQUENCE] = "a list",
    [SL_YAML_MAPPING] = "a mapping",
};

void sl_read_error(struct sl_reader *r, const struct sl_yaml_node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    sl_yaml_verror(r->yaml, node, false, SL_PROBLEM, r->diags, format, args);
    va_end(args);
}

void sl_read_error_at_key(struct sl_reader *r, const struct sl_yaml_node *node, const char *format,
                          ...)
{
    va_list args;

    va_start(args, format);
    sl_yaml_verror(r->yaml, node, true, SL_PROBLEM, r->diags, format, args);
    va_end(args);
}

void sl_read_warning(struct sl_reader *r, const struct sl_yaml_node *node, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    sl_yaml_verror(r->yaml, node, true, SL_WARNING, r->diags, format, args);
    va_end(args);
}

const char *sl_read_quote(struct sl_reader *r, const struct sl_yaml_node *node)
{
    enum { SHOWN = 60 };
    bool secret = node->key && sl_mask_secret_key(node->key);
    char *text, *copy;
    size_t n = node->n < SHOWN ? node->n : SHOWN;

    if (secret || node->type != SL_YAML_SCALAR || strstr(node->text, "${") ||
        strstr(node->text, "://"))
        return "the value";
    while (n < node->n && n > 0 && ((unsigned char)node->text[n] & 0xc0) == 0x80)
        n--;
    text = sl_asprintf("`%.*s%s`", (int)n, node->text, n < node->n ? "..." : "");
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    copy = sl_arena_strdup(&r->owner->arena, text);
    free(text);
    return copy;
}

bool sl_read_want(struct sl_reader *r, const struct sl_yaml_node *node, enum sl_yaml_type type)
{
    if (node->type == type)
        return true;
    if (node->type == SL_YAML_NULL && node->key)
        sl_read_error_at_key(r, node, "`%s` has no value", node->key);
    else
        sl_read_error(r, node, "%s%s%s must be %s, not %s", node->key ? "`" : "",
                      node->key ? node->key : "this", node->key ? "`" : "", type_names[type],
                      type_names[node->type]);
    return false;
}

/* ---- values ---- */

/* An error in a part of a value points at that part. */
static void expand_error(struct sl_reader *r, const struct sl_yaml_node *node,
                         const struct sl_error *err)
{
    struct sl_yaml_node at = sl_read_inside(r->yaml, node, err->column);

    sl_read_error(r, &at, "%s", err->text);
}

const char *sl_read_text(struct sl_reader *r, const struct sl_yaml_node *node)
{
    struct sl_subst subst = {.folder = r->folder};
    struct sl_error err = {0};
    struct sl_buf out;
    const char *text = NULL;

    if (!sl_read_want(r, node, SL_YAML_SCALAR))
        return NULL;
    if (memchr(node->text, 0, node->n)) {
        sl_read_error(r, node, "the value holds a NUL character");
        return NULL;
    }
    sl_buf_init(&out, SL_SUBST_MAX);
    if (sl_subst_expand(&subst, sl_slice(node->text, node->n), &out, &err))
        expand_error(r, node, &err);
    else
        sl_read_place(r, text = sl_arena_strndup(&r->owner->arena, out.p, out.n), node, false);
    sl_buf_release(&out);
    return text;
}

struct sl_secret *sl_read_secret(struct sl_reader *r, const struct sl_yaml_node *node)
{
    struct sl_config_owner *o = r->owner;
    struct sl_error err = {0};
    struct sl_secret *secret;

    if (!sl_read_want(r, node, SL_YAML_SCALAR))
        return NULL;
    if (memchr(node->text, 0, node->n)) {
        sl_read_error(r, node, "the value holds a NUL character");
        return NULL;
    }
    secret = sl_secret_new(sl_slice(node->text, node->n), r->folder, &err);
    if (!secret) {
        expand_error(r, node, &err);
        return NULL;
    }
    if (!*sl_secret_value(secret)) {
        sl_read_error(r, node, "`%s` is empty", node->key ? node->key : "the value");
        sl_secret_free(secret);
        return NULL;
    }
    o->secrets = sl_reallocarray(o->secrets, o->n_secrets + 1, sizeof(struct sl_secret *));
    o->secrets[o->n_secrets++] = secret;
    return secret;
}

bool sl_read_texts(struct sl_reader *r, const struct sl_yaml_node *node,
                   bool (*check)(struct sl_reader *r, const struct sl_yaml_node *item,
                                 const char *text),
                   struct sl_strings *ret)
{
    const struct sl_yaml_node *items = node;
    size_t n = 1, kept = 0;

    if (node->type == SL_YAML_SEQUENCE) {
        items = node->children;
        n = node->n_children;
    } else if (!sl_read_want(r, node, SL_YAML_SCALAR)) {
        return false;
    }
    if (n == 0) {
        sl_read_error(r, node, "`%s` must not be empty", node->key ? node->key : "the list");
        return false;
    }
    ret->items = sl_arena_calloc(&r->owner->arena, n, sizeof(const char *));
    for (size_t i = 0; i < n; i++) {
        const char *text = sl_read_text(r, &items[i]);

        if (text && !*text)
            sl_read_error(r, &items[i], "an empty value");
        else if (text && (!check || check(r, &items[i], text)))
            ret->items[kept++] = text;
    }
    ret->n = kept;
    return kept == n;
}

bool sl_read_enum(struct sl_reader *r, const struct sl_yaml_node *node, const char *const *names,
                  unsigned *ret)
{
    const char *text = sl_read_text(r, node), *near;
    const char *offered[16];
    char list[256] = "";
    size_t n = 0, used = 0;

    if (!text)
        return false;
    for (unsigned i = 0; names[i]; i++) {
        if (!*names[i])
            continue;
        if (!strcmp(text, names[i])) {
            *ret = i;
            return true;
        }
        offered[n++] = names[i];
    }
    for (size_t i = 0; i < n && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
                                 i == 0      ? ""
                                 : i + 1 < n ? ", "
                                             : " or ",
                                 offered[i]);
    near = strstr(node->text, "${") ? NULL : sl_nearest(text, offered, n);
    if (near)
        sl_read_error(r, node, "%s is not one of %s; did you mean `%s`?", sl_read_quote(r, node),
                      list, near);
    else
        sl_read_error(r, node, "%s is not one of %s", sl_read_quote(r, node), list);
    return false;
}

/* One scalar with a unit: checks form and bounds. */
static bool read_number(struct sl_reader *r, const struct sl_yaml_node *node,
                        const struct sl_option *o, uint64_t *ret)
{
    const char *text = sl_read_text(r, node);
    char low[SL_UNIT_TEXT], high[SL_UNIT_TEXT];
    const char *form = o->type == SL_OPT_SIZE       ? "a size, like 512KiB or 64MiB"
                       : o->type == SL_OPT_DURATION ? "a duration, like 250ms, 10s or 5m"
                                                    : "a whole number";
    bool ok = false;

    if (!text)
        return false;
    if (o->type == SL_OPT_SIZE) {
        ok = sl_parse_size(text, ret);
        sl_size_text(o->min, low);
        sl_size_text(o->max, high);
    } else if (o->type == SL_OPT_DURATION) {
        ok = sl_parse_duration(text, ret);
        sl_duration_text(o->min, low);
        sl_duration_text(o->max, high);
    } else {
        ok = sl_parse_uint(text, ret);
        snprintf(low, sizeof(low), "%llu", (unsigned long long)o->min);
        snprintf(high, sizeof(high), "%llu", (unsigned long long)o->max);
    }
    if (!ok) {
        sl_read_error(r, node, "%s is not %s", sl_read_quote(r, node), form);
        return false;
    }
    if (*ret < o->min || *ret > o->max) {
        sl_read_error(r, node, "`%s` must be between %s and %s", o->name, low, high);
        return false;
    }
    return true;
}

static void read_properties(struct sl_reader *r, const struct sl_yaml_node *node,
                            struct sl_properties *ret)
{
    if (!sl_read_want(r, node, SL_YAML_MAPPING))
        return;
    ret->items = sl_arena_calloc(&r->owner->arena, node->n_children, sizeof(*ret->items));
    for (size_t i = 0; i < node->n_children; i++) {
        const struct sl_yaml_node *child = &node->children[i];
        const char *value = sl_read_text(r, child);

        if (!value)
            continue;
        ret->items[ret->n] = (struct sl_property){
            .name = sl_arena_strdup(&r->owner->arena, child->key),
            .value = value,
            .line = child->line,
            .column = child->column,
        };
        sl_read_place(r, ret->items[ret->n++].name, child, true);
    }
}

static void read_simple(struct sl_reader *r, const struct sl_yaml_node *node,
                        const struct sl_option *o, void *at)
{
    const char *text = sl_read_text(r, node);

    if (!text)
        return;
    if (o->type == SL_OPT_BOOL) {
        if (!sl_parse_bool(text, at))
            sl_read_error(r, node, "%s is not true or false", sl_read_quote(r, node));
    } else if (o->type == SL_OPT_RATE) {
        double rate;

        if (!sl_parse_rate(text, &rate))
            sl_read_error(r, node, "%s is not a rate, like 50/s or 600/m", sl_read_quote(r, node));
        else if (rate < 0.001 || rate > 1e9)
            sl_read_error(r, node, "`%s` must be between 0.001/s and 1000000000/s", o->name);
        else
            *(double *)at = rate;
    } else if (!*text) {
        sl_read_error(r, node, "`%s` is empty", o->name);
    } else if (o->type == SL_OPT_PATH) {
        char *path = sl_subst_path(r->folder, text);

        *(const char **)at = sl_arena_strdup(&r->owner->arena, path);
        free(path);
    } else {
        *(const char **)at = text;
    }
}

void sl_read_option(struct sl_reader *r, const struct sl_yaml_node *node, const struct sl_option *o,
                    void *base)
{
    void *at = (char *)base + o->offset;
    unsigned value;
    uint64_t number;

    switch (o->type) {
    case SL_OPT_TEXT:
    case SL_OPT_PATH:
    case SL_OPT_RATE:
    case SL_OPT_BOOL:
        read_simple(r, node, o, at);
        break;
    case SL_OPT_SECRET: {
        struct sl_secret *secret = sl_read_secret(r, node);

        if (secret)
            *(struct sl_secret **)at = secret;
        break;
    }
    case SL_OPT_SIZE:
        if (read_number(r, node, o, &number))
            *(size_t *)at = (size_t)number;
        break;
    case SL_OPT_DURATION:
    case SL_OPT_UINT:
        if (read_number(r, node, o, &number))
            *(unsigned *)at = (unsigned)number;
        break;
    case SL_OPT_ENUM:
        if (sl_read_enum(r, node, o->names, &value))
            memcpy(at, &value, sizeof(value));
        break;
    case SL_OPT_PROPERTIES:
        read_properties(r, node, at);
        break;
    case SL_OPT_GROUP: {
        char *what = sl_asprintf("`%s`", o->name);

        sl_read_mapping(r, node, what, o->group, NULL, base);
        free(what);
        break;
    }
    case SL_OPT_CUSTOM:
        o->read(r, node, at);
        break;
    }
}

/* ---- mappings ---- */

void sl_read_already(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    (void)r;
    (void)node;
    (void)at;
}

static const struct sl_option *find(const struct sl_option *options, const char *name)
{
    for (const struct sl_option *o = options; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

static void unknown_key(struct sl_reader *r, const struct sl_yaml_node *child, const char *what,
                        const struct sl_option *options, const struct sl_option *also)
{
    const char *names[64] = {NULL}, *near,
               *type = also && r->belongs_to ? r->belongs_to(child->key) : NULL;
    char list[512] = "";
    size_t n = 0, used = 0;

    if (type) {
        sl_read_error_at_key(r, child, "unknown key `%s` in %s; it belongs to type %s", child->key,
                             what, type);
        return;
    }
    for (const struct sl_option *o = options; o && o->name && n < 64; o++)
        names[n++] = o->name;
    for (const struct sl_option *o = also; o && o->name && n < 64; o++)
        names[n++] = o->name;
    near = sl_nearest(child->key, names, n);
    if (near) {
        sl_read_error_at_key(r, child, "unknown key `%s` in %s; did you mean `%s`?", child->key,
                             what, near);
        return;
    }
    for (size_t i = 0; i < n && used < sizeof(list); i++)
        used +=
            (size_t)snprintf(list + used, sizeof(list) - used, "%s`%s`", i ? ", " : "", names[i]);
    sl_read_error_at_key(r, child, "unknown key `%s` in %s; known are %s", child->key, what, list);
}

static void check_required(struct sl_reader *r, const struct sl_yaml_node *node, const char *what,
                           const struct sl_option *options)
{
    for (const struct sl_option *o = options; o && o->name; o++)
        if (o->required && !sl_yaml_get(node, o->name))
            sl_read_error_at_key(r, node, "%s needs `%s`", what, o->name);
}

bool sl_read_mapping(struct sl_reader *r, const struct sl_yaml_node *node, const char *what,
                     const struct sl_option *options, const struct sl_option *also, void *base)
{
    if (!sl_read_want(r, node, SL_YAML_MAPPING))
        return false;
    check_required(r, node, what, options);
    check_required(r, node, what, also);
    for (size_t i = 0; i < node->n_children; i++) {
        const struct sl_yaml_node *child = &node->children[i];
        const struct sl_option *o = find(options, child->key);

        if (!o)
            o = find(also, child->key);
        if (o)
            sl_read_option(r, child, o, base);
        else
            unknown_key(r, child, what, options, also);
    }
    return true;
}
