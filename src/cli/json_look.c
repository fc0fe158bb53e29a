/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_look.h"

#include "cli/json_diff.h"

enum { TEXT_MAX = 64 << 20 };

struct sl_value sl_json_as_value(struct sl_slice json)
{
    struct sl_value v = {.p = json.p, .n = (uint32_t)json.n};

    switch (json.n ? json.p[0] : 0) {
    case 0:
        v.type = SL_VALUE_ABSENT;
        break;
    case '{':
        v.type = SL_VALUE_OBJECT;
        break;
    case '[':
        v.type = SL_VALUE_ARRAY;
        break;
    case 't':
        v.type = SL_VALUE_TRUE;
        break;
    case 'f':
        v.type = SL_VALUE_FALSE;
        break;
    case 'n':
        v.type = SL_VALUE_NULL;
        break;
    case '"':
        v.type = SL_VALUE_STRING;
        v.p++;
        v.n -= 2;
        v.escaped = memchr(v.p, '\\', v.n) != NULL;
        break;
    default:
        v.type = SL_VALUE_NUMBER;
    }
    return v;
}

/* ---- finding ---- */

static struct sl_slice member(struct sl_slice object, struct sl_slice name)
{
    struct sl_slice key, value;
    size_t at = 0;

    while (sl_json_member(object, &at, &key, &value))
        if (sl_slice_equal(key, name))
            return value;
    return sl_slice(NULL, 0);
}

/* An element's whole text: strings come without quotes, which stand around them. */
static struct sl_slice element(struct sl_slice array, struct sl_slice index)
{
    struct sl_value all = sl_json_as_value(array), one;
    size_t at = 0, n = 0;

    if (index.n == 0 || index.n > 9 || (index.p[0] == '0' && index.n > 1))
        return sl_slice(NULL, 0);
    for (size_t i = 0; i < index.n; i++) {
        if (index.p[i] < '0' || index.p[i] > '9')
            return sl_slice(NULL, 0);
        n = 10 * n + (size_t)(index.p[i] - '0');
    }
    do
        if (!sl_value_element(&all, &at, &one))
            return sl_slice(NULL, 0);
    while (n-- > 0);
    return one.type == SL_VALUE_STRING ? sl_slice(one.p - 1, one.n + 2) : sl_slice(one.p, one.n);
}

static struct sl_slice step(struct sl_slice value, struct sl_slice name)
{
    if (value.n && value.p[0] == '{')
        return member(value, name);
    if (value.n && value.p[0] == '[')
        return element(value, name);
    return sl_slice(NULL, 0);
}

struct sl_slice sl_json_find(struct sl_slice object, struct sl_slice path)
{
    struct sl_slice found = step(object, path);

    for (size_t n = path.n; !found.p && n-- > 0;) {
        struct sl_slice below;

        if (path.p[n] != '.')
            continue;
        below = step(object, sl_slice(path.p, n));
        if (below.p)
            found = sl_json_find(below, sl_slice(path.p + n + 1, path.n - n - 1));
    }
    return found;
}

/* ---- comparing ---- */

static bool same_text(const struct sl_value *a, const struct sl_value *b)
{
    struct sl_buf left, right;
    bool same;

    sl_buf_init(&left, TEXT_MAX);
    sl_buf_init(&right, TEXT_MAX);
    same = sl_slice_equal(sl_value_text(a, &left), sl_value_text(b, &right));
    sl_buf_release(&left);
    sl_buf_release(&right);
    return same;
}

static bool same_number(const struct sl_value *a, const struct sl_value *b)
{
    double x, y;
    bool x_int, y_int;
    int64_t i, k;

    if (sl_slice_equal(sl_slice(a->p, a->n), sl_slice(b->p, b->n)))
        return true;
    if (!sl_value_number(a, &x, &x_int, &i) || !sl_value_number(b, &y, &y_int, &k))
        return false;
    return x_int && y_int ? i == k : !(x < y) && !(x > y);
}

static bool same_members(struct sl_slice a, struct sl_slice b)
{
    struct sl_slice name, value, other;
    size_t at = 0, n = 0, n_b = 0;

    while (sl_json_member(a, &at, &name, &value)) {
        other = member(b, name);
        if (!other.p || !sl_json_equal(value, other))
            return false;
        n++;
    }
    at = 0;
    while (sl_json_member(b, &at, &name, &value))
        n_b++;
    return n == n_b;
}

static bool same_elements(struct sl_slice a, struct sl_slice b)
{
    char text[16];

    for (unsigned i = 0;; i++) {
        int n = snprintf(text, sizeof(text), "%u", i);
        struct sl_slice x = element(a, sl_slice(text, (size_t)n)),
                        y = element(b, sl_slice(text, (size_t)n));

        if (!x.p || !y.p)
            return !x.p && !y.p;
        if (!sl_json_equal(x, y))
            return false;
    }
}

bool sl_json_equal(struct sl_slice a, struct sl_slice b)
{
    struct sl_value x = sl_json_as_value(a), y = sl_json_as_value(b);

    if (x.type != y.type)
        return false;
    switch (x.type) {
    case SL_VALUE_STRING:
        return same_text(&x, &y);
    case SL_VALUE_NUMBER:
        return same_number(&x, &y);
    case SL_VALUE_OBJECT:
        return same_members(a, b);
    case SL_VALUE_ARRAY:
        return same_elements(a, b);
    default:
        return true;
    }
}
