/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_EXPLAIN_H
#define SL_CLI_EXPLAIN_H

#include "cli/cli.h"

/* sluice explain: for each record the rules that were tried, each condition's verdict and what it
 * saw, what changed, and where the record goes. */
int sl_cmd_explain(int argc, char **argv);
extern const struct sl_cli_command sl_command_explain;

#endif
