/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

#include "base/utf8.h"

enum { PACE_WINDOW_MS = 2 * 60 * 1000, PACE_SLOW_MS = 1000 };

/* Back-off with full jitter: uniform between 0 and min(max, first * 2^attempt) (M. Brooker,
 * "Exponential Backoff and Jitter", AWS Architecture Blog, 2015). What the destination asks for
 * (Retry-After) is the least, clamped so that a wrong header cannot park a sink for ever. */
uint64_t sl_retry_delay(struct sl_sink *s, unsigned attempts, unsigned retry_after_ms)
{
    uint64_t ceiling = s->config->retry_first_ms, delay;

    for (unsigned i = 1; i < attempts && ceiling < s->config->retry_max_ms; i++)
        ceiling *= 2;
    if (ceiling > s->config->retry_max_ms)
        ceiling = s->config->retry_max_ms;
    delay = sl_random(s->env->rt) % (ceiling + 1);
    if (retry_after_ms > SL_RETRY_AFTER_MAX_MS)
        retry_after_ms = SL_RETRY_AFTER_MAX_MS;
    return delay > retry_after_ms ? delay : retry_after_ms;
}

/* Additive increase, multiplicative decrease of the requests in flight (Chiu and Jain, 1989): half
 * at most once a second, so that one burst of refusals counts once; one more for each round of
 * successes. */
void sl_retry_shrink(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    uint64_t now = sl_now_ms(s->env->rt);

    if (c->last_shrink_ms && now - c->last_shrink_ms < 1000)
        return;
    c->last_shrink_ms = now;
    c->concurrency = c->concurrency / 2 < 1 ? 1 : c->concurrency / 2;
}

void sl_retry_grow(struct sl_sink *s)
{
    struct sl_core *c = s->core;

    if (c->slow)
        return;
    c->concurrency += 1 / c->concurrency;
    if (c->concurrency > s->config->requests)
        c->concurrency = s->config->requests;
}

/* Latency tells before refusals do: a request that took four times as long as the quickest of the
 * last minutes, size for size, and more than a second. */
void sl_retry_pace(struct sl_sink *s, uint64_t ms, size_t bytes, bool well)
{
    struct sl_core *c = s->core;
    uint64_t now = sl_now_ms(s->env->rt);

    if (now - c->pace_ms >= PACE_WINDOW_MS) {
        c->pace[1] = now - c->pace_ms < 2 * PACE_WINDOW_MS ? c->pace[0] : (struct sl_pace){0};
        c->pace[0] = (struct sl_pace){0};
        c->pace_ms = now;
    }
    c->slow = ms > PACE_SLOW_MS && (c->pace[0].ms || c->pace[1].ms);
    for (size_t i = 0; i < 2; i++) {
        const struct sl_pace *best = &c->pace[i];
        double larger = (double)bytes / (double)(best->bytes + 1);

        c->slow &= !best->ms || (double)ms > 4 * (double)best->ms * (larger > 1 ? larger : 1);
    }
    if (c->slow)
        sl_retry_shrink(s);
    if (well && (!c->pace[0].ms || ms < c->pace[0].ms))
        c->pace[0] = (struct sl_pace){ms ? ms : 1, bytes};
}

static void arm_probe(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    uint64_t delay = sl_retry_delay(s, c->stalls, 0);

    if (delay < s->config->retry_first_ms)
        delay = s->config->retry_first_ms;
    c->probe_due = false;
    sl_timer_start(s->env->rt, &c->probe_timer, delay);
}

/* A probe can end without saying whether the sink is well (split, throttled): then there is
 * another. */
void sl_retry_keep_probing(struct sl_sink *s)
{
    struct sl_core *c = s->core;

    if (c->state == SL_SINK_STALLED && !c->probe_due && !c->probe_timer.slot && c->sending == 0)
        arm_probe(s);
}

/* A sink that goes to and fro is told at most every few seconds, one that stays every 30. */
static void tell_stall(struct sl_sink *s, bool again)
{
    struct sl_core *c = s->core;

    if (!sl_log_due(&c->stall_log_ms, sl_now_ms(s->env->rt), again && c->stall_told ? 30000 : 5000))
        return;
    c->stall_told = true;
    sl_log(s->env->rt->log, SL_LOG_WARN, again ? "sink is still stalled" : "sink stalled", "sink",
           s->config->name, "reason", c->reason, NULL);
}

/* A stalled sink sends one batch at a time, as a probe, and everything else waits in the queue. */
void sl_retry_stall(struct sl_sink *s, const char *reason)
{
    struct sl_core *c = s->core;
    bool again = c->state == SL_SINK_STALLED;

    sl_utf8_copy(reason, c->reason, sizeof(c->reason));
    c->state = SL_SINK_STALLED;
    if (again && c->probe_timer.slot)
        return; /* a request from before the stall: the probe is still to come */
    c->stalls++;
    tell_stall(s, again);
    arm_probe(s);
    s->env->wake(s->env->user);
}

void sl_retry_on_probe(struct sl_timer *t)
{
    struct sl_core *c = sl_container_of(t, struct sl_core, probe_timer);

    c->probe_due = true;
    sl_queue_pump(c->sink);
}

void sl_retry_live(struct sl_sink *s)
{
    struct sl_core *c = s->core;

    c->failures = 0;
    c->stalls = 0;
    if (c->state != SL_SINK_STALLED || c->blocked)
        return;
    c->state = SL_SINK_LIVE;
    c->reason[0] = '\0';
    sl_timer_stop(s->env->rt, &c->probe_timer);
    if (c->stall_told)
        sl_log(s->env->rt->log, SL_LOG_INFO, "sink is live again", "sink", s->config->name, NULL);
    c->stall_told = false;
    s->env->wake(s->env->user);
}
