/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "sluice/position.h"

/* Reading the line beside the committed offset: see position.h. Whatever it says may be damaged or
 * another's: what is not as metadata.c writes it makes all of it void. */

enum { ID_CHARS = 6, DAY_MAX = 1 << 30, STARTS_MAX = 1 << 20 };

static const char version[] = "2;b=";

/* The next "key=value" of the line. */
static bool next_pair(struct sl_slice *line, struct sl_slice *ret_key, struct sl_slice *ret_value)
{
    const char *end, *equals;

    if (line->n == 0)
        return false;
    end = memchr(line->p, ';', line->n);
    if (!end)
        end = line->p + line->n;
    equals = memchr(line->p, '=', (size_t)(end - line->p));
    if (!equals)
        return false;
    *ret_key = sl_slice(line->p, (size_t)(equals - line->p));
    *ret_value = sl_slice(equals + 1, (size_t)(end - equals - 1));
    line->n -= (size_t)(end - line->p);
    line->p = end;
    if (line->n > 0) {
        line->p++;
        line->n--;
    }
    return true;
}

static unsigned digit(char c)
{
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10
                                  : 99;
}

/* A number at the beginning of the text, which is taken off. */
static bool number(struct sl_slice *text, unsigned base, int64_t *ret)
{
    bool negative = base == 36 && text->n > 0 && *text->p == '-';
    size_t i = negative;
    uint64_t v = 0;

    for (; i < text->n && digit(text->p[i]) < base; i++) {
        if (v > (uint64_t)INT64_MAX / base - 1)
            return false;
        v = v * base + digit(text->p[i]);
    }
    if (i == (size_t)negative)
        return false;
    *ret = negative ? -(int64_t)v : (int64_t)v;
    text->p += i;
    text->n -= i;
    return true;
}

static bool taken(struct sl_slice *text, char c)
{
    if (text->n == 0 || *text->p != c)
        return false;
    text->p++;
    text->n--;
    return true;
}

/* An offset from the base. None is negative, and the greatest number means "none" elsewhere. */
static bool offset(struct sl_slice *text, int64_t base, int64_t *ret)
{
    int64_t delta;

    return number(text, 36, &delta) && !__builtin_add_overflow(base, delta, ret) && *ret >= 0 &&
           *ret < INT64_MAX;
}

static bool read_position(struct sl_slice value, int64_t base, struct sl_metadata_entry *ret)
{
    int64_t length = 0;

    if (!offset(&value, base, &ret->offset))
        return false;
    ret->behind = taken(&value, '!');
    if (taken(&value, '+') &&
        (!number(&value, 36, &length) || length <= 0 ||
         __builtin_add_overflow(ret->offset, length, &ret->plan_end) || ret->plan_end == INT64_MAX))
        return false;
    if (ret->kind == 's')
        return ret->offset >= base && value.n == 0;
    return taken(&value, '@') && number(&value, 36, &ret->day) && ret->day >= 0 &&
           ret->day <= DAY_MAX && value.n == 0;
}

/* Names are written again as they are read, so that nothing may stand in them that is not in a
 * name. */
static bool read_name(struct sl_slice text, char ret[SL_RULES_HEAD + 1])
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (digit(c) >= 36 && !(c >= 'A' && c <= 'Z') && c != '-' && c != '_')
            return false;
    }
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
    return true;
}

static bool read_starts(struct sl_slice value, unsigned *ret)
{
    int64_t n;

    if (!number(&value, 36, &n) || n < 1 || n > STARTS_MAX || value.n > 0)
        return false;
    *ret = (unsigned)n;
    return true;
}

static bool read_entry(struct sl_slice key, struct sl_slice value, int64_t base,
                       struct sl_metadata_entry *ret)
{
    *ret = (struct sl_metadata_entry){.kind = key.n > 0 ? *key.p : '\0'};
    key = sl_slice(key.p + 1, key.n > 0 ? key.n - 1 : 0);
    if (ret->kind == 'n')
        return key.n == 0 && read_starts(value, &ret->starts);
    if (ret->kind == 'v')
        return value.n <= SL_RULES_HEAD && read_name(value, ret->id) &&
               offset(&key, base, &ret->offset) && key.n == 0;
    return (ret->kind == 's' || ret->kind == 'u') && key.n == ID_CHARS && read_name(key, ret->id) &&
           read_position(value, base, ret);
}

bool sl_metadata_each(struct sl_slice line, int64_t committed,
                      void (*each)(void *user, const struct sl_metadata_entry *e), void *user)
{
    const size_t n = sizeof(version) - 1;
    struct sl_slice key, value;
    struct sl_metadata_entry e;
    int64_t base, era = -1;

    if (!line.p || line.n >= SL_METADATA_MAX || line.n < n || memcmp(line.p, version, n) != 0)
        return false;
    line = sl_slice(line.p + n, line.n - n);
    if (!number(&line, 10, &base) || base != committed || (line.n > 0 && !taken(&line, ';')))
        return false;
    while (line.n > 0) {
        if (!next_pair(&line, &key, &value) || !read_entry(key, value, base, &e) ||
            (e.kind == 'v' && e.offset <= era))
            return false;
        if (e.kind == 'v')
            era = e.offset;
        if (each)
            each(user, &e);
    }
    return true;
}

struct reading {
    struct sl_partition *p;
    const struct sl_position_names *names;
    int64_t committed;
    bool *absent; /* by sink: no entry was its yet */
};

static void carry(const struct reading *r, const struct sl_metadata_entry *e)
{
    struct sl_partition *p = r->p;
    struct sl_carried *c;

    p->carried = sl_reallocarray(p->carried, p->n_carried + 1, sizeof(*p->carried));
    c = &p->carried[p->n_carried++];
    *c = (struct sl_carried){.position = e->offset,
                             .plan_end = e->plan_end,
                             .behind = e->behind,
                             .day = e->kind == 'u' ? e->day : r->names->day};
    memcpy(c->id, e->id, ID_CHARS);
}

static void add_era(struct sl_partition *p, const struct sl_metadata_entry *e)
{
    p->eras = sl_reallocarray(p->eras, p->n_eras + 1, sizeof(*p->eras));
    p->eras[p->n_eras] = (struct sl_era){.begin = e->offset};
    memcpy(p->eras[p->n_eras++].rules, e->id, sizeof(e->id));
}

static void set_sink(const struct reading *r, size_t sink, const struct sl_metadata_entry *e,
                     bool shared)
{
    struct sl_sink_position *s = &r->p->sinks[sink];
    bool behind = e->behind || e->plan_end > 0 || e->offset < r->committed;
    int64_t position = e->offset;

    if (!r->absent[sink]) { /* which of the two entries is its own, nobody can tell */
        int64_t other = s->catch_up >= 0 ? s->catch_up : s->from;

        position = other < position ? other : position;
        behind = behind || s->catch_up >= 0;
        shared = true;
    }
    r->absent[sink] = false;
    s->from = behind ? INT64_MAX : position;
    s->catch_up = behind ? position : -1;
    s->plan = (struct sl_plan){0};
    if (!shared && e->plan_end > 0)
        s->plan = (struct sl_plan){.first = e->offset, .end = e->plan_end, .confirmed = true};
}

static bool is_called(const struct reading *r, size_t sink, const char *short_id)
{
    char mine[ID_CHARS + 1];

    sl_metadata_short_id(r->names->sink_ids[sink], mine);
    return strcmp(short_id, mine) == 0;
}

static void take_entry(void *user, const struct sl_metadata_entry *e)
{
    const struct reading *r = user;
    size_t called = 0;

    if (e->kind == 'n') {
        r->p->starts = e->starts;
        return;
    }
    if (e->kind == 'v') {
        add_era(r->p, e);
        return;
    }
    for (size_t i = 0; i < r->p->n_sinks; i++)
        called += is_called(r, i, e->id);
    for (size_t i = 0; called > 0 && i < r->p->n_sinks; i++)
        if (is_called(r, i, e->id))
            set_sink(r, i, e, called > 1);
    if (called == 0)
        carry(r, e);
}

/* The log has no such offsets. */
static void check_end(void *user, const struct sl_metadata_entry *e)
{
    struct sl_partition **p = user;

    if (*p && (*p)->log_end >= 0 && (e->offset > (*p)->log_end || e->plan_end > (*p)->log_end))
        *p = NULL;
}

bool sl_metadata_read(struct sl_partition *p, const struct sl_position_names *names,
                      int64_t committed, struct sl_slice line, bool *new_sinks)
{
    struct reading r = {p, names, committed, NULL};
    struct sl_partition *fits = p;

    if (!sl_metadata_each(line, committed, check_end, &fits) || !fits)
        return false;
    p->n_carried = 0;
    p->starts = 0;
    sl_partition_void(p, 0); /* whatever it was */
    r.absent = sl_zalloc(p->n_sinks + 1);
    for (size_t i = 0; i < p->n_sinks; i++) {
        p->sinks[i].from = committed;
        r.absent[i] = true;
    }
    sl_metadata_each(line, committed, take_entry, &r);
    if (new_sinks)
        memcpy(new_sinks, r.absent, p->n_sinks * sizeof(*new_sinks));
    free(r.absent);
    return true;
}

struct reach {
    int64_t low;
    bool found;
};

static void reaches(void *user, const struct sl_metadata_entry *e)
{
    struct reach *r = user;

    if (e->kind == 's' && e->offset >= r->low)
        r->found = true;
}

bool sl_metadata_reaches(struct sl_slice line, int64_t committed, int64_t low)
{
    struct reach r = {.low = low};

    return sl_metadata_each(line, committed, reaches, &r) && r.found;
}
