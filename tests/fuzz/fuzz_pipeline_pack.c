/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pipeline/pack.h"
#include "pipeline/routing.h"

/* Any bytes as a rules version. The first says as what: 'p', a packed value; else the body of one,
 * as it is before compression, which chance would not find a way into. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses a table when a quoted text holds many escapes. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static void as_packed(const struct sl_config *live, struct sl_slice bytes)
{
    const struct sl_routing_config config = {.config = live};
    struct sl_error err = {.text = ""};
    struct sl_routing *r;
    struct sl_diags diags;

    sl_diags_init(&diags);
    r = sl_routing_unpack(&config, bytes, &diags, &err);
    if ((r != NULL) != (err.text[0] == '\0'))
        abort();
    sl_routing_free(r);
    sl_diags_release(&diags);
}

static void as_body(const struct sl_config *live, struct sl_slice bytes)
{
    struct sl_fields *fields = sl_fields_new();
    struct sl_config config;
    struct sl_diags diags;
    struct sl_arena arena;
    struct sl_rules *rules;
    struct sl_slice files;
    uint64_t deciding;

    sl_diags_init(&diags);
    sl_arena_init(&arena);
    if (sl_pack_config(bytes, live, &arena, &config, &deciding, &files, NULL) == SL_OK) {
        if (config.n_sinks > SL_SINKS_MAX || config.n_sinks < live->n_sinks)
            abort();
        rules = sl_rules_load_kept(&config, files, fields, &diags);
        if ((rules == NULL) != (diags.errors > 0))
            abort();
        sl_rules_free(rules);
    }
    sl_arena_release(&arena);
    sl_diags_release(&diags);
    sl_fields_free(fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_sink_config sinks[] = {{.name = "search", .id = "search"},
                                     {.name = "new", .id = "new"}};
    struct sl_property enrich = {.name = "host", .value = "here"};
    const struct sl_config live = {
        .path = "sluice.yaml", .sinks = sinks, .n_sinks = 2, .enrich = {.items = &enrich, .n = 1}};
    struct sl_slice rest = sl_slice((const char *)data + 1, size - 1);

    if (size > 0 && *data == 'p')
        as_packed(&live, rest);
    else if (size > 0)
        as_body(&live, rest);
    return 0;
}
