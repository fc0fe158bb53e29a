/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_RUN_H
#define SL_CLI_RUN_H

#include "cli/cli.h"

/* sluice run: consume, route, deliver, until SIGTERM. */
int sl_cmd_run(int argc, char **argv);
extern const struct sl_cli_command sl_command_run;

#endif
