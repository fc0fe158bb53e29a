/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_POSITION_PLAN_H
#define SL_POSITION_PLAN_H

#include "sluice/position.h"

/* Drops the sink's plan when nothing of it is to be read any more and nothing below its end is
 * outstanding: what it named has its outcome, or is not there any more. Dead letters within it
 * count as well: until they are confirmed it is not done. */
void sl_plan_drop_done(struct sl_partition *p, size_t sink);

#endif
