/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_FAKE_SIDE_H
#define TESTS_PIPELINE_FAKE_SIDE_H

/* What stands in for the side reader: it remembers what it is to read, and the world lets it. */

struct sl_side *sl_side_new(struct sl_loop *loop, const struct sl_source_config *source,
                            const struct sl_side_ops *ops, void *user)
{
    (void)loop;
    (void)source;
    world->side.ops = ops;
    world->side.user = user;
    return (struct sl_side *)&world->side;
}

int sl_side_read(struct sl_side *s, struct sl_partition *const *parts, const int64_t *offsets,
                 size_t n, struct sl_error *err)
{
    (void)s;
    (void)err;
    assert_true(n > 0 && n <= FAKE_SIDE_MAX);
    memcpy(world->side.parts, parts, n * sizeof(struct sl_partition *));
    memcpy(world->side.next, offsets, n * sizeof(*offsets));
    world->side.n = n;
    world->side.reads++;
    return SL_OK;
}

void sl_side_drop(struct sl_side *s, struct sl_partition *p)
{
    struct fake_side *side = &world->side;

    (void)s;
    for (size_t i = 0; i < side->n; i++) {
        if (side->parts[i] != p)
            continue;
        side->n--;
        side->parts[i] = side->parts[side->n];
        side->next[i] = side->next[side->n];
        return;
    }
}

void sl_side_stop(struct sl_side *s)
{
    (void)s;
    world->side.n = 0;
}

void sl_side_pause(struct sl_side *s)
{
    (void)s;
    world->side.paused = true;
}

void sl_side_resume(struct sl_side *s)
{
    (void)s;
    world->side.paused = false;
}

bool sl_side_paused(const struct sl_side *s)
{
    (void)s;
    return world->side.paused;
}

bool sl_side_reads(const struct sl_side *s, const struct sl_partition *p)
{
    (void)s;
    for (size_t i = 0; i < world->side.n; i++)
        if (world->side.parts[i] == p)
            return true;
    return false;
}

void sl_side_free(struct sl_side *s)
{
    (void)s;
    world->side.n = 0;
}

#endif
