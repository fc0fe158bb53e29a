/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RULES_H
#define SIM_RULES_H

#include "replica.h"
#include "scenario.h"

/* Configuration and rules of a run. The configuration is parsed once for all runs and each replica
 * has its own copy, with this run's numbers; rules are CSV files in a folder per version (table,
 * set of sinks), written when they are first needed. */

void rules_open(void); /* the base; enters a folder of its own */
void rules_close(void);
void rules_begin(void); /* of a run: nothing is written yet */
void rules_configure(struct replica *r);
void rules_point(struct replica *r); /* to r->rules, r->sink_set */
/* Which sinks a record of this kind goes to: the auditor's own evaluator. */
uint8_t rules_expected(unsigned table, unsigned sinks, unsigned kind);
/* Head of the hash by which the program names this version. */
void rules_head(unsigned table, unsigned sinks, char ret[13]);
const char *rules_id(unsigned sink);

#endif
