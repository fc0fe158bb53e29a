/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_SITE_H
#define TESTS_PIPELINE_SITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/alloc.h"
#include "kafka/client.h"
#include "pipeline/pack.h"
#include "pipeline/routing.h"
#include "sluice/position.h"

/* A replica's sluice.yaml and its folder of rules, and what becomes of records there. */

enum { SEARCH, ARCHIVE, ALERTS, SINKS_MAX = 70 };

struct site {
    struct sl_config config;
    struct sl_sink_config sinks[SINKS_MAX];
    char names[SINKS_MAX][24];
    struct sl_property enrich[4];
    struct sl_decode_rule decode[2];
    char folder[64];
    const char *routes[1];
    struct sl_diags diags;
    struct sl_error err;
    uint64_t now_ms;
};

static inline uint64_t now_ms(void *user)
{
    return ((struct site *)user)->now_ms;
}

static inline void site_init(struct site *s)
{
    static const char *const names[] = {"search", "archive", "alerts"};

    *s = (struct site){.folder = "/tmp/sluice-routing-XXXXXX"};
    assert_non_null(mkdtemp(s->folder));
    s->routes[0] = s->folder;
    for (size_t i = 0; i < 3; i++)
        s->sinks[i].name = s->sinks[i].id = names[i];
    s->config.path = "sluice.yaml";
    s->config.sinks = s->sinks;
    s->config.n_sinks = 3;
    s->config.routes = (struct sl_strings){s->routes, 1};
    s->config.unmatched.sinks = 1U << ARCHIVE;
    s->config.rule_errors.sinks = 1U << ALERTS;
    s->config.source.timezone = "Europe/Vienna";
    s->decode[0] = (struct sl_decode_rule){.topic = "plain", .form = SL_DECODE_TEXT};
    s->config.source.decode = s->decode;
    s->config.source.n_decode = 1;
    s->enrich[0] = (struct sl_property){.name = "service", .value = "tiles"};
    s->enrich[1] = (struct sl_property){.name = "host", .value = "replica-1"};
    s->config.enrich = (struct sl_properties){s->enrich, 2};
    sl_diags_init(&s->diags);
}

static inline void write_bytes(const struct site *s, const char *name, struct sl_slice content)
{
    char *path = sl_asprintf("%s/%s", s->folder, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
    fclose(f);
    free(path);
}

static inline void write_file(const struct site *s, const char *name, const char *text)
{
    write_bytes(s, name, sl_slice_str(text));
}

static inline void remove_files(const struct site *s)
{
    char *command = sl_asprintf("rm -rf %s", s->folder);

    assert_int_equal(system(command), 0);
    free(command);
}

static inline struct sl_routing_config ask(struct site *s)
{
    return (struct sl_routing_config){.config = &s->config, .now_ms = now_ms, .user = s};
}

static inline struct sl_routing *load(struct site *s)
{
    const struct sl_routing_config config = ask(s);
    struct sl_routing *r = sl_routing_new(&config, &s->diags, &s->err);

    if (!r)
        sl_diags_print(&s->diags, stderr);
    assert_non_null(r);
    return r;
}

static inline struct sl_routing *try_unpack(struct site *s, struct sl_slice packed)
{
    const struct sl_routing_config config = ask(s);
    struct sl_routing *r;

    s->err.text[0] = '\0';
    r = sl_routing_unpack(&config, packed, &s->diags, &s->err);
    assert_true((r == NULL) == (s->err.text[0] != '\0'));
    return r;
}

static inline struct sl_routing *unpack(struct site *s, const struct sl_routing *from)
{
    struct sl_routing *r;

    assert_string_equal(from->pack_problem, "");
    assert_true(from->packed.n > 0);
    r = try_unpack(s, sl_buf_as_slice(&from->packed));
    if (!r)
        sl_diags_print(&s->diags, stderr);
    assert_string_equal(s->err.text, "");
    assert_string_equal(r->decisions, from->decisions);
    assert_string_equal(r->version->hash, from->version->hash);
    return r;
}

static inline void site_release(struct site *s)
{
    remove_files(s);
    sl_diags_release(&s->diags);
}

/* ---- records ---- */

struct ruling {
    struct sl_decision d;
    struct sl_topic topic;
    struct sl_message message;
    struct sl_record record;
};

static inline void rule(struct sl_routing *r, const char *topic, const char *value,
                        struct ruling *ret)
{
    static struct sl_partition *at;

    if (!at)
        at = sl_zalloc(sizeof(*at));
    ret->message = (struct sl_message){
        .at = at, .timestamp_ms = 1700000000000, .offset = 7, .value = sl_slice_str(value)};
    ret->topic = (struct sl_topic){.name = (char *)topic};
    sl_routing_decoding(r, &ret->topic);
    at->topic = &ret->topic;
    sl_decode(r->decoder, &ret->message, &ret->record);
    sl_route(r->matcher, &ret->record, &ret->d);
}

/* The names of its rule and sinks, with `sinks` as they are numbered here. */
static inline void goes(struct site *s, struct sl_routing *r, const char *value, const char *want)
{
    struct ruling got;
    struct sl_buf text;

    rule(r, "logs", value, &got);
    sl_buf_init(&text, 4096);
    for (size_t i = 0; i < got.d.n; i++)
        sl_buf_printf(&text, "%s%s:%s", i ? " " : "",
                      got.d.chosen[i].sink < s->config.n_sinks ? s->sinks[got.d.chosen[i].sink].name
                                                               : "(gone)",
                      sl_rules_version_name(r->version, got.d.chosen[i].rule));
    if (got.d.n == 0)
        sl_buf_printf(&text, "dropped:%s", sl_rules_version_name(r->version, got.d.dropped_by));
    assert_string_equal(sl_buf_str(&text), want);
    sl_buf_release(&text);
}

static const char by_service[] = "rules:\n"
                                 "  - name: a\n"
                                 "    when: { service: a }\n"
                                 "    to: [search, archive]\n"
                                 "  - name: b\n"
                                 "    when: { service: b }\n"
                                 "    to: [alerts, search]\n"
                                 "  - name: c\n"
                                 "    when: { service: c }\n"
                                 "    to: archive\n";

#endif
