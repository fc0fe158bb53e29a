/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_FLOW_H
#define SL_CLI_FLOW_H

#include "cli/cli.h"
#include "flow/flow.h"
#include "sluice/config.h"

/* sluice flow ID: one request's whole path. */
int sl_cmd_flow(int argc, char **argv);
extern const struct sl_cli_command sl_command_flow;

struct sl_flow_ask {
    const char *config_path, *sink, *from, *to; /* as given; NULL: not */
    struct sl_config *config;
    int64_t from_ns, to_ns; /* from <= time < to */
    struct sl_flow *flow;
    struct sl_buf where; /* where it was looked, for people */
};

/* Each fills ask->flow, its `missing` too, and ask->where. SL_EXIT_DONE, or what the command ends
 * with; told. */
int sl_flow_from_search(struct sl_flow_ask *ask);
int sl_flow_from_archive(struct sl_flow_ask *ask);

/* The correlation id of the record at TOPIC/PARTITION/OFFSET or .../OFFSET.SUB; *ret is the
 * caller's. SL_ENOENT: it has none. */
int sl_flow_around(const struct sl_config *config, const char *place, char **ret,
                   struct sl_error *err);

#endif
