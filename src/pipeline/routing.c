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
    sl_hex(digest, sizeof(digest), r->decisions);
    sl_buf_release(&text);
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
    hash_decisions(r, config->config);
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
    sl_matcher_free(r->matcher);
    sl_rules_free(r->rules);
    sl_decoder_free(r->decoder);
    sl_fields_free(r->fields);
    free(r);
}
