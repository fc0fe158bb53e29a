/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit_private.h"
#include "base/buf.h"
#include "base/hash.h"
#include "rules.h"
#include "store.h"

/* Commits: I4, whatever lies below has its outcomes at this moment; I5, so it is below each sink's
 * own position for that sink; and the plans that lines record, which alone allow an object. The
 * line is read by this file's own hand (its form: sluice/position.h). */

struct line {
    int64_t base;
    int64_t position[SINKS_MAX];                        /* -1: none */
    int64_t carried[SINKS_MAX];                         /* -1: not carried */
    int64_t plan_first[SINKS_MAX], plan_end[SINKS_MAX]; /* 0: none */
    struct {
        int64_t begin;
        int version; /* -1: unknown */
    } eras[32];
    size_t n_eras;
};

/* ---- names ---- */

static void short_id(unsigned sink, char ret[7])
{
    uint8_t digest[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_sha256(rules_id(sink), strlen(rules_id(sink)), digest);
    sl_buf_init(&text, 64);
    sl_base64url(&text, digest, 6);
    memcpy(ret, text.p, 6);
    ret[6] = '\0';
    sl_buf_release(&text);
}

static int sink_by_id(const char *id)
{
    static char ids[SINKS_MAX][7];

    for (unsigned i = 0; i < SINKS_MAX; i++) {
        if (!ids[i][0])
            short_id(i, ids[i]);
        if (strncmp(ids[i], id, 6) == 0)
            return (int)i;
    }
    return -1;
}

static int version_by_head(const char *head)
{
    const struct audit *a = sim->audit;

    for (size_t i = 0; i < a->n_versions; i++)
        if (strncmp(a->versions[i].head, head, 12) == 0)
            return (int)i;
    return -1;
}

/* ---- the line ---- */

static bool number(const char **at, int base, int64_t *ret)
{
    char *end;

    *ret = strtoll(*at, &end, base);
    if (end == *at)
        return false;
    *at = end;
    return true;
}

static bool read_sink(const char *at, bool carried, struct line *l)
{
    int sink = sink_by_id(at);
    int64_t delta, length, *position;

    if (strlen(at) < 8 || at[6] != '=')
        return false;
    at += 7;
    if (!number(&at, 36, &delta))
        return false;
    if (sink < 0)
        return true;
    position = carried ? &l->carried[sink] : &l->position[sink];
    *position = l->base + delta;
    at += *at == '!';
    if (*at == '+') {
        at++;
        if (!number(&at, 36, &length))
            return false;
        l->plan_first[sink] = *position;
        l->plan_end[sink] = *position + length;
    }
    return true;
}

static bool read_era(const char *at, struct line *l)
{
    int64_t delta;

    if (l->n_eras == 32 || !number(&at, 36, &delta) || *at != '=')
        return false;
    l->eras[l->n_eras].begin = l->base + delta;
    l->eras[l->n_eras++].version = version_by_head(at + 1);
    return true;
}

static void clear(struct line *l)
{
    *l = (struct line){0};
    for (unsigned i = 0; i < SINKS_MAX; i++)
        l->position[i] = l->carried[i] = -1;
}

static bool read_line(const char *text, struct line *ret)
{
    char part[128];
    const char *at = text;

    clear(ret);
    if (strncmp(text, "2;b=", 4) != 0)
        return false;
    at += 4;
    if (!number(&at, 10, &ret->base))
        return false;
    while (*at == ';') {
        size_t n = strcspn(++at, ";");

        if (n >= sizeof(part))
            return false;
        memcpy(part, at, n);
        part[n] = '\0';
        at += n;
        if ((part[0] == 's' && !read_sink(part + 1, false, ret)) ||
            (part[0] == 'u' && !read_sink(part + 1, true, ret)) ||
            (part[0] == 'v' && !read_era(part + 1, ret)))
            return false;
    }
    return *at == '\0';
}

/* ---- judging ---- */

/* A sink that was taken out of the configuration has its position carried, and is owed what lies
 * above. */
static unsigned owed_later(const struct line *l, int64_t offset)
{
    unsigned ret = 0;

    for (unsigned s = 0; s < SINKS_MAX; s++)
        if (l->carried[s] >= 0 && l->carried[s] <= offset)
            ret |= 1u << s;
    return ret;
}

static void check_below(struct k_partition *p, int64_t offset, const struct line *l)
{
    struct audit_partition *ap = audit_partition(p);

    for (; ap->checked < ap->n && ap->records[ap->checked]->offset < offset; ap->checked++) {
        const struct source_record *r = ap->records[ap->checked];

        if (audit_explained(r, ~owed_later(l, r->offset)))
            continue;
        sim_find("I4: logs-%d is committed at %ld, but record %u at %ld (kind %u) is delivered to "
                 "%x, dead letters %x",
                 (int)p->number, offset, r->n, r->offset, r->kind, r->delivered, r->dead);
        return;
    }
}

static void check_positions(struct k_partition *p, const struct line *l)
{
    struct audit_partition *ap = audit_partition(p);

    for (size_t i = ap->checked; i < ap->n; i++) {
        struct source_record *r = ap->records[i];
        unsigned past = 0;

        for (unsigned s = 0; s < SINKS_MAX; s++)
            if (l->position[s] > r->offset)
                past |= 1u << s;
        if (!past)
            return;
        for (unsigned s = 0; s < SINKS_MAX; s++)
            if (past >> s & 1 && !r->had_us[s])
                r->had_us[s] = sim->now_us;
        if (audit_explained(r, past))
            continue;
        sim_find("I5: the line of logs-%d at %ld says that sinks %x have record %u at %ld (kind "
                 "%u), but it is delivered "
                 "to %x, dead letters %x",
                 (int)p->number, l->base, past, r->n, r->offset, r->kind, r->delivered, r->dead);
        return;
    }
}

static struct audit_plan *find_plan(unsigned sink, int number, unsigned incarnation, int64_t first,
                                    int64_t end)
{
    struct audit_plan *plan = sim->audit->plans;

    while (plan && (plan->sink != sink || plan->number != number ||
                    plan->incarnation != incarnation || plan->first != first || plan->end != end))
        plan = plan->next;
    return plan;
}

static void unbind(struct k_partition *p, const struct audit_plan *plan)
{
    struct audit_partition *ap = audit_partition(p);

    for (size_t i = 0; i < ap->n; i++)
        if (ap->records[i]->offset >= p->start && ap->records[i]->offset < plan->end)
            ap->records[i]->judged = 0;
}

static void note_plans(struct k_partition *p, const struct line *l)
{
    struct audit *a = sim->audit;

    for (unsigned s = 0; s < SINKS_MAX; s++) {
        struct audit_plan *plan =
            find_plan(s, p->number, p->incarnation, l->plan_first[s], l->plan_end[s]);

        if (!l->plan_end[s])
            continue;
        if (!plan) {
            plan = sim_new(sizeof(*plan));
            *plan = (struct audit_plan){.next = a->plans,
                                        .sink = s,
                                        .number = p->number,
                                        .incarnation = p->incarnation,
                                        .first = l->plan_first[s],
                                        .end = l->plan_end[s]};
            a->plans = plan;
            a->n_plans++;
        }
        if (plan->torn || plan->first >= p->start)
            continue;
        plan->torn = true;
        reach(REACH_TORN);
        unbind(p, plan); /* without it, only who has had some of it binds */
    }
}

/* The line of now names the plans that are outstanding: who comes next cannot repeat one that has
 * lost its beginning, and may cut [start, ...) of the same records again. Excused is that overlap,
 * with the very object of that plan, and nothing else: what is cut afterwards has plans of its own.
 */
void audit_tear_plans(struct k_partition *p)
{
    struct line l;

    if (p->metadata && read_line(p->metadata, &l))
        note_plans(p, &l);
}

bool audit_torn(unsigned sink, const struct audit_object *o)
{
    const struct audit_plan *plan =
        find_plan(sink, o->number, o->incarnation, o->first, o->last + 1);

    return plan && plan->torn;
}

/* What lies below some position or plan's end has been judged, and by the era of that time: it
 * binds. */
static void note_judged(struct k_partition *p, const struct line *l)
{
    struct audit_partition *ap = audit_partition(p);
    int64_t most = l->base;

    for (unsigned s = 0; s < SINKS_MAX; s++) {
        most = l->position[s] > most ? l->position[s] : most;
        most = l->plan_end[s] > most ? l->plan_end[s] : most;
        most = l->carried[s] > most ? l->carried[s] : most;
    }
    for (size_t i = ap->checked; i < ap->n && ap->records[i]->offset < most; i++) {
        struct source_record *r = ap->records[i];
        int version = -1;

        for (size_t k = 0; k < l->n_eras; k++)
            if (l->eras[k].begin <= r->offset)
                version = l->eras[k].version;
        if (version < 0)
            continue;
        if (r->judged && r->judged != 1ull << version)
            sim_find("I3: record %u (logs-%d@%ld) was judged by rules %s, and now by rules %s",
                     r->n, (int)p->number, r->offset,
                     sim->audit->versions[__builtin_ctzll(r->judged)].head,
                     sim->audit->versions[version].head);
        r->judged = 1ull << version;
    }
}

/* What this line has otherwise than the one before. */
static void reach_ids(struct k_partition *p, const struct line *l)
{
    struct audit_partition *ap = audit_partition(p);
    unsigned carried = 0, known = 0;

    for (unsigned s = 0; s < SINKS_MAX; s++) {
        carried |= (unsigned)(l->carried[s] >= 0) << s;
        known |= (unsigned)(l->position[s] >= 0) << s;
    }
    if (carried & ~ap->carried)
        reach(REACH_CARRIED);
    if (known & ap->carried)
        reach(REACH_BACK);
    if (ap->known && known & ~ap->known & ~ap->carried)
        reach(REACH_NEW);
    ap->carried = carried;
    ap->known = known;
}

/* Of a sink that has records by an earlier line, and by this one lacks them: positions do not go
 * back. */
static void check_forward(struct k_partition *p, const struct line *l, bool overtaken)
{
    struct audit_partition *ap = audit_partition(p);

    for (size_t i = 0; i < ap->n; i++)
        for (unsigned s = 0; s < SINKS_MAX; s++) {
            struct source_record *r = ap->records[i];
            int64_t position = l->position[s] < 0 ? l->carried[s] : l->position[s];

            if (!r->had_us[s] || position < 0 || position > r->offset)
                continue;
            r->had_us[s] = 0;
            if (!overtaken && !ap->excused)
                sim_find(
                    "I5: the line of logs-%d at %ld says that %s lacks record %u at %ld, which "
                    "it had by an earlier one",
                    (int)p->number, l->base, store_names[s], r->n, r->offset);
        }
}

void audit_commit(struct k_partition *p, int64_t offset, const char *metadata, struct replica *r,
                  enum audit_order order)
{
    struct audit_partition *ap = audit_partition(p);
    struct line l;

    clear(&l);
    if (order != AUDIT_IN_TIME) { /* who comes next goes by this one, who is there does not */
        reach(REACH_OVERTAKEN);
        audit_unbind(ap);
    }
    if (order == AUDIT_LATE) {
        audit_excuse(ap);
        audit_disturbed("a commit landed late");
    }
    if (offset > p->end && !p->cut_off)
        sim_find("logs-%d is committed at %ld, past its end %ld", (int)p->number, offset, p->end);
    if (!metadata[0]) {
        if (p->committed_before)
            audit_excuse(ap); /* nobody can know the positions and plans of before */
    } else if (!read_line(metadata, &l)) {
        sim_find("r%zu commits a line that cannot be read: %s", r->number, metadata);
    } else if (l.base != offset) {
        sim_find("r%zu commits %ld with a line for %ld", r->number, offset, l.base);
    } else {
        if (order == AUDIT_IN_TIME)
            note_judged(p, &l);
        reach_ids(p, &l);
        check_forward(p, &l, order == AUDIT_OVERTAKEN);
        check_positions(p, &l);
        note_plans(p, &l);
    }
    p->committed_before = true;
    check_below(p, offset, &l);
}

unsigned audit_carried(const char *metadata)
{
    struct line l;
    unsigned ret = 0;

    if (!metadata || !read_line(metadata, &l))
        return 0;
    for (unsigned s = 0; s < SINKS_MAX; s++)
        if (l.carried[s] >= 0)
            ret |= 1u << s;
    return ret;
}

void audit_plan_names(unsigned sink, const struct audit_object *o)
{
    const struct audit *a = sim->audit;

    if (a->parts[o->number].excused)
        return;
    if (find_plan(sink, o->number, o->incarnation, o->first, o->last + 1))
        return;
    sim_find("I6: no recorded plan names %s of %s", o->key, store_names[sink]);
}
