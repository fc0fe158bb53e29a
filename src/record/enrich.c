/* SPDX-License-Identifier: Apache-2.0 */
#include "record/decode.h"

/* ---- making ---- */

int sl_enrich_check(const struct sl_properties *all, size_t at, struct sl_error *err)
{
    const char *name = all->items[at].name;

    if (at == SL_ENRICH_MAX)
        return sl_fail(err, SL_ELIMIT, "enrich: more than %d fields", SL_ENRICH_MAX);
    if (name[0] == '@')
        return sl_fail(err, SL_ECONFIG, "enrich: `%s` is made by Sluice itself", name);
    for (size_t i = 0; i < at; i++)
        if (sl_fields_collide(sl_slice_str(all->items[i].name), sl_slice_str(name)))
            return sl_fail(err, SL_ECONFIG, "enrich: `%s` and `%s` exclude each other",
                           all->items[i].name, name);
    return sl_fields_check(sl_slice_str(name), err);
}

static int add_enrich(struct sl_decoder *d, const struct sl_properties *all, size_t at,
                      struct sl_error *err)
{
    const struct sl_property *property = &all->items[at];
    struct sl_enrich *e = &d->enrich[at];
    size_t begin = d->enrich_text.n;
    int rc = sl_enrich_check(all, at, err);

    if (rc == SL_OK)
        rc = sl_fields_add(d->fields, sl_slice_str(property->name), &e->id, err);
    for (const char *dot = strchr(property->name, '.'); dot && rc == SL_OK;
         dot = strchr(dot + 1, '.'))
        rc = sl_fields_add(d->fields, sl_slice(property->name, (size_t)(dot - property->name)),
                           &e->above[e->n_above++], err);
    if (rc != SL_OK)
        return rc;
    sl_fields_watch(d->fields, e->id);
    e->is_kind = e->id == d->kind;
    e->is_level = e->id == d->levels[0];
    e->value = sl_slice_str(property->value);
    SL_BUF_LITERAL(&d->enrich_text, ",\"");
    sl_json_escape(sl_slice_str(property->name), &d->enrich_text);
    SL_BUF_LITERAL(&d->enrich_text, "\":\"");
    sl_json_escape(e->value, &d->enrich_text);
    SL_BUF_LITERAL(&d->enrich_text, "\"");
    e->member.n = d->enrich_text.n - begin;
    d->n_enrich++;
    return d->enrich_text.full ? sl_fail(err, SL_ELIMIT, "enrich: more than 1 MiB") : SL_OK;
}

int sl_decoder_add_enrich(struct sl_decoder *d, const struct sl_properties *all,
                          struct sl_error *err)
{
    const char *at;
    int rc = SL_OK;

    for (size_t i = 0; all && i < all->n && rc == SL_OK; i++)
        rc = add_enrich(d, all, i, err);
    at = d->enrich_text.p; /* it moves no more */
    for (size_t i = 0; i < d->n_enrich; i++) {
        d->enrich[i].member.p = at;
        at += d->enrich[i].member.n;
    }
    sl_buf_reserve(&d->added, d->enrich_text.n + SL_ENRICH_BESIDE);
    return rc;
}

/* ---- of a record ---- */

static bool blocked(const struct sl_decoder *d, const struct sl_enrich *e)
{
    for (unsigned i = 0; i < e->n_above; i++) {
        uint8_t type = d->scan.values[e->above[i]].type;

        if (sl_decoder_has(d, e->above[i]) && type != SL_VALUE_OBJECT && type != SL_VALUE_ARRAY &&
            type != SL_VALUE_NULL)
            return true;
    }
    return false;
}

/* `added` for the combination at hand; rebuilt only when it is another one than the last. */
static void compose(struct sl_decoder *d, uint64_t enrich, int kind, int level)
{
    if (enrich == d->added_enrich && kind == d->added_kind && level == d->added_level)
        return;
    sl_buf_clear(&d->added);
    if (kind >= 0) {
        SL_BUF_LITERAL(&d->added, ",\"kind\":\"");
        sl_buf_text(&d->added, sl_kind_name((enum sl_kind)kind));
        sl_buf_byte(&d->added, '"');
    }
    if (level > 0) {
        SL_BUF_LITERAL(&d->added, ",\"level\":\"");
        sl_buf_text(&d->added, sl_level_name((enum sl_level)level));
        sl_buf_byte(&d->added, '"');
    }
    for (size_t i = 0; i < d->n_enrich; i++)
        if (enrich >> i & 1)
            sl_buf_slice(&d->added, d->enrich[i].member);
    d->added_enrich = enrich;
    d->added_kind = kind;
    d->added_level = level;
}

/* Behind what the record got before, where it stands already. */
static void append(struct sl_decoder *d, struct sl_record *r)
{
    r->added = sl_buf_as_slice(&d->added);
    if (d->found->text.n == 0)
        return;
    sl_buf_slice(&d->found->text, r->added);
    r->added = sl_buf_as_slice(&d->found->text);
}

/* Enrichment stands for the field where the record has none, so that a rule sees it; a level that
 * the record spells in another field comes before an enriched one. */
void sl_decoder_enrich(struct sl_decoder *d, struct sl_record *r)
{
    bool add_kind = sl_decoder_lacks(d, d->kind), add_level = sl_decoder_lacks(d, d->levels[0]);
    uint64_t chosen = 0;

    add_level = add_level && r->level != SL_LEVEL_NONE;
    if (add_level)
        sl_decoder_set_text(d, d->levels[0], sl_slice_str(sl_level_name(r->level)));
    for (size_t i = 0; i < d->n_enrich; i++) {
        const struct sl_enrich *e = &d->enrich[i];

        if (!sl_decoder_lacks(d, e->id) || blocked(d, e))
            continue;
        chosen |= (uint64_t)1 << i;
        sl_decoder_set_text(d, e->id, e->value);
        add_kind = add_kind && !e->is_kind;
        if (e->is_level && r->level == SL_LEVEL_NONE)
            r->level = sl_decoder_level(d);
    }
    r->kind = sl_decoder_kind(d);
    if (add_kind)
        sl_decoder_set_text(d, d->kind, sl_slice_str(sl_kind_name(r->kind)));
    compose(d, chosen, add_kind ? (int)r->kind : -1, add_level ? (int)r->level : 0);
    append(d, r);
}
