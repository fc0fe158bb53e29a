/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_CHECK_CONNECT_H
#define SL_CLI_CHECK_CONNECT_H

#include <stdbool.h>

#include "cli/sinks.h"

/* check --connect: tries the brokers and each sink with requests that change nothing. */

struct sl_finding {
    char *target; /* owned; "kafka", "sink search" */
    bool ok;
    char *text; /* owned; what was found, or what is wrong in an operator's words */
};

struct sl_findings {
    struct sl_finding *items;
    size_t n, failed;
};

void sl_check_connect(struct sl_cli_sinks *sinks, struct sl_findings *ret);
void sl_findings_release(struct sl_findings *f);

#endif
