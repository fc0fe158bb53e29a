/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_RULES_WORLD_H
#define TESTS_PIPELINE_RULES_WORLD_H

/* The pipeline with real rules from real files, real decoding and the sinks' core, and without
 * Kafka: a clock that stands until the test moves it, pool threads that run when the test lets
 * them, two sinks that answer when they are told to, and a book in which every record is written
 * down with the rule that was live when it was taken. Included after cmocka, by one program each.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_runtime.h"
#include "fake_sink.h"
#include "pipeline/fake_kafka.h"
#include "pipeline/state.h"

enum { ITEMS, CUTS, SINKS, PARTITIONS = 2, OFFSETS = 1 << 18 };

struct page { /* of the book: one record */
    char rule[24];
    uint8_t to;               /* sinks, as bits */
    uint8_t delivered[SINKS]; /* how often */
};

struct world {
    struct fake_runtime fake;
    struct sl_pipeline p;
    struct sl_config config;
    struct sl_sink_config sinks[SINKS];
    const char *routes[1];
    char folder[64], *log;
    size_t log_n;
    FILE *log_file;
    struct fake_sinks pending;
    struct sl_topic topic;
    uint64_t topic_counters[3];
    struct sl_partition *partitions[PARTITIONS];
    struct page *book[PARTITIONS];
    size_t pages[PARTITIONS];
    FAKE_KAFKA;
};

static struct world *world;
static const char *const sink_ids[SINKS] = {"items", "cuts"};

/* ---- what stands in for the consumer ---- */

#include "pipeline/fake_consumer.h"
#include "pipeline/fake_side.h"
#include "pipeline/fake_state.h"

void sl_consumer_revoked(struct sl_consumer *c)
{
    (void)c;
}

struct sl_partition *const *sl_consumer_partitions(const struct sl_consumer *c, size_t *ret_n)
{
    (void)c;
    *ret_n = PARTITIONS;
    return world->partitions;
}

void sl_consumer_close(struct sl_consumer *c)
{
    (void)c;
}

/* ---- files ---- */

static inline char *path_of(const struct world *w, const char *name)
{
    return sl_asprintf("%s/%s", w->folder, name);
}

/* In place, as some editors do. */
static inline void write_file(const struct world *w, const char *name, const char *text)
{
    char *path = path_of(w, name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

/* By a new file and a rename, as others do. */
static inline void replace_file(const struct world *w, const char *name, const char *text)
{
    char *from = path_of(w, "new"), *to = path_of(w, name);

    write_file(w, "new", text);
    assert_int_equal(rename(from, to), 0);
    free(from);
    free(to);
}

static inline void remove_file(const struct world *w, const char *name)
{
    char *path = path_of(w, name);

    unlink(path);
    free(path);
}

static inline void remove_folder(const char *path)
{
    struct dirent *entry;
    DIR *dir = opendir(path);

    while (dir && (entry = readdir(dir))) {
        char *inner = sl_asprintf("%s/%s", path, entry->d_name);

        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlink(inner) != 0)
            remove_folder(inner);
        free(inner);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

/* One rule that takes every record, and bytes that make the file another size. */
static inline char *rule_text(const char *name, const char *to, unsigned padding)
{
    return sl_asprintf(
        "# %*s\nrules:\n  - name: %s\n    when: { \"@topic\": logs }\n    to: [%s]\n", (int)padding,
        "", name, to);
}

static inline void write_rule(const struct world *w, const char *name, const char *to)
{
    static unsigned padding;
    char *text = rule_text(name, to, ++padding % 1000);

    replace_file(w, "10.yaml", text);
    free(text);
}

/* ---- the world ---- */

static inline void make_sinks(struct world *w)
{
    static const struct sl_sink_type *const types[SINKS] = {&fake_items_type, &fake_cuts_type};

    w->p.sinks = sl_calloc(SINKS, sizeof(struct sl_sink *));
    for (size_t i = 0; i < SINKS; i++) {
        w->sinks[i] = (struct sl_sink_config){
            .name = sink_ids[i],
            .id = sink_ids[i],
            .kind = SL_SINK_FILE,
            .queue_bytes = 1 << 20,
            .batch_bytes = 100000,
            .batch_age_ms = 3600000,
            .requests = 8,
            .retry_first_ms = 100,
            .retry_max_ms = 2000,
        };
        w->p.sinks[i] = sl_sink_new_of(types[i], &w->sinks[i], i, &w->p.env, NULL);
        assert_non_null(w->p.sinks[i]);
        w->p.alive++;
    }
    w->p.n_sinks = SINKS;
}

static inline void on_plan(void *user)
{
    (void)user;
    world->commit_wanted = true;
}

static inline void on_world_gone(void *user)
{
    ((struct sl_pipeline *)user)->alive--;
}

static inline void make_config(struct world *w)
{
    snprintf(w->folder, sizeof(w->folder), "/tmp/sluice-reload-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    w->routes[0] = w->folder;
    w->config.routes = (struct sl_strings){w->routes, 1};
    w->config.sinks = w->sinks;
    w->config.n_sinks = SINKS;
    w->config.unmatched.drop = true;
    w->config.rule_errors.sinks = 1 << CUTS;
    w->config.shutdown_ms = 10000;
}

static inline void make_partitions(struct world *w)
{
    static char name[] = "logs";

    w->topic = (struct sl_topic){.name = name,
                                 .decode = SL_DECODE_AUTO,
                                 .consumed_records = &w->topic_counters[0],
                                 .consumed_bytes = &w->topic_counters[1],
                                 .decoded_records = &w->topic_counters[2]};
    for (int32_t i = 0; i < PARTITIONS; i++) {
        w->partitions[i] = sl_partition_new(&w->topic, i, (uint64_t)i, SINKS, "cluster");
        sl_partition_void(w->partitions[i], 0);
        sl_partition_skip(w->partitions[i], 0);
        w->partitions[i]->log_end = OFFSETS;
        w->book[i] = sl_calloc(OFFSETS, sizeof(struct page));
    }
}

/* With one rule, "v1", that sends everything to `to`. */
static inline struct world *world_new(const char *to)
{
    struct world *w = sl_zalloc(sizeof(*w));
    struct sl_diags diags;
    struct sl_error err = {0};

    world = w;
    fake_sinks = &w->pending;
    fake_runtime_init(&w->fake, 1);
    w->log_file = open_memstream(&w->log, &w->log_n);
    w->fake.rt.log = sl_log_new(w->log_file, SL_LOG_INFO, SL_LOG_TEXT);
    make_config(w);
    make_partitions(w);
    w->p = (struct sl_pipeline){.rt = &w->fake.rt,
                                .log = w->fake.rt.log,
                                .config = &w->config,
                                .metrics = sl_metrics_new(),
                                .consumer = (struct sl_consumer *)w};
    w->p.env = (struct sl_sink_env){.rt = &w->fake.rt,
                                    .metrics = w->p.metrics,
                                    .cluster_id = "c",
                                    .wake = sl_flow_wake,
                                    .commit = on_plan,
                                    .gone = on_world_gone,
                                    .user = &w->p};
    w->p.fields = sl_routing_base(&w->config, &err);
    w->p.names.sink_ids = sink_ids;
    w->p.state = sl_state_new(NULL, &w->config);
    sl_flow_init(&w->p);
    sl_drain_init(&w->p);
    sl_arriving_init(&w->p);
    sl_catchup_init(&w->p);
    make_sinks(w);
    write_rule(w, "v1", to);
    sl_diags_init(&diags);
    assert_int_equal(sl_reload_init(&w->p, &diags, &err), SL_OK);
    sl_diags_release(&diags);
    sl_observe_init(&w->p);
    for (size_t i = 0; i < PARTITIONS; i++)
        sl_versions_cut_over(&w->p, w->partitions[i]);
    sl_flow_look(&w->p);
    sl_reload_start(&w->p);
    return w;
}

static inline void world_free(struct world *w)
{
    sl_drain_release(&w->p);
    sl_reload_stop(&w->p);
    sl_arriving_release(&w->p);
    sl_catchup_release(&w->p);
    sl_state_free(w->p.state);
    for (size_t i = 0; i < SINKS; i++)
        sl_sink_free(w->p.sinks[i]);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    assert_int_equal(w->p.alive, 0);
    sl_flow_release(&w->p);
    sl_reload_release(&w->p);
    sl_versions_release(&w->p);
    sl_routing_free(w->p.routing);
    sl_fields_free(w->p.fields);
    sl_observe_release(&w->p);
    sl_metrics_free(w->p.metrics);
    free(w->p.sinks);
    free(w->p.cluster_id);
    for (size_t i = 0; i < PARTITIONS; i++) {
        sl_partition_unref(w->partitions[i]);
        free(w->book[i]);
    }
    sl_log_free(w->fake.rt.log);
    fclose(w->log_file);
    free(w->log);
    fake_runtime_release(&w->fake);
    remove_folder(w->folder);
    free(w);
}

/* ---- records ---- */

static inline const char *live_rule(const struct world *w)
{
    return sl_rules_version_name(w->p.routing->version, 0);
}

/* The only rule of those that judge the partition's next record. */
static inline const char *judging_rule(const struct world *w, size_t partition)
{
    struct sl_partition *at = w->partitions[partition];
    const struct sl_routing *r = sl_partition_era(at, at->next)->routing;

    return sl_rules_version_name(r->version, 0);
}

/* The next record of the partition is offered; it goes where that rule says. */
static inline bool record(struct world *w, size_t partition, const char *value)
{
    struct sl_partition *at = w->partitions[partition];
    struct sl_message m = {.at = at, .offset = at->next, .value = sl_slice_str(value)};
    struct page *page = &w->book[partition][at->next];

    snprintf(page->rule, sizeof(page->rule), "%s", judging_rule(w, partition));
    assert_true(at->next < OFFSETS);
    w->pages[partition] = (size_t)at->next + 1;
    return sl_pipeline_on_message(&w->p, &m);
}

static inline void note_delivery(struct world *w, const struct sl_batch *b, size_t partition,
                                 int64_t offset)
{
    struct page *page = &w->book[partition][offset];

    assert_string_equal(sl_rules_version_name(b->rules, 0), page->rule);
    page->delivered[b->sink->index]++;
}

/* The oldest request is answered well. */
static inline void deliver(struct world *w)
{
    const struct sl_result result = {.outcome = SL_DELIVERED, .status = 200, .reason = ""};
    struct sl_batch *b = fake_take(0);
    const char *at = b->body.p;
    int64_t offset;
    int partition;

    while (fake_next_line(b, &at, &partition, &offset))
        note_delivery(w, b, (size_t)partition, offset);
    sl_sink_done(b, &result);
}

static inline void commit(struct world *w)
{
    if (!w->commit_wanted)
        return;
    w->commit_wanted = false;
    for (size_t i = 0; i < PARTITIONS; i++) {
        sl_partition_noting(w->partitions[i], true);
        sl_partition_noted(w->partitions[i]);
    }
    sl_pipeline_consumer_ops.on_committed(&w->p);
}

static inline void run_work(struct world *w)
{
    do {
        while (w->fake.n_work)
            fake_run_work(&w->fake);
        commit(w);
    } while (w->fake.n_work);
}

/* A second passes. */
static inline void tick(struct world *w)
{
    fake_advance(&w->fake, 1000);
    run_work(w);
}

static inline void ticks(struct world *w, unsigned n)
{
    while (n-- > 0)
        tick(w);
}

/* ---- what is seen ---- */

static inline void expect_live(const struct world *w, const char *rule)
{
    assert_string_equal(live_rule(w), rule);
}

static inline size_t logged(struct world *w, const char *text)
{
    size_t n = 0;

    fflush(w->log_file);
    for (const char *at = w->log; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static inline uint64_t metric(const struct world *w, const char *name, const char *label,
                              const char *value)
{
    const struct sl_label labels[] = {{label, value}, {NULL, NULL}};

    return sl_metrics_sum(w->p.metrics, name, label ? labels : NULL);
}

static inline bool successful(const struct world *w)
{
    return metric(w, "sluice_config_last_reload_successful", NULL, NULL) == 1;
}

static inline bool noted(struct world *w, const char *text)
{
    struct sl_buf notes;
    bool found;

    sl_buf_init(&notes, 1 << 16);
    sl_reload_notes(&w->p, &notes);
    found = strstr(sl_buf_str(&notes), text) != NULL;
    sl_buf_release(&notes);
    return found;
}

#endif
