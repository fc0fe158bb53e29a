/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_SETUP_H
#define SL_CLI_SETUP_H

#include "cli/cli.h"

/* sluice setup: creates what is missing. */
int sl_cmd_setup(int argc, char **argv);
extern const struct sl_cli_command sl_command_setup;

#endif
