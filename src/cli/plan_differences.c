/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/json_diff.h"
#include "cli/plan_compare.h"
#include "cli/show.h"

/* What an example tells of a record that arrives otherwise: of its members, its index or key, and
 * of the rules that matched. */

enum { SHOWN = 60, NAMES_SHOWN = 6 };

struct telling {
    struct sl_compare *p;
    const char *sink;
    size_t told;
};

static void one_side(struct sl_slice value, struct sl_buf *out)
{
    if (value.p)
        sl_show_text(value, SHOWN, out);
    else
        sl_buf_text(out, "(missing)");
}

static void one_side_json(struct sl_slice value, struct sl_buf *out)
{
    if (value.p)
        sl_show_string(value, out);
    else
        sl_buf_text(out, "null");
}

/* what: "member", "key", "action"; path: of a member */
static void tell(struct telling *t, const char *what, struct sl_slice path, struct sl_slice before,
                 struct sl_slice after)
{
    struct sl_buf *text = &t->p->text, *json = &t->p->members;
    const size_t text_begin = text->n, json_begin = json->n;

    if (t->told++ == SL_COMPARE_DIFFERENCES_MAX)
        sl_buf_printf(text, "%s: ...\n", t->sink);
    if (t->told > SL_COMPARE_DIFFERENCES_MAX)
        return;
    sl_buf_printf(text, "%s: ", t->sink);
    if (path.p)
        sl_show_text(path, SHOWN, text);
    else
        sl_buf_text(text, what);
    sl_buf_text(text, ": ");
    one_side(before, text);
    sl_buf_text(text, " -> ");
    one_side(after, text);
    sl_buf_byte(text, '\n');
    sl_buf_text(json, json->n ? ",{\"sink\":" : "{\"sink\":");
    sl_show_string(sl_slice_str(t->sink), json);
    sl_buf_printf(json, ",\"%s\":", path.p ? "path" : "what");
    sl_show_string(path.p ? path : sl_slice_str(what), json);
    sl_buf_text(json, ",\"before\":");
    one_side_json(before, json);
    sl_buf_text(json, ",\"after\":");
    one_side_json(after, json);
    sl_buf_byte(json, '}');
    if (text->full)
        sl_buf_truncate(text, text_begin);
    if (json->full)
        sl_buf_truncate(json, json_begin);
}

static void tell_member(void *user, struct sl_slice path, struct sl_slice before,
                        struct sl_slice after)
{
    tell(user, "member", path, before, after);
}

static struct sl_slice head_of(const struct sl_buf *b, size_t body)
{
    size_t n = body < b->n ? body : b->n;

    while (n > 0 && b->p[n - 1] == '\n')
        n--;
    return sl_slice(b->p, n);
}

void sl_compare_differences(struct sl_compare *p, unsigned sink, const struct sl_choice *before,
                            const struct sl_choice *after)
{
    const struct sl_choice *choice[SL_COMPARE_SIDES] = {before, after};
    struct telling t = {.p = p, .sink = p->config->sinks[sink].name};
    struct sl_slice head[SL_COMPARE_SIDES];
    char *key[SL_COMPARE_SIDES] = {NULL, NULL};
    const struct sl_slice none = {NULL, 0};

    for (enum sl_compare_side side = 0; side < SL_COMPARE_SIDES; side++) {
        size_t body = 0;

        sl_buf_clear(&p->preview[side]);
        sl_buf_clear(&p->json[side]);
        sl_record_json(choice[side]->record, false, sl_slice("", 0), &p->json[side], NULL);
        if (sl_offline_preview(p->side[side], choice[side], &p->preview[side], &body, &key[side]) !=
            SL_OK)
            tell(&t, side ? "too large after" : "too large before", none, none, none);
        head[side] = head_of(&p->preview[side], body);
    }
    if (key[0] && key[1] && strcmp(key[0], key[1]) != 0)
        tell(&t, "key", none, sl_slice_str(key[0]), sl_slice_str(key[1]));
    if (!sl_slice_equal(head[0], head[1]))
        tell(&t, "action", none, head[0], head[1]);
    if (!p->json[0].full && !p->json[1].full)
        sl_json_diff(sl_buf_as_slice(&p->json[0]), sl_buf_as_slice(&p->json[1]), tell_member, &t);
    free(key[0]);
    free(key[1]);
}

static void names(struct sl_compare *p, enum sl_compare_side side, struct sl_buf *out)
{
    size_t n;
    const unsigned *matched = sl_matcher_matched(p->side[side]->routing->matcher, &n);

    for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
        sl_buf_printf(out, "%s`%s`", i ? ", " : "", p->rules[p->rows[side][matched[i]]].name);
    sl_buf_text(out, n > NAMES_SHOWN ? ", ..." : n ? "" : "none");
}

void sl_compare_matched(struct sl_compare *p)
{
    sl_buf_text(&p->text, "rules that matched: ");
    names(p, SL_COMPARE_BEFORE, &p->text);
    sl_buf_text(&p->text, " -> ");
    names(p, SL_COMPARE_AFTER, &p->text);
    sl_buf_byte(&p->text, '\n');
}
