/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "config/units.h"
#include "route/actions_impl.h"

/* Actions as written: their form, and its canonical spelling. What only compiling can tell (paths,
 * patterns, templates) is actions_compile.c's. */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- what several have in common ---- */

static bool want_path(struct sl_rule_set *set, const struct sl_yaml_node *node)
{
    if (node->type == SL_YAML_SCALAR)
        return true;
    SL_RULE_PROBLEM(set, node, false, "expected a field, as in `user.id`");
    return false;
}

/* A mapping of paths that are changed; example: how it is written. */
static bool want_paths(struct sl_rule_set *set, const struct sl_yaml_node *node,
                       const char *example)
{
    if (node->type == SL_YAML_MAPPING && node->n_children > 0)
        return true;
    SL_RULE_PROBLEM(set, node, false, "`%s` is a mapping, as in `%s`", node->key, example);
    return false;
}

static bool want_keys(struct sl_rule_set *set, const struct sl_yaml_node *node,
                      const char *const *known, size_t n_known)
{
    bool good = true;

    for (size_t i = 0; i < node->n_children; i++)
        good &= sl_parse_key(set, &node->children[i], "key", known, n_known);
    return good;
}

/* ---- sample ---- */

static bool number_of(const char *text, size_t n, double *ret)
{
    struct sl_value v = {text, (uint32_t)n, SL_VALUE_STRING, false};
    bool is_int;
    int64_t integer;

    return sl_value_number(&v, ret, &is_int, &integer);
}

static bool parse_share(struct sl_rule_set *set, const struct sl_yaml_node *node, uint32_t *ret)
{
    const bool percent =
        node->type == SL_YAML_SCALAR && node->n > 1 && node->text[node->n - 1] == '%';
    double share;

    if (node->type != SL_YAML_SCALAR || !number_of(node->text, node->n - percent, &share)) {
        SL_RULE_PROBLEM(set, node, false,
                        "the share that is kept, in percent or as a fraction: `2.5%%` or `0.025`");
        return false;
    }
    if (percent)
        share /= 100;
    if (share <= 0) {
        SL_RULE_PROBLEM(set, node, false, "a share above 0; to keep none write `drop: true`");
        return false;
    }
    if (share >= 1) {
        SL_RULE_PROBLEM(set, node, false,
                        percent ? "a share below 100%%; to keep all leave `sample` out"
                                : "a fraction below 1, or percent: `%s%%`",
                        node->text);
        return false;
    }
    share = share * 0x1p32 + 0.5;
    *ret = share < 1 ? 1 : share >= 0x1p32 ? 0xffffffff : (uint32_t)share;
    return true;
}

static void parse_sample(struct sl_rule_set *set, const struct sl_yaml_node *node,
                         struct sl_action_defs *d)
{
    static const char *const keys[] = {"keep", "by"};
    const struct sl_yaml_node *keep, *by;

    if (node->type != SL_YAML_MAPPING) {
        parse_share(set, node, &d->share);
        return;
    }
    if (!want_keys(set, node, keys, COUNT(keys)))
        return;
    keep = sl_yaml_get(node, "keep");
    by = sl_yaml_get(node, "by");
    if (keep)
        parse_share(set, keep, &d->share);
    else
        SL_RULE_PROBLEM(set, node, false,
                        "`sample` needs `keep`, as in `{ keep: 10%%, by: request_id }`");
    if (by && want_path(set, by))
        d->sample_by = by;
}

/* ---- rate_limit ---- */

static bool parse_count(struct sl_rule_set *set, const struct sl_yaml_node *node, uint64_t *ret)
{
    if (node->type == SL_YAML_SCALAR && sl_parse_uint(node->text, ret) && *ret >= 1 &&
        *ret <= SL_RATE_COUNT_MAX)
        return true;
    SL_RULE_PROBLEM(set, node, false, "`%s` is a number of records from 1 to %d", node->key,
                    SL_RATE_COUNT_MAX);
    return false;
}

static bool parse_per(struct sl_rule_set *set, const struct sl_yaml_node *node, uint64_t *ret)
{
    if (node->type == SL_YAML_SCALAR && sl_parse_duration(node->text, ret) && *ret >= 1 &&
        *ret <= SL_RATE_PER_MAX)
        return true;
    SL_RULE_PROBLEM(set, node, false, "`per` is a duration from 1ms to 1d, as in `1s`");
    return false;
}

static void parse_rate(struct sl_rule_set *set, const struct sl_yaml_node *node,
                       struct sl_action_defs *d)
{
    static const char *const keys[] = {"records", "per", "by", "burst"};
    const struct sl_yaml_node *records, *per, *by, *burst;
    struct sl_rate rate = {0};
    bool good;

    if (node->type != SL_YAML_MAPPING) {
        SL_RULE_PROBLEM(
            set, node, false,
            "`rate_limit` is a mapping, as in `{ records: 100, per: 1s, by: service }`");
        return;
    }
    good = want_keys(set, node, keys, COUNT(keys));
    records = sl_yaml_get(node, "records");
    per = sl_yaml_get(node, "per");
    by = sl_yaml_get(node, "by");
    burst = sl_yaml_get(node, "burst");
    if (good && (!records || !per)) {
        SL_RULE_PROBLEM(set, node, false,
                        "`rate_limit` needs `%s`, as in `{ records: 100, per: 1s }`",
                        records ? "per" : "records");
        good = false;
    }
    if (records)
        good &= parse_count(set, records, &rate.records);
    if (per)
        good &= parse_per(set, per, &rate.per_ms);
    rate.burst = rate.records;
    if (burst)
        good &= parse_count(set, burst, &rate.burst);
    if (by && want_path(set, by))
        d->rate_by = by;
    if (good)
        d->rate = rate;
}

/* ---- parse ---- */

const struct sl_yaml_node *sl_parse_patterns(const struct sl_yaml_node *member,
                                             const struct sl_yaml_node **ret_into)
{
    *ret_into = NULL;
    if (member->type != SL_YAML_MAPPING)
        return member;
    *ret_into = sl_yaml_get(member, "into");
    return sl_yaml_get(member, "regex");
}

static bool parse_extract(struct sl_rule_set *set, const struct sl_yaml_node *member)
{
    static const char *const keys[] = {"regex", "into"};
    const struct sl_yaml_node *into, *patterns = sl_parse_patterns(member, &into);
    bool good = true;

    if (member->type == SL_YAML_MAPPING && !want_keys(set, member, keys, COUNT(keys)))
        return false;
    if (into && !want_path(set, into))
        return false;
    if (patterns && patterns->type == SL_YAML_SEQUENCE && patterns->n_children > 0) {
        for (size_t i = 0; i < patterns->n_children; i++)
            good &= patterns->children[i].type == SL_YAML_SCALAR;
        if (good)
            return true;
    } else if (patterns && patterns->type == SL_YAML_SCALAR) {
        return true;
    }
    SL_RULE_PROBLEM(set, patterns ? patterns : member, false,
                    "expected a regular expression with named groups, a list of them, or "
                    "`{ regex: ..., into: ... }`");
    return false;
}

static void parse_parse(struct sl_rule_set *set, const struct sl_yaml_node *node,
                        struct sl_action_defs *d)
{
    bool good = want_paths(set, node, "{ message: '^(?<method>\\w+) ' }");

    for (size_t i = 0; good && i < node->n_children; i++)
        good &= parse_extract(set, &node->children[i]);
    if (good)
        d->parse = node;
}

/* ---- set, rename, remove ---- */

/* Plain YAML numbers, booleans and null are JSON as they stand; others are templates. */
struct sl_slice sl_set_json(const struct sl_yaml_node *value)
{
    bool flag;
    double number;

    if (value->type == SL_YAML_NULL)
        return SL_SLICE_LITERAL("null");
    if (value->quoted ||
        (!sl_parse_bool(value->text, &flag) && !number_of(value->text, value->n, &number)))
        return sl_slice(NULL, 0);
    return sl_slice(value->text, value->n);
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* A number by its looks that is none by its size. */
static bool too_large(const struct sl_yaml_node *value)
{
    const char *p = value->type == SL_YAML_SCALAR && !value->quoted ? value->text : "";
    size_t n;

    p += *p == '-';
    n = digits(p);
    if (n == 0 || (n > 1 && *p == '0'))
        return false;
    p += n;
    if (*p == '.' && (n = digits(p + 1)) > 0)
        p += 1 + n;
    if (*p == 'e' || *p == 'E') {
        const char *power = p + 1 + (p[1] == '-' ? 1 : p[1] == '+');

        n = digits(power);
        p = n > 0 ? power + n : p;
    }
    return p == value->text + value->n && !sl_set_json(value).p;
}

static void parse_set(struct sl_rule_set *set, const struct sl_yaml_node *node,
                      struct sl_action_defs *d)
{
    bool good = want_paths(set, node, "{ event: \"download_{what}\" }");

    for (size_t i = 0; good && i < node->n_children; i++) {
        const struct sl_yaml_node *value = &node->children[i];

        if (too_large(value)) {
            SL_RULE_PROBLEM(set, value, false,
                            "a number beyond 64 bits; as a text it stands in quotes");
            good = false;
            continue;
        }
        if (value->type == SL_YAML_SCALAR || value->type == SL_YAML_NULL)
            continue;
        SL_RULE_PROBLEM(set, value, false,
                        value->type == SL_YAML_MAPPING
                            ? "expected a text, number, true, false or null; members of an object "
                              "are set by their paths, as in `%s.id`"
                            : "expected a text, number, true, false or null for `%s`",
                        value->key);
        good = false;
    }
    if (good)
        d->set = node;
}

static void parse_rename(struct sl_rule_set *set, const struct sl_yaml_node *node,
                         struct sl_action_defs *d)
{
    bool good = want_paths(set, node, "{ old: new }");

    for (size_t i = 0; good && i < node->n_children; i++) {
        const struct sl_yaml_node *to = &node->children[i];

        good &= want_path(set, to);
        for (size_t k = 0; good && k < i; k++) {
            if (strcmp(to->text, node->children[k].text) != 0)
                continue;
            SL_RULE_PROBLEM(set, to, false, "`%s` gets this name too", node->children[k].key);
            good = false;
        }
    }
    if (good)
        d->rename = node;
}

static void parse_remove(struct sl_rule_set *set, const struct sl_yaml_node *node,
                         struct sl_action_defs *d)
{
    bool good = true;

    if (node->type == SL_YAML_SCALAR) {
        d->remove = node;
        return;
    }
    if (node->type != SL_YAML_SEQUENCE || node->n_children == 0) {
        SL_RULE_PROBLEM(set, node, false,
                        "`remove` is a field or a list of fields, as in `[a, b.c]`");
        return;
    }
    for (size_t i = 0; i < node->n_children; i++)
        good &= want_path(set, &node->children[i]);
    if (good)
        d->remove = node;
}

static void parse_redact(struct sl_rule_set *set, const struct sl_yaml_node *node,
                         struct sl_action_defs *d)
{
    (void)set;
    d->redact = node;
}

/* ---- all of them ---- */

struct sl_action_defs *sl_actions_parse(struct sl_rule_set *set, const struct sl_yaml_node *rule)
{
    static const struct {
        const char *key;
        void (*parse)(struct sl_rule_set *set, const struct sl_yaml_node *node,
                      struct sl_action_defs *d);
    } actions[] = {
        {"sample", parse_sample}, {"rate_limit", parse_rate}, {"parse", parse_parse},
        {"set", parse_set},       {"rename", parse_rename},   {"remove", parse_remove},
        {"redact", parse_redact},
    };
    struct sl_action_defs *d = NULL;

    for (size_t i = 0; i < COUNT(actions); i++) {
        const struct sl_yaml_node *node = sl_yaml_get(rule, actions[i].key);

        if (!node)
            continue;
        if (!d)
            d = sl_zalloc(sizeof(*d));
        actions[i].parse(set, node, d);
    }
    return d;
}

void sl_action_defs_free(struct sl_action_defs *d)
{
    free(d);
}

/* ---- canonical form ---- */

static void write_text(struct sl_buf *out, const char *text, size_t n)
{
    sl_buf_printf(out, "%zu:", n);
    sl_buf_append(out, text, n);
}

/* A scalar or a list of them: alike where it is one. */
static void write_texts(struct sl_buf *out, const struct sl_yaml_node *node)
{
    const bool list = node->type == SL_YAML_SEQUENCE;
    size_t n = list ? node->n_children : 1;

    sl_buf_printf(out, "%zu ", n);
    for (size_t i = 0; i < n; i++)
        write_text(out, list ? node->children[i].text : node->text,
                   list ? node->children[i].n : node->n);
}

static void write_by(struct sl_buf *out, const struct sl_yaml_node *by)
{
    if (by)
        write_text(out, by->text, by->n);
    else
        sl_buf_byte(out, '-');
}

/* Members stay in their order: it is that of what is added to a record, and of the steps of
 * `parse`. */
static void write_members(struct sl_buf *out, const char *word, const struct sl_yaml_node *node)
{
    if (!node)
        return;
    sl_buf_printf(out, " %s %zu ", word, node->n_children);
    for (size_t i = 0; i < node->n_children; i++) {
        const struct sl_yaml_node *at = &node->children[i], *into;

        write_text(out, at->key, strlen(at->key));
        if (*word == 'p') {
            write_texts(out, sl_parse_patterns(at, &into));
            write_by(out, into);
        } else {
            struct sl_slice json = *word == 's' ? sl_set_json(at) : sl_slice(NULL, 0);

            sl_buf_byte(out, json.p ? '=' : '"');
            write_text(out, json.p ? json.p : at->text, json.p ? json.n : at->n);
        }
    }
}

void sl_actions_write(const struct sl_action_defs *d, struct sl_buf *out)
{
    if (d->share) {
        sl_buf_printf(out, " sample %u ", d->share);
        write_by(out, d->sample_by);
    }
    if (d->rate.records) {
        sl_buf_printf(out, " rate %llu/%llu+%llu ", (unsigned long long)d->rate.records,
                      (unsigned long long)d->rate.per_ms, (unsigned long long)d->rate.burst);
        write_by(out, d->rate_by);
    }
    write_members(out, "parse", d->parse);
    write_members(out, "set", d->set);
    write_members(out, "rename", d->rename);
    if (d->remove) {
        SL_BUF_LITERAL(out, " remove ");
        write_texts(out, d->remove);
    }
    if (d->redact) {
        SL_BUF_LITERAL(out, " redact ");
        sl_redact_write(d->redact, out);
    }
}
