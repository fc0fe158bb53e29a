/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "sink_world.h"
#include "sluice/record.h"
#include "sluice/route.h"

/* guard PIECE RECORDS COUNT [ROUTES]: one piece of the hot path over so many records, in memory,
 * for callgrind to count (tests/guard/run). RECORDS has one value a line; past its end it begins
 * anew.
 *
 *     decode:FORM    a message's bytes to its fields; FORM as in `decode:` of sluice.yaml
 *     match          decode by auto, and route by the rules in ROUTES
 *     sink:TYPE      decode by auto, encode, close batches, seal, send, judge the reply, move the
 *                    position; s3 is encoded and never sent
 */

struct lines {
    struct sl_buf text;
    struct sl_slice *items;
    size_t n;
};

static void stop(const char *why)
{
    fprintf(stderr, "guard: %s\n", why);
    exit(1);
}

static void read_lines(struct lines *l, const char *path)
{
    FILE *f = fopen(path, "r");
    size_t got, cap = 0;

    if (!f)
        stop(path);
    sl_buf_init(&l->text, 1 << 28);
    do {
        char *room = sl_buf_reserve(&l->text, 1 << 16);

        got = room ? fread(room, 1, 1 << 16, f) : 0;
        l->text.n += got;
    } while (got);
    fclose(f);
    for (size_t at = 0; at < l->text.n;) {
        const char *from = l->text.p + at, *end = memchr(from, '\n', l->text.n - at);
        size_t n = end ? (size_t)(end - from) : l->text.n - at;

        if (l->n == cap) {
            cap = cap ? cap * 2 : 1024;
            l->items = sl_reallocarray(l->items, cap, sizeof(*l->items));
        }
        l->items[l->n++] = sl_slice(from, n);
        at += n + 1;
    }
    if (l->n == 0)
        stop("there are no records");
}

static enum sl_decode_form form_of(const char *name)
{
    static const struct {
        const char *name;
        enum sl_decode_form form;
    } all[] = {{"json", SL_DECODE_JSON},         {"auto", SL_DECODE_AUTO},
               {"combined", SL_DECODE_COMBINED}, {"syslog", SL_DECODE_SYSLOG},
               {"logfmt", SL_DECODE_LOGFMT},     {"text", SL_DECODE_TEXT}};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].form;
    stop("an unknown form");
    return SL_DECODE_AUTO;
}

/* What is decoded, where it stands and where it goes. */
struct world {
    struct sl_topic topic;
    struct sl_partition *at;
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_rules *rules; /* NULL: none */
    struct sl_matcher *matcher;
};

static void world_init(struct world *w, const char *form)
{
    static char name[] = "guard";

    w->topic = (struct sl_topic){.name = name, .decode = form_of(form)};
    w->at = sl_partition_new(&w->topic, 0, 1, 1, "cluster");
    w->fields = sl_fields_new();
}

static void load_rules(struct world *w, const char *routes)
{
    static struct sl_sink_config sink = {.name = "out", .id = "out"};
    struct sl_config config = {.path = "guard", .sinks = &sink, .n_sinks = 1};
    const struct sl_strings paths = {.items = &routes, .n = 1};
    struct sl_diags diags;

    sl_diags_init(&diags);
    w->rules = sl_rules_load_from(&config, &paths, w->fields, &diags);
    sl_diags_print(&diags, stderr);
    sl_diags_release(&diags);
    if (!w->rules)
        stop("the rules have errors");
}

/* After everything that reads fields is there. */
static void world_start(struct world *w)
{
    const struct sl_decoder_config config = {.fields = w->fields};
    const struct sl_matcher_config matcher = {.fields = w->fields};

    w->decoder = sl_decoder_new(&config, NULL);
    sl_fields_compile(w->fields);
    if (w->rules)
        w->matcher = sl_matcher_new(w->rules, &matcher);
}

static void world_release(struct world *w)
{
    sl_matcher_free(w->matcher);
    sl_rules_free(w->rules);
    sl_decoder_free(w->decoder);
    sl_fields_free(w->fields);
    sl_partition_unref(w->at);
}

static void run(struct world *w, struct sink_world *sink, const struct lines *l, size_t count)
{
    struct sl_message m = {.at = w->at, .timestamp_ms = 1700000000000};
    struct sl_decision decision;
    struct sl_record r;
    size_t routed = 0;

    for (size_t i = 0; i < count; i++) {
        m.offset = (int64_t)i;
        m.value = l->items[i % l->n];
        sl_decode(w->decoder, &m, &r);
        if (r.parse_error && w->topic.decode != SL_DECODE_AUTO)
            stop(r.parse_error);
        if (w->matcher) {
            sl_route(w->matcher, &r, &decision);
            routed += decision.n;
        }
        if (sink)
            sink_world_take(sink, &r);
    }
    if (w->matcher && routed != count)
        stop("not every record was routed");
    if (sink)
        sink_world_end(sink, count);
}

int main(int argc, char **argv)
{
    struct world w = {0};
    struct lines l = {0};
    struct sink_world sink;
    const char *of, *piece = argc > 1 ? argv[1] : "";
    bool to_sink = strncmp(piece, "sink:", 5) == 0, match = strcmp(piece, "match") == 0;

    of = strchr(piece, ':');
    if (argc < (match ? 5 : 4) || (!of && !match))
        stop("usage: guard decode:FORM|match|sink:TYPE RECORDS COUNT [ROUTES]");
    read_lines(&l, argv[2]);
    world_init(&w, match || to_sink ? "auto" : of + 1);
    if (match)
        load_rules(&w, argv[4]);
    if (to_sink && sink_world_init(&sink, of + 1, w.at, w.fields) != 0)
        stop(sink.why);
    world_start(&w);
    run(&w, to_sink ? &sink : NULL, &l, strtoull(argv[3], NULL, 10));
    if (to_sink)
        sink_world_release(&sink);
    world_release(&w);
    free(l.items);
    sl_buf_release(&l.text);
    return 0;
}
