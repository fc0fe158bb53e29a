/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_RUN_H
#define SL_CLI_RUN_H

/* sluice run: consume, route, deliver, until SIGTERM. */
int sl_cmd_run(int argc, char **argv);

#endif
