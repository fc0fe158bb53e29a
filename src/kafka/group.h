/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_GROUP_H
#define SL_KAFKA_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ops/log.h"
#include "sluice/config.h"

/* What the group has committed, for commands that show or set it. Everything blocks. */

struct sl_group_partition {
    char *topic;
    int32_t number;
    int64_t committed; /* -1: nothing */
    char *line;        /* committed with it; NULL: none */
    int64_t low, high; /* the log's bounds */
    int64_t at_time;   /* first offset at or after the time asked for; the log's end when there is
                          none */
    char why[128];     /* not empty: it could not be looked up */
};

struct sl_group {
    char state[32]; /* as the coordinator has it: Stable, Empty, ...; "new": it never was */
    int members;
    struct sl_group_partition *parts; /* of the source's topics, by name and number */
    size_t n;
};

/* time_ms: -1: at_time is not looked up. */
int sl_group_read(const struct sl_config *config, struct sl_log *log, int64_t time_ms,
                  struct sl_group *ret, struct sl_error *err);
void sl_group_release(struct sl_group *g);

struct sl_group_change {
    const char *topic;
    int32_t number;
    int64_t offset;
    const char *line; /* NULL: none */
};
/* Commits for a group without members; the coordinator refuses it while there are some. */
int sl_group_commit(const struct sl_config *config, struct sl_log *log,
                    const struct sl_group_change *changes, size_t n, struct sl_error *err);

#endif
