/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "scenario.h"
#include "world.h"

/* Scenarios by name: the readings of reliability.md (e). Each is a family of runs that hold little
 * else than what its trace needs, so that among some hundred seeds many walk through it. */

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

bool scenario_named(struct scenario *s, const char *name)
{
    state = s->seed * 0x9e3779b97f4a7c15u + (uint64_t)name[0];
    if (strlen(name) != 1 || !strchr("ABCDEFGHJK", name[0]))
        return false;
    small(s);
    switch (name[0]) {
    case 'A': /* a restart under other rules, while a plan is recorded */
        other_rules(s, ACTION_DEPLOY, 4);
        kills(s, 4);
        s->fault.http_unheard = 200;
        break;
    case 'B': /* a restart, then a reload while one sink is ahead */
        other_rules(s, ACTION_RELOAD, 6);
        kills(s, 4);
        break;
    case 'C': /* detached with a plan that is uploaded and not answered */
        s->queue_bytes[2] = 8192;
        s->batch_bytes[2] = 2048;
        s->overflow_after_ms[2] = 300;
        s->fault.http_unheard = 300;
        for (unsigned i = 0; i < 4; i++)
            act(s, draw(2) ? ACTION_STORE_HANGS : ACTION_STORE_DENIES, 2, 3000);
        break;
    case 'D': /* plans that are recovered, while the other sink is behind */
        for (unsigned i = 0; i < 3; i++)
            act(s, ACTION_STORE_DEAD, draw(2) ? 0 : 2, 4000);
        kills(s, 5);
        break;
    case 'E': /* hand-over, and a death in it */
        s->queue_bytes[0] = s->queue_bytes[2] = 8192;
        s->batch_bytes[0] = s->batch_bytes[2] = 2048;
        s->overflow_after_ms[0] = s->overflow_after_ms[2] = 300;
        s->records += 100;
        for (unsigned i = 0; i < 4; i++)
            act(s, ACTION_STORE_DEAD, draw(2) ? 0 : 2, 4000);
        kills(s, 2);
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
            act(s, draw(2) ? ACTION_REBALANCE : ACTION_RESTART, (unsigned)draw(2), 0);
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
