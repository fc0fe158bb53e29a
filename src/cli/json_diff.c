/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_diff.h"

#include "record/json.h"

enum { PATH_MAX_BYTES = 1 << 20, DEPTH_MAX = 64 };

bool sl_json_member(struct sl_slice object, size_t *at, struct sl_slice *ret_name,
                    struct sl_slice *ret_value)
{
    const char *p = object.p + *at, *end = object.p + object.n, *begin;
    struct sl_value value;
    bool escaped = false;

    if (object.n == 0)
        return false;
    p = sl_json_spaces(p);
    if (*p == '{' || *p == ',') /* a value ends before the comma, so this is never a value's */
        p = sl_json_spaces(p + 1);
    if (*p != '"')
        return false;
    begin = p + 1;
    p = sl_json_string_end(begin, end, &escaped);
    *ret_name = sl_slice(begin, (size_t)(p - begin));
    p = sl_json_spaces(sl_json_spaces(p + 1) + 1); /* over the colon */
    begin = p;
    p = sl_json_value(p, end, &value);
    *ret_value = sl_slice(begin, (size_t)(p - begin));
    *at = (size_t)(p - object.p);
    return true;
}

/* ---- comparing ---- */

struct diff {
    sl_json_diff_fn tell;
    void *user;
    struct sl_buf path;
};

/* The member of that name; *hint: where to look first, for members mostly keep their order. */
static struct sl_slice find(struct sl_slice object, struct sl_slice name, size_t *hint)
{
    size_t at = *hint;
    struct sl_slice key, value;

    for (unsigned round = 0; round < 2; round++, at = 0)
        while (sl_json_member(object, &at, &key, &value))
            if (sl_slice_equal(key, name)) {
                *hint = at;
                return value;
            }
    return sl_slice(NULL, 0);
}

static bool is_object(struct sl_slice value)
{
    return value.n && value.p[0] == '{';
}

static void tell(struct diff *d, struct sl_slice before, struct sl_slice after)
{
    d->tell(d->user, sl_buf_as_slice(&d->path), before, after);
}

static size_t enter(struct diff *d, struct sl_slice name)
{
    size_t n = d->path.n;

    if (n)
        sl_buf_byte(&d->path, '.');
    sl_buf_slice(&d->path, name);
    return n;
}

static void compare(struct diff *d, struct sl_slice before, struct sl_slice after, unsigned depth)
{
    struct sl_slice name, value, other;
    size_t at = 0, hint = 0, back;

    while (sl_json_member(before, &at, &name, &value)) {
        other = find(after, name, &hint);
        back = enter(d, name);
        if (depth < DEPTH_MAX && is_object(value) && is_object(other))
            compare(d, value, other, depth + 1);
        else if (!other.p || !sl_slice_equal(value, other))
            tell(d, value, other);
        sl_buf_truncate(&d->path, back);
    }
    at = hint = 0;
    while (sl_json_member(after, &at, &name, &value)) {
        if (find(before, name, &hint).p)
            continue;
        back = enter(d, name);
        tell(d, sl_slice(NULL, 0), value);
        sl_buf_truncate(&d->path, back);
    }
}

void sl_json_diff(struct sl_slice before, struct sl_slice after, sl_json_diff_fn tell_one,
                  void *user)
{
    struct diff d = {.tell = tell_one, .user = user};

    sl_buf_init(&d.path, PATH_MAX_BYTES);
    compare(&d, before, after, 0);
    sl_buf_release(&d.path);
}
