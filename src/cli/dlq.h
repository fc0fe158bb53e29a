/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_H
#define SL_CLI_DLQ_H

#include "cli/cli.h"
#include "cli/dlq_filter.h"
#include "cli/dlq_groups.h"
#include "cli/dlq_scan.h"

/* sluice dlq list|show|redrive: dead letters, from what there is to sending them once more. */
int sl_cmd_dlq(int argc, char **argv);
extern const struct sl_cli_command sl_command_dlq;

int sl_cmd_dlq_list(int argc, char **argv);
int sl_cmd_dlq_show(int argc, char **argv);
int sl_cmd_dlq_redrive(int argc, char **argv);
extern const struct sl_cli_command sl_command_dlq_list, sl_command_dlq_show, sl_command_dlq_redrive;

enum { SL_DLQ_OUTPUT_MAX = 256 << 20 };

/* Members of a JSON object about the letter (place, sink, reason, status, rule, time, source), each
 * led by a comma but the first. */
void sl_dlq_letter_json(const struct sl_dead_letter *l, struct sl_buf *out);
/* One line: place, time, sink, status, where the record came from, reason. */
void sl_dlq_letter_line(const struct sl_dead_letter *l, struct sl_buf *out);
/* The configuration, or NULL with its problems told. */
struct sl_config *sl_dlq_config(const char *path);
int64_t sl_dlq_now_ms(void);
/* "sluice dlq list: text" on standard error; SL_EXIT_FAILED, or SL_EXIT_USAGE where the
 * configuration is to blame. */
int sl_dlq_failed(const struct sl_cli_command *command, const struct sl_error *err);

#endif
