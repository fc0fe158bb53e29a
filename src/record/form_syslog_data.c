/* SPDX-License-Identifier: Apache-2.0 */
#include "record/fields.h"
#include "record/form_syslog.h"
#include "record/forms.h"

/* Names are compared with all before them, so there is a bound on how many are. */
enum { NAMES_MAX = 64 };

struct names {
    struct sl_slice items[NAMES_MAX];
    size_t n;
};

static bool is_new(struct names *names, struct sl_slice name)
{
    if (names->n == NAMES_MAX)
        return false;
    for (size_t i = 0; i < names->n; i++)
        if (sl_fields_collide(names->items[i], name))
            return false;
    names->items[names->n++] = name;
    return true;
}

/* Printable ASCII but for `=`, blanks, `]` and quotes. */
static struct sl_slice take_name(struct sl_cursor *c)
{
    const char *begin = c->p;

    while (c->p<c->end && * c->p> ' ' && *c->p < 0x7f && *c->p != '=' && *c->p != ']' &&
           *c->p != '"')
        c->p++;
    return sl_slice(begin, (size_t)(c->p - begin));
}

/* The parameters up to the bracket that ends the element; ret NULL: not to be added. */
static bool parameters(struct sl_cursor *c, struct sl_parsed *ret)
{
    struct names names = {.n = 0};

    while (sl_take(c, ' ')) {
        struct sl_slice name;
        const char *quote;

        if (sl_peek(c, 0) == ']')
            break; /* some put a blank there */
        name = take_name(c);
        if (name.n == 0 || !sl_take_text(c, "=\"") || !(quote = sl_form_quote(c->p, c->p, c->end)))
            return false;
        if (ret && is_new(&names, name)) {
            struct sl_slice value = sl_slice(c->p, (size_t)(quote - c->p));

            if (value.n == 0)
                sl_members_string(ret->members, name, value);
            else
                sl_form_unescaped(ret, name, value, SL_ESCAPES_SYSLOG);
        }
        c->p = quote + 1;
    }
    return sl_take(c, ']');
}

static bool elements(struct sl_cursor *c, struct sl_members *members, bool add)
{
    struct sl_parsed ret = {.members = members};
    struct names names = {.n = 0};

    if (sl_peek(c, 0) != '[')
        return false;
    while (sl_take(c, '[')) {
        struct sl_slice id = take_name(c);
        bool open = id.n && add && is_new(&names, id) && sl_members_open(members, id);

        if (id.n == 0 || !parameters(c, open ? &ret : NULL))
            return false;
        if (open)
            sl_members_close(members);
    }
    return true;
}

bool sl_syslog_structured_data(struct sl_cursor *c, struct sl_members *members)
{
    struct sl_members_mark before = sl_members_mark(members);
    bool open = sl_members_open(members, SL_SLICE_LITERAL("structured_data")), good;

    good = elements(c, members, open);
    if (open && good)
        sl_members_close(members);
    /* Half an object is none: taken back, if there was no room for the end of it. */
    if (open && (!good || members->text.full || members->full)) {
        bool full = good;

        sl_members_back(members, before);
        members->full = full;
    }
    return good;
}
