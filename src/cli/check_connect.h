/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_CHECK_CONNECT_H
#define SL_CLI_CHECK_CONNECT_H

#include "base/buf.h"
#include "base/diag.h"
#include "sluice/sink.h"

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

/* The command's own runtime: a loop, an HTTP client and the sinks of a configuration made on them.
 * Making sinks reads their templates and secrets and sends nothing. */
struct sl_check_sinks;

struct sl_check_sinks *sl_check_sinks_new(const struct sl_config *config, struct sl_fields *fields,
                                          struct sl_diags *diags);
void sl_check_sinks_free(struct sl_check_sinks *c);

void sl_check_connect(struct sl_check_sinks *c, struct sl_findings *ret);
void sl_findings_release(struct sl_findings *f);

#endif
