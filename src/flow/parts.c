/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/parts.h"

static size_t skip_space(struct sl_slice t, size_t at)
{
    while (at < t.n && (t.p[at] == ' ' || t.p[at] == '\t' || t.p[at] == '\n' || t.p[at] == '\r'))
        at++;
    return at;
}

/* Behind the string that begins at `at`; t.n where it has no end. */
static size_t skip_string(struct sl_slice t, size_t at)
{
    for (at++; at < t.n && t.p[at] != '"'; at++)
        if (t.p[at] == '\\')
            at++;
    return at < t.n ? at + 1 : t.n;
}

/* Behind the value that begins at `at`; brackets are counted and not told apart. */
static size_t skip_value(struct sl_slice t, size_t at)
{
    size_t depth = 0;

    while (at < t.n) {
        char c = t.p[at];

        if (c == '"') {
            at = skip_string(t, at);
            if (depth == 0)
                return at;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']') {
            if (depth == 0)
                return at;
            if (--depth == 0)
                return at + 1;
        }
        if (depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t'))
            return at;
        at++;
    }
    return t.n;
}

bool sl_part_member(struct sl_slice object, const char *name, struct sl_slice *ret)
{
    size_t at = skip_space(object, 0);

    if (at == object.n || object.p[at] != '{')
        return false;
    for (at = skip_space(object, at + 1); at < object.n && object.p[at] == '"';) {
        size_t end = skip_string(object, at), value;
        struct sl_slice found = sl_slice(object.p + at + 1, end - at >= 2 ? end - at - 2 : 0);

        at = skip_space(object, end);
        if (at == object.n || object.p[at] != ':')
            return false;
        value = skip_space(object, at + 1);
        end = skip_value(object, value);
        if (end == value)
            return false;
        if (sl_slice_is(found, name)) {
            *ret = sl_slice(object.p + value, end - value);
            return true;
        }
        at = skip_space(object, end);
        if (at < object.n && object.p[at] == ',')
            at = skip_space(object, at + 1);
    }
    return false;
}

bool sl_part_element(struct sl_slice array, size_t *at, struct sl_slice *ret)
{
    size_t from = skip_space(array, *at), end;

    if (*at == 0) {
        if (from == array.n || array.p[from] != '[')
            return false;
        from = skip_space(array, from + 1);
    } else if (from < array.n && array.p[from] == ',') {
        from = skip_space(array, from + 1);
    }
    end = skip_value(array, from);
    if (end == from)
        return false;
    *ret = sl_slice(array.p + from, end - from);
    *at = end;
    return true;
}

struct sl_slice sl_part_string(struct sl_slice value)
{
    if (value.n < 2 || value.p[0] != '"')
        return sl_slice(NULL, 0);
    return sl_slice(value.p + 1, value.n - 2);
}
