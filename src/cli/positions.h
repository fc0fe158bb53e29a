/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_POSITIONS_H
#define SL_CLI_POSITIONS_H

#include "base/buf.h"
#include "cli/cli.h"
#include "kafka/group.h"
#include "sluice/position.h"

/* `sluice positions`: what the group has committed, and each sink's own position beside it; sets
 * one sink's while the group is stopped. */

int sl_cmd_positions(int argc, char **argv);
extern const struct sl_cli_command sl_command_positions;

/* What a partition's committed line says, for the sinks of the configuration. */
struct sl_positions_part {
    const struct sl_group_partition *group; /* borrowed */
    struct sl_partition *p;                 /* owned; made of the line, or of the offset alone */
    bool counts;                            /* the line does */
    bool is_new[SL_SINKS_MAX];              /* it does not name the sink */
};

struct sl_positions {
    const struct sl_config *config;
    const char *ids[SL_SINKS_MAX];
    struct sl_position_names names;
    struct sl_topic topic; /* of all partitions here: nobody asks them */
    char no_name[1];
    struct sl_group group;
    struct sl_positions_part *parts; /* as group.parts */
};

/* The sink's position; -1: nothing is committed. */
int64_t sl_positions_of(const struct sl_positions_part *part, size_t sink);
/* positions_show.c */
void sl_positions_text(const struct sl_positions *v, struct sl_buf *out);
void sl_positions_json(const struct sl_positions *v, struct sl_buf *out);

#endif
