/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_CHECK_H
#define SL_CLI_CHECK_H

#include "cli/cli.h"

/* sluice check: everything that is wrong with the configuration and the rules, in one look. Exit
 * status 0, 2 when there is an error, 1 when --connect finds a broker or sink that does not answer
 * as it should. */
int sl_cmd_check(int argc, char **argv);
extern const struct sl_cli_command sl_command_check;

#endif
