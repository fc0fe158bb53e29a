/* SPDX-License-Identifier: Apache-2.0 */
#include "route/redact.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "route/redact_impl.h"

enum { TEXT_MAX = 64 << 20 }; /* one text of a record */

struct redacting {
    const struct sl_redact_clause *clause;
    const struct sl_secret *key;
    struct sl_effort *effort;
};

/* What a finder finds next. */
struct next {
    bool none; /* nothing more */
    size_t from;
    struct sl_found found;
};

/* ---- finding ---- */

static size_t past_character(struct sl_slice text, size_t at)
{
    for (at++; at < text.n && ((unsigned char)text.p[at] & 0xc0) == 0x80;)
        at++;
    return at;
}

/* The pattern's next match of which the group took part and is not empty: SL_OK or SL_ELIMIT. */
static int search(const struct sl_finder *f, struct sl_effort *e, struct sl_slice text,
                  struct next *n)
{
    struct sl_regex_span spans[SL_REGEX_GROUPS_MAX + 1];

    while (n->from <= text.n) {
        size_t from = n->from;
        int found;

        if (!sl_effort_take(e, 0))
            return SL_ELIMIT;
        found = sl_regex_search(f->regex, e->regex, text, from, spans, f->group + 1);
        if (found < 0)
            return SL_ELIMIT;
        if (found == 0 || spans[0].begin > spans[0].end)
            break; /* an odd use of \K ends before it begins; there is no next place */
        /* What lies behind the match has not been looked at, or is little. */
        e->subject_bytes += spans[0].end > from ? spans[0].end - from : 0;
        n->from = spans[0].end > from ? spans[0].end : past_character(text, from);
        n->found = (struct sl_found){spans[f->group].begin, spans[f->group].end};
        if (n->found.begin < n->found.end)
            return SL_OK;
    }
    e->subject_bytes += n->from < text.n ? text.n - n->from : 0;
    n->none = true;
    return e->subject_bytes <= SL_SUBJECT_BYTES_MAX ? SL_OK : SL_ELIMIT;
}

static int find_next(const struct sl_finder *f, struct sl_effort *e, struct sl_slice text,
                     struct next *n)
{
    if (f->regex)
        return search(f, e, text, n);
    n->none = !sl_detect(f->detector, text, n->from, &n->found);
    n->from = n->found.end;
    return SL_OK;
}

/* ---- replacing ---- */

static void write_word(const struct redacting *r, const char *name, struct sl_slice text,
                       struct sl_buf *out)
{
    const struct sl_redact_clause *c = r->clause;
    uint8_t sum[SL_SHA256_BYTES];
    char hex[SL_REDACT_HASH_BYTES * 2 + 1];

    if (c->mask) {
        sl_buf_text(out, c->mask);
        return;
    }
    if (!c->hash) {
        sl_buf_printf(out, "[%s]", name);
        return;
    }
    sl_hmac_sha256(sl_slice_str(sl_secret_value(r->key)), text, sum);
    sl_hex(sum, SL_REDACT_HASH_BYTES, hex);
    sl_buf_printf(out, "[%s:%s]", name, hex);
}

/* The finder whose next find begins first, the longest of those; -1: there is none. */
static int first_of(const struct next *nexts, size_t n)
{
    int first = -1;

    for (size_t i = 0; i < n; i++) {
        const struct sl_found *f = &nexts[i].found, *best = first < 0 ? NULL : &nexts[first].found;

        if (nexts[i].none)
            continue;
        if (!best || f->begin < best->begin || (f->begin == best->begin && f->end > best->end))
            first = (int)i;
    }
    return first;
}

/* What overlaps becomes one: of a thing that is found in part inside another nothing may stay. */
static int merge(const struct redacting *r, struct sl_slice text, struct next *nexts,
                 struct sl_found *ret)
{
    const struct sl_redact_clause *c = r->clause;
    bool again = true;
    int rc = SL_OK;

    while (again && rc == SL_OK) {
        again = false;
        for (size_t i = 0; i < c->n_finders && rc == SL_OK; i++)
            while (rc == SL_OK && !nexts[i].none && nexts[i].found.begin < ret->end) {
                again |= nexts[i].found.end > ret->end;
                ret->end = nexts[i].found.end > ret->end ? nexts[i].found.end : ret->end;
                rc = find_next(&c->finders[i], r->effort, text, &nexts[i]);
            }
    }
    return rc;
}

static int replace_found(const struct redacting *r, struct sl_slice text, struct sl_buf *out)
{
    const struct sl_redact_clause *c = r->clause;
    struct next nexts[SL_FINDERS_MAX];
    size_t done = 0;
    int first, rc = SL_OK;

    for (size_t i = 0; i < c->n_finders && rc == SL_OK; i++) {
        nexts[i] = (struct next){0};
        rc = find_next(&c->finders[i], r->effort, text, &nexts[i]);
    }
    first = rc == SL_OK ? first_of(nexts, c->n_finders) : -1;
    if (first < 0)
        return rc;
    sl_buf_byte(out, '"');
    for (; first >= 0 && rc == SL_OK; first = first_of(nexts, c->n_finders)) {
        struct sl_found f = nexts[first].found;

        /* A group may lie before the end of an earlier match: in a look-behind, say. */
        f.begin = f.begin < done ? done : f.begin;
        rc = merge(r, text, nexts, &f);
        if (f.end <= f.begin)
            continue;
        sl_json_escape(sl_slice(text.p + done, f.begin - done), out);
        write_word(r, c->finders[first].name, sl_slice(text.p + f.begin, f.end - f.begin), out);
        done = f.end;
    }
    sl_json_escape(sl_slice(text.p + done, text.n - done), out);
    sl_buf_byte(out, '"');
    return rc == SL_OK ? 1 : rc;
}

/* sl_leaf_fn */
static int replace_leaf(void *user, const struct sl_value *leaf, struct sl_buf *out)
{
    struct redacting *r = user;
    struct sl_slice text = sl_slice(leaf->p, leaf->n);

    if (leaf->type == SL_VALUE_STRING && leaf->escaped) {
        text = sl_value_text(leaf, &r->effort->text);
        if (r->effort->text.full)
            return SL_ELIMIT;
    }
    if (text.n == 0)
        return 0;
    if (!r->clause->all)
        return replace_found(r, text, out);
    sl_buf_byte(out, '"');
    write_word(r, "all", text, out);
    sl_buf_byte(out, '"');
    return 1;
}

int sl_redact_apply(const struct sl_redact *r, struct sl_changer *changer, struct sl_effort *effort,
                    const struct sl_record **record, struct sl_error *err)
{
    const struct sl_record *changed = *record;

    if (!effort->text.max)
        sl_buf_init(&effort->text, TEXT_MAX);
    for (size_t i = 0; i < r->n; i++) {
        struct redacting redacting = {&r->clauses[i], r->key, effort};

        changed = sl_record_edit_leaves(changer, r->clauses[i].editor, changed, replace_leaf,
                                        &redacting, err);
        if (!changed)
            return SL_ELIMIT;
    }
    *record = changed;
    return SL_OK;
}
