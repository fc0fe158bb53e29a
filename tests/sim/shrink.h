/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "scenario.h"

struct world;

/* After a run of `from` has failed (w->finding), and was ended: the smallest that still fails
 * alike. */
bool shrink(struct world *w, const struct scenario *from, struct scenario *ret);

#endif
