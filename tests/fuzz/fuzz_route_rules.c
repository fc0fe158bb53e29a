/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/load.h"
#include "sluice/position.h"
#include "sluice/route.h"

/* Any text as a rule file: it is refused with a place, or it compiles and routes; never a crash,
 * and in bounded time. A line "%%" may end the rules: what follows is a record of its own. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses a table when a quoted text holds many escapes. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static const char *const records[] = {
    "{}",
    "{\"level\":\"error\",\"service\":\"a\",\"status\":500,\"message\":\"x\\u0041\\\"y\",\"tags\":["
    "\"a\",1,null]}",
    "{\"kind\":\"metric\",\"value\":1.5,\"user\":{\"id\":7},\"user.id\":\"8\",\"path\":\"/"
    "health\"}",
    "10.0.0.1 - - [x] \"GET / HTTP/1.1\" 500 1",
    "\xff\xfe{",
    "{\"message\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}",
};

static void check(const struct sl_rules *r, const struct sl_decision *d)
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

static void route(const struct sl_rules *r, struct sl_decoder *decoder, struct sl_slice value)
{
    struct sl_topic topic = {.name = (char *)"logs"};
    struct sl_partition partition = {.topic = &topic};
    struct sl_message message = {.at = &partition, .value = value};
    struct sl_matcher *m = sl_matcher_new(r);
    struct sl_decision first, second;
    struct sl_record record;

    sl_decode(decoder, &message, &record);
    sl_route(m, &record, &first);
    check(r, &first);
    sl_route(m, &record, &second);
    if (first.sinks != second.sinks || first.dropped_by != second.dropped_by ||
        first.error_rule != second.error_rule)
        abort();
    sl_matcher_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_sink_config sinks[] = {{.name = "search", .id = "search"},
                                     {.name = "archive", .id = "archive"},
                                     {.name = "alerts", .id = "alerts"}};
    struct sl_config config = {
        .sinks = sinks, .n_sinks = 3, .unmatched = {.sinks = 2}, .rule_errors = {.sinks = 2}};
    struct sl_fields *fields = sl_fields_new();
    struct sl_decoder_config decode = {.fields = fields};
    struct sl_decoder *decoder;
    struct sl_diags diags;
    struct sl_rules *r;
    const char *cut = size ? memmem(data, size, "\n%%\n", 4) : NULL;
    struct sl_slice yaml =
        sl_slice((const char *)data, cut ? (size_t)(cut - (const char *)data) : size);

    sl_diags_init(&diags);
    r = sl_rules_load_text(&config, "rules.yaml", yaml, fields, &diags);
    if (!r == !diags.errors)
        abort();
    if (r) {
        decoder = sl_decoder_new(&decode, NULL);
        sl_fields_compile(fields);
        for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++)
            route(r, decoder, sl_slice_str(records[i]));
        if (cut)
            route(r, decoder, sl_slice(cut + 4, size - yaml.n - 4));
        sl_decoder_free(decoder);
    }
    sl_rules_free(r);
    sl_diags_release(&diags);
    sl_fields_free(fields);
    return 0;
}
