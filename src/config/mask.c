/* SPDX-License-Identifier: Apache-2.0 */
#include "config/mask.h"

#include <stdlib.h>

#include "base/alloc.h"

struct range {
    size_t begin, end;
};

struct ranges {
    struct range *v;
    size_t n, cap;
};

bool sl_mask_secret_key(const char *key)
{
    static const char *const parts[] = {"password",
                                        "passwd",
                                        "secret",
                                        "token",
                                        "api_key",
                                        "api-key",
                                        "apikey",
                                        "access_key",
                                        "jaas",
                                        "key.pem",
                                        "oauthbearer.config",
                                        "authorization",
                                        "credential",
                                        "cookie"};

    if (!strcmp(key, "headers") || !strcmp(key, "redact"))
        return true;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (strcasestr(key, parts[i]))
            return true;
    return false;
}

static void add(struct ranges *r, size_t begin, size_t end)
{
    if (begin >= end)
        return;
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 16;
        r->v = sl_reallocarray(r->v, r->cap, sizeof(*r->v));
    }
    r->v[r->n++] = (struct range){begin, end};
}

/* What stands between "://" and "@" before the next slash or blank. */
static void add_userinfo(struct ranges *r, struct sl_slice content, size_t begin, size_t end)
{
    const char *p = content.p + begin, *stop = content.p + end, *at, *name;

    while ((p = memmem(p, (size_t)(stop - p), "://", 3))) {
        p += 3;
        at = NULL;
        for (name = p; name < stop && !strchr("/?# \t\r\n", *name); name++)
            if (*name == '@')
                at = name;
        if (at)
            add(r, (size_t)(p - content.p), (size_t)(at - content.p));
    }
}

/* `${NAME}` and `${file:PATH}` say where a secret is, not what it is: they stay readable. The text
 * after
 * `:-` is a secret like any other. */
static void add_scalar(struct ranges *r, struct sl_slice content, size_t begin, size_t end)
{
    size_t from = begin;

    for (size_t i = begin; i + 2 < end; i++) {
        size_t name, stop;

        if (content.p[i] != '$' || content.p[i + 1] != '{')
            continue;
        for (stop = i + 2; stop < end && content.p[stop] != '}'; stop++)
            ;
        if (stop == end)
            break;
        add(r, from, i);
        for (name = i + 2; name < stop && !(content.p[name] == ':' && content.p[name + 1] == '-');
             name++)
            ;
        add(r, name < stop ? name + 2 : stop, stop);
        from = stop + 1;
        i = stop;
    }
    add(r, from, end);
}

/* Recursion is bounded by SL_YAML_DEPTH_MAX. False when there are too many places to remember. */
static bool collect(struct ranges *r, struct sl_slice content, const struct sl_yaml_node *node,
                    bool hidden, bool (*hide)(const char *key))
{
    enum { RANGES_MAX = 200000 };
    bool ok = r->n <= RANGES_MAX;

    if (node->key && hide(node->key))
        hidden = true;
    if (node->type == SL_YAML_SCALAR) {
        if (hidden)
            add_scalar(r, content, node->begin, node->end);
        else
            add_userinfo(r, content, node->begin, node->end);
    }
    for (size_t i = 0; i < node->n_children && ok; i++)
        ok = collect(r, content, &node->children[i], hidden, hide);
    return ok;
}

static int by_begin(const void *pa, const void *pb)
{
    const struct range *a = pa, *b = pb;

    return a->begin < b->begin ? -1 : a->begin > b->begin;
}

/* One star a character; line ends and a quote at either end stay. */
static void stars(struct sl_slice content, size_t begin, size_t end, struct sl_buf *out)
{
    for (size_t i = begin; i < end; i++) {
        char c = content.p[i];

        if (c == '\n' || c == '\r')
            sl_buf_byte(out, c);
        else if ((c == '"' || c == '\'') && (i == begin || i + 1 == end))
            sl_buf_byte(out, c);
        else if (((unsigned char)c & 0xc0) != 0x80)
            sl_buf_byte(out, '*');
    }
}

void sl_mask_tree(struct sl_slice content, const struct sl_yaml_node *root,
                  bool (*hide)(const char *key), struct sl_buf *out)
{
    struct ranges r = {0};
    size_t at = 0;

    if (root && !collect(&r, content, root, false, hide)) {
        sl_mask_lines(content, hide, out);
        goto out;
    }
    if (r.n)
        qsort(r.v, r.n, sizeof(*r.v), by_begin);
    for (size_t i = 0; i < r.n; i++) {
        if (r.v[i].end <= at)
            continue;
        if (r.v[i].begin > at)
            sl_buf_append(out, content.p + at, r.v[i].begin - at);
        stars(content, r.v[i].begin > at ? r.v[i].begin : at, r.v[i].end, out);
        at = r.v[i].end;
    }
    sl_buf_append(out, content.p + at, content.n - at);
out:
    free(r.v);
}

/* Where the value of the first hidden key of a line begins; n when there is none. */
static size_t hidden_from(const char *line, size_t n, bool (*hide)(const char *key))
{
    for (size_t i = 0; i < n; i++) {
        char key[128];
        size_t end = i, begin;

        if (line[i] != ':')
            continue;
        while (end > 0 && strchr(" \t\"'", line[end - 1]))
            end--;
        for (begin = end; begin > 0 && !strchr(" \t\"'{,[:", line[begin - 1]); begin--)
            ;
        if (end == begin || end - begin >= sizeof(key))
            continue;
        memcpy(key, line + begin, end - begin);
        key[end - begin] = '\0';
        if (hide(key))
            return i + 1;
    }
    return n;
}

void sl_mask_lines(struct sl_slice content, bool (*hide)(const char *key), struct sl_buf *out)
{
    size_t deeper = SIZE_MAX; /* indentation of the last hidden key */

    for (size_t at = 0; at < content.n;) {
        const char *line = content.p + at, *end = memchr(line, '\n', content.n - at);
        size_t n = end ? (size_t)(end - line) + 1 : content.n - at, indent = 0, from;

        while (indent < n && (line[indent] == ' ' || line[indent] == '\t'))
            indent++;
        from = hidden_from(line, n, hide);
        if (indent < n && !strchr("\r\n", line[indent])) {
            if (deeper != SIZE_MAX && indent > deeper)
                from = indent;
            else
                deeper = from < n ? indent : SIZE_MAX;
        }
        sl_buf_append(out, line, from);
        stars(content, at + from, at + n, out);
        at += n;
    }
}
