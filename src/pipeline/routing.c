/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/routing.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "kafka/client.h"
#include "pipeline/pack.h"
#include "sink/compress.h"
#include "sluice/template.h"

/* Made once, never changed: routings that differ only in which rules are set aside share it. */
struct sl_routing_parts {
    unsigned refs; /* by atomic operations */
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_rules *rules;
    const struct sl_config *config; /* what decides in sluice.yaml: the live one, or `own` */
    struct sl_config own;           /* of a routing that was unpacked; its texts are the arena's */
    struct sl_arena arena;
};

static void free_parts(struct sl_routing_parts *p)
{
    if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    sl_rules_free(p->rules);
    sl_decoder_free(p->decoder);
    sl_fields_free(p->fields);
    sl_arena_release(&p->arena);
    free(p);
}

static struct sl_routing *new_routing(struct sl_routing_parts *parts)
{
    struct sl_routing *r = sl_zalloc(sizeof(*r));

    r->parts = parts;
    sl_buf_init(&r->packed, SL_PACK_MAX);
    return r;
}

static struct sl_routing_parts *new_parts(const struct sl_routing_config *config)
{
    struct sl_routing_parts *p = sl_zalloc(sizeof(*p));

    p->refs = 1;
    p->config = config->config;
    p->fields = config->base ? sl_fields_clone(config->base) : sl_fields_new();
    sl_arena_init(&p->arena);
    return p;
}

static struct sl_decoder *new_decoder(const struct sl_config *config, struct sl_fields *fields,
                                      struct sl_error *err)
{
    const struct sl_decoder_config decoding = {
        .fields = fields,
        .enrich = &config->enrich,
        .timezone = config->source.timezone,
        .decode = config->source.decode,
        .n_decode = config->source.n_decode,
        .correlation = &config->source.correlation,
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

/* ---- which items of `enrich` decide anything ---- */

static void name_fields(const char *text, struct sl_fields *fields)
{
    if (text) /* its use makes no difference here; what is wrong with it the sink has said */
        sl_template_free(sl_template_new(text, SL_TEMPLATE_PLAIN, fields, NULL));
}

/* What the keys of objects and the names of indexes are made of: whoever reads a record again
 * after another replica has to find it where that one has put it. */
static struct sl_fields *fields_of_names(const struct sl_config *config)
{
    struct sl_fields *fields = sl_fields_new();

    for (size_t i = 0; i < config->n_sinks; i++) {
        const struct sl_sink_config *s = &config->sinks[i];

        if (s->kind == SL_SINK_S3)
            name_fields(s->s3.key, fields);
        if (s->kind != SL_SINK_ELASTICSEARCH)
            continue;
        name_fields(s->elasticsearch.index, fields);
        name_fields(s->elasticsearch.dataset, fields);
        name_fields(s->elasticsearch.namespace_, fields);
    }
    return fields;
}

/* As bits: a host name that differs between replicas decides nothing unless a rule or a name asks
 * for it. */
static uint64_t deciding_enrich(const struct sl_routing_parts *p)
{
    const struct sl_properties *enrich = &p->config->enrich;
    struct sl_fields *names = fields_of_names(p->config);
    size_t n_names = sl_fields_count(names);
    uint64_t deciding = 0;

    for (size_t i = 0; i < enrich->n && i < 64; i++) { /* the decoder takes no more */
        const char *name = enrich->items[i].name;
        bool decides = !strcmp(name, "kind") || !strcmp(name, "level");
        unsigned field;

        if (sl_fields_add(p->fields, sl_slice_str(name), &field, NULL) == SL_OK)
            decides = decides || sl_rules_read(p->rules, field);
        if (sl_fields_add(names, sl_slice_str(name), &field, NULL) == SL_OK)
            decides = decides || field < n_names;
        deciding |= (uint64_t)decides << i;
    }
    sl_fields_free(names);
    return deciding;
}

/* Texts with their lengths: patterns may hold anything. */
static void add_texts(const char *what, const struct sl_strings *texts, struct sl_buf *out)
{
    for (size_t i = 0; i < texts->n; i++)
        sl_buf_printf(out, "%s %zu:%s\n", what, strlen(texts->items[i]), texts->items[i]);
}

static void add_decoding(const struct sl_source_config *source, struct sl_buf *out)
{
    sl_buf_printf(out, "decoders %d\n", SL_DECODERS_VERSION);
    for (size_t i = 0; i < source->n_decode; i++) {
        const struct sl_decode_rule *rule = &source->decode[i];

        sl_buf_printf(out, "%d %d\n", (int)rule->form, (int)rule->kind);
        sl_buf_printf(out, "topic %zu:%s\n", strlen(rule->topic), rule->topic);
        add_texts("text", &rule->patterns, out);
    }
    add_texts("field", &source->correlation.fields, out);
    add_texts("header", &source->correlation.headers, out);
    sl_buf_printf(out, "make %d\n", source->correlation.make);
}

static void hash_decisions(const struct sl_routing_parts *p, uint64_t deciding,
                           char ret[SL_SHA256_HEX + 1])
{
    const struct sl_source_config *source = &p->config->source;
    const struct sl_properties *enrich = &p->config->enrich;
    uint8_t digest[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_buf_init(&text, SIZE_MAX);
    sl_buf_printf(&text, "%s\n%s\n", sl_rules_version(p->rules)->hash,
                  source->timezone ? source->timezone : "");
    add_decoding(source, &text);
    for (size_t i = 0; i < enrich->n; i++)
        if (deciding >> i & 1)
            sl_buf_printf(&text, "%s=%s\n", enrich->items[i].name, enrich->items[i].value);
    sl_sha256(text.p, text.n, digest);
    sl_hex(digest, sizeof(digest), ret);
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

/* ---- its making ---- */

/* All that follows from the parts, with no rule set aside. */
static void complete(struct sl_routing *r, const struct sl_routing_config *config)
{
    struct sl_routing_parts *p = r->parts;
    const struct sl_matcher_config matching = {
        .fields = p->fields, .now_ms = config->now_ms, .user = config->user};

    r->fields = p->fields;
    r->decoder = p->decoder;
    r->rules = p->rules;
    r->version = sl_rules_version_ref(sl_rules_version(p->rules));
    r->shown = hash_shown(p->rules);
    sl_rule_counts_init(&r->counts, p->rules);
    r->matcher = sl_matcher_new(p->rules, &matching);
}

static void pack(struct sl_routing *r, uint64_t deciding, const struct sl_buf *files)
{
    struct sl_pack p = {.aside = r->aside, .n_aside = r->n_aside};
    struct sl_buf frame;

    sl_buf_init(&frame, SL_PACK_MAX);
    memcpy(p.decisions, r->decisions, sizeof(p.decisions));
    memcpy(p.rules, r->version->hash, sizeof(p.rules));
    if (sl_pack_body(r->parts->config, deciding, files, &frame, &p.body_n, r->pack_problem,
                     sizeof(r->pack_problem))) {
        p.frame = sl_buf_as_slice(&frame);
        if (!sl_pack_write(&p, &r->packed))
            snprintf(r->pack_problem, sizeof(r->pack_problem),
                     "rule files and tables are larger than %d KiB packed", SL_PACK_MAX >> 10);
    }
    sl_buf_release(&frame);
}

struct sl_routing *sl_routing_new(const struct sl_routing_config *config, struct sl_diags *diags,
                                  struct sl_error *err)
{
    const struct sl_strings *routes = config->routes ? config->routes : &config->config->routes;
    struct sl_routing_parts *p = new_parts(config);
    struct sl_routing *r = new_routing(p);
    struct sl_buf files;
    uint64_t deciding;

    sl_buf_init(&files, SL_PACK_BODY_MAX);
    p->decoder = new_decoder(p->config, p->fields, err);
    if (!p->decoder)
        goto fail;
    p->rules = sl_rules_load_keeping(p->config, routes, p->fields, diags, &files);
    if (!p->rules) {
        sl_fail(err, SL_ECONFIG, "the rules have errors");
        goto fail;
    }
    deciding = deciding_enrich(p);
    sl_fields_compile(p->fields);
    complete(r, config);
    hash_decisions(p, deciding, r->loaded);
    memcpy(r->decisions, r->loaded, sizeof(r->decisions));
    pack(r, deciding, &files);
    goto out;
fail:
    sl_routing_free(r);
    r = NULL;
out:
    sl_buf_release(&files);
    return r;
}

void sl_routing_free(struct sl_routing *r)
{
    if (!r)
        return;
    sl_rule_counts_release(&r->counts);
    sl_rules_version_unref(r->version);
    free(r->aside);
    sl_buf_release(&r->packed);
    sl_matcher_free(r->matcher);
    free_parts(r->parts);
    free(r);
}

void sl_routing_decoding(const struct sl_routing *r, struct sl_topic *topic)
{
    sl_kafka_decoding(&r->parts->config->source, topic);
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

static bool is_aside(const struct sl_routing *r, unsigned rule)
{
    for (size_t i = 0; i < r->n_aside; i++)
        if (r->aside[i] == rule)
            return true;
    return false;
}

static void insert_aside(struct sl_routing *r, unsigned rule)
{
    size_t at = r->n_aside++;

    r->aside = sl_reallocarray(r->aside, r->n_aside, sizeof(*r->aside));
    for (; at > 0 && r->aside[at - 1] > rule; at--)
        r->aside[at] = r->aside[at - 1];
    r->aside[at] = rule;
    sl_route_set_aside(r->matcher, rule);
}

/* A version is known by what decides: with rules set aside it is another. */
static void name_aside(struct sl_routing *r)
{
    struct sl_rules_version *old = r->version, *v;

    v = sl_zalloc(sizeof(*v) + old->n * sizeof(v->names[0]));
    v->refs = 1;
    for (v->n = 0; v->n < old->n; v->n++)
        v->names[v->n] = sl_strdup(old->names[v->n]);
    hash_aside(r, sl_rules_version(r->rules)->hash, v->hash);
    hash_aside(r, r->loaded, r->decisions);
    r->version = v;
    sl_rules_version_unref(old);
}

static void set_aside(struct sl_routing *r, const unsigned *rules, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rules[i] < sl_rules_count(r->rules) && !is_aside(r, rules[i]))
            insert_aside(r, rules[i]);
    if (r->n_aside > 0)
        name_aside(r);
}

/* The same body behind another head. */
static void pack_aside(struct sl_routing *r, const struct sl_routing *live)
{
    struct sl_pack p;
    unsigned *aside;

    snprintf(r->pack_problem, sizeof(r->pack_problem), "%s", live->pack_problem);
    if (live->packed.n == 0 ||
        sl_pack_read(sl_buf_as_slice(&live->packed), &p, &aside, NULL) != SL_OK)
        return;
    memcpy(p.decisions, r->decisions, sizeof(p.decisions));
    memcpy(p.rules, r->version->hash, sizeof(p.rules));
    p.aside = r->aside;
    p.n_aside = r->n_aside;
    if (!sl_pack_write(&p, &r->packed))
        snprintf(r->pack_problem, sizeof(r->pack_problem),
                 "rule files and tables are larger than %d KiB packed", SL_PACK_MAX >> 10);
    free(aside);
}

struct sl_routing *sl_routing_with_aside(const struct sl_routing_config *config,
                                         struct sl_routing *live, const unsigned *rules, size_t n)
{
    struct sl_routing *r = new_routing(live->parts);

    __atomic_add_fetch(&live->parts->refs, 1, __ATOMIC_RELAXED);
    complete(r, config);
    memcpy(r->loaded, live->loaded, sizeof(r->loaded));
    memcpy(r->decisions, live->loaded, sizeof(r->decisions));
    for (size_t i = 0; i < live->n_aside; i++)
        insert_aside(r, live->aside[i]);
    set_aside(r, rules, n);
    pack_aside(r, live);
    return r;
}

/* ---- from what was packed ---- */

static int unpack_body(const struct sl_pack *p, struct sl_buf *ret, struct sl_error *err)
{
    sl_buf_init(ret, p->body_n);
    if (sl_unzstd(p->frame, ret) == SL_OK && ret->n == p->body_n)
        return SL_OK;
    return sl_fail(err, SL_EINVAL, "the rules version is damaged: it cannot be decompressed");
}

static int first_problem(const struct sl_diags *diags, struct sl_error *err)
{
    size_t i = 0;

    while (i < diags->n && diags->items[i].severity != SL_PROBLEM)
        i++;
    return sl_fail(err, SL_EINVAL, "the stored rules have errors: %s",
                   i < diags->n ? diags->items[i].text : "");
}

static int load_body(struct sl_routing_parts *p, const struct sl_config *live, struct sl_slice body,
                     uint64_t *ret_deciding, struct sl_diags *diags, struct sl_error *err)
{
    struct sl_slice files;
    int code = sl_pack_config(body, live, &p->arena, &p->own, ret_deciding, &files, err);

    if (code)
        return code;
    p->config = &p->own;
    p->decoder = new_decoder(p->config, p->fields, err);
    if (!p->decoder)
        return SL_EINVAL;
    p->rules = sl_rules_load_kept(p->config, files, p->fields, diags);
    return p->rules ? SL_OK : first_problem(diags, err);
}

/* They must decide as they did where they were packed; another release of Sluice may see in them
 * something else. */
static int check_hashes(const struct sl_routing *r, const struct sl_pack *p, struct sl_error *err)
{
    if (strcmp(r->decisions, p->decisions) == 0 && strcmp(r->version->hash, p->rules) == 0)
        return SL_OK;
    return sl_fail(err, SL_EINVAL, "the stored rules decide otherwise here: %.12s instead of %.12s",
                   r->decisions, p->decisions);
}

struct sl_routing *sl_routing_unpack(const struct sl_routing_config *config, struct sl_slice packed,
                                     struct sl_diags *diags, struct sl_error *err)
{
    struct sl_routing_parts *parts = new_parts(config);
    struct sl_routing *r = new_routing(parts);
    struct sl_buf body = {0};
    struct sl_pack p;
    unsigned *aside;
    uint64_t deciding;
    int code = sl_pack_read(packed, &p, &aside, err);

    if (!code)
        code = unpack_body(&p, &body, err);
    if (!code)
        code = load_body(parts, config->config, sl_buf_as_slice(&body), &deciding, diags, err);
    if (!code) {
        deciding |= deciding_enrich(parts);
        sl_fields_compile(parts->fields);
        complete(r, config);
        hash_decisions(parts, deciding, r->loaded);
        memcpy(r->decisions, r->loaded, sizeof(r->decisions));
        set_aside(r, p.aside, p.n_aside);
        sl_buf_slice(&r->packed, packed);
        code = check_hashes(r, &p, err);
    }
    if (code) {
        sl_routing_free(r);
        r = NULL;
    }
    free(aside);
    sl_buf_release(&body);
    return r;
}
