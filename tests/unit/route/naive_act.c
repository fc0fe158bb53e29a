/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "route/naive.h"

/* ---- paths ---- */

/* Takes all spellings of the path out, but puts the value in place of the one that a reader would
 * see. */
static bool replace(json_t *object, const char *path, json_t *value)
{
    bool found = false;

    for (size_t n = strlen(path); n > 0; n--) {
        char *key;
        json_t *at;

        if (path[n] != '.' && path[n] != '\0')
            continue;
        key = strndup(path, n);
        at = json_object_get(object, key);
        if (at && path[n])
            found |= json_is_object(at) && replace(at, path + n + 1, found ? NULL : value);
        else if (at && value && !found)
            json_object_set(object, key, value);
        else if (at)
            json_object_del(object, key);
        found |= at && !path[n];
        free(key);
    }
    return found;
}

/* The object on the path's way that leaves least of it. */
static json_t *deepest(json_t *object, const char *path, const char **ret_rest)
{
    json_t *best = object;

    *ret_rest = path;
    for (size_t n = strlen(path); n-- > 1;) {
        const char *rest;
        json_t *at;

        if (path[n] != '.')
            continue;
        at = json_object_getn(object, path, n);
        if (!json_is_object(at))
            continue;
        at = deepest(at, path + n + 1, &rest);
        if (strlen(rest) < strlen(*ret_rest)) {
            best = at;
            *ret_rest = rest;
        }
    }
    return best;
}

/* All keys at the top under which a spelling of the path may lie. */
static void name(json_t *named, const char *path)
{
    for (size_t n = strlen(path); n > 0; n--)
        if (path[n] == '.' || path[n] == '\0')
            json_object_setn_new(named, path, n, json_true());
}

/* Calls for each member whose key leads below the path, which may be spelled beside it. */
static void each_below(json_t *object, const char *path,
                       void (*call)(void *user, json_t *object, const char *key), void *user)
{
    size_t n = strlen(path), k;
    const char *key;
    json_t *one;
    void *after;

    json_object_foreach_safe(object, after, key, one)
    {
        k = strlen(key);
        if (!strncmp(key, path, n) && key[n] == '.')
            call(user, object, key);
        else if (!strncmp(key, path, k) && path[k] == '.')
            each_below(one, path + k + 1, call, user);
    }
}

static void set(json_t *record, const char *path, json_t *value, json_t *named)
{
    const char *rest;
    json_t *at;

    name(named, path);
    if (!replace(record, path, value)) {
        at = deepest(record, path, &rest);
        json_object_set(at, rest, value);
    }
    json_decref(value);
}

static void take_out(json_t *record, const char *path, json_t *named)
{
    name(named, path);
    replace(record, path, NULL);
}

static void delete (void *user, json_t *object, const char *key)
{
    name(user, key);
    json_object_del(object, key);
}

/* ---- named groups and columns ---- */

struct capture {
    struct naive_set *set;
    const struct naive_record *judged;
    const char *name;
};

static char *group(const struct capture *c, const json_t *pattern, bool fold, const char *text)
{
    struct naive_groups groups;

    if (!naive_search(c->set, pattern, fold, text, &groups))
        return NULL;
    for (int g = 1; g < groups.n; g++)
        if (groups.names[g] && !strcmp(groups.names[g], c->name) && groups.begin[g] >= 0)
            return strndup(text + groups.begin[g], (size_t)(groups.end[g] - groups.begin[g]));
    return NULL;
}

static char *column(const struct capture *c, const json_t *path, bool fold, const char *text)
{
    const json_t *header =
                     json_array_get(json_object_get(c->set->tables, json_string_value(path)), 0),
                 *row = naive_row(c->set, path, text, fold), *one;
    size_t i;

    json_array_foreach(
        header, i,
        one) if (i > 0 && row &&
                 !strcmp(json_string_value(one),
                         c->name)) return strdup(json_string_value(json_array_get(row, i)));
    return NULL;
}

/* What one operator finds in the value, of an array in its first element that it holds for. */
static char *found_in(const struct capture *c, const char *op, const json_t *operand, bool fold,
                      const json_t *value)
{
    char *text, *found;
    size_t i;
    const json_t *one;
    bool holds;

    if (json_is_array(value)) {
        json_array_foreach(value, i, one)
        {
            if (json_is_array(one) || json_is_object(one) || json_is_null(one))
                continue;
            text = naive_text(one);
            holds = !strcmp(op, "regex") ? naive_search(c->set, operand, fold, text, NULL)
                                         : naive_row(c->set, operand, text, fold) != NULL;
            free(text);
            if (holds)
                return found_in(c, op, operand, fold, one);
        }
        return NULL;
    }
    if (!value || json_is_object(value) || json_is_null(value))
        return NULL;
    text = naive_text(value);
    found = !strcmp(op, "regex") ? group(c, operand, fold, text) : column(c, operand, fold, text);
    free(text);
    return found;
}

static char *find_in_field(const struct capture *c, const json_t *value, const json_t *condition,
                           bool fold)
{
    const char *op;
    const json_t *operand, *one;
    char *found = NULL;
    size_t i;

    fold = naive_folds(condition, fold);
    json_object_foreach((json_t *)condition, op, operand)
    {
        if (!strcmp(op, "all") || !strcmp(op, "any"))
            json_array_foreach(operand, i, one)
            {
                if (!found)
                    found = find_in_field(c, value, one, fold);
            }
        else if (!found && (!strcmp(op, "regex") || !strcmp(op, "in_table")))
            found = found_in(c, op, operand, fold, value);
    }
    return found;
}

static char *capture(const struct capture *c, const json_t *when)
{
    const char *key;
    const json_t *condition, *one;
    char *found = NULL;
    size_t i;

    json_object_foreach((json_t *)when, key, condition)
    {
        if (!strcmp(key, "all") || !strcmp(key, "any"))
            json_array_foreach(condition, i, one)
            {
                if (!found)
                    found = capture(c, one);
            }
        else if (!found && strcmp(key, "not") != 0)
            found = find_in_field(c, naive_find(c->judged, key), condition, false);
    }
    return found;
}

/* Is it the name of a group or column somewhere in the rule? Then it is never a field. */
static bool is_capture(const struct naive_set *s, const json_t *when, const char *wanted)
{
    const char *key;
    const json_t *value, *one;
    char *mark;
    size_t i;
    bool yes = false;

    if (json_is_array(when))
        json_array_foreach(when, i, one) yes |= is_capture(s, one, wanted);
    json_object_foreach((json_t *)when, key, value)
    {
        if (!strcmp(key, "not"))
            continue;
        if (!strcmp(key, "regex") && json_is_string(value)) {
            mark = sl_asprintf("?<%s>", wanted);
            yes |= strstr(json_string_value(value), mark) != NULL;
            free(mark);
        } else if (!strcmp(key, "in_table") && json_is_string(value)) {
            json_array_foreach(
                json_array_get(json_object_get(s->tables, json_string_value(value)), 0), i, one)
                yes |= i > 0 && !strcmp(json_string_value(one), wanted);
        } else {
            yes |= is_capture(s, value, wanted);
        }
    }
    return yes;
}

/* ---- set ---- */

struct writing {
    const struct capture *capture;
    const json_t *when, *before; /* the record before this `set` */
};

/* A new reference; NULL: missing. */
static json_t *value_of(const struct writing *w, const char *path)
{
    const struct naive_record now = {w->before, w->capture->judged->names};
    struct capture c = *w->capture;
    char *text;
    json_t *value;

    c.name = path;
    if (!is_capture(c.set, w->when, path))
        return json_deep_copy(naive_find(&now, path));
    text = capture(&c, w->when);
    value = text ? json_string(text) : NULL;
    free(text);
    return value;
}

static bool is_empty(const json_t *value)
{
    return !value || json_is_null(value) || (json_is_string(value) && !*json_string_value(value));
}

/* {path} or {path|other} from `at` on: the end of it. */
static const char *read_braces(const char *at, char *path, char *other, bool *has_other)
{
    const char *end = strchr(at, '}'), *bar = memchr(at, '|', (size_t)(end - at));

    *has_other = bar != NULL;
    snprintf(other, 256, "none");
    if (bar) {
        memcpy(other, bar + 1, (size_t)(end - bar - 1));
        other[end - bar - 1] = '\0';
    } else {
        bar = end;
    }
    memcpy(path, at + 1, (size_t)(bar - at - 1));
    path[bar - at - 1] = '\0';
    return end + 1;
}

static json_t *write_text(const struct writing *w, const char *template)
{
    char path[256], other[256];
    struct sl_buf out;
    json_t *value, *result;
    bool has_other;

    sl_buf_init(&out, 1 << 20);
    for (const char *p = template; *p;) {
        if (*p != '{' || p[1] == '{') {
            sl_buf_byte(&out, *p);
            p += *p == '{' || *p == '}' ? 2 : 1;
            continue;
        }
        p = read_braces(p, path, other, &has_other);
        value = value_of(w, path);
        if (is_empty(value) || json_is_object(value) || json_is_array(value)) {
            sl_buf_text(&out, other);
        } else {
            char *text = naive_text(value);

            sl_buf_text(&out, text);
            free(text);
        }
        json_decref(value);
    }
    result = json_stringn(out.n ? out.p : "", out.n);
    sl_buf_release(&out);
    return result;
}

/* A new reference; NULL: nothing is set. */
static json_t *written(const struct writing *w, const json_t *template)
{
    const char *text = json_string_value(template);
    char path[256], other[256];
    json_t *value;
    bool has_other;

    if (!text)
        return json_incref((json_t *)template);
    if (*text != '{' || text[1] == '{' || strchr(text, '}')[1])
        return write_text(w, text);
    read_braces(text, path, other, &has_other);
    value = value_of(w, path);
    if ((is_empty(value) && has_other) || !value || json_is_null(value)) {
        json_decref(value);
        return has_other ? json_string(other) : NULL;
    }
    return value;
}

static void do_set(const struct writing *w, const json_t *mapping, json_t *record, json_t *named)
{
    const char *path;
    const json_t *template;

    json_object_foreach((json_t *)mapping, path, template)
    {
        json_t *value = written(w, template);

        if (value)
            set(record, path, value, named);
    }
}

/* ---- the others ---- */

static void parse_one(struct naive_set *s, const json_t *pattern, const json_t *value,
                      json_t *record, json_t *named, bool *done)
{
    struct naive_groups groups;
    char *text;

    if (*done || !value || json_is_null(value) || json_is_object(value) || json_is_array(value))
        return;
    text = naive_text(value);
    *done = naive_search(s, pattern, false, text, &groups);
    for (int g = 1; *done && g < groups.n; g++)
        if (groups.names[g] && groups.begin[g] >= 0)
            set(record, groups.names[g],
                json_stringn(text + groups.begin[g], (size_t)(groups.end[g] - groups.begin[g])),
                named);
    free(text);
}

static void do_parse(struct naive_set *s, const json_t *mapping, const struct naive_record *judged,
                     json_t *record, json_t *named)
{
    const char *path;
    const json_t *patterns, *one;
    size_t i, k;

    json_object_foreach((json_t *)mapping, path, patterns)
    {
        const struct naive_record now = {record, judged->names};
        json_t *value = json_deep_copy(naive_find(&now, path)),
               *list = json_is_array(patterns) ? json_incref((json_t *)patterns)
                                               : json_pack("[O]", patterns);
        const json_t *element;
        bool done = false;

        json_array_foreach(list, i, one)
        {
            json_array_foreach(value, k, element) parse_one(s, one, element, record, named, &done);
            parse_one(s, one, value, record, named, &done);
        }
        json_decref(list);
        json_decref(value);
    }
}

static void do_rename(const json_t *mapping, json_t *record, json_t *named)
{
    json_t *values = json_object();
    const struct naive_record now = {record, NULL};
    const char *old, *path;
    const json_t *new;
    json_t *value;

    json_object_foreach((json_t *)mapping, old, new)
    {
        const json_t *found = naive_find(&now, old);

        if (found)
            json_object_set_new(values, json_string_value(new), json_deep_copy(found));
    }
    json_object_foreach((json_t *)mapping, old, new)
    {
        if (json_object_get(values, json_string_value(new)) && !json_object_get(values, old))
            take_out(record, old, named);
    }
    json_object_foreach(values, path, value) set(record, path, json_incref(value), named);
    json_decref(values);
}

static char *masked(struct naive_set *s, const json_t *pattern, const char *mask, const char *text)
{
    struct naive_groups groups;
    struct sl_buf out;

    sl_buf_init(&out, 1 << 20);
    while (*text && naive_search(s, pattern, false, text, &groups) && groups.end[0] > 0) {
        sl_buf_append(&out, text, (size_t)groups.begin[0]);
        sl_buf_text(&out, mask);
        text += groups.end[0];
    }
    sl_buf_text(&out, text);
    return sl_buf_take(&out);
}

static void redact_below(struct naive_set *s, const json_t *redact, json_t *value, json_t **ret)
{
    const char *key;
    json_t *one, *new;
    void *tmp;
    char *text, *out;
    size_t i;

    *ret = NULL;
    json_object_foreach_safe(value, tmp, key, one)
    {
        redact_below(s, redact, one, &new);
        if (new)
            json_object_set_new(value, key, new);
    }
    json_array_foreach(value, i, one)
    {
        redact_below(s, redact, one, &new);
        if (new)
            json_array_set_new(value, i, new);
    }
    if (!json_is_string(value) && !json_is_number(value))
        return;
    text = naive_text(value);
    out = masked(s, json_object_get(redact, "regex"),
                 json_string_value(json_object_get(redact, "mask")), text);
    if (strcmp(text, out) != 0)
        *ret = json_string(out);
    free(text);
    free(out);
}

/* Each spelling of a path is looked at, so that no value remains under another. */
static void redact_path(struct naive_set *s, const json_t *redact, json_t *object, const char *path)
{
    for (size_t n = strlen(path); n > 0; n--) {
        json_t *at, *new = NULL;

        if (path[n] != '.' && path[n] != '\0')
            continue;
        at = json_object_getn(object, path, n);
        if (at && path[n] && json_is_object(at))
            redact_path(s, redact, at, path + n + 1);
        else if (at && !path[n])
            redact_below(s, redact, at, &new);
        if (new)
            json_object_setn_new(object, path, n, new);
    }
}

struct redacting {
    struct naive_set *set;
    const json_t *redact;
    json_t *named;
};

static void redact_key(void *user, json_t *object, const char *key)
{
    const struct redacting *r = user;
    json_t *new;

    name(r->named, key);
    redact_below(r->set, r->redact, json_object_get(object, key), &new);
    if (new)
        json_object_set_new(object, key, new);
}

static void do_redact(struct naive_set *s, const json_t *redact, json_t *record, json_t *named)
{
    const json_t *fields = json_object_get(redact, "fields"), *one;
    struct redacting r = {s, redact, named};
    json_t *none;
    size_t i;

    json_array_foreach(fields, i, one)
    {
        name(named, json_string_value(one));
        redact_path(s, redact, record, json_string_value(one));
        each_below(record, json_string_value(one), redact_key, &r);
    }
    if (!fields) {
        redact_below(s, redact, record, &none);
        json_object_set_new(named, "*", json_true());
    }
}

void naive_change(struct naive_set *s, const json_t *rule, const struct naive_record *judged,
                  json_t *record, json_t *named)
{
    const struct capture captures = {s, judged, NULL};
    struct writing w = {&captures, json_object_get(rule, "when"), NULL};
    const json_t *redact = json_object_get(rule, "redact"),
                 *remove = json_object_get(rule, "remove"), *one;
    json_t *before;
    size_t i;

    do_parse(s, json_object_get(rule, "parse"), judged, record, named);
    if (json_object_get(rule, "set")) {
        w.before = before = json_deep_copy(record);
        do_set(&w, json_object_get(rule, "set"), record, named);
        json_decref(before);
    }
    do_rename(json_object_get(rule, "rename"), record, named);
    json_array_foreach(remove, i, one)
    {
        take_out(record, json_string_value(one), named);
        each_below(record, json_string_value(one), delete, named);
    }
    if (redact)
        do_redact(s, redact, record, named);
}
