/* SPDX-License-Identifier: Apache-2.0 */
#include "route/naive.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* ---- records ---- */

/* The longest literal key first, then what lies below a shorter one. */
static const json_t *find(const json_t *object, const char *path)
{
    for (size_t n = strlen(path); n > 0; n--) {
        const json_t *value;

        if (path[n] != '.' && path[n] != '\0')
            continue;
        value = json_object_getn(object, path, n);
        if (value && path[n])
            value = find(value, path + n + 1);
        if (value)
            return value;
    }
    return NULL;
}

const json_t *naive_find(const struct naive_record *r, const char *path)
{
    return *path == '@' ? json_object_get(r->names, path) : find(r->record, path);
}

char *naive_text(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    if (json_is_true(value) || json_is_false(value))
        return strdup(json_is_true(value) ? "true" : "false");
    return json_dumps(value, JSON_ENCODE_ANY);
}

static bool number_of(const char *text, json_t **ret)
{
    if (!*text || !strchr("-0123456789", *text) || strpbrk(text, " \t\r\n"))
        return false;
    *ret = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!*ret || json_is_number(*ret))
        return *ret != NULL;
    json_decref(*ret);
    return false;
}

/* -2: one of them is no number */
static int compare_numbers(const char *a, const char *b)
{
    json_t *x = NULL, *y = NULL;
    int order = -2;

    if (number_of(a, &x) && number_of(b, &y)) {
        if (json_is_integer(x) && json_is_integer(y))
            order = json_integer_value(x) < json_integer_value(y)   ? -1
                    : json_integer_value(x) > json_integer_value(y) ? 1
                                                                    : 0;
        else
            order = json_number_value(x) < json_number_value(y)   ? -1
                    : json_number_value(x) > json_number_value(y) ? 1
                                                                  : 0;
        json_decref(y);
    }
    if (order != -2 || x)
        json_decref(x);
    return order;
}

/* ---- operators ---- */

static char lower(char c, bool fold)
{
    return fold && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same(const char *a, const char *b, size_t n, bool fold)
{
    for (size_t i = 0; i < n; i++)
        if (lower(a[i], fold) != lower(b[i], fold))
            return false;
    return true;
}

static bool glob_matches(const char *p, const char *s, bool fold)
{
    if (!*p)
        return !*s;
    if (*p == '*')
        return glob_matches(p + 1, s, fold) || (*s && glob_matches(p, s + 1, fold));
    if (!*s)
        return false;
    if (*p == '[') {
        bool no = p[1] == '!', found = false;
        const char *end = strchr(p, ']');

        for (const char *c = p + 1 + no; c < end; c++) {
            if (c[1] == '-' && c + 2 < end) {
                found |= lower(*s, fold) >= lower(*c, fold) && lower(*s, fold) <= lower(c[2], fold);
                c += 2;
            } else {
                found |= lower(*c, fold) == lower(*s, fold);
            }
        }
        return found != no && glob_matches(end + 1, s + 1, fold);
    }
    if (*p == '\\')
        p++;
    else if (*p == '?')
        return glob_matches(p + 1, s + 1, fold);
    return lower(*p, fold) == lower(*s, fold) && glob_matches(p + 1, s + 1, fold);
}

struct naive_regexes {
    struct compiled {
        const json_t *pattern;
        bool fold;
        regex_t regex;
        char *names[NAIVE_GROUPS];
        int n;
    } items[1024];
    size_t n;
};

static struct compiled *compile(struct naive_set *s, const json_t *pattern, bool fold)
{
    size_t slot = ((size_t)pattern >> 4) % 1024;
    struct compiled *c;
    char plain[512];
    int n = 0;

    while ((c = &s->regexes->items[slot])->pattern)
        if (c->pattern == pattern && c->fold == fold)
            return c;
        else
            slot = (slot + 1) % 1024;
    if (s->regexes->n++ > 1000)
        abort();
    *c = (struct compiled){.pattern = pattern, .fold = fold, .n = 1};
    for (const char *p = json_string_value(pattern); *p; p++) {
        plain[n++] = *p;
        if (*p == '\\')
            plain[n++] = *++p;
        else if (*p == '(' && c->n == NAIVE_GROUPS)
            abort();
        else if (*p == '(' && p[1] == '?') {
            const char *end = strchr(p, '>');

            c->names[c->n++] = strndup(p + 3, (size_t)(end - p - 3));
            p = end;
        } else if (*p == '(') {
            c->n++;
        }
    }
    plain[n] = '\0';
    if (regcomp(&c->regex, plain, REG_EXTENDED | (fold ? REG_ICASE : 0)) != 0)
        abort();
    return c;
}

void naive_begin(struct naive_set *s)
{
    s->taken = json_object();
    s->regexes = calloc(1, sizeof(*s->regexes));
}

void naive_end(struct naive_set *s)
{
    for (size_t i = 0; i < 1024; i++) {
        struct compiled *c = &s->regexes->items[i];

        for (int g = 0; g < NAIVE_GROUPS; g++)
            free(c->names[g]);
        if (c->pattern)
            regfree(&c->regex);
    }
    free(s->regexes);
    json_decref(s->taken);
}

bool naive_search(struct naive_set *s, const json_t *pattern, bool fold, const char *text,
                  struct naive_groups *ret)
{
    struct compiled *c = compile(s, pattern, fold);
    regmatch_t at[NAIVE_GROUPS];

    if (regexec(&c->regex, text, ret ? NAIVE_GROUPS : 0, at, 0) != 0)
        return false;
    for (int g = 0; ret && g < c->n; g++) {
        ret->begin[g] = (int)at[g].rm_so;
        ret->end[g] = (int)at[g].rm_eo;
        ret->names[g] = c->names[g];
        ret->n = c->n;
    }
    return true;
}

bool naive_equal(const char *text, const json_t *operand, bool fold)
{
    char *want;
    bool yes = false;
    size_t i;
    const json_t *one;

    if (json_is_array(operand)) {
        json_array_foreach(operand, i, one) yes |= naive_equal(text, one, fold);
        return yes;
    }
    want = naive_text(operand);
    yes = (strlen(text) == strlen(want) && same(text, want, strlen(text), fold)) ||
          compare_numbers(text, want) == 0;
    free(want);
    return yes;
}

const json_t *naive_row(struct naive_set *s, const json_t *path, const char *text, bool fold)
{
    size_t i;
    const json_t *row;

    json_array_foreach(json_object_get(s->tables, json_string_value(path)), i,
                       row) if (i > 0 &&
                                naive_equal(text, json_array_get(row, 0), fold)) return row;
    return NULL;
}

/* Bytes of an address, 4 or 16; 0: it is none. An IPv4 address in IPv6's clothes is IPv4. */
static int address(const char *text, unsigned char *ret)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (inet_pton(AF_INET, text, ret) == 1)
        return 4;
    if (inet_pton(AF_INET6, text, ret) != 1)
        return 0;
    if (memcmp(ret, mapped, 12) != 0)
        return 16;
    memmove(ret, ret + 12, 4);
    return 4;
}

static bool in_network(const char *text, const json_t *network)
{
    unsigned char a[16], b[16];
    char base[64];
    const char *slash = strchr(json_string_value(network), '/');
    int n = address(text, a), bits;

    snprintf(base, sizeof(base), "%s", json_string_value(network));
    if (slash)
        base[slash - json_string_value(network)] = '\0';
    if (n == 0 || address(base, b) != n)
        return false;
    bits =
        slash ? (int)strtol(slash + 1, NULL, 10) - (n == 4 && strchr(base, ':') ? 96 : 0) : 8 * n;
    for (int i = 0; i < bits; i++)
        if ((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1)
            return false;
    return true;
}

static bool judge_text(struct naive_set *s, const char *text, const char *op, const json_t *operand,
                       bool fold)
{
    char *want;
    size_t n = strlen(text), n_want, i;
    bool yes = false;
    int order;
    const json_t *one;

    if (!strcmp(op, "equal"))
        return naive_equal(text, operand, fold);
    if (!strcmp(op, "regex"))
        return naive_search(s, operand, fold, text, NULL);
    if (!strcmp(op, "in_table"))
        return naive_row(s, operand, text, fold) != NULL;
    if (!strcmp(op, "cidr") && json_is_array(operand)) {
        json_array_foreach(operand, i, one) yes |= in_network(text, one);
        return yes;
    }
    if (!strcmp(op, "cidr"))
        return in_network(text, operand);
    want = naive_text(operand);
    n_want = strlen(want);
    if (!strcmp(op, "prefix"))
        yes = n >= n_want && same(text, want, n_want, fold);
    else if (!strcmp(op, "suffix"))
        yes = n >= n_want && same(text + n - n_want, want, n_want, fold);
    else if (!strcmp(op, "contains"))
        yes = (fold ? strcasestr(text, want) : strstr(text, want)) != NULL;
    else if (!strcmp(op, "glob"))
        yes = glob_matches(want, text, fold);
    else if ((order = compare_numbers(text, want)) != -2)
        yes =
            op[0] == 'l' ? order < 0 || (op[2] && order == 0) : order > 0 || (op[2] && order == 0);
    free(want);
    return yes;
}

static bool is_value_operator(const char *op)
{
    return strcmp(op, "not") != 0 && strcmp(op, "all") != 0 && strcmp(op, "any") != 0 &&
           strcmp(op, "exists") != 0 && strcmp(op, "case") != 0;
}

/* Do the value operators of the mapping hold for one plain value, all of them? */
static bool judge_plain(struct naive_set *s, const json_t *value, const json_t *mapping, bool fold)
{
    bool yes = true;
    const char *op;
    const json_t *operand;
    char *text;

    if (!value || json_is_null(value) || json_is_object(value) || json_is_array(value))
        return false;
    text = naive_text(value);
    json_object_foreach((json_t *)mapping, op, operand) if (is_value_operator(op)) yes =
        yes && judge_text(s, text, op, operand, fold);
    free(text);
    return yes;
}

/* ---- conditions ---- */

/* Without a word of its own a mapping does as the one it stands in. */
bool naive_folds(const json_t *mapping, bool outer)
{
    const json_t *letters = json_object_get(mapping, "case");

    return letters ? !strcmp(json_string_value(letters), "insensitive") : outer;
}

static bool judge_field(struct naive_set *s, const json_t *value, const json_t *condition,
                        bool fold)
{
    const char *op;
    const json_t *operand, *one;
    bool yes = true, any, plain = false;
    size_t i;

    if (!json_is_object(condition)) {
        json_t *mapping = json_pack("{sO}", "equal", condition);

        yes = judge_field(s, value, mapping, fold);
        json_decref(mapping);
        return yes;
    }
    fold = naive_folds(condition, fold);
    json_object_foreach((json_t *)condition, op, operand)
    {
        if (is_value_operator(op)) {
            plain = true;
        } else if (!strcmp(op, "exists")) {
            yes &= json_is_true(operand) == (value && !json_is_null(value));
        } else if (!strcmp(op, "not")) {
            yes &= !judge_field(s, value, operand, fold);
        } else if (!strcmp(op, "all")) {
            json_array_foreach(operand, i, one) yes &= judge_field(s, value, one, fold);
        } else if (!strcmp(op, "any")) {
            any = false;
            json_array_foreach(operand, i, one) any |= judge_field(s, value, one, fold);
            yes &= any;
        }
    }
    if (!plain || !yes)
        return yes;
    if (!json_is_array(value))
        return judge_plain(s, value, condition, fold);
    any = false;
    json_array_foreach(value, i, one) any |= judge_plain(s, one, condition, fold);
    return any;
}

static bool judge_record(struct naive_set *s, const struct naive_record *r, const json_t *when)
{
    const char *key;
    const json_t *condition, *one;
    bool yes = true, any;
    size_t i;

    json_object_foreach((json_t *)when, key, condition)
    {
        if (!strcmp(key, "not")) {
            yes &= !judge_record(s, r, condition);
        } else if (!strcmp(key, "all")) {
            json_array_foreach(condition, i, one) yes &= judge_record(s, r, one);
        } else if (!strcmp(key, "any")) {
            any = false;
            json_array_foreach(condition, i, one) any |= judge_record(s, r, one);
            yes &= any;
        } else {
            yes &= judge_field(s, naive_find(r, key), condition, false);
        }
        if (!yes)
            return false;
    }
    return yes;
}

/* ---- the walk ---- */

static void choose(struct naive *d, int sink, int rule, json_t *record)
{
    for (int i = 0; i < d->n; i++)
        if (d->sinks[i] == sink)
            return;
    d->sinks[d->n] = sink;
    d->records[d->n] = json_incref(record);
    d->rules[d->n++] = rule;
}

/* Is the record held back by the rule? */
static bool held(struct naive_set *s, const struct naive_record *r, int number, const json_t *rule,
                 enum naive_reason *ret)
{
    const json_t *sample = json_object_get(rule, "sample"),
                 *limit = json_object_get(rule, "rate_limit"), *by, *value;
    char *text, key[512];
    bool keep = true;
    json_int_t taken;

    if (sample) {
        text = naive_text(naive_find(r, json_string_value(json_object_get(sample, "by"))));
        keep = s->keeps(text, strtod(json_string_value(json_object_get(sample, "keep")), NULL));
        free(text);
        *ret = NAIVE_SAMPLE;
    }
    if (!keep || !limit)
        return !keep;
    by = json_object_get(limit, "by");
    value = by ? naive_find(r, json_string_value(by)) : NULL;
    text = value && !json_is_null(value) ? naive_text(value) : strdup("");
    snprintf(key, sizeof(key), "%d %d %s", number, value && !json_is_null(value), text);
    free(text);
    taken = json_integer_value(json_object_get(s->taken, key));
    *ret = NAIVE_RATE_LIMIT;
    if (taken >= json_integer_value(json_object_get(limit, "records")))
        return true;
    json_object_set_new(s->taken, key, json_integer(taken + 1));
    return false;
}

/* What becomes of a record that matches. Does the walk go on? */
static bool follow(struct naive_set *s, const struct naive_record *judged, int i, json_t **record,
                   int *ret_held, struct naive *ret)
{
    const json_t *rule = json_array_get(s->rules, (size_t)i), *to = json_object_get(rule, "to"),
                 *sink;
    bool go_on = json_is_true(json_object_get(rule, "continue"));
    enum naive_reason reason;
    json_t *changed;
    size_t k;

    ret->matched[ret->n_matched++] = i;
    if (held(s, judged, i, rule, &reason)) {
        if (*ret_held == NAIVE_NONE) {
            *ret_held = i;
            ret->reason = reason;
        }
        return go_on && to;
    }
    changed = json_deep_copy(*record);
    naive_change(s, rule, judged, changed, ret->named);
    json_array_foreach(to, k, sink) for (int n = 0; n < s->n_sinks;
                                         n++) if (!strcmp(s->sinks[n], json_string_value(sink)))
        choose(ret, n, i, changed);
    if (!to) {
        json_decref(*record);
        *record = json_incref(changed);
    }
    json_decref(changed);
    if (json_is_true(json_object_get(rule, "drop")) && ret->n == 0) {
        ret->dropped_by = i;
        ret->reason = NAIVE_RULE;
    }
    return go_on;
}

void naive_route(struct naive_set *s, const json_t *record, const json_t *names, struct naive *ret)
{
    const struct naive_record judged = {record, names};
    json_t *now = json_deep_copy(record);
    int was_held = NAIVE_NONE;
    size_t i;
    const json_t *rule;

    *ret = (struct naive){.dropped_by = NAIVE_NONE, .named = json_object()};
    json_array_foreach(s->rules, i, rule)
    {
        const json_t *when = json_object_get(rule, "when");

        if ((!when || judge_record(s, &judged, when)) &&
            !follow(s, &judged, (int)i, &now, &was_held, ret))
            break;
    }
    if (ret->n == 0 && ret->dropped_by == NAIVE_NONE && was_held != NAIVE_NONE)
        ret->dropped_by = was_held;
    if (ret->n == 0 && ret->dropped_by == NAIVE_NONE)
        choose(ret, s->unmatched, NAIVE_UNMATCHED, now);
    json_decref(now);
}

void naive_release(struct naive *n)
{
    for (int i = 0; i < n->n; i++)
        json_decref(n->records[i]);
    json_decref(n->named);
}
