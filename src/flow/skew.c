/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "flow/impl.h"

/* How far may the callee's clock be ahead of the caller's? Whatever the callee writes, it writes
 * when the caller's span has begun: at most (its time - the caller's begin). And where its span is
 * no longer than the caller's, it ends within it: at least (its end - the caller's end), which work
 * that nobody waits for may break, and so "ahead" is said with a doubt. So is "behind" where the
 * caller tells no duration: it may have called before its first record. Bounds of several calls are
 * put together. A pair whose bounds hold 0 agrees; for another the middle of its bounds is the
 * estimate, as in NTP, where they are close to each other. A call that is short beside its caller
 * may have been anywhere in it: there the bound that is nearer to 0 is the least.
 *
 * From the service that nobody calls the differences are added up along calls. A service that
 * agrees with a caller whose own clock is off is as little off as the bounds allow. */

enum { SHOWN_FROM_NS = 1000000 }; /* less is noise: most loggers round to a millisecond */

struct bound {
    unsigned caller, callee;
    int64_t most, least; /* the callee's clock ahead of the caller's */
    bool begun;          /* `most` is from a beginning that was told */
};

static int compare(const void *a, const void *b)
{
    const struct bound *x = a, *y = b;

    if (x->callee != y->callee)
        return x->callee < y->callee ? -1 : 1;
    return x->caller < y->caller ? -1 : x->caller > y->caller;
}

static size_t collect(const struct sl_flow_spans *s, struct bound *to)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < s->n; i++) {
        const struct sl_flow_span *callee = &s->items[i];
        const struct sl_flow_span *caller = sl_flow_spans_caller(s, callee);

        if (!caller || caller->service == callee->service || !caller->closed)
            continue;
        to[n] = (struct bound){caller->service, callee->service,
                               callee->begin_ns - caller->begin_ns, INT64_MIN, caller->begun};
        if (callee->closed &&
            callee->end_ns - callee->begin_ns <= caller->end_ns - caller->begin_ns)
            to[n].least = callee->end_ns - caller->end_ns;
        n++;
    }
    if (n)
        qsort(to, n, sizeof(*to), compare);
    for (size_t i = 0; i < n; i++) {
        struct bound *last = kept ? &to[kept - 1] : NULL;

        if (!last || compare(last, &to[i])) {
            to[kept++] = to[i];
            continue;
        }
        if (to[i].most < last->most) {
            last->most = to[i].most;
            last->begun = to[i].begun;
        }
        if (to[i].least > last->least)
            last->least = to[i].least;
    }
    for (size_t i = 0; i < kept; i++)
        if (to[i].least > to[i].most)
            to[i].least = INT64_MIN; /* somebody went on when his caller had ended */
    return kept;
}

struct known {
    bool is;
    int64_t ahead;
    int reference;
    enum sl_flow_clock clock;
    bool maybe_outlived, maybe_silent;
};

static struct known follow(const struct bound *b, const struct known *caller)
{
    struct known k = {true,          caller->ahead,          caller->reference,
                      caller->clock, caller->maybe_outlived, caller->maybe_silent};
    bool both = b->least != INT64_MIN;

    if (b->most < 0 || (both && b->least > 0)) {
        int64_t nearer = b->most < 0 ? b->most : b->least;
        bool close =
            both && caller->clock != SL_CLOCK_AT_LEAST && b->most - b->least <= llabs(nearer);

        k.ahead += close ? b->least + (b->most - b->least) / 2 : nearer;
        k.clock = close ? SL_CLOCK_ABOUT : SL_CLOCK_AT_LEAST;
        k.maybe_outlived = both && b->least > 0;
        k.maybe_silent = b->most < 0 && !b->begun;
        return k;
    }
    if (caller->ahead < 0) /* nearest to 0 within the bounds */
        k.ahead = caller->ahead + b->most < 0 ? caller->ahead + b->most : 0;
    else
        k.ahead = both && caller->ahead + b->least > 0 ? caller->ahead + b->least : 0;
    k.clock = k.ahead ? SL_CLOCK_AT_LEAST : SL_CLOCK_AGREES;
    return k;
}

static int reference(const struct bound *bounds, size_t n, const struct known *known,
                     size_t services)
{
    int any = -1;

    for (size_t i = 0; i < services; i++) {
        bool calls = false, called = false;

        for (size_t b = 0; b < n; b++) {
            calls |= bounds[b].caller == i;
            called |= bounds[b].callee == i;
        }
        if (known[i].is || !calls)
            continue;
        if (!called)
            return (int)i;
        if (any < 0)
            any = (int)i;
    }
    return any;
}

static void spread(const struct bound *bounds, size_t n, struct known *known)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t b = 0; b < n; b++) {
            if (!known[bounds[b].caller].is || known[bounds[b].callee].is)
                continue;
            known[bounds[b].callee] = follow(&bounds[b], &known[bounds[b].caller]);
            more = true;
        }
    }
}

/* Nothing of a request is written before its id was made. */
static void by_id(const struct sl_flow *f, struct known *known)
{
    for (size_t i = 0; f->id_ns >= 0 && i < f->n_records; i++) {
        const struct sl_flow_record *r = &f->records[i];
        struct known *k = &known[r->service];
        int64_t ahead = r->time_ns - f->id_ns;

        if (!r->timed || k->is || ahead >= 0 || (k->reference == -1 && k->ahead <= ahead))
            continue;
        *k = (struct known){false, ahead, -1, SL_CLOCK_AT_LEAST, false, false};
    }
}

void sl_flow_compare_clocks(struct sl_flow *f, const struct sl_flow_spans *s)
{
    struct known known[SL_FLOW_SKEW_SERVICES] = {{.is = false}};
    struct bound *bounds;
    size_t n;

    if (f->n_services > SL_FLOW_SKEW_SERVICES)
        return;
    bounds = sl_calloc(s->n + 1, sizeof(*bounds));
    n = collect(s, bounds);
    for (int root; (root = reference(bounds, n, known, f->n_services)) >= 0;) {
        known[root] = (struct known){.is = true, .reference = root};
        spread(bounds, n, known);
    }
    by_id(f, known);
    for (size_t i = 0; i < f->n_services; i++) {
        struct sl_flow_service *v = &f->services[i];

        if (known[i].ahead > -SHOWN_FROM_NS && known[i].ahead < SHOWN_FROM_NS)
            continue;
        v->clock = known[i].clock;
        v->ahead_ns = known[i].ahead;
        v->against = known[i].reference;
        v->maybe_outlived = known[i].maybe_outlived;
        v->maybe_silent = known[i].maybe_silent;
    }
    free(bounds);
}
