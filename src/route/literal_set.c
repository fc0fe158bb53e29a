/* SPDX-License-Identifier: Apache-2.0 */
#include "route/literal_set.h"

#include <string.h>

#include "base/fold.h"

void sl_literals_empty(struct sl_literals *s)
{
    s->n = 1;
    s->fold = false;
    s->items[0].n = 0;
}

void sl_literals_copy(struct sl_literals *to, const struct sl_literals *from)
{
    to->n = from->n;
    to->fold = from->fold;
    memcpy(to->items, from->items, from->n * sizeof(from->items[0]));
}

void sl_literals_fold(struct sl_literals *s)
{
    s->fold = true;
    for (unsigned i = 0; i < s->n; i++)
        for (unsigned k = 0; k < s->items[i].n; k++)
            s->items[i].p[k] = sl_fold_char(s->items[i].p[k]);
}

bool sl_literals_add(struct sl_literals *s, const char *p, size_t n)
{
    if (n > SL_LITERAL_MAX)
        return false;
    for (unsigned i = 0; i < s->n; i++)
        if (s->items[i].n == n && !memcmp(s->items[i].p, p, n))
            return true;
    if (s->n == SL_LITERALS_MAX)
        return false;
    s->items[s->n].n = (unsigned char)n;
    memcpy(s->items[s->n++].p, p, n);
    return true;
}

bool sl_literals_union(struct sl_literals *to, const struct sl_literals *from)
{
    struct sl_literals other;

    sl_literals_copy(&other, from);
    if (to->fold || other.fold) {
        sl_literals_fold(to);
        sl_literals_fold(&other);
    }
    for (unsigned i = 0; i < other.n; i++)
        if (!sl_literals_add(to, other.items[i].p, other.items[i].n))
            return false;
    return true;
}

bool sl_literals_append(struct sl_literals *to, const struct sl_literals *more)
{
    struct sl_literals product = {.n = 0, .fold = to->fold || more->fold};
    char room[2 * SL_LITERAL_MAX];

    if (to->n * more->n > SL_LITERALS_MAX)
        return false;
    for (unsigned i = 0; i < to->n; i++)
        for (unsigned k = 0; k < more->n; k++) {
            size_t a = to->items[i].n, b = more->items[k].n;

            memcpy(room, to->items[i].p, a);
            memcpy(room + a, more->items[k].p, b);
            if (!sl_literals_add(&product, room, a + b))
                return false;
        }
    if (product.fold)
        sl_literals_fold(&product);
    sl_literals_copy(to, &product);
    return true;
}

unsigned sl_literals_worth(const struct sl_literals *s)
{
    unsigned least = SL_LITERAL_MAX;

    for (unsigned i = 0; i < s->n; i++)
        least = s->items[i].n < least ? s->items[i].n : least;
    if (s->n == 0 || least < SL_LITERAL_MIN)
        return 0;
    return 8 * (least < 12 ? least : 12) + least - s->n;
}
