/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "cli/check.h"
#include "cli/cli.h"
#include "cli/run.h"

/* A command without a function belongs to a later version: it says so, and help does not list it.
 */
static const struct sl_cli_command commands[] = {
    {.name = "run", .summary = "consume, route, deliver; until SIGTERM", .run = sl_cmd_run},
    {.name = "check",
     .summary = "errors and warnings in configuration and rules; changes nothing",
     .run = sl_cmd_check},
    {.name = "version", .summary = "own version, and each linked library's", .run = sl_cmd_version},
    {.name = "setup"},
    {.name = "test"},
    {.name = "explain"},
    {.name = "plan"},
    {.name = "positions"},
    {.name = "dlq"},
    {.name = "archive"},
    {.name = "flow"},
    {.name = "replay"},
    {.name = "collect"},
    {.name = "top"},
};

int main(int argc, char **argv)
{
    /* A reader that goes away (a pipe, a peer) is an error of that write and not the program's end.
     */
    signal(SIGPIPE, SIG_IGN);
    return sl_cli_main(commands, SL_LENGTH(commands), argc, argv);
}
