/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/routing.h"

#include <stdlib.h>

#include "base/alloc.h"

static struct sl_decoder *new_decoder(const struct sl_config *config, struct sl_fields *fields,
                                      struct sl_error *err)
{
    const struct sl_decoder_config decoding = {
        .fields = fields,
        .enrich = &config->enrich,
        .timezone = config->source.timezone,
    };

    return sl_decoder_new(&decoding, err);
}

struct sl_fields *sl_routing_base(const struct sl_config *config, struct sl_error *err)
{
    struct sl_fields *fields = sl_fields_new();
    struct sl_decoder *decoder = new_decoder(config, fields, err);

    if (!decoder) {
        sl_fields_free(fields);
        return NULL;
    }
    sl_decoder_free(decoder);
    return fields;
}

static void hash_decisions(struct sl_routing *r, const struct sl_config *config)
{
    const struct sl_source_config *source = &config->source;
    uint8_t digest[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_buf_init(&text, SIZE_MAX);
    sl_buf_printf(&text, "%s\n%s\n", sl_rules_version(r->rules)->hash,
                  source->timezone ? source->timezone : "");
    for (size_t i = 0; i < source->n_decode; i++)
        sl_buf_printf(&text, "%d %s\n", (int)source->decode[i].form, source->decode[i].topic);
    for (size_t i = 0; i < config->enrich.n; i++) {
        const struct sl_property *added = &config->enrich.items[i];
        bool counts = !strcmp(added->name, "kind") || !strcmp(added->name, "level");
        unsigned field;

        /* A host name that differs between replicas decides nothing unless a rule asks for it. */
        if (sl_fields_add(r->fields, sl_slice_str(added->name), &field, NULL) == SL_OK)
            counts = counts || sl_rules_read(r->rules, field);
        if (counts)
            sl_buf_printf(&text, "%s=%s\n", added->name, added->value);
    }
    sl_sha256(text.p, text.n, digest);
    sl_hex(digest, sizeof(digest), r->loaded);
    memcpy(r->decisions, r->loaded, sizeof(r->decisions));
    sl_buf_release(&text);
}

static uint64_t hash_text(uint64_t before, const char *text)
{
    const uint64_t parts[2] = {before, text ? sl_hash(text, strlen(text)) : 0};

    return sl_hash(parts, sizeof(parts));
}

static uint64_t hash_shown(const struct sl_rules *rules)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < sl_rules_count(rules); i++) {
        const struct sl_rule_info info = sl_rules_info(rules, i);

        hash = hash_text(hash, info.name);
        hash = hash_text(hash, info.file) + info.line;
        hash = hash_text(hash, info.metric);
    }
    return hash;
}

struct sl_routing *sl_routing_new(const struct sl_routing_config *config, struct sl_diags *diags,
                                  struct sl_error *err)
{
    const struct sl_strings *routes = config->routes ? config->routes : &config->config->routes;
    struct sl_routing *r = sl_zalloc(sizeof(*r));
    struct sl_matcher_config matching = {.now_ms = config->now_ms, .user = config->user};

    r->fields = config->base ? sl_fields_clone(config->base) : sl_fields_new();
    r->decoder = new_decoder(config->config, r->fields, err);
    if (!r->decoder)
        goto fail;
    r->rules = sl_rules_load_from(config->config, routes, r->fields, diags);
    if (!r->rules) {
        sl_fail(err, SL_ECONFIG, "the rules have errors");
        goto fail;
    }
    r->version = sl_rules_version_ref(sl_rules_version(r->rules));
    hash_decisions(r, config->config);
    r->shown = hash_shown(r->rules);
    sl_rule_counts_init(&r->counts, r->rules);
    sl_fields_compile(r->fields);
    matching.fields = r->fields;
    r->matcher = sl_matcher_new(r->rules, &matching);
    return r;
fail:
    sl_routing_free(r);
    return NULL;
}

void sl_routing_free(struct sl_routing *r)
{
    if (!r)
        return;
    sl_rule_counts_release(&r->counts);
    sl_rules_version_unref(r->version);
    free(r->aside);
    sl_matcher_free(r->matcher);
    sl_rules_free(r->rules);
    sl_decoder_free(r->decoder);
    sl_fields_free(r->fields);
    free(r);
}

bool sl_routing_same(const struct sl_routing *a, const struct sl_routing *b)
{
    return strcmp(a->decisions, b->decisions) == 0 && a->shown == b->shown &&
           strcmp(a->version->hash, b->version->hash) == 0;
}

/* ---- rules set aside ---- */

/* The hash of a hash and the names of the rules that are set aside. */
static void hash_aside(const struct sl_routing *r, const char *hash, char ret[SL_SHA256_HEX + 1])
{
    uint8_t digest[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_buf_init(&text, SIZE_MAX);
    sl_buf_printf(&text, "%s\n", hash);
    for (size_t i = 0; i < r->n_aside; i++)
        sl_buf_printf(&text, "%s\n", sl_rules_version_name(r->version, r->aside[i]));
    sl_sha256(text.p, text.n, digest);
    sl_hex(digest, sizeof(digest), ret);
    sl_buf_release(&text);
}

static void insert_aside(struct sl_routing *r, unsigned rule)
{
    size_t at = r->n_aside++;

    r->aside = sl_reallocarray(r->aside, r->n_aside, sizeof(*r->aside));
    for (; at > 0 && r->aside[at - 1] > rule; at--)
        r->aside[at] = r->aside[at - 1];
    r->aside[at] = rule;
}

void sl_routing_set_aside(struct sl_routing *r, unsigned rule)
{
    struct sl_rules_version *old = r->version, *v;

    insert_aside(r, rule);
    sl_route_set_aside(r->matcher, rule);
    v = sl_zalloc(sizeof(*v) + old->n * sizeof(v->names[0]));
    v->refs = 1;
    for (v->n = 0; v->n < old->n; v->n++)
        v->names[v->n] = sl_strdup(old->names[v->n]);
    hash_aside(r, sl_rules_version(r->rules)->hash, v->hash);
    hash_aside(r, r->loaded, r->decisions);
    r->version = v;
    sl_rules_version_unref(old);
}
