/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/fold.h"
#include "route/literal.h"
#include "base/regex.h"
#include "fuzz.h"

/* Any pattern that compiles against any text: where it matches, one of its literals is there. The
 * first byte says whether case matters; the first line is the pattern, the rest the text. Beside
 * the text itself, the pattern is run over the literals, alone and joined: what they lack must not
 * match. */

static bool holds_one(const struct sl_literals *l, struct sl_slice text)
{
    for (unsigned i = 0; i < l->n; i++) {
        struct sl_slice want = sl_slice(l->items[i].p, l->items[i].n);

        if (l->fold ? sl_fold_contains(text, want) : memmem(text.p, text.n, want.p, want.n) != NULL)
            return true;
    }
    return false;
}

static void check(const struct sl_regex *r, struct sl_regex_scratch *s, const struct sl_literals *l,
                  struct sl_slice text)
{
    if (l->n == 0)
        return;
    sl_regex_begin(s);
    if (sl_regex_match(r, s, text) == 1 && !holds_one(l, text))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data + 1, *cut;
    struct sl_regex_scratch *s;
    struct sl_literals l, also;
    struct sl_slice pattern, text;
    struct sl_regex *r;
    size_t offset;
    bool fold;

    if (size < 2 || size > 4096)
        return 0;
    fold = data[0] & 1;
    cut = memchr(p, '\n', size - 1);
    if (!cut)
        cut = (const char *)data + size;
    pattern = sl_slice(p, (size_t)(cut - p));
    text = sl_slice(cut, size - 1 - pattern.n);
    r = sl_regex_new(pattern, fold, &offset, NULL);
    if (!r)
        return 0;
    s = sl_regex_scratch_new();
    if (sl_literals_of_regex(pattern, fold, &l, &also)) {
        if (l.n == 0)
            abort();
        check(r, s, &l, text);
        check(r, s, &l, pattern);
        check(r, s, &also, text);
        check(r, s, &also, pattern);
        for (unsigned i = 0; i < l.n; i++)
            for (unsigned cut_at = 1; cut_at < l.items[i].n; cut_at++)
                check(r, s, &l, sl_slice(l.items[i].p, cut_at));
    }
    sl_regex_scratch_free(s);
    sl_regex_free(r);
    return 0;
}
