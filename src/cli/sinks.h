/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_SINKS_H
#define SL_CLI_SINKS_H

#include "base/diag.h"
#include "net/loop.h"
#include "sluice/sink.h"

/* A command's own runtime: a loop, an HTTP client, and the sinks of a configuration made on them.
 * Making sinks reads their templates and secrets and sends nothing; what a record would look like
 * in them can be asked (sl_sink_preview), and whether they would take records (check --connect). */
struct sl_cli_sinks;

/* `fields` gets those that the sinks' templates read. NULL: diags says why. A sink that is wrong is
 * a problem in diags, and missing. */
struct sl_cli_sinks *sl_cli_sinks_new(const struct sl_config *config, struct sl_fields *fields,
                                      struct sl_diags *diags);
void sl_cli_sinks_free(struct sl_cli_sinks *s);
const struct sl_config *sl_cli_sinks_config(const struct sl_cli_sinks *s);
struct sl_sink *sl_cli_sinks_get(const struct sl_cli_sinks *s, size_t sink); /* NULL: it is wrong */
struct sl_loop *sl_cli_sinks_loop(struct sl_cli_sinks *s);
void sl_cli_sinks_rules(struct sl_cli_sinks *s, struct sl_rules_version *rules); /* borrowed */
/* For a command that sends: before the first record. cluster_id is borrowed; the rest as in struct
 * sl_sink_env. */
void sl_cli_sinks_serve(struct sl_cli_sinks *s, const char *cluster_id, struct sl_letters *letters,
                        void (*wake)(void *user), void *user);
/* Frees the memory (one piece at most) when nothing of the sinks can call back any more. */
void sl_cli_sinks_keep(struct sl_cli_sinks *s, void *memory);

#endif
