/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ROUTE_HELP_H
#define TESTS_ROUTE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "route/load.h"
#include "route/pack.h"
#include "sluice/position.h"
#include "sluice/record.h"
#include "sluice/route.h"

/* A router in a box: three sinks, rules from a text, records from JSON texts. */

enum { SEARCH, ARCHIVE, ALERTS, N_SINKS };

struct box {
    struct sl_sink_config sinks[N_SINKS];
    struct sl_config config;
    struct sl_fields *fields;
    struct sl_diags diags;
    struct sl_rules *rules;
    struct sl_decoder *decoder;
    struct sl_matcher *matcher;
    struct sl_topic topic;
    struct sl_partition *partition; /* owned */
    struct sl_message message;
    struct sl_record record;
    struct sl_decision decision;
};

static inline void box_config(struct box *b)
{
    static const char *const names[] = {"search", "archive", "alerts"};

    *b = (struct box){0};
    for (int i = 0; i < N_SINKS; i++)
        b->sinks[i].name = b->sinks[i].id = names[i];
    b->config.path = "sluice.yaml";
    b->config.sinks = b->sinks;
    b->config.n_sinks = N_SINKS;
    b->config.unmatched.sinks = 1U << ARCHIVE;
    b->config.rule_errors.sinks = 1U << ARCHIVE;
    b->topic.name = (char *)"logs";
    b->topic.decode = SL_DECODE_AUTO;
    b->partition = sl_zalloc(sizeof(*b->partition));
    b->partition->topic = &b->topic;
    b->message.at = b->partition;
    b->fields = sl_fields_new();
    sl_diags_init(&b->diags);
}

/* After box_config(): rules that must be right. */
static inline void box_rules_n(struct box *b, struct sl_slice yaml)
{
    const struct sl_decoder_config decoder = {.fields = b->fields};

    b->rules = sl_rules_load_text(&b->config, "rules.yaml", yaml, b->fields, &b->diags);
    if (!b->rules) {
        sl_diags_print(&b->diags, stderr);
        fail_msg("%.*s", (int)yaml.n, yaml.p);
    }
    b->decoder = sl_decoder_new(&decoder, NULL);
    sl_fields_compile(b->fields);
    b->matcher = sl_matcher_new(b->rules, &(struct sl_matcher_config){.fields = b->fields});
}

static inline void box_rules(struct box *b, const char *yaml)
{
    box_rules_n(b, sl_slice_str(yaml));
}

/* The rules of config.routes, made of what was kept when their files were read; the files are not
 * there any more. */
static inline void box_load_kept(struct box *b, const char *folder)
{
    struct sl_fields *fields = sl_fields_new();
    struct sl_rules *first;
    struct sl_buf kept;

    sl_buf_init(&kept, 16 << 20);
    first = sl_rules_load_keeping(&b->config, &b->config.routes, fields, &b->diags, &kept);
    if (first) {
        char *command = sl_asprintf("rm -r %s", folder);

        assert_int_equal(system(command), 0);
        free(command);
        b->rules = sl_rules_load_kept(&b->config, sl_buf_as_slice(&kept), b->fields, &b->diags);
        assert_non_null(b->rules);
        assert_string_equal(sl_rules_version(b->rules)->hash, sl_rules_version(first)->hash);
        sl_rules_free(first);
    }
    sl_fields_free(fields);
    sl_buf_release(&kept);
}

static inline void box_route_n(struct box *b, struct sl_slice value)
{
    b->message.value = value;
    sl_decode(b->decoder, &b->message, &b->record);
    sl_route(b->matcher, &b->record, &b->decision);
}

static inline void box_route(struct box *b, const char *value)
{
    box_route_n(b, sl_slice_str(value));
}

/* A list of so many elements, which a pattern is run over one by one. */
static inline void box_route_list(struct box *b, unsigned n)
{
    struct sl_buf value;

    sl_buf_init(&value, 1 << 20);
    sl_buf_text(&value, "{\"list\":[0");
    for (unsigned i = 1; i < n; i++)
        sl_buf_text(&value, ",1");
    sl_buf_text(&value, "]}");
    box_route_n(b, sl_buf_as_slice(&value));
    sl_buf_release(&value);
}

static inline void box_release(struct box *b)
{
    sl_matcher_free(b->matcher);
    free(b->partition);
    sl_decoder_free(b->decoder);
    sl_rules_free(b->rules);
    sl_fields_free(b->fields);
    sl_diags_release(&b->diags);
}

/* The hash of what these rules decide; the caller frees both. */
static inline char *box_version(const char *yaml)
{
    struct box b;
    char *hash;

    box_config(&b);
    box_rules(&b, yaml);
    hash = sl_strdup(sl_rules_version(b.rules)->hash);
    box_release(&b);
    return hash;
}

#endif
