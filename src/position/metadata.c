/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "sluice/position.h"

enum { ID_CHARS = 6, NUMBER_MAX = 24 };

static const char version[] = "2;b=";

/* 36 bits of the id's SHA-256, in base64url: 64 sinks meet by chance once in 30 million
 * configurations, and then both ids are left out. */
void sl_metadata_short_id(const char *id, char ret[ID_CHARS + 1])
{
    uint8_t digest[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_sha256(id, strlen(id), digest);
    sl_buf_init(&text, 64);
    sl_base64url(&text, digest, 6);
    memcpy(ret, text.p, ID_CHARS);
    ret[ID_CHARS] = '\0';
    sl_buf_release(&text);
}

static void base36(int64_t signed_v, char ret[NUMBER_MAX])
{
    uint64_t v = signed_v < 0 ? 0 - (uint64_t)signed_v : (uint64_t)signed_v;
    char *at = ret + NUMBER_MAX - 1;

    *at = '\0';
    do {
        *--at = "0123456789abcdefghijklmnopqrstuvwxyz"[v % 36];
        v /= 36;
    } while (v > 0);
    if (signed_v < 0)
        *--at = '-';
    memmove(ret, at, strlen(at) + 1);
}

/* ---- writing ---- */

static void put_position(struct sl_buf *out, const char *id, char kind, int64_t delta, bool behind,
                         int64_t length)
{
    char number[NUMBER_MAX];

    base36(delta, number);
    sl_buf_printf(out, ";%c%s=%s%s", kind, id, number, behind ? "!" : "");
    if (length > 0) {
        base36(length, number);
        sl_buf_printf(out, "+%s", number);
    }
}

static void put_sinks(struct sl_buf *out, const struct sl_partition *p,
                      const struct sl_position_names *names, int64_t base, bool exact)
{
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_plan *plan = &p->sinks[i].plan;
        int64_t delta = sl_partition_position(p, i) - base;
        char id[ID_CHARS + 1];

        /* Who is given as the base starts there, and nothing is lost. */
        if (!exact && plan->end == 0)
            delta = 0;
        sl_metadata_short_id(names->sink_ids[i], id);
        put_position(out, id, 's', delta, sl_partition_behind(p, i),
                     plan->end > 0 ? plan->end - plan->first : 0);
    }
}

static void put_eras(struct sl_buf *out, const struct sl_partition *p, int64_t base)
{
    char number[NUMBER_MAX];

    for (size_t i = 0; i < p->n_eras; i++) {
        base36(p->eras[i].begin - base, number);
        sl_buf_printf(out, ";v%s=%s", number, p->eras[i].rules);
    }
}

static void put_carried(struct sl_buf *out, const struct sl_partition *p,
                        const struct sl_position_names *names, int64_t base, bool exact)
{
    for (size_t i = 0; i < p->n_carried; i++) {
        const struct sl_carried *c = &p->carried[i];
        char number[NUMBER_MAX];

        if (names->day > c->day + SL_CARRY_DAYS ||
            (!exact && c->plan_end == 0 && c->position >= base))
            continue;
        put_position(out, c->id, 'u', c->position - base, c->behind,
                     c->plan_end > 0 ? c->plan_end - c->position : 0);
        base36(c->day, number);
        sl_buf_printf(out, "@%s", number);
    }
}

size_t sl_metadata_write(const struct sl_partition *p, const struct sl_position_names *names,
                         char ret[SL_METADATA_MAX])
{
    int64_t base = sl_partition_least(p);
    struct sl_buf out;
    size_t n = 0;

    sl_buf_init(&out, SL_METADATA_MAX - 1);
    for (unsigned squeeze = 0; squeeze < 3 && n == 0; squeeze++) {
        sl_buf_clear(&out);
        sl_buf_printf(&out, "%s%" PRId64, version, base);
        put_sinks(&out, p, names, base, squeeze < 1);
        put_eras(&out, p, base);
        put_carried(&out, p, names, base, squeeze < 2);
        if (!out.full)
            n = out.n;
    }
    if (n > 0)
        memcpy(ret, out.p, n);
    ret[n] = '\0';
    sl_buf_release(&out);
    return n;
}

/* ---- reading ---- */

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

/* An offset from the base; no offset is negative. */
static bool offset(struct sl_slice *text, int64_t base, int64_t *ret)
{
    int64_t delta;

    return number(text, 36, &delta) && !__builtin_add_overflow(base, delta, ret) && *ret >= 0;
}

static bool read_position(struct sl_slice value, int64_t base, struct sl_metadata_entry *ret)
{
    int64_t length = 0;

    if (!offset(&value, base, &ret->offset))
        return false;
    ret->behind = taken(&value, '!');
    if (taken(&value, '+') && (!number(&value, 36, &length) || length <= 0 ||
                               __builtin_add_overflow(ret->offset, length, &ret->plan_end)))
        return false;
    if (ret->kind == 's' ? ret->offset < base
                         : !taken(&value, '@') || !number(&value, 36, &ret->day) || ret->day < 0)
        return false;
    return value.n == 0;
}

static bool read_entry(struct sl_slice key, struct sl_slice value, int64_t base,
                       struct sl_metadata_entry *ret)
{
    *ret = (struct sl_metadata_entry){.kind = key.n > 0 ? *key.p : '\0'};
    key = sl_slice(key.p + 1, key.n > 0 ? key.n - 1 : 0);
    if (ret->kind == 'v') {
        if (value.n != SL_RULES_HEAD)
            return false;
        memcpy(ret->id, value.p, value.n);
        return offset(&key, base, &ret->offset) && key.n == 0;
    }
    if ((ret->kind != 's' && ret->kind != 'u') || key.n != ID_CHARS)
        return false;
    memcpy(ret->id, key.p, key.n);
    return read_position(value, base, ret);
}

bool sl_metadata_each(struct sl_slice line, int64_t committed,
                      void (*each)(void *user, const struct sl_metadata_entry *e), void *user)
{
    const size_t n = sizeof(version) - 1;
    struct sl_slice key, value;
    struct sl_metadata_entry e;
    int64_t base;

    if (!line.p || line.n >= SL_METADATA_MAX || line.n < n || memcmp(line.p, version, n) != 0)
        return false;
    line = sl_slice(line.p + n, line.n - n);
    if (!number(&line, 10, &base) || base != committed || (line.n > 0 && !taken(&line, ';')))
        return false;
    while (line.n > 0) {
        if (!next_pair(&line, &key, &value) || !read_entry(key, value, base, &e))
            return false;
        if (each)
            each(user, &e);
    }
    return true;
}

struct reading {
    struct sl_partition *p;
    const struct sl_position_names *names;
    int64_t committed;
    bool *new_sinks;
};

/* The sink with this short id; n_sinks when there is none, or more than one. */
static size_t sink_of(const struct reading *r, const char *id)
{
    size_t found = r->p->n_sinks;

    for (size_t i = 0; i < r->p->n_sinks; i++) {
        char mine[ID_CHARS + 1];

        sl_metadata_short_id(r->names->sink_ids[i], mine);
        if (strcmp(id, mine) != 0)
            continue;
        if (found < r->p->n_sinks)
            return r->p->n_sinks;
        found = i;
    }
    return found;
}

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
    memcpy(c->id, e->id, sizeof(c->id));
}

static void set_sink(const struct reading *r, size_t sink, const struct sl_metadata_entry *e)
{
    struct sl_sink_position *s = &r->p->sinks[sink];

    if (r->new_sinks)
        r->new_sinks[sink] = false;
    s->from = e->offset;
    if (!e->behind && e->plan_end == 0 && e->offset >= r->committed)
        return;
    s->catch_up = e->offset;
    s->from = INT64_MAX;
    if (e->plan_end > 0)
        s->plan = (struct sl_plan){.first = e->offset, .end = e->plan_end, .confirmed = true};
}

static void take_entry(void *user, const struct sl_metadata_entry *e)
{
    const struct reading *r = user;
    struct sl_partition *p = r->p;
    size_t sink;

    if (e->kind == 'v') {
        struct sl_era *last = p->n_eras > 0 ? &p->eras[p->n_eras - 1] : NULL;

        if (last && last->begin >= e->offset)
            return;
        p->eras = sl_reallocarray(p->eras, p->n_eras + 1, sizeof(*p->eras));
        p->eras[p->n_eras] = (struct sl_era){.begin = e->offset};
        memcpy(p->eras[p->n_eras++].rules, e->id, sizeof(p->eras[0].rules));
        return;
    }
    sink = sink_of(r, e->id);
    if (sink < p->n_sinks)
        set_sink(r, sink, e);
    else
        carry(r, e);
}

bool sl_metadata_read(struct sl_partition *p, const struct sl_position_names *names,
                      int64_t committed, struct sl_slice line, bool *new_sinks)
{
    struct reading r = {p, names, committed, new_sinks};

    if (!sl_metadata_each(line, committed, NULL, NULL))
        return false;
    sl_partition_void(p, committed);
    for (size_t i = 0; new_sinks && i < p->n_sinks; i++)
        new_sinks[i] = true;
    return sl_metadata_each(line, committed, take_entry, &r);
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

uint64_t sl_partition_fingerprint(const struct sl_partition *p)
{
    uint64_t hash = p->n_eras ? (uint64_t)p->eras[p->n_eras - 1].begin : 0;

    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_plan *plan = &p->sinks[i].plan;
        uint64_t parts[4] = {hash, (uint64_t)sl_partition_position(p, i), (uint64_t)plan->end,
                             sl_partition_behind(p, i)};

        hash = sl_hash(parts, sizeof(parts));
    }
    return hash;
}
