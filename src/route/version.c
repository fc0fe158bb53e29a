/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/actions.h"
#include "route/parse.h"

/* The hash that names a version of the rules. It covers what decides where a record goes and
 * nothing else: not names, comments, spelling or files, so that all replicas agree on it and an
 * edit that changes no decision is no new version. */

enum { VERSION_MAX = 1 << 30 };

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sinks by id, sorted: neither their order in sluice.yaml nor their names decide anything. */
static void write_sinks(const struct sl_config *config, uint64_t sinks, struct sl_buf *out)
{
    const char *ids[SL_SINKS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < config->n_sinks && i < SL_SINKS_MAX; i++)
        if (sinks >> i & 1)
            ids[n++] = config->sinks[i].id;
    if (n)
        qsort(ids, n, sizeof(*ids), compare);
    sl_buf_printf(out, ">%zu ", n);
    for (size_t i = 0; i < n; i++)
        sl_buf_printf(out, "%zu:%s", strlen(ids[i]), ids[i]);
}

static void write_destination(const struct sl_config *config, const struct sl_destination *d,
                              struct sl_buf *out)
{
    sl_buf_byte(out, d->drop ? 'd' : ' ');
    write_sinks(config, d->sinks, out);
}

struct sl_rules_version *sl_rules_version_new(const struct sl_rule_set *set)
{
    struct sl_rules_version *v = sl_zalloc(sizeof(*v) + set->n_defs * sizeof(v->names[0]));
    const struct sl_config *config = set->config;
    uint8_t sum[SL_SHA256_BYTES];
    struct sl_buf out;

    v->refs = 1;
    v->n = set->n_defs;
    sl_buf_init(&out, VERSION_MAX);
    SL_BUF_LITERAL(&out, "sluice rules 1\n");
    for (size_t i = 0; i < set->n_defs; i++) {
        const struct sl_rule_def *def = &set->defs[i];
        uint64_t to = 0;

        v->names[i] = sl_strdup(def->name);
        for (size_t k = 0; k < def->n_to; k++)
            to |= 1ULL << def->to[k];
        sl_buf_printf(&out, "rule%s%s", def->drop ? " drop" : "", def->go_on ? " continue" : "");
        write_sinks(config, to, &out);
        if (def->when)
            sl_cond_write(def->when, &out);
        if (def->actions)
            sl_actions_write(def->actions, &out);
        sl_buf_byte(&out, '\n');
    }
    write_destination(config, &config->unmatched, &out);
    write_destination(config, &config->rule_errors, &out);
    sl_sha256(out.p, out.n, sum);
    sl_hex(sum, sizeof(sum), v->hash);
    sl_buf_release(&out);
    return v;
}
