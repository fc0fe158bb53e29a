/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/buf.h"
#include "base/hash.h"
#include "sluice/position.h"

enum { ID_CHARS = 6, NUMBER_MAX = 24 };

static const char version[] = "2;b=";

/* 36 bits of the id's SHA-256, in base64url: 64 sinks meet by chance once in 30 million
 * configurations. */
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

/* What is given up, one after the other, while the line is too long. */
enum squeeze { EXACT, SINKS_AT_BASE, CARRIED_AT_BASE, WITHOUT_CARRIED, N_SQUEEZES };

struct writing {
    const struct sl_partition *p;
    const struct sl_position_names *names;
    int64_t base;
    enum squeeze squeeze;
    struct sl_buf out;
};

static void put_sinks(struct writing *w)
{
    for (size_t i = 0; i < w->p->n_sinks; i++) {
        const struct sl_plan *plan = &w->p->sinks[i].plan;
        int64_t delta = sl_partition_position(w->p, i) - w->base;
        char id[ID_CHARS + 1];

        /* Who is given as the base starts there, and nothing is lost. */
        if (w->squeeze >= SINKS_AT_BASE && plan->end == 0)
            delta = 0;
        sl_metadata_short_id(w->names->sink_ids[i], id);
        put_position(&w->out, id, 's', delta, sl_partition_behind(w->p, i),
                     plan->end > 0 ? plan->end - plan->first : 0);
    }
}

/* Where a carried position is given; -1: not at all. */
static int64_t carried_at(const struct writing *w, const struct sl_carried *c)
{
    bool loose = c->plan_end == 0 && c->position >= w->base;

    if (w->names->day - c->day > SL_CARRY_DAYS || (loose && w->squeeze >= WITHOUT_CARRIED))
        return -1;
    return loose && w->squeeze >= CARRIED_AT_BASE ? w->base : c->position;
}

/* The end of what the line's positions and plans say has been judged. */
static int64_t judged(const struct writing *w)
{
    int64_t at = w->base;

    for (size_t i = 0; i < w->p->n_sinks; i++)
        if (w->p->sinks[i].plan.end > at)
            at = w->p->sinks[i].plan.end;
    for (size_t i = 0; i < w->p->n_carried; i++) {
        const struct sl_carried *c = &w->p->carried[i];
        int64_t position = carried_at(w, c);

        if (position >= 0 && c->plan_end > position)
            position = c->plan_end;
        if (position > at)
            at = position;
    }
    return at;
}

static void put_eras(struct writing *w)
{
    int64_t end = w->squeeze == EXACT ? INT64_MAX : judged(w);
    char number[NUMBER_MAX];

    for (size_t i = 0; i < w->p->n_eras && (i == 0 || w->p->eras[i].begin < end); i++) {
        base36(w->p->eras[i].begin - w->base, number);
        sl_buf_printf(&w->out, ";v%s=%s", number, w->p->eras[i].rules);
    }
}

static void put_carried(struct writing *w)
{
    for (size_t i = 0; i < w->p->n_carried; i++) {
        const struct sl_carried *c = &w->p->carried[i];
        int64_t position = carried_at(w, c);
        char number[NUMBER_MAX];

        if (position < 0)
            continue;
        put_position(&w->out, c->id, 'u', position - w->base, c->behind,
                     c->plan_end > 0 ? c->plan_end - c->position : 0);
        base36(c->day, number);
        sl_buf_printf(&w->out, "@%s", number);
    }
}

static void put_starts(struct writing *w)
{
    char number[NUMBER_MAX];

    if (w->p->starts == 0)
        return;
    base36(w->p->starts, number);
    sl_buf_printf(&w->out, ";n=%s", number);
}

size_t sl_metadata_write(const struct sl_partition *p, const struct sl_position_names *names,
                         char ret[SL_METADATA_MAX])
{
    struct writing w = {.p = p, .names = names, .base = sl_partition_least(p)};
    size_t n = 0;

    sl_buf_init(&w.out, SL_METADATA_MAX - 1);
    for (; w.base >= 0 && w.squeeze < N_SQUEEZES && n == 0; w.squeeze++) {
        sl_buf_clear(&w.out);
        sl_buf_printf(&w.out, "%s%" PRId64, version, w.base);
        put_sinks(&w);
        put_eras(&w);
        put_carried(&w);
        put_starts(&w);
        if (!w.out.full)
            n = w.out.n;
    }
    if (n > 0)
        memcpy(ret, w.out.p, n);
    ret[n] = '\0';
    sl_buf_release(&w.out);
    return n;
}

static uint64_t fold(uint64_t hash, int64_t a, int64_t b, int64_t c)
{
    int64_t parts[4] = {(int64_t)hash, a, b, c};

    return sl_hash(parts, sizeof(parts));
}

uint64_t sl_partition_fingerprint(const struct sl_partition *p)
{
    uint64_t hash = p->starts;

    for (size_t i = 0; i < p->n_eras; i++)
        hash = fold(hash, p->eras[i].begin,
                    (int64_t)sl_hash(p->eras[i].rules, strlen(p->eras[i].rules)), 0);
    for (size_t i = 0; i < p->n_sinks; i++)
        hash = fold(hash, sl_partition_position(p, i), p->sinks[i].plan.end,
                    sl_partition_behind(p, i));
    for (size_t i = 0; i < p->n_carried; i++)
        hash = fold(hash, p->carried[i].position, p->carried[i].plan_end, p->carried[i].day);
    return hash;
}
