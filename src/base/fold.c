/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fold.h"

#include "base/hash.h"

void sl_fold_copy(char *to, const char *from, size_t n)
{
    size_t i = 0;

    for (; n - i >= 8; i += 8) {
        uint64_t word;

        memcpy(&word, from + i, 8);
        word = sl_fold_word(word);
        memcpy(to + i, &word, 8);
    }
    for (; i < n; i++)
        to[i] = sl_fold_char(from[i]);
}

bool sl_fold_equal(struct sl_slice a, struct sl_slice b)
{
    size_t i = 0;

    if (a.n != b.n)
        return false;
    for (; a.n - i >= 8; i += 8) {
        uint64_t x, y;

        memcpy(&x, a.p + i, 8);
        memcpy(&y, b.p + i, 8);
        if (x != y && sl_fold_word(x) != sl_fold_word(y))
            return false;
    }
    for (; i < a.n; i++)
        if (sl_fold_char(a.p[i]) != sl_fold_char(b.p[i]))
            return false;
    return true;
}

uint64_t sl_fold_hash(const void *p, size_t n)
{
    const char *at = p;
    char part[256];
    uint64_t hash = n;

    for (size_t k; n > 0; n -= k, at += k) {
        k = n < sizeof(part) ? n : sizeof(part);
        sl_fold_copy(part, at, k);
        hash = (hash ^ sl_hash(part, k)) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

/* A window of folded text is searched at a time; windows overlap by what a hit may need. */
bool sl_fold_contains(struct sl_slice text, struct sl_slice want)
{
    char window[4 * SL_FOLD_FIND_MAX];

    if (want.n == 0)
        return true;
    for (size_t at = 0; text.n - at >= want.n;) {
        size_t n = text.n - at < sizeof(window) ? text.n - at : sizeof(window);

        sl_fold_copy(window, text.p + at, n);
        if (memmem(window, n, want.p, want.n))
            return true;
        if (at + n == text.n)
            break;
        at += n - (want.n - 1);
    }
    return false;
}
