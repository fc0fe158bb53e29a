/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "cli/check_rules.h"

enum { NAMES_MAX = 20000, DEPTH_MAX = SL_PATH_SEGMENTS_MAX, RECORD_MAX = 16 << 20 };

struct sl_seen_names {
    char **items;
    size_t n, cap;
    size_t *slots; /* open addressing: index + 1 */
    size_t n_slots;
    struct sl_buf json, path;
};

struct sl_seen_names *sl_seen_names_new(void)
{
    struct sl_seen_names *s = sl_zalloc(sizeof(*s));

    s->n_slots = 4 * NAMES_MAX;
    s->slots = sl_calloc(s->n_slots, sizeof(*s->slots));
    sl_buf_init(&s->json, RECORD_MAX);
    sl_buf_init(&s->path, SL_PATH_BYTES_MAX);
    return s;
}

void sl_seen_names_free(struct sl_seen_names *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i]);
    free(s->items);
    free(s->slots);
    sl_buf_release(&s->json);
    sl_buf_release(&s->path);
    free(s);
}

static void add_name(struct sl_seen_names *s, const char *name)
{
    size_t at = (size_t)sl_hash(name, strlen(name)) % s->n_slots;

    for (; s->slots[at]; at = (at + 1) % s->n_slots)
        if (!strcmp(s->items[s->slots[at] - 1], name))
            return;
    if (s->n == NAMES_MAX)
        return;
    if (s->n == s->cap) {
        s->cap = s->n ? 2 * s->n : 256;
        s->items = sl_reallocarray(s->items, s->cap, sizeof(*s->items));
    }
    s->items[s->n] = sl_strdup(name);
    s->slots[at] = ++s->n;
}

static void walk(struct sl_seen_names *s, json_t *object, unsigned depth)
{
    const size_t begin = s->path.n;
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (begin)
            sl_buf_byte(&s->path, '.');
        sl_buf_text(&s->path, key);
        if (!s->path.full) {
            add_name(s, sl_buf_str(&s->path));
            if (json_is_object(value) && depth < DEPTH_MAX)
                walk(s, value, depth + 1);
        }
        sl_buf_truncate(&s->path, begin);
    }
}

void sl_seen_names_add(struct sl_seen_names *s, const struct sl_record *record)
{
    json_t *root;

    sl_buf_clear(&s->json);
    sl_record_json(record, false, sl_slice("", 0), &s->json, NULL);
    if (s->json.full)
        return;
    root = json_loadb(s->json.p, s->json.n, JSON_ALLOW_NUL, NULL);
    if (json_is_object(root))
        walk(s, root, 1);
    json_decref(root);
}

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

/* The one name that ends alike (`http.status` for `status`), else one that is spelled nearly so. */
const char *sl_seen_names_nearest(const struct sl_seen_names *s, const char *name)
{
    const char *found = NULL;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (strcasecmp(last_part(s->items[i]), last_part(name)) == 0) {
            found = s->items[i];
            n++;
        }
    return n == 1 ? found : sl_nearest(name, (const char *const *)s->items, s->n);
}
