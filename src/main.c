/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "cli/archive.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/dlq.h"
#include "cli/explain.h"
#include "cli/flow.h"
#include "cli/plan.h"
#include "cli/positions.h"
#include "cli/run.h"
#include "cli/setup.h"
#include "cli/test.h"

/* Later versions have these; until then they say so, and help does not list them. */
#define LATER(command_name) (&(const struct sl_cli_command){.name = (command_name)})

static const struct sl_cli_command *const commands[] = {
    &sl_command_run,     &sl_command_check, &sl_command_setup,     &sl_command_test,
    &sl_command_explain, &sl_command_plan,  &sl_command_positions, &sl_command_dlq,
    &sl_command_archive, &sl_command_flow,  &sl_command_version,   LATER("replay"),
    LATER("collect"),    LATER("top"),
};

int main(int argc, char **argv)
{
    /* A reader that goes away (a pipe, a peer) is an error of that write and not the program's end.
     */
    signal(SIGPIPE, SIG_IGN);
    return sl_cli_main(commands, SL_LENGTH(commands), argc, argv);
}
