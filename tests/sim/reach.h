/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_REACH_H
#define SIM_REACH_H

/* How often situations occur that the design is about: reach.c. */

enum reach {
    REACH_DETACHED,
    REACH_APART,
    REACH_FIXED,
    REACH_COMPLETED,
    REACH_KILL_HANDING,
    REACH_REPEAT,
    REACH_REPEAT_TWO,
    REACH_LIVE_ERA,
    REACH_CATCH_UP_ERA,
    REACH_VOID,
    REACH_EXPIRED,
    REACH_CARRIED,
    REACH_BACK,
    REACH_NEW,
    REACH_UNKNOWN,
    REACH_OVERTAKEN,
    REACH_TORN,
    REACH_CUT_OFF,
    REACHES
};

struct counts;
struct replica;

void reach(enum reach what);
void reach_step(const struct replica *r);
void reach_death(const struct replica *r);
void reach_print(const struct counts *c); /* per 1,000 seeds */

#endif
