/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "scenario.h"
#include "world.h"

/* Scenarios by name: the readings of reliability.md (e), and rows of its table of faults (f02 ...).
 * Each is a family of runs that hold little else than what it is about, so that among some hundred
 * seeds many walk through it. */

const char scenario_names[] = "A B C D E F G H J K L M "
                              "f02 f07 f09 f12 f13 f15 f20 f25 f28 f45 f51 f52 f53 f54 f56";

static uint64_t state;

static uint64_t draw(uint64_t n)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return n ? z % n : 0;
}

static void act(struct scenario *s, enum action_kind kind, unsigned who, int64_t a)
{
    s->actions[s->n_actions++] = (struct action){
        .at_us = SIM_S + draw(s->heal_us - SIM_S), .kind = kind, .who = who, .a = a, .b = 500};
}

/* One partition, one replica, Elasticsearch and S3; small cuts. */
static void small(struct scenario *s)
{
    memset(&s->fault, 0, sizeof(s->fault));
    s->n_actions = 0;
    s->alone = 0;
    s->compacted = false;
    s->first_sinks = 0;
    s->partitions = s->replicas = 1;
    s->sinks = 0x05;
    s->records = 20 + (unsigned)draw(60);
    s->bad = s->tombstones = 0;
    s->tables = 1;
    s->produce_us = (10 + draw(20)) * SIM_S;
    s->heal_us = s->produce_us + 20 * SIM_S;
    s->end_us = s->heal_us + 600 * SIM_S;
    s->batch_records[2] = 2 + (unsigned)draw(8);
    s->batch_age_ms[2] = 200 + (unsigned)draw(3000);
    memset(s->blocks, 0, sizeof(s->blocks));
    for (unsigned t = 0; t < TABLES_MAX; t++)
        for (unsigned k = 0; k + 1 < KINDS; k++) { /* E, S or both, and each version otherwise */
            static const uint8_t to[] = {0x01, 0x04, 0x05};

            s->table[t][k] = to[draw(3)];
        }
}

static void kills(struct scenario *s, unsigned n)
{
    while (n-- > 0)
        act(s, ACTION_KILL_AT_EFFECT, 0, 1 + (int64_t)draw(8));
}

static void other_rules(struct scenario *s, enum action_kind kind, unsigned n)
{
    s->tables = TABLES_MAX;
    while (n-- > 0)
        act(s, kind, 0, (int64_t)draw(TABLES_MAX));
}

/* One sink falls behind, the group starts anew, and while what that sink lacks is read, slowly,
 * something happens. */
static void gaps(struct scenario *s, enum action_kind kind)
{
    s->fault.fetch_slow = 1000;
    s->records += 60;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t at = SIM_S + draw(s->produce_us);

        act(s, ACTION_STORE_DEAD, draw(2) ? 0 : 2, 9000);
        s->actions[s->n_actions - 1].at_us = at;
        act(s, ACTION_RESTART, 0, 0);
        s->actions[s->n_actions - 1].at_us = at + 6 * SIM_S + draw(2 * SIM_S);
        for (unsigned k = 0; k < 3; k++) {
            act(s, kind, 0, (int64_t)draw(TABLES_MAX));
            s->actions[s->n_actions - 1].at_us = at + 7 * SIM_S + draw(5 * SIM_S);
        }
    }
}

/* The archive hangs with an upload that may have been applied, is taken out of the configuration,
 * and comes back when that has been forgotten or repeated. */
static void taken_out(struct scenario *s)
{
    s->records += 60;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t at = SIM_S + draw(s->produce_us);

        act(s, ACTION_STORE_HANGS, 2, 14000);
        s->actions[s->n_actions - 1].at_us = at;
        act(s, ACTION_SINKS, 0, 0x01);
        s->actions[s->n_actions - 1].at_us = at + draw(4 * SIM_S);
        act(s, ACTION_SINKS, 0, 0x05);
        s->actions[s->n_actions - 1].at_us = at + (15 + draw(15)) * SIM_S;
    }
}

/* ---- rows of the table of faults ---- */

static void often(struct scenario *s, unsigned n, enum action_kind kind, int64_t most)
{
    while (n-- > 0 && s->n_actions < ACTIONS_MAX) {
        unsigned who =
            (unsigned)draw(REPLICAS_MAX); /* compilers differ in which argument comes first */

        act(s, kind, who, most ? 1 + (int64_t)draw((uint64_t)most) : 0);
    }
}

/* Small queues, so that a sink that is away is left behind soon. */
static void overflows(struct scenario *s)
{
    s->compacted = false;
    s->sinks |= 0x05;
    s->records += 200;
    memset(s->blocks, 0, sizeof(s->blocks));
    for (unsigned i = 0; i < SINKS_MAX; i++) {
        s->queue_bytes[i] = 12288;
        s->batch_bytes[i] = 2048;
        s->overflow_after_ms[i] = 300;
    }
}

static void away(struct scenario *s, unsigned sink, int64_t ms)
{
    act(s, draw(2) ? ACTION_STORE_DEAD : ACTION_STORE_HANGS, sink, ms);
}

static void until(struct scenario *s, uint64_t seconds)
{
    s->heal_us = s->produce_us + seconds * SIM_S;
    s->end_us = s->heal_us + 1200 * SIM_S;
}

/* The n-th allocation after a second fails, in the seed of that number: once, or (even ones) again
 * and again. */
static void out_of_memory(struct scenario *s)
{
    unsigned times = s->seed % 2 ? 1 : 6;

    for (unsigned i = 0; i < times; i++)
        for (unsigned r = 0; r < s->replicas; r++) {
            act(s, ACTION_KILL_AT_ALLOCATION, r, (int64_t)s->seed);
            s->actions[s->n_actions - 1].at_us = SIM_S * (1 + 8 * i);
        }
}

static bool row(struct scenario *s, unsigned number)
{
    memset(&s->fault, 0, sizeof(s->fault));
    s->n_actions = 0;
    s->alone = s->first_sinks = 0;
    s->end_us += 600 * SIM_S;
    switch (number) {
    case 2: /* kill -9 between what others can see and the commit */
        often(s, 12, ACTION_KILL_AT_EFFECT, 30);
        break;
    case 7: /* SIGSTOP for a minute */
        until(s, 300);
        for (unsigned i = 0; i < 4; i++)
            act(s, ACTION_PAUSE, (unsigned)draw(REPLICAS_MAX), 60000);
        break;
    case 9:
        out_of_memory(s);
        break;
    case 12: /* the clock jumps by up to an hour */
        for (unsigned i = 0; i < 8; i++) {
            unsigned who = (unsigned)draw(REPLICAS_MAX);

            act(s, ACTION_CLOCK, who, (int64_t)draw(7200001) - 3600000);
        }
        break;
    case 13: /* restarted fifty times */
        until(s, 200);
        often(s, 50, ACTION_RESTART, 0);
        break;
    case 15: /* rebalances while requests are under way */
        often(s, 30, ACTION_REBALANCE, 0);
        s->fault.http_slow = 300;
        break;
    case 20: /* the coordinator dead for a minute */
        until(s, 200);
        for (unsigned i = 0; i < 3; i++)
            act(s, ACTION_COORDINATOR_DOWN, 0, 60000);
        break;
    case 25: /* all brokers down for ten minutes */
        until(s, 900);
        act(s, ACTION_BROKERS_DOWN, 0, 600000);
        s->actions[0].at_us = SIM_S + draw(s->produce_us);
        break;
    case 28: /* retention overtakes what is behind */
        overflows(s);
        away(s, draw(2) ? 0 : 2, 20000);
        often(s, 8, ACTION_RETAIN, 20);
        if (draw(2))
            often(s, 4, ACTION_KILL_AT_EFFECT, 30);
        break;
    case 45: /* a webhook away for hours: the arena of a run holds no day of requests */
        s->sinks |= 0x15;
        s->compacted = false;
        until(s, 2 * 3600 + 60);
        for (unsigned i = 0; i < SINKS_MAX; i++)
            s->blocks[i] = false;
        away(s, 4, 2 * 3600 * 1000);
        s->actions[0].at_us = SIM_S;
        s->alone = 5;
        break;
    case 51: /* left behind, and there again */
        overflows(s);
        for (unsigned i = 0; i < 3; i++)
            away(s, draw(2) ? 0 : 2, 5000);
        break;
    case 52: /* the same, with rebalances and deaths on the way */
        overflows(s);
        for (unsigned i = 0; i < 4; i++)
            away(s, draw(2) ? 0 : 2, 4000);
        often(s, 8, ACTION_REBALANCE, 0);
        often(s, 6, ACTION_KILL_AT_EFFECT, 30);
        break;
    case 53: /* two left behind at different positions */
        overflows(s);
        away(s, 0, 15000);
        away(s, 2, 15000);
        often(s, 1, ACTION_KILL, 0);
        break;
    case 54: /* rules swapped again and again */
        s->tables = TABLES_MAX;
        for (unsigned i = 0; i < 60; i++)
            act(s, ACTION_RELOAD, 0, (int64_t)draw(TABLES_MAX));
        break;
    case 56: /* sinks taken out and put back while some are behind */
        overflows(s);
        away(s, draw(2) ? 0 : 2, 10000);
        for (unsigned i = 0; i < 6; i++)
            act(s, ACTION_SINKS, 0, (int64_t)(s->sinks & (draw(63) + 1)) | 0x01);
        s->first_sinks = draw(2) ? 0x05 : 0;
        s->earliest = (unsigned)draw(64);
        break;
    default:
        return false;
    }
    return true;
}

bool scenario_named(struct scenario *s, const char *name)
{
    state = s->seed * 0x9e3779b97f4a7c15u + (uint64_t)name[0];
    if (name[0] == 'f')
        return row(s, (unsigned)strtoul(name + 1, NULL, 10));
    if (strlen(name) != 1 || !strchr("ABCDEFGHJKLM", name[0]))
        return false;
    small(s);
    s->name = name;
    s->fault.fetch_slow = draw(2) ? 300 + (unsigned)draw(700) : 0;
    switch (name[0]) {
    case 'A': /* a restart under other rules, while a plan is recorded */
        other_rules(s, ACTION_DEPLOY, 4);
        kills(s, 4);
        if (draw(3) == 0)
            act(s, ACTION_STATE_LOST, 0, 0);
        s->fault.http_unheard = 200;
        break;
    case 'B': /* a restart, then a reload while one sink is ahead and what the other lacks is read
                 slowly */
        s->tables = TABLES_MAX;
        gaps(s, ACTION_RELOAD);
        break;
    case 'C': /* detached with a plan that is uploaded and not answered */
        s->queue_bytes[2] = 8192;
        s->batch_bytes[2] = 2048;
        s->overflow_after_ms[2] = 300;
        s->fault.http_unheard = 300;
        s->records += 200;
        for (unsigned i = 0; i < 4; i++)
            act(s, draw(2) ? ACTION_STORE_HANGS : ACTION_STORE_DENIES, 2, 3000);
        break;
    case 'D': /* what is ahead has nothing outstanding, and dies there */
        gaps(s, ACTION_KILL);
        break;
    case 'E': /* hand-over, and a death in it */
        s->queue_bytes[0] = s->queue_bytes[2] = 8192;
        s->batch_bytes[0] = s->batch_bytes[2] = 2048;
        s->overflow_after_ms[0] = s->overflow_after_ms[2] = 300;
        s->records += 100;
        s->gaps = draw(2) ? 300 : s->gaps;
        for (unsigned i = 0; i < 4; i++)
            act(s, ACTION_STORE_DEAD, draw(2) ? 0 : 2, 4000);
        kills(s, 6);
        break;
    case 'F': /* uploads are retried after other rules are live */
        other_rules(s, ACTION_RELOAD, 5);
        s->fault.http_unheard = 300;
        s->fault.http_error = 200;
        kills(s, 2);
        break;
    case 'G': /* commits that land late, and deaths */
        s->fault.commit_deferred = s->fault.commit_late = s->fault.commit_unheard = 200;
        kills(s, 4);
        break;
    case 'H': /* the same across rebalances back to the same member */
        s->replicas = 2;
        s->partitions = 2;
        s->fault.commit_deferred = s->fault.commit_late = 250;
        for (unsigned i = 0; i < 6; i++)
            act(s, ACTION_REBALANCE, 0, 0);
        kills(s, 2);
        break;
    case 'J': /* revoked with an upload that is not answered */
        s->replicas = 2;
        s->fault.http_unheard = 300;
        for (unsigned i = 0; i < 6; i++)
            often(s, 1, draw(2) ? ACTION_REBALANCE : ACTION_RESTART, 0);
        break;
    case 'L': /* taken out with a plan that is recorded, uploaded and not answered */
        until(s, 40);
        taken_out(s);
        break;
    case 'M': /* made anew, with objects of the same names */
        s->batch_records[2] = 1 + (unsigned)draw(2);
        for (unsigned i = 0; i < 3; i++)
            act(s, ACTION_RECREATE, 0, 0);
        break;
    case 'K': /* recorded plans of a sink that is down, and others that must go on */
        act(s, ACTION_STORE_DEAD, 2, 1000000);
        s->actions[0].at_us = draw(5 * SIM_S);
        s->alone = 3;
        s->heal_us = s->produce_us + 60 * SIM_S;
        s->end_us = s->heal_us + 600 * SIM_S;
        act(s, ACTION_KILL, 0, 0);
        s->actions[1].at_us = 5 * SIM_S + draw(10 * SIM_S);
        break;
    }
    return true;
}
