/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_FAKE_ROUTE_H
#define TESTS_PIPELINE_FAKE_ROUTE_H

/* What stands in for decoding and rules: the offset decides. Included by flow_world.h, behind the
 * definition of its world. */

/* How many records a message holds. */
static size_t records_of(const struct sl_message *m)
{
    return world->many ? world->many(m) : 1;
}

struct sl_decoder *sl_decoder_new(const struct sl_decoder_config *config, struct sl_error *err)
{
    (void)config;
    (void)err;
    return NULL;
}

void sl_decoder_free(struct sl_decoder *d)
{
    (void)d;
}

static const struct sl_message *opened;

size_t sl_decode_open(struct sl_decoder *d, const struct sl_message *m)
{
    (void)d;
    opened = m;
    return records_of(m);
}

size_t sl_decode_bytes(const struct sl_decoder *d)
{
    (void)d;
    return opened->value.n;
}

void sl_decode_at(struct sl_decoder *d, size_t i, struct sl_record *ret)
{
    (void)d;
    *ret = (struct sl_record){.message = opened,
                              .sub = (uint32_t)i,
                              .many = records_of(opened) > 1,
                              .time_ns = (int64_t)1700000000 * 1000000000};
}

struct sl_value sl_record_value(const struct sl_record *r, unsigned id)
{
    (void)r;
    (void)id;
    return (struct sl_value){0};
}

struct sl_matcher *sl_matcher_new(const struct sl_rules *r, const struct sl_matcher_config *config)
{
    (void)r;
    (void)config;
    return NULL;
}

void sl_matcher_free(struct sl_matcher *m)
{
    (void)m;
}

const unsigned *sl_matcher_matched(const struct sl_matcher *m, size_t *ret_n)
{
    (void)m;
    *ret_n = 0;
    return NULL;
}

static inline uint64_t hash_of(const struct sl_message *m)
{
    uint64_t at = (uint64_t)m->offset * PARTITIONS + (uint64_t)m->at->number + 1;

    return fake_next(&at);
}

void sl_route(struct sl_matcher *m, const struct sl_record *record, struct sl_decision *ret)
{
    uint64_t h = hash_of(record->message);

    (void)m;
    ret->n = 0;
    ret->error_rule = ret->dropped_by = SL_RULE_NONE;
    for (unsigned i = 0; i < SINKS; i++)
        if (world->all_to ? world->all_to >> i & 1 : h >> 8 * i & 1)
            ret->chosen[ret->n++] = (struct sl_choice){i, SL_RULE_UNMATCHED, record};
    if (ret->n == 0) {
        ret->dropped_by = SL_RULE_UNMATCHED;
        ret->drop_reason = SL_DROP_UNMATCHED;
    }
}

void sl_route_undo(struct sl_matcher *m)
{
    (void)m;
}

void sl_route_note(struct sl_matcher *m)
{
    (void)m;
    world->noted++;
}

void sl_route_repeat(struct sl_matcher *m)
{
    (void)m;
}

void sl_route_end(struct sl_matcher *m)
{
    (void)m;
}

void sl_route_set_aside(struct sl_matcher *m, unsigned rule)
{
    (void)m;
    (void)rule;
}

#endif
