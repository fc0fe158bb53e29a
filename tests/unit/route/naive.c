/* SPDX-License-Identifier: Apache-2.0 */
#include "route/naive.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* ---- records ---- */

/* The longest literal key first, then what lies below a shorter one. */
static const json_t *find(const json_t *object, const char *path)
{
    for (size_t n = strlen(path); n > 0; n--) {
        char *key;
        const json_t *value;

        if (path[n] != '.' && path[n] != '\0')
            continue;
        key = strndup(path, n);
        value = json_object_get(object, key);
        free(key);
        if (value && path[n])
            value = find(value, path + n + 1);
        if (value)
            return value;
    }
    return NULL;
}

static char *text_of(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    if (json_is_true(value) || json_is_false(value))
        return strdup(json_is_true(value) ? "true" : "false");
    return json_dumps(value, JSON_ENCODE_ANY);
}

static bool number_of(const char *text, json_t **ret)
{
    if (!*text || strpbrk(text, " \t\r\n"))
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

static bool glob_matches(const char *p, const char *s)
{
    if (!*p)
        return !*s;
    if (*p == '*')
        return glob_matches(p + 1, s) || (*s && glob_matches(p, s + 1));
    if (!*s)
        return false;
    if (*p == '[') {
        bool no = p[1] == '!', found = false;
        const char *end = strchr(p, ']');

        for (const char *c = p + 1 + no; c < end; c++) {
            if (c[1] == '-' && c + 2 < end) {
                found |= *s >= *c && *s <= c[2];
                c += 2;
            } else {
                found |= *c == *s;
            }
        }
        return found != no && glob_matches(end + 1, s + 1);
    }
    if (*p == '\\')
        p++;
    else if (*p == '?')
        return glob_matches(p + 1, s + 1);
    return *p == *s && glob_matches(p + 1, s + 1);
}

static bool regex_matches(const char *pattern, const char *s)
{
    regex_t compiled;
    bool found;

    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        abort();
    found = regexec(&compiled, s, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

static bool equal(const char *text, const json_t *operand)
{
    char *want;
    bool same = false;
    size_t i;
    const json_t *one;

    if (json_is_array(operand)) {
        json_array_foreach(operand, i, one) same |= equal(text, one);
        return same;
    }
    want = text_of(operand);
    same = !strcmp(text, want) || compare_numbers(text, want) == 0;
    free(want);
    return same;
}

static bool judge_text(const char *text, const char *op, const json_t *operand)
{
    char *want = text_of(operand);
    size_t n = strlen(text), n_want = strlen(want);
    bool yes = false;
    int order;

    if (!strcmp(op, "equal"))
        yes = equal(text, operand);
    else if (!strcmp(op, "prefix"))
        yes = !strncmp(text, want, n_want);
    else if (!strcmp(op, "suffix"))
        yes = n >= n_want && !strcmp(text + n - n_want, want);
    else if (!strcmp(op, "contains"))
        yes = strstr(text, want) != NULL;
    else if (!strcmp(op, "glob"))
        yes = glob_matches(want, text);
    else if (!strcmp(op, "regex"))
        yes = regex_matches(want, text);
    else if ((order = compare_numbers(text, want)) != -2)
        yes =
            op[0] == 'l' ? order < 0 || (op[2] && order == 0) : order > 0 || (op[2] && order == 0);
    free(want);
    return yes;
}

static bool is_value_operator(const char *op)
{
    return strcmp(op, "not") != 0 && strcmp(op, "all") != 0 && strcmp(op, "any") != 0 &&
           strcmp(op, "exists") != 0;
}

/* Do the value operators of the mapping hold for one plain value, all of them? */
static bool judge_plain(const json_t *value, const json_t *mapping)
{
    const char *op;
    const json_t *operand;
    bool yes = true;
    char *text;

    if (!value || json_is_null(value) || json_is_object(value) || json_is_array(value))
        return false;
    text = text_of(value);
    json_object_foreach((json_t *)mapping, op, operand) if (is_value_operator(op)) yes =
        yes && judge_text(text, op, operand);
    free(text);
    return yes;
}

/* ---- conditions ---- */

static bool judge_field(const json_t *value, const json_t *condition)
{
    const char *op;
    const json_t *operand, *one;
    bool yes = true, any, plain = false;
    size_t i;

    if (!json_is_object(condition)) {
        json_t *mapping = json_pack("{sO}", "equal", condition);

        yes = judge_field(value, mapping);
        json_decref(mapping);
        return yes;
    }
    json_object_foreach((json_t *)condition, op, operand)
    {
        if (is_value_operator(op)) {
            plain = true;
        } else if (!strcmp(op, "exists")) {
            yes &= json_is_true(operand) == (value && !json_is_null(value));
        } else if (!strcmp(op, "not")) {
            yes &= !judge_field(value, operand);
        } else if (!strcmp(op, "all")) {
            json_array_foreach(operand, i, one) yes &= judge_field(value, one);
        } else {
            any = false;
            json_array_foreach(operand, i, one) any |= judge_field(value, one);
            yes &= any;
        }
    }
    if (!plain)
        return yes;
    if (!json_is_array(value))
        return yes && judge_plain(value, condition);
    any = false;
    json_array_foreach(value, i, one) any |= judge_plain(one, condition);
    return yes && any;
}

static bool judge_record(const json_t *record, const json_t *when)
{
    const char *key;
    const json_t *condition, *one;
    bool yes = true, any;
    size_t i;

    json_object_foreach((json_t *)when, key, condition)
    {
        if (!strcmp(key, "not")) {
            yes &= !judge_record(record, condition);
        } else if (!strcmp(key, "all")) {
            json_array_foreach(condition, i, one) yes &= judge_record(record, one);
        } else if (!strcmp(key, "any")) {
            any = false;
            json_array_foreach(condition, i, one) any |= judge_record(record, one);
            yes &= any;
        } else {
            yes &= judge_field(find(record, key), condition);
        }
    }
    return yes;
}

/* ---- the walk ---- */

static void choose(struct naive *d, int sink, int rule)
{
    for (int i = 0; i < d->n; i++)
        if (d->sinks[i] == sink)
            return;
    d->sinks[d->n] = sink;
    d->rules[d->n++] = rule;
}

void naive_route(const json_t *rules, const json_t *record, const char *const *names, int n_names,
                 int unmatched_sink, struct naive *ret)
{
    size_t i, k;
    const json_t *rule, *sink;
    bool taken = false;

    *ret = (struct naive){.dropped_by = NAIVE_NONE};
    json_array_foreach(rules, i, rule)
    {
        const json_t *when = json_object_get(rule, "when"), *to = json_object_get(rule, "to");

        if (when && !judge_record(record, when))
            continue;
        ret->matched[ret->n_matched++] = (int)i;
        taken |= to != NULL;
        json_array_foreach(to, k, sink) for (int n = 0; n < n_names;
                                             n++) if (!strcmp(names[n], json_string_value(sink)))
            choose(ret, n, (int)i);
        if (json_is_true(json_object_get(rule, "drop"))) {
            if (ret->n == 0)
                ret->dropped_by = (int)i;
            return;
        }
        if (!json_is_true(json_object_get(rule, "continue")))
            return;
    }
    if (!taken)
        choose(ret, unmatched_sink, NAIVE_UNMATCHED);
}
