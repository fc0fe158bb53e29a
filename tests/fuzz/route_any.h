/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_ROUTE_ANY_H
#define TESTS_FUZZ_ROUTE_ANY_H

#include <stdlib.h>

#include "base/alloc.h"
#include "route/load.h"
#include "route/match.h"
#include "sluice/position.h"
#include "sluice/route.h"

/* Any text as a rule file: it is refused with a place, or it compiles and routes; never a crash,
 * and in bounded time. What is routed goes where judging every rule in order sends it, and what
 * rules make of a record is a record. */

static const char *const any_records[] = {
    "{}",
    "{\"level\":\"error\",\"service\":\"a\",\"status\":500,\"message\":\"x\\u0041\\\"y\",\"tags\":["
    "\"a\",1,null],\"ip\":\"10.1.2.3\"}",
    "{\"kind\":\"metric\",\"value\":1.5,\"user\":{\"id\":7},\"user.id\":\"8\",\"path\":\"/"
    "health\",\"key\":\"b\"}",
    "10.0.0.1 - - [x] \"GET / HTTP/1.1\" 500 1",
    "\xff\xfe{",
    "{\"message\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}",
    "{\"message\":\"mail jo@example.com from ::1, card 4111 1111 1111 1111\",\"a\":{\"b\":1},"
    "\"n\":12345678901234567890}",
};

static inline void any_check(const struct sl_rules *r, const struct sl_decision *d)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < d->n; i++) {
        if (d->chosen[i].rule != SL_RULE_UNMATCHED && d->chosen[i].rule >= sl_rules_count(r))
            abort();
        if (bits >> d->chosen[i].sink & 1)
            abort();
        bits |= 1ULL << d->chosen[i].sink;
    }
    /* Each record ends somewhere: with a sink, or dropped by name. */
    if (bits != d->sinks || (d->n == 0) != (d->dropped_by != SL_RULE_NONE))
        abort();
}

/* What one sink gets is read again. */
static inline void any_output(const struct sl_record *record)
{
    struct sl_topic topic = {.name = (char *)"logs", .decode = SL_DECODE_JSON};
    struct sl_partition partition = {.topic = &topic};
    struct sl_message message = {.at = &partition};
    struct sl_fields *fields = sl_fields_new();
    struct sl_decoder *decoder =
        sl_decoder_new(&(struct sl_decoder_config){.fields = fields}, NULL);
    struct sl_record again;
    struct sl_buf out;

    sl_fields_compile(fields);
    sl_buf_init(&out, 64 << 20);
    sl_record_json(record, true, sl_slice("", 0), &out, NULL);
    message.value = sl_buf_as_slice(&out);
    sl_decode(decoder, &message, &again);
    if (out.full || again.form != SL_FORM_OBJECT)
        abort();
    sl_decoder_free(decoder);
    sl_fields_free(fields);
    sl_buf_release(&out);
}

static inline void any_route(const struct sl_rules *r, struct sl_fields *fields,
                             struct sl_decoder *decoder, struct sl_slice value)
{
    struct sl_topic topic = {.name = (char *)"logs"};
    struct sl_partition partition = {.topic = &topic};
    struct sl_message message = {.at = &partition, .value = value};
    struct sl_matcher_config config = {.fields = fields};
    struct sl_matcher *m = sl_matcher_new(r, &config), *in_order = sl_matcher_new(r, &config);
    struct sl_decision first, second;
    struct sl_record record;

    sl_match_in_order(sl_matcher_parts(in_order).match);
    sl_decode(decoder, &message, &record);
    sl_route(m, &record, &first);
    any_check(r, &first);
    for (size_t i = 0; i < first.n; i++)
        any_output(first.chosen[i].record);
    sl_route_undo(m);
    sl_route(m, &record, &second);
    if (first.sinks != second.sinks || first.dropped_by != second.dropped_by ||
        first.error_rule != second.error_rule)
        abort();
    sl_route(in_order, &record, &second);
    any_check(r, &second);
    if (first.error_rule == SL_RULE_NONE && second.error_rule == SL_RULE_NONE &&
        (first.sinks != second.sinks || first.dropped_by != second.dropped_by))
        abort();
    sl_matcher_free(m);
    sl_matcher_free(in_order);
}

/* name: rules.yaml or a path that ends in .csv. more: a record besides; p == NULL: none. */
static inline void any_rules(const char *name, struct sl_slice content, struct sl_slice more)
{
    struct sl_sink_config sinks[] = {{.name = "search", .id = "search"},
                                     {.name = "archive", .id = "archive"},
                                     {.name = "alerts", .id = "alerts"}};
    struct sl_config config = {
        .sinks = sinks, .n_sinks = 3, .unmatched = {.sinks = 2}, .rule_errors = {.sinks = 2}};
    struct sl_fields *fields = sl_fields_new();
    struct sl_decoder *decoder;
    struct sl_diags diags;
    struct sl_rules *r;

    sl_diags_init(&diags);
    r = sl_rules_load_text(&config, name, content, fields, &diags);
    if (!r == !diags.errors)
        abort();
    if (r) {
        decoder = sl_decoder_new(&(struct sl_decoder_config){.fields = fields}, NULL);
        sl_fields_compile(fields);
        for (size_t i = 0; i < sizeof(any_records) / sizeof(*any_records); i++)
            any_route(r, fields, decoder, sl_slice_str(any_records[i]));
        if (more.p)
            any_route(r, fields, decoder, more);
        sl_decoder_free(decoder);
    }
    sl_rules_free(r);
    sl_diags_release(&diags);
    sl_fields_free(fields);
}

#endif
