/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pack.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "sink/compress.h"

static const char magic[] = "sluice rules version";

enum { ASIDE_MAX = 1 << 20, DAMAGED = SL_EINVAL };

/* ---- the head ---- */

bool sl_pack_write(const struct sl_pack *p, struct sl_buf *out)
{
    sl_buf_clear(out);
    sl_pack_bytes(out, sl_slice_str(magic));
    sl_pack_number(out, SL_PACK_FORMAT);
    sl_pack_bytes(out, sl_slice_str(p->decisions));
    sl_pack_bytes(out, sl_slice_str(p->rules));
    sl_pack_number(out, (uint32_t)p->n_aside);
    for (size_t i = 0; i < p->n_aside; i++)
        sl_pack_number(out, p->aside[i]);
    sl_pack_number(out, (uint32_t)p->body_n);
    sl_pack_bytes(out, p->frame);
    if (out->full)
        sl_buf_clear(out);
    sl_buf_shrink(out);
    return out->n > 0;
}

static bool read_hash(struct sl_unpack *u, char ret[SL_SHA256_HEX + 1])
{
    struct sl_slice hash = sl_unpack_text(u);

    if (hash.n != SL_SHA256_HEX)
        return false;
    memcpy(ret, hash.p, SL_SHA256_HEX);
    ret[SL_SHA256_HEX] = '\0';
    return true;
}

static size_t most_body(size_t n_frame)
{
    return n_frame > (SL_PACK_BODY_MAX - (1 << 20)) / SL_PACK_RATIO_MAX
               ? SL_PACK_BODY_MAX
               : (1 << 20) + n_frame * SL_PACK_RATIO_MAX;
}

static bool read_aside(struct sl_unpack *u, struct sl_pack *p, unsigned **ret_aside)
{
    size_t n = sl_unpack_number(u);
    unsigned *aside;

    if (u->bad || n > ASIDE_MAX || n > u->rest.n)
        return false;
    *ret_aside = aside = sl_calloc(n + 1, sizeof(*aside));
    p->aside = aside;
    for (p->n_aside = 0; p->n_aside < n; p->n_aside++) {
        aside[p->n_aside] = sl_unpack_number(u);
        if (p->n_aside && aside[p->n_aside] <= aside[p->n_aside - 1])
            return false;
    }
    return !u->bad;
}

int sl_pack_read(struct sl_slice packed, struct sl_pack *ret, unsigned **ret_aside,
                 struct sl_error *err)
{
    struct sl_unpack u = {.rest = packed};
    uint32_t format;

    *ret = (struct sl_pack){0};
    *ret_aside = NULL;
    if (packed.n > SL_PACK_MAX || !sl_slice_is(sl_unpack_text(&u), magic))
        return sl_fail(err, DAMAGED, "this is no rules version");
    format = sl_unpack_number(&u);
    if (!u.bad && format != SL_PACK_FORMAT)
        return sl_fail(err, SL_EINVAL,
                       "a rules version of format %u; this Sluice reads format %d: it was written "
                       "by another release",
                       format, SL_PACK_FORMAT);
    if (read_hash(&u, ret->decisions) && read_hash(&u, ret->rules) &&
        read_aside(&u, ret, ret_aside)) {
        ret->body_n = sl_unpack_number(&u);
        ret->frame = sl_unpack_bytes(&u);
        if (!u.bad && u.rest.n == 0 && ret->body_n <= most_body(ret->frame.n))
            return SL_OK;
    }
    free(*ret_aside);
    *ret_aside = NULL;
    return sl_fail(err, DAMAGED, "the rules version is damaged");
}

/* ---- the body: what sluice.yaml says ---- */

static void write_destination(const struct sl_destination *d, struct sl_buf *out)
{
    sl_pack_number(out, d->drop);
    sl_pack_number(out, (uint32_t)d->sinks);
    sl_pack_number(out, (uint32_t)(d->sinks >> 32));
}

static void write_texts(const struct sl_strings *texts, struct sl_buf *out)
{
    sl_pack_number(out, (uint32_t)texts->n);
    for (size_t i = 0; i < texts->n; i++)
        sl_pack_bytes(out, sl_slice_str(texts->items[i]));
}

static void write_settings(const struct sl_config *config, uint64_t deciding, struct sl_buf *out)
{
    const struct sl_source_config *source = &config->source;

    sl_pack_number(out, source->timezone != NULL);
    sl_pack_bytes(out, sl_slice_str(source->timezone));
    sl_pack_number(out, (uint32_t)source->n_decode);
    for (size_t i = 0; i < source->n_decode; i++) {
        sl_pack_number(out, (uint32_t)source->decode[i].form);
        sl_pack_number(out, (uint32_t)source->decode[i].kind);
        sl_pack_bytes(out, sl_slice_str(source->decode[i].topic));
        write_texts(&source->decode[i].patterns, out);
    }
    write_texts(&source->correlation.fields, out);
    write_texts(&source->correlation.headers, out);
    sl_pack_number(out, source->correlation.make);
    sl_pack_number(out, (uint32_t)config->enrich.n);
    for (size_t i = 0; i < config->enrich.n; i++) {
        bool decides = deciding >> i & 1;

        sl_pack_number(out, decides);
        sl_pack_bytes(out, sl_slice_str(config->enrich.items[i].name));
        sl_pack_bytes(out, sl_slice_str(decides ? config->enrich.items[i].value : ""));
    }
    sl_pack_number(out, (uint32_t)config->n_sinks);
    for (size_t i = 0; i < config->n_sinks; i++) {
        sl_pack_bytes(out, sl_slice_str(config->sinks[i].name));
        sl_pack_bytes(out, sl_slice_str(config->sinks[i].id));
    }
    write_destination(&config->unmatched, out);
    write_destination(&config->rule_errors, out);
}

bool sl_pack_body(const struct sl_config *config, uint64_t deciding, const struct sl_buf *files,
                  struct sl_buf *ret_frame, size_t *ret_n, char *why, size_t room)
{
    bool good = false;
    struct sl_buf body;

    sl_buf_init(&body, SL_PACK_BODY_MAX);
    write_settings(config, deciding, &body);
    sl_buf_slice(&body, sl_buf_as_slice(files));
    if (files->full || body.full)
        snprintf(why, room, "rule files and tables are larger than %d MiB together",
                 SL_PACK_BODY_MAX >> 20);
    else if (sl_zstd_dense(sl_buf_as_slice(&body), ret_frame) != SL_OK)
        snprintf(why, room, "rule files and tables of %zu KiB are still larger than %d KiB packed",
                 body.n >> 10, SL_PACK_MAX >> 10);
    else if (body.n > most_body(ret_frame->n))
        snprintf(why, room, "rule files and tables of %zu KiB hold nearly nothing but repetitions",
                 body.n >> 10);
    else
        good = true;
    *ret_n = body.n;
    sl_buf_release(&body);
    return good;
}

/* ---- and back ---- */

/* Of entries of at least 4 bytes each. */
static size_t read_count(struct sl_unpack *u)
{
    size_t n = sl_unpack_number(u);

    if (n <= u->rest.n / 4)
        return n;
    u->bad = true;
    return 0;
}

static const char *read_text(struct sl_unpack *u, struct sl_arena *arena)
{
    struct sl_slice text = sl_unpack_text(u);

    return sl_arena_strndup(arena, text.p, text.n);
}

static void read_texts(struct sl_unpack *u, struct sl_arena *arena, struct sl_strings *ret)
{
    size_t n = read_count(u);

    ret->items = sl_arena_calloc(arena, n + 1, sizeof(*ret->items));
    for (ret->n = 0; ret->n < n; ret->n++)
        ret->items[ret->n] = read_text(u, arena);
}

static void read_decode(struct sl_unpack *u, struct sl_arena *arena, struct sl_source_config *ret)
{
    bool zone = sl_unpack_number(u);
    struct sl_decode_rule *rules;
    size_t n;

    ret->timezone = read_text(u, arena);
    if (!zone)
        ret->timezone = NULL;
    n = read_count(u);
    ret->decode = rules = sl_arena_calloc(arena, n + 1, sizeof(*rules));
    for (ret->n_decode = 0; ret->n_decode < n; ret->n_decode++) {
        struct sl_decode_rule *rule = &rules[ret->n_decode];
        uint32_t form = sl_unpack_number(u), kind = sl_unpack_number(u);

        u->bad |= form >= SL_DECODE_FORMS || kind > SL_DECODE_KIND_METRIC;
        rule->form = u->bad ? SL_DECODE_AUTO : (enum sl_decode_form)form;
        rule->kind = u->bad ? SL_DECODE_KIND_NONE : (enum sl_decode_kind)kind;
        rule->topic = read_text(u, arena);
        read_texts(u, arena, &rule->patterns);
    }
    read_texts(u, arena, &ret->correlation.fields);
    read_texts(u, arena, &ret->correlation.headers);
    ret->correlation.make = sl_unpack_number(u);
}

static const char *live_value(const struct sl_config *live, const char *name)
{
    for (size_t i = 0; i < live->enrich.n; i++)
        if (strcmp(live->enrich.items[i].name, name) == 0)
            return live->enrich.items[i].value;
    return NULL;
}

/* A value that decides nothing is each replica's own (its host name); one that it has no more, or
 * has since then, is not added. */
static void read_enrich(struct sl_unpack *u, const struct sl_config *live, struct sl_arena *arena,
                        struct sl_properties *ret, uint64_t *ret_deciding)
{
    size_t n = read_count(u);

    *ret_deciding = 0;
    *ret = (struct sl_properties){.items = sl_arena_calloc(arena, n + 1, sizeof(*ret->items))};
    for (size_t i = 0; i < n; i++) {
        bool decides = sl_unpack_number(u);
        const char *name = read_text(u, arena), *value = read_text(u, arena);

        if (!decides)
            value = live_value(live, name);
        if (!value)
            continue;
        if (decides && ret->n < 64)
            *ret_deciding |= UINT64_C(1) << ret->n;
        ret->items[ret->n++] = (struct sl_property){.name = name, .value = value};
    }
}

struct numbers {
    uint8_t of[SL_SINKS_MAX]; /* by number in the body: that in the configuration made of it */
    size_t n;
};

static size_t place_sink(struct sl_config *ret, const char *id)
{
    for (size_t i = 0; i < ret->n_sinks; i++)
        if (strcmp(ret->sinks[i].id, id) == 0)
            return i;
    return ret->n_sinks < SL_SINKS_MAX ? ret->n_sinks++ : SL_SINKS_MAX;
}

/* In `ret` a sink that the body does not know has no name that a rule could say. */
static int read_sinks(struct sl_unpack *u, const struct sl_config *live, struct sl_arena *arena,
                      struct sl_config *ret, struct numbers *numbers, struct sl_error *err)
{
    size_t n = read_count(u);
    uint64_t seen = 0;

    ret->sinks = sl_arena_calloc(arena, SL_SINKS_MAX, sizeof(*ret->sinks));
    for (ret->n_sinks = 0; ret->n_sinks < live->n_sinks; ret->n_sinks++) {
        ret->sinks[ret->n_sinks].name = "";
        ret->sinks[ret->n_sinks].id = live->sinks[ret->n_sinks].id;
    }
    if (n > SL_SINKS_MAX)
        return sl_fail(err, DAMAGED, "the rules version is damaged: %zu sinks", n);
    for (numbers->n = 0; numbers->n < n; numbers->n++) {
        const char *name = read_text(u, arena), *id = read_text(u, arena);
        size_t at = place_sink(ret, id);

        if (at >= SL_SINKS_MAX)
            return sl_fail(err, SL_ELIMIT,
                           "the sinks of the configuration and those of an older rules version "
                           "that are gone are more than %d together",
                           SL_SINKS_MAX);
        if (seen >> at & 1 || !*name || !*id)
            return sl_fail(err, DAMAGED, "the rules version is damaged: its sinks");
        seen |= 1ULL << at;
        ret->sinks[at].name = name;
        ret->sinks[at].id = id;
        numbers->of[numbers->n] = (uint8_t)at;
    }
    return SL_OK;
}

static void read_destination(struct sl_unpack *u, const struct numbers *numbers,
                             struct sl_destination *ret)
{
    bool drop = sl_unpack_number(u);
    uint64_t sinks = sl_unpack_number(u);

    sinks |= (uint64_t)sl_unpack_number(u) << 32;
    *ret = (struct sl_destination){.drop = drop};
    for (size_t i = 0; i < numbers->n; i++)
        if (sinks >> i & 1)
            ret->sinks |= 1ULL << numbers->of[i];
}

int sl_pack_config(struct sl_slice body, const struct sl_config *live, struct sl_arena *arena,
                   struct sl_config *ret, uint64_t *ret_deciding, struct sl_slice *ret_files,
                   struct sl_error *err)
{
    struct sl_unpack u = {.rest = body};
    struct numbers numbers = {.n = 0};
    int code;

    *ret = (struct sl_config){.path = "a stored rules version", .redact_key = live->redact_key};
    read_decode(&u, arena, &ret->source);
    read_enrich(&u, live, arena, &ret->enrich, ret_deciding);
    code = read_sinks(&u, live, arena, ret, &numbers, err);
    if (code)
        return code;
    read_destination(&u, &numbers, &ret->unmatched);
    read_destination(&u, &numbers, &ret->rule_errors);
    if (u.bad)
        return sl_fail(err, DAMAGED, "the rules version is damaged");
    *ret_files = u.rest;
    return SL_OK;
}
