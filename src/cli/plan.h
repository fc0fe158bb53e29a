/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_PLAN_H
#define SL_CLI_PLAN_H

#include "cli/cli.h"

/* sluice plan: what other rules would do to real records. Exit status: 0 nothing changes, 3
 * something does, 2 the configuration or one of the two sets of rules is wrong, 1 records could not
 * be read, or there was none to compare by. */
int sl_cmd_plan(int argc, char **argv);
extern const struct sl_cli_command sl_command_plan;

#endif
