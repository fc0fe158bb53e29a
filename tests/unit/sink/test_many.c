/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that hold many records: taken together, with one original for all of them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "sink/core.h"
#include "sink/core_world.h"

enum { VALUE = 100000, RECORDS = 200, LINE = 32 };

/* ---- a type whose lines say which record they are, and no more ---- */

static size_t line_bound(struct sl_sink *s, const struct sl_record *r)
{
    (void)s;
    (void)r;
    return LINE;
}

static int line_encode(struct sl_sink *s, struct sl_batch *b, const struct sl_record *r,
                       struct sl_item *item)
{
    (void)s;
    sl_buf_printf(&b->data, "%lld#%u\n", (long long)r->message->offset, r->sub);
    item->verbatim = false;
    return SL_OK;
}

static struct sl_sink_type lines_of(unsigned flags)
{
    struct sl_sink_type type = flags & SL_SINK_CUTS ? fake_cuts_type : fake_items_type;

    type.bound = line_bound;
    type.encode = line_encode;
    return type;
}

/* ---- letters ---- */

static unsigned refused[RECORDS]; /* by index: letters of it */
static char value[VALUE];
static const struct sl_header header = {{"name", 4}, {"text", 4}};

static int put_whole(struct sl_letters *l, const struct sl_letter *letter)
{
    assert_int_equal(letter->value.n, VALUE);
    assert_memory_equal(letter->value.p, value, VALUE);
    assert_true(sl_slice_is(letter->key, "key"));
    assert_int_equal(letter->n_headers, 1);
    assert_true(sl_slice_is(letter->headers[0].value, "text"));
    assert_in_range(letter->source_index, 0, RECORDS - 1);
    refused[letter->source_index]++;
    return fake_put(l, letter);
}

/* ---- giving ---- */

static struct sl_message message_at(struct world *w, int64_t offset)
{
    for (size_t i = 0; i < VALUE; i++)
        value[i] = (char)(i * 7 + (size_t)offset);
    return (struct sl_message){.at = w->partitions[0],
                               .offset = offset,
                               .key = sl_slice("key", 3),
                               .value = sl_slice(value, VALUE),
                               .headers = &header,
                               .n_headers = 1};
}

static void work(struct world *w)
{
    while (w->fake.n_work)
        fake_run_work(&w->fake);
}

static struct sl_sink_need need_of(struct world *w, const struct sl_message *m)
{
    struct sl_sink_need need = {0};

    for (uint32_t i = 0; i < RECORDS; i++) {
        const struct sl_record r = {.message = m, .sub = i, .many = true, .time_ns = 1};

        sl_sink_need(w->sink, &r, &need);
    }
    return need;
}

static void append(struct world *w, const struct sl_message *m)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        const struct sl_record r = {.message = m, .sub = i, .many = true, .time_ns = 1};

        sl_sink_append(w->sink, &r, 0);
    }
    sl_partition_advance(m->at, m->offset, 0, 0);
    sl_sink_turn(w->sink);
}

static void give(struct world *w, const struct sl_message *m)
{
    append(w, m);
    sl_sink_close_open(w->sink, NULL);
    work(w);
}

/* Answers the first batch under way: `bad` records are refused, one by one or with all that are in
 * their batch. */
static void answer(struct world *w, unsigned bad, bool per_item)
{
    struct sl_batch *b = fake_take(0);
    struct sl_result result = {.per_item = per_item, .status = 400, .reason = "why"};
    bool any = false;

    for (size_t i = 0; i < b->n_items; i++) {
        any |= b->items[i].sub % bad == 1;
        b->items[i].outcome = b->items[i].sub % bad == 1 ? SL_REFUSED : SL_DELIVERED;
    }
    result.outcome = any ? SL_SPLIT : SL_DELIVERED;
    sl_sink_done(b, &result);
    work(w);
}

static void settle(struct world *w, unsigned bad, bool per_item)
{
    const struct sl_partition *p = w->partitions[0];

    for (int turns = 0; !sl_sink_idle(w->sink); turns++) {
        assert_true(turns < 20 * RECORDS);
        /* The message has one position, whatever part of it is done. */
        assert_true(sl_partition_position(p, 0) < p->next);
        /* One value, not one a batch. */
        assert_in_range(sl_sink_bytes(w->sink), VALUE, VALUE + RECORDS * (SL_BATCH_OVERHEAD + 512));
        while (w->n_letters)
            confirm_letter(w, 0, SL_OK);
        if (w->sinks.n)
            answer(w, bad, per_item);
        else
            fake_advance(&w->fake, 100);
        work(w);
        check_books(w, w->partitions[0]);
    }
    assert_int_equal(sl_partition_position(p, 0), p->next);
    assert_int_equal(sl_sink_bytes(w->sink), 0);
}

static void begin(struct world *w, const struct sl_sink_type *type)
{
    world_init(w, type, 5);
    w->letters.put = put_whole;
    w->config.batch_records = 10;
    w->config.dead_letter_limit = 1000;
    memset(refused, 0, sizeof(refused));
}

static void check_letters(unsigned bad)
{
    for (unsigned i = 0; i < RECORDS; i++)
        assert_int_equal(refused[i], i % bad == 1);
}

static void all_share_one_original(void **state)
{
    const struct sl_sink_type type = lines_of(SL_SINK_ITEMS);
    struct world w;

    (void)state;
    for (int per_item = 0; per_item < 2; per_item++) {
        begin(&w, &type);
        for (int64_t offset = 0; offset < 3; offset++) {
            const struct sl_message m = message_at(&w, offset);
            const struct sl_sink_need need = need_of(&w, &m);

            memset(refused, 0, sizeof(refused));
            assert_true(sl_sink_has_room_for(w.sink, &m, &need));
            give(&w, &m);
            assert_true(sl_sink_bytes(w.sink) <= need.bytes);
            settle(&w, 7, per_item);
            check_letters(7);
        }
        world_release(&w);
    }
}

/* Batches of both messages are under way; each letter has its own. */
static void a_message_is_not_taken_for_another(void **state)
{
    const struct sl_sink_type type = lines_of(SL_SINK_ITEMS);
    struct world w;
    size_t one;

    (void)state;
    begin(&w, &type);
    w.letters.put = fake_put;
    const struct sl_message a = message_at(&w, 0);

    give(&w, &a);
    one = sl_sink_bytes(w.sink);
    const struct sl_message b = message_at(&w, 1);

    give(&w, &b);
    assert_true(sl_sink_bytes(w.sink) > one + VALUE);
    sl_partition_detach(w.partitions[0], 0);
    sl_sink_detach(w.sink); /* lets go of all */
    work(&w);
    assert_int_equal(sl_sink_bytes(w.sink), 0);
    world_release(&w);
}

/* When nothing is left of the first, those of the second have the second's. */
static void two_messages_in_a_batch(void **state)
{
    const struct sl_sink_type type = lines_of(SL_SINK_ITEMS);
    struct sl_result result = {.per_item = true, .status = 400, .reason = "why"};
    struct sl_batch *b;
    struct world w;

    (void)state;
    begin(&w, &type);
    w.config.batch_records = 0;
    w.config.batch_bytes = 1 << 20;
    const struct sl_message first = message_at(&w, 0);

    append(&w, &first);
    const struct sl_message second = message_at(&w, 1);

    give(&w, &second);
    assert_int_equal(w.sinks.n, 1);
    b = fake_take(0);
    assert_int_equal(b->n_items, 2 * RECORDS);
    for (size_t i = 0; i < b->n_items; i++)
        b->items[i].outcome = b->items[i].offset == 0 ? SL_DELIVERED : SL_AGAIN;
    sl_sink_done(b, &result); /* what is left of it is tried again */
    settle(&w, 7, false);
    check_letters(7);
    world_release(&w);
}

static void limits_close_batches_within_a_message_but_no_cut(void **state)
{
    const struct sl_sink_type items = lines_of(SL_SINK_ITEMS), cuts = lines_of(SL_SINK_CUTS);
    struct world w;

    (void)state;
    begin(&w, &items);
    const struct sl_message m = message_at(&w, 0);

    give(&w, &m);
    assert_true(w.sinks.n > 1);
    for (size_t i = 0; i < w.sinks.n; i++)
        assert_int_equal(w.sinks.pending[i]->records, 10);
    settle(&w, 1, true);
    world_release(&w);

    begin(&w, &cuts);
    const struct sl_message whole = message_at(&w, 0);

    give(&w, &whole);
    assert_int_equal(w.sinks.n, 1);
    assert_int_equal(w.sinks.pending[0]->records, RECORDS);
    assert_int_equal(w.partitions[0]->sinks[0].plan.end, 1);
    sl_sink_detach(w.sink);
    world_release(&w);
}

static void what_is_more_than_the_queue_waits_until_it_is_empty(void **state)
{
    const struct sl_sink_type type = lines_of(SL_SINK_ITEMS);
    struct sl_sink_need need;
    struct world w;

    (void)state;
    begin(&w, &type);
    w.config.queue_bytes = 4 * VALUE;
    const struct sl_message m = message_at(&w, 0);

    need = need_of(&w, &m);
    assert_true(need.bytes > VALUE && need.bytes < 2 * VALUE + RECORDS * 1024);
    give(&w, &m);
    need.bytes = 4 * VALUE;
    const struct sl_message next = message_at(&w, 1);

    assert_false(sl_sink_has_room_for(w.sink, &next, &need));
    settle(&w, 1, true);
    assert_true(sl_sink_has_room_for(w.sink, &next, &need));
    world_release(&w);
}

static int key_of_each(struct sl_sink *s, const struct sl_record *r, struct sl_buf *ret)
{
    (void)s;
    sl_buf_printf(ret, "key=%u", r->sub);
    return SL_OK;
}

/* As those that are kept in the batch itself do. */
static void originals_end_a_batch(void **state)
{
    const struct sl_sink_type type = lines_of(SL_SINK_ITEMS);
    struct world w;

    (void)state;
    begin(&w, &type);
    w.config.batch_records = 0;
    w.config.batch_bytes = 1 << 20;
    for (int64_t offset = 0; offset < 6; offset++) {
        const struct sl_message m = message_at(&w, offset);
        const struct sl_record r = {.message = &m, .many = true, .time_ns = 1};

        sl_sink_append(w.sink, &r, 0);
        sl_partition_advance(m.at, offset, 0, 0);
        sl_sink_turn(w.sink);
        work(&w);
        assert_in_range(w.sink->core->open_bytes, 0, w.config.queue_bytes / 4);
    }
    assert_int_equal(w.sinks.n, 2);
    while (w.sinks.n)
        answer(&w, 7, false);
    assert_int_equal(sl_partition_position(w.partitions[0], 0), 6);
    world_release(&w);
}

/* Each record by its key, as often as it comes, however many keys there are. */
static void one_batch_a_key(void **state)
{
    enum { KEYS = 3000 };
    struct sl_sink_type type = lines_of(SL_SINK_CUTS);
    const struct sl_cut *cut;
    struct world w;

    (void)state;
    type.flags |= SL_SINK_KEYED;
    type.key = key_of_each;
    begin(&w, &type);
    w.config.batch_records = 0;
    w.config.queue_bytes = 64 << 20;
    w.config.batch_bytes = 1 << 20;
    const struct sl_message m = message_at(&w, 0);

    for (uint32_t i = 0; i < 2 * KEYS; i++) {
        const struct sl_record r = {.message = &m, .sub = i * 7 % KEYS, .many = true, .time_ns = 1};

        sl_sink_append(w.sink, &r, 0);
    }
    cut = sl_cut_find(w.sink, &m);
    assert_int_equal(cut->n, KEYS);
    for (size_t i = 0; i < cut->n; i++)
        assert_int_equal(cut->batches[i]->records, 2);
    sl_partition_advance(m.at, m.offset, 0, 0);
    sl_partition_detach(m.at, 0);
    sl_sink_detach(w.sink);
    world_release(&w);
}

/* However many a message opens, and whatever of another partition is larger. */
static void no_more_are_open_than_may_be(void **state)
{
    struct sl_sink_type type = lines_of(SL_SINK_CUTS);
    struct sl_partition *other;
    struct world w;

    (void)state;
    type.flags |= SL_SINK_KEYED;
    type.key = key_of_each;
    begin(&w, &type);
    w.config.batch_records = 0;
    w.config.batch_bytes = 1 << 20;
    w.sink->core->open_max = RECORDS / 2;
    other = w.partitions[1];
    struct sl_message m = message_at(&w, 0);

    m.at = other; /* one object, larger than all that follow */
    for (; m.offset < 10000; m.offset++) {
        const struct sl_record r = {.message = &m, .time_ns = 1};

        sl_sink_append(w.sink, &r, 0);
        sl_partition_advance(other, m.offset, 0, 0);
        sl_sink_turn(w.sink);
    }
    assert_int_equal(w.sink->core->open_batches, 1);
    m = message_at(&w, 0);
    append(&w, &m);
    assert_true(w.sink->core->open_batches < RECORDS / 2);
    work(&w);
    assert_in_range(w.sink->core->bytes, RECORDS * SL_BATCH_OVERHEAD, w.config.queue_bytes);
    sl_partition_detach(other, 0);
    sl_partition_detach(w.partitions[0], 0);
    sl_sink_detach(w.sink);
    work(&w);
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_share_one_original),
        cmocka_unit_test(a_message_is_not_taken_for_another),
        cmocka_unit_test(two_messages_in_a_batch),
        cmocka_unit_test(limits_close_batches_within_a_message_but_no_cut),
        cmocka_unit_test(what_is_more_than_the_queue_waits_until_it_is_empty),
        cmocka_unit_test(originals_end_a_batch),
        cmocka_unit_test(one_batch_a_key),
        cmocka_unit_test(no_more_are_open_than_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
