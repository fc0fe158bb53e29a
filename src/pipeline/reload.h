/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_RELOAD_H
#define SL_PIPELINE_RELOAD_H

#include "base/diag.h"
#include "pipeline/limits.h"
#include "pipeline/routing.h"
#include "sluice/runtime.h"

/* Rules that change while records flow.
 *
 * When to load (reload.c). Every second a pool thread looks at the rule files and at the tables
 * they name (sl_rules_look): their names, sizes, times and inodes. What two looks in a row have
 * seen alike, and is not what was loaded last, is loaded: a file that is being written or a folder
 * that is being filled looks different each time, so it is not read half done, and any number of
 * files changed at once are one reload. SIGHUP loads at once. In both cases the files are looked at
 * before and after they were read, and what moved meanwhile is read again later, silently.
 *
 * What was loaded is known by the look from before it was read. Where that look could not see
 * everything (tables that only the new rules name; files that SIGHUP read perhaps in the very clock
 * tick of their last edit) it is forgotten, and the files are read once more when two looks agree:
 * as a rule that finds them unchanged.
 *
 * A load makes a whole struct sl_routing on a pool thread beside the live one. If it fails, nothing
 * changes but what is said: the log has each problem with its place, sluice_config_last_reload_
 * successful is 0, /readyz and the status page name the first problem. What is said stays said: the
 * same problems are not told again, until somebody asks by SIGHUP. While rules are refused their
 * files are read again now and then even if they look the same, for what is missing may be a table
 * that the live rules do not name.
 *
 * How they become live (swap.c). First they are recorded in the state topic (versions.h), if they
 * decide anything otherwise than the live ones. Then, on the loop thread, between two records and
 * in one step: each partition cuts over, and decoder, matcher, counters and the hash that new eras
 * get are exchanged. A record that had no room and is offered again is judged anew: nothing of it
 * was taken.
 *
 * Positions. A cut-over begins a new era beyond everything that any sink has had, is being sent or
 * has planned. Records below it that some sink lacks are judged by the rules that were live when
 * the others had them, by whichever reader comes to them: were the new rules to send such a record,
 * which the old ones gave to A, to B instead, with A behind in the one case and ahead in the other,
 * it would arrive twice, or nowhere. Batches have one version each, and a cut of the archive lies
 * in one era.
 *
 * Rules that keep meeting their limits are set aside by the same step, as a version of its own,
 * until other rules are loaded. */

enum {
    SL_RELOAD_LOOK_MS = 1000,
    SL_RELOAD_AGAIN_MS = 10000 /* between two loads of what was refused */
};

struct sl_load {
    struct sl_work work;
    bool look_only;
    uint64_t expected; /* what two looks have seen; 0: whatever there is */
    struct sl_routing_config routing;
    const struct sl_rules *newest; /* whose tables are looked at, too; NULL: none */

    /* Results. */
    uint64_t seen;           /* what there was in the end */
    uint64_t loaded;         /* what was read looked like this before; 0: unknown */
    bool moved;              /* changed before or while it was read: nothing was made of it */
    struct sl_routing *made; /* NULL: diags and err say why */
    struct sl_diags diags;
    struct sl_error err;
};

struct sl_reload {
    unsigned look_ms; /* 0: nobody looks */
    struct sl_timer look_timer;
    struct sl_load load;
    bool busy;          /* load.work is under way */
    bool wanted, asked; /* SIGHUP: a load is due; its answer is due */
    uint64_t known, candidate;
    uint64_t began_ms, again_ms; /* of the load; when to try what was refused again */
    uint64_t config;             /* hash of sluice.yaml as it was at the start */

    uint64_t problems; /* hash of what was refused last; 0: it was not */
    char *problem;     /* the first of them, for /readyz; NULL: none */

    struct sl_routing *next; /* made, is being recorded before it becomes live */
    uint64_t token;          /* of next: what is said of another is void */
    bool next_aside;         /* it is the live one with rules set aside */
    unsigned *aside;         /* rules that are to be set aside */
    size_t n_aside;
    bool making; /* a pool thread makes that version; struct sl_making of swap.c */
    struct sl_limits limits;
};

struct sl_pipeline;

/* ---- reload.c ---- */
/* The first load, which has to succeed. Before sinks have records. */
int sl_reload_init(struct sl_pipeline *p, struct sl_diags *diags, struct sl_error *err);
void sl_reload_start(struct sl_pipeline *p); /* from now on files are looked at */
void sl_reload_now(struct sl_pipeline *p);   /* SIGHUP */
void sl_reload_stop(struct sl_pipeline *p);
void sl_reload_release(struct sl_pipeline *p); /* when no pool thread has anything of it any more */
void sl_reload_succeeded(struct sl_pipeline *p);
/* What any routing is made with. */
struct sl_routing_config sl_reload_routing_config(struct sl_pipeline *p);
/* Lines for an operator, as of /readyz. */
void sl_reload_notes(const struct sl_pipeline *p, struct sl_buf *ret);

/* ---- swap.c ---- */
void sl_swap_init(struct sl_pipeline *p);
void sl_swap_release(struct sl_pipeline *p);
/* Makes the routing live as soon as it may be, instead of another that still waits. NULL: the live
 * one is what was loaded. */
void sl_swap_to(struct sl_pipeline *p, struct sl_routing *next);
/* The live rules have routed a record; error_rule met its limits, or SL_RULE_NONE. */
void sl_swap_routed(struct sl_pipeline *p, unsigned error_rule);

#endif
