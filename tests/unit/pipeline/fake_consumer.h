/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_FAKE_CONSUMER_H
#define TESTS_PIPELINE_FAKE_CONSUMER_H

/* What stands in for kafka/: what does not depend on what a world is about. Included behind the
 * definition of `world`, which has the members of FAKE_KAFKA. */

struct sl_consumer *sl_consumer_new(struct sl_loop *loop, const struct sl_consumer_config *config,
                                    struct sl_error *err)
{
    (void)loop;
    (void)config;
    (void)err;
    return NULL;
}

int sl_consumer_start(struct sl_consumer *c, struct sl_error *err)
{
    (void)c;
    (void)err;
    return SL_OK;
}

const char *sl_consumer_cluster_id(const struct sl_consumer *c)
{
    (void)c;
    return "cluster";
}

void sl_consumer_pause(struct sl_consumer *c)
{
    (void)c;
    world->paused = true;
}

void sl_consumer_resume(struct sl_consumer *c)
{
    (void)c;
    assert_true(world->paused);
    world->paused = false;
}

bool sl_consumer_paused(const struct sl_consumer *c)
{
    (void)c;
    return world->paused;
}

bool sl_consumer_ready(const struct sl_consumer *c, char *ret, size_t n)
{
    (void)c;
    snprintf(ret, n, "ready");
    return true;
}

void sl_consumer_arrived(struct sl_consumer *c)
{
    (void)c;
    world->arrived++;
}

void sl_consumer_commit_soon(struct sl_consumer *c)
{
    (void)c;
    world->commit_wanted = true;
}

void sl_consumer_stop(struct sl_consumer *c, struct sl_partition *p, const char *why)
{
    (void)c;
    p->stopped = true;
    snprintf(world->stop_reason, sizeof(world->stop_reason), "%s", why);
}

const struct sl_consumer_counts *sl_consumer_counts(const struct sl_consumer *c)
{
    static const struct sl_consumer_counts none;

    (void)c;
    return &none;
}

void sl_consumer_free(struct sl_consumer *c)
{
    (void)c;
}

#endif
