/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "record/decode.h"

/* The members' names in a small table, then one walk over the object's keys.
 *
 * A key `a.b` stands for its beginning `a` as well: beside it a member `a` would be two types of
 * one field, for which Elasticsearch refuses the record. Names are compared as text, for there are
 * many spellings of one in JSON. */

enum { PLACES = 2 * SL_MEMBERS_MAX, NONE = SL_MEMBERS_MAX };

struct names {
    const struct sl_members *m;
    uint16_t at[PLACES]; /* NONE: free */
    bool *leaves;
    unsigned n; /* that leave */
};

static struct sl_slice name_of(const struct sl_members *m, unsigned i, char room[SL_JSON_KEY_ROOM])
{
    const char *p = m->text.p + m->names[i].begin;
    size_t n = m->names[i].n;

    if (!memchr(p, '\\', n))
        return sl_slice(p, n);
    return sl_slice(room, sl_json_key(p, n, room));
}

/* The place of the name, or the free one where it would be. */
static uint16_t *place(struct names *x, struct sl_slice name)
{
    size_t at = sl_hash(name.p, name.n) & (PLACES - 1);
    char room[SL_JSON_KEY_ROOM];

    while (x->at[at] != NONE && !sl_slice_equal(name_of(x->m, x->at[at], room), name))
        at = (at + 1) & (PLACES - 1);
    return &x->at[at];
}

static void leave(struct names *x, unsigned i)
{
    x->n += !x->leaves[i];
    x->leaves[i] = true;
}

/* One whose name is longer than what can be told apart leaves anyhow: no form makes such. */
static void enter(struct names *x, unsigned i)
{
    char room[SL_JSON_KEY_ROOM];
    struct sl_slice name = name_of(x->m, i, room);
    uint16_t *at = place(x, name);

    if (*at == NONE && name.n <= SL_PATH_BYTES_MAX)
        *at = (uint16_t)i;
    else
        leave(x, i);
}

static void meet(struct names *x, struct sl_slice key)
{
    if (key.n > SL_PATH_BYTES_MAX)
        key.n = SL_PATH_BYTES_MAX + 1; /* only its beginnings count */
    for (size_t i = 0; i <= key.n; i++) {
        uint16_t at;

        if (i < key.n && key.p[i] != '.')
            continue;
        at = *place(x, sl_slice(key.p, i));
        if (at != NONE)
            leave(x, at);
    }
}

static void meet_all(struct names *x, struct sl_slice object)
{
    const char *p = sl_json_spaces(object.p + 1), *end = object.p + object.n;

    while (*p == '"') {
        bool escaped = false;
        char plain[SL_JSON_KEY_ROOM];
        const char *close = sl_json_string_end(p + 1, end, &escaped);
        struct sl_slice key = sl_slice(p + 1, (size_t)(close - p - 1));
        struct sl_value skipped;

        if (escaped)
            key = sl_slice(plain, sl_json_key(key.p, key.n, plain));
        meet(x, key);
        p = sl_json_spaces(sl_json_spaces(close + 1) + 1); /* the colon is there */
        p = sl_json_spaces(sl_json_value(p, end, &skipped));
        p = *p == ',' ? sl_json_spaces(p + 1) : p;
    }
}

unsigned sl_members_meet(const struct sl_members *m, struct sl_slice object,
                         bool ret_leave[SL_MEMBERS_MAX])
{
    struct names x;

    if (m->n == 0)
        return 0;
    x.m = m;
    x.n = 0;
    x.leaves = ret_leave;
    memset(ret_leave, 0, m->n * sizeof(*ret_leave));
    for (size_t i = 0; i < PLACES; i++)
        x.at[i] = NONE;
    for (unsigned i = 0; i < m->n; i++)
        enter(&x, i);
    meet_all(&x, object);
    return x.n;
}

unsigned sl_members_meet_text(const struct sl_members *m, bool ret_leave[SL_MEMBERS_MAX])
{
    const struct sl_slice message = SL_SLICE_LITERAL("message"),
                          base64 = SL_SLICE_LITERAL("message_base64");
    unsigned n = 0;

    for (unsigned i = 0; i < m->n; i++) {
        struct sl_slice name = sl_slice(m->text.p + m->names[i].begin, m->names[i].n);

        ret_leave[i] =
            name.n >= message.n && memcmp(name.p, message.p, message.n) == 0 &&
            (name.n == message.n || name.p[message.n] == '.' || sl_slice_equal(name, base64));
        n += ret_leave[i];
    }
    return n;
}
