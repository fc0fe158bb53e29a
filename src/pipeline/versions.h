/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_VERSIONS_H
#define SL_PIPELINE_VERSIONS_H

#include "pipeline/routing.h"
#include "sluice/message.h"
#include "sluice/position.h"
#include "sluice/runtime.h"

/* Versions of the rules that are loaded: the live one (sl_pipeline.routing) and the older ones that
 * eras of assigned partitions still name. A record that one sink has had and another lacks is
 * judged for both by the same version, whatever is live by then (design, section 5).
 *
 * Nobody counts users: once a second what no era of an assigned or arriving partition points to is
 * freed, on a pool thread.
 *
 * Before a version judges its first record it is put into the state topic (kafka/state.h) and that
 * is confirmed, so that whoever comes next can have it. A topic that does not answer holds rules up
 * for SL_VERSIONS_WAIT_MS; then they go live all the same, the log has what that costs, and they
 * are put there again until it is done. */

enum { SL_VERSIONS_WAIT_MS = 10000, SL_VERSIONS_AGAIN_MS = 10000 };

struct sl_pipeline;

struct sl_version_form { /* how an older version decodes a topic */
    const struct sl_topic *topic;
    struct sl_topic own; /* its name, and that version's decode and rule */
};

struct sl_version {
    struct sl_routing *routing;
    struct sl_version_form *forms;
    size_t n_forms;
};

struct sl_versions {
    struct sl_version *older;
    size_t n, cap;
    uint64_t again_ms; /* the live one is not in the state topic: when to put it there; 0: it is */
};

/* By the head of its decisions hash (all of it is fine); NULL: it is not loaded. */
struct sl_routing *sl_versions_find(const struct sl_pipeline *p, const char *head);
/* Keeps a routing that is no longer live, or never was. Takes it over. */
void sl_versions_keep(struct sl_pipeline *p, struct sl_routing *routing);
/* Other rules are live: what records of older eras count goes to the labels that these have. */
void sl_versions_follow(struct sl_pipeline *p);
/* From where no reader of the partition has been, the live rules judge. */
void sl_versions_cut_over(struct sl_pipeline *p, struct sl_partition *at);
/* Eras that nobody needs any more go, and versions that no era names. */
void sl_versions_sweep(struct sl_pipeline *p);
void sl_versions_tick(struct sl_pipeline *p); /* once a second */
/* As sl_decode_open(), by an older version's own configuration. */
size_t sl_versions_open(struct sl_pipeline *p, const struct sl_routing *r,
                        const struct sl_message *m);
/* Puts the version into the state topic; `done` once, later, when it is confirmed or no longer
 * waited for; not at all once the pipeline has stopped. False: it cannot be put there, which the
 * log has, and `done` is never called. */
bool sl_versions_record(struct sl_pipeline *p, const struct sl_routing *r,
                        void (*done)(struct sl_pipeline *p, uint64_t token), uint64_t token);
/* Frees it on a pool thread: ten thousand patterns and tables of a million rows are not given back
 * in a moment. */
void sl_versions_retire(struct sl_pipeline *p, struct sl_routing *r);
void sl_versions_release(struct sl_pipeline *p); /* when nothing of it is under way any more */

#endif
