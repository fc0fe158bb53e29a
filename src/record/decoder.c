/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "record/correlation.h"
#include "record/patterns.h"

/* ---- making ---- */

static unsigned field(struct sl_decoder *d, const char *path)
{
    unsigned id = 0;

    sl_fields_add(d->fields, sl_slice_str(path), &id, NULL);
    return id;
}

static void add_own_fields(struct sl_decoder *d)
{
    static const char *const levels[SL_LEVEL_FIELDS] = {
        "level", "severity", "lvl", "log.level", "levelname", "loglevel", "level_name", "PRIORITY"};
    static const char *const times[SL_TIME_FIELDS] = {NULL, "timestamp", "time", "ts"};

    d->message = field(d, "message");
    d->kind = field(d, "kind");
    d->name = field(d, "name");
    d->value = field(d, "value");
    d->metric_fields = field(d, "fields");
    d->timestamp_member = sl_fields_add_member(d->fields, "@timestamp");
    d->times[0] = d->timestamp_member;
    for (size_t i = 1; i < SL_TIME_FIELDS; i++)
        d->times[i] = field(d, times[i]);
    for (size_t i = 0; i < SL_LEVEL_FIELDS; i++)
        d->levels[i] = field(d, levels[i]);
    d->wrapper_member = field(d, "wrapper");
    sl_fields_watch(d->fields, d->wrapper_member);
    /* Both are written where absent; beside `level.x` a `level` would be two types of one field. */
    sl_fields_watch(d->fields, d->kind);
    sl_fields_watch(d->fields, d->levels[0]);
}

struct sl_decoder *sl_decoder_new(const struct sl_decoder_config *config, struct sl_error *err)
{
    struct sl_decoder *d = sl_zalloc(sizeof(*d));
    int rc;

    d->fields = config->fields;
    d->rules = config->decode;
    d->n_rules = config->n_decode;
    d->added_kind = -2; /* no combination yet */
    sl_buf_init(&d->enrich_text, SL_ENRICH_BYTES_MAX);
    sl_buf_init(&d->added, SL_ENRICH_BYTES_MAX + SL_ENRICH_BESIDE);
    sl_buf_init(&d->around, SL_MEMBERS_BYTES_MAX);
    d->found = sl_alloc(sizeof(*d->found));
    sl_members_init(d->found);
    add_own_fields(d);
    rc = sl_zone_new(config->timezone, &d->zone, err);
    if (rc == SL_OK)
        rc = sl_decoder_add_enrich(d, config->enrich, err);
    if (rc == SL_OK)
        rc = sl_correlation_new(config->correlation, d->fields, &d->correlation, err);
    if (rc == SL_OK)
        rc = sl_patterns_new(config->decode, config->n_decode, &d->patterns, err);
    if (rc != SL_OK) {
        sl_decoder_free(d);
        return NULL;
    }
    return d;
}

void sl_decoder_free(struct sl_decoder *d)
{
    if (!d)
        return;
    sl_zone_free(d->zone);
    sl_buf_release(&d->enrich_text);
    sl_buf_release(&d->added);
    sl_buf_release(&d->around);
    if (d->found)
        sl_members_release(d->found);
    free(d->found);
    sl_correlation_free(d->correlation);
    sl_patterns_free(d->patterns);
    sl_unwrapped_free(d->unwrapped);
    free(d->scan.values);
    free(d->scan.marks);
    free(d->scan.seen);
    free(d);
}

/* ---- scratch ---- */

/* The arrays for the fields as they are now; only after fields were added. */
static void fit(struct sl_decoder *d)
{
    struct sl_fields *f = d->fields;

    if (!f->compiled)
        sl_fields_compile(f);
    if (f->n > d->cap_values) {
        d->cap_values = f->n;
        d->scan.values = sl_reallocarray(d->scan.values, f->n, sizeof(*d->scan.values));
        d->scan.marks = sl_reallocarray(d->scan.marks, f->n, sizeof(*d->scan.marks));
    }
    if (f->n_nodes > d->cap_nodes) {
        d->cap_nodes = f->n_nodes;
        d->scan.seen = sl_reallocarray(d->scan.seen, f->n_nodes, sizeof(*d->scan.seen));
    }
    d->scan.fields = f;
    d->scan.stamp = UINT32_MAX; /* the next one clears all stamps */
    d->version = f->version;
}

void sl_decoder_begin(struct sl_decoder *d)
{
    if (!d->fields->compiled || d->version != d->fields->version)
        fit(d);
    if (d->scan.stamp == UINT32_MAX) {
        memset(d->scan.marks, 0, d->cap_values * sizeof(*d->scan.marks));
        memset(d->scan.seen, 0, d->cap_nodes * sizeof(*d->scan.seen));
        d->scan.stamp = 0;
    }
    d->scan.stamp++;
}
