/* SPDX-License-Identifier: Apache-2.0 */
#include "record/patterns.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "record/forms.h"

struct rule {
    struct sl_regex **items;
    size_t n;
};

struct sl_patterns {
    struct rule *rules;
    size_t n;
    struct sl_regex_scratch *scratch;
};

/* ---- making ---- */

static int add_rule(struct rule *to, const struct sl_decode_rule *from, struct sl_error *err)
{
    to->items = sl_calloc(from->patterns.n + 1, sizeof(struct sl_regex *));
    for (; to->n < from->patterns.n; to->n++) {
        const char *pattern = from->patterns.items[to->n];
        size_t offset;

        to->items[to->n] = sl_regex_new(sl_slice_str(pattern), false, &offset, err);
        if (!to->items[to->n]) {
            if (err) {
                err->about = pattern;
                err->column = (unsigned)offset + 1;
            }
            return SL_EINVAL;
        }
    }
    return SL_OK;
}

int sl_patterns_new(const struct sl_decode_rule *rules, size_t n, struct sl_patterns **ret,
                    struct sl_error *err)
{
    struct sl_patterns *p;
    bool any = false;
    int rc = SL_OK;

    *ret = NULL;
    for (size_t i = 0; i < n; i++)
        any |= rules[i].patterns.n > 0;
    if (!any)
        return SL_OK;
    p = *ret = sl_zalloc(sizeof(*p));
    p->rules = sl_calloc(n, sizeof(*p->rules));
    p->scratch = sl_regex_scratch_new();
    for (; p->n < n && rc == SL_OK; p->n++)
        rc = add_rule(&p->rules[p->n], &rules[p->n], err);
    return rc;
}

void sl_patterns_free(struct sl_patterns *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        for (size_t j = 0; j < p->rules[i].n; j++)
            sl_regex_free(p->rules[i].items[j]);
        free(p->rules[i].items);
    }
    free(p->rules);
    sl_regex_scratch_free(p->scratch);
    free(p);
}

bool sl_patterns_any(const struct sl_patterns *p, unsigned rule)
{
    return p && rule > 0 && rule <= p->n && p->rules[rule - 1].n > 0;
}

/* ---- a text ---- */

static bool names_time(const char *name)
{
    return !strcmp(name, "time") || !strcmp(name, "timestamp") || !strcmp(name, "ts");
}

static void take_groups(const struct sl_regex *regex, const struct sl_regex_span *spans,
                        const struct sl_form_context *c, struct sl_slice text,
                        struct sl_parsed *ret)
{
    for (unsigned i = 1; i <= sl_regex_groups(regex) && i <= SL_REGEX_GROUPS_MAX; i++) {
        const char *name = sl_regex_group_name(regex, i);
        struct sl_slice value;

        if (!name || spans[i].begin > spans[i].end)
            continue;
        value = sl_slice(text.p + spans[i].begin, spans[i].end - spans[i].begin);
        if (names_time(name) && sl_form_moment(c, value, ret))
            continue;
        if (strcmp(name, "msg") == 0 || strcmp(name, "message") == 0)
            sl_form_message(ret, value);
        else
            sl_members_string(ret->members, sl_slice_str(name), value);
    }
}

bool sl_patterns_parse(const struct sl_patterns *p, unsigned rule, const struct sl_form_context *c,
                       struct sl_slice text, struct sl_parsed *ret)
{
    const struct rule *of = &p->rules[rule - 1];
    struct sl_regex_span spans[SL_REGEX_GROUPS_MAX + 1];

    sl_regex_begin(p->scratch);
    ret->error = "no pattern matches";
    for (size_t i = 0; i < of->n; i++) {
        int found =
            sl_regex_search(of->items[i], p->scratch, text, 0, spans, SL_REGEX_GROUPS_MAX + 1);

        if (found == 1) {
            take_groups(of->items[i], spans, c, text, ret);
            return true;
        }
        if (found != 0) { /* neither match nor mismatch: what comes next must not be asked */
            ret->error = "pattern: limit";
            return false;
        }
    }
    return false;
}
