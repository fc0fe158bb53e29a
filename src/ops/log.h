/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_OPS_LOG_H
#define SL_OPS_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include <stdint.h>

#include "sluice/config.h"

/* The program's own log, on standard error: text on a terminal, JSON lines elsewhere (one object:
 * time, level, msg, then the fields). Control characters and invalid UTF-8 are escaped in both
 * forms, so that a hostile record can neither move a terminal's cursor nor forge a line. May be
 * called from any thread; a line is one write. */
struct sl_log;

struct sl_log *sl_log_new(FILE *to, enum sl_log_level level, enum sl_log_format format);
void sl_log_free(struct sl_log *l);
bool sl_log_enabled(const struct sl_log *l, enum sl_log_level level);

/* Fields are pairs of texts after the message, ended by NULL:
 *     sl_log(l, SL_LOG_WARN, "sink stalled", "sink", name, "reason", text, NULL);
 * A value may be NULL: the pair is left out. l may be NULL: nothing is logged. */
void sl_log(struct sl_log *l, enum sl_log_level level, const char *message, ...)
    __attribute__((sentinel));
/* The message itself formatted. */
void sl_logf(struct sl_log *l, enum sl_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True at most once every `every_ms`; for messages that could repeat without end. *last is the
 * caller's, 0 at first. */
bool sl_log_due(uint64_t *last_ms, uint64_t now_ms, uint64_t every_ms);

#endif
