/* SPDX-License-Identifier: Apache-2.0 */
#include "damage.h"
#include "member.h"

#include "kafka/side.h"

/* The side reader against librdkafka's mock. */

enum { PARTS = 3 };

struct reader {
    struct world *w;
    struct sl_source_config source;
    struct sl_property properties[2];
    const char *topic;
    struct sl_side *side;
    struct sl_topic logs;
    struct sl_partition *p[PARTS];
    int64_t want[PARTS]; /* next offset that may come; -1: nothing may */
    int64_t eof[PARTS], low[PARTS];
    uint64_t n, broken, refused;
    int64_t room; /* -1: without end */
    bool inside;  /* a call is on the stack */
    size_t handles;
    void (*meanwhile)(struct reader *r, const struct sl_message *m);
};

static bool reader_message(void *user, const struct sl_message *m)
{
    struct reader *r = user;
    int64_t *want = &r->want[m->at->number];

    assert_false(r->inside);
    assert_true(m->catch_up);
    if (m->offset != *want || m->at != r->p[m->at->number])
        r->broken++;
    if (r->meanwhile)
        r->meanwhile(r, m);
    if (r->room == 0) {
        r->refused++;
        return false;
    }
    r->room -= r->room > 0;
    r->n++;
    if (m->offset == *want)
        ++*want;
    return true;
}

static void reader_eof(void *user, struct sl_partition *p, int64_t offset)
{
    struct reader *r = user;

    assert_false(r->inside);
    r->broken += offset != r->want[p->number];
    r->eof[p->number] = offset;
}

static void reader_out_of_range(void *user, struct sl_partition *p, int64_t low)
{
    struct reader *r = user;

    assert_false(r->inside);
    r->low[p->number] = low;
}

static const struct sl_side_ops reader_ops = {
    .on_message = reader_message,
    .on_eof = reader_eof,
    .on_out_of_range = reader_out_of_range,
};

static void count_handle(uv_handle_t *handle, void *n)
{
    (void)handle;
    ++*(size_t *)n;
}

static size_t handles(struct world *w)
{
    size_t n = 0;

    uv_walk(&w->loop.uv, count_handle, &n);
    return n;
}

static void reader_init(struct reader *r, struct world *w)
{
    *r = (struct reader){
        .w = w, .handles = handles(w), .topic = "logs", .room = -1, .logs.name = (char *)"logs"};
    r->source.brokers = (struct sl_strings){&w->broker, 1};
    r->source.topics = (struct sl_strings){&r->topic, 1};
    r->source.group = "sluice";
    r->source.memory = 64u << 20;
    r->properties[0] = (struct sl_property){"fetch.wait.max.ms", "50", 0, 0};
    r->source.consumer = (struct sl_properties){r->properties, 1};
    r->side = sl_side_new(&w->loop, &r->source, &reader_ops, r);
    for (int32_t i = 0; i < PARTS; i++) {
        r->p[i] = sl_partition_new(&r->logs, i, 1, 1, "c");
        r->want[i] = r->eof[i] = r->low[i] = -1;
    }
}

static void read_from(struct reader *r, const int64_t *offsets, size_t n)
{
    struct sl_error err = {.text = ""};

    r->inside = true;
    assert_int_equal(sl_side_read(r->side, r->p, offsets, n, &err), SL_OK);
    r->inside = false;
    for (size_t i = 0; i < PARTS; i++) {
        r->want[i] = i < n ? offsets[i] : -1;
        r->eof[i] = -1;
        assert_int_equal(sl_side_reads(r->side, r->p[i]), i < n);
    }
}

static bool all_at(const struct reader *r, int64_t end)
{
    for (size_t i = 0; i < PARTS; i++)
        if (r->want[i] >= 0 && (r->want[i] != end || r->eof[i] != end))
            return false;
    return true;
}

static void reader_release(struct reader *r)
{
    sl_side_free(r->side);
    for (size_t i = 0; i < PARTS; i++) {
        assert_null(r->p[i]->side);
        assert_int_equal(r->p[i]->refs, 1);
        sl_partition_unref(r->p[i]);
    }
    UNTIL(r->w, handles(r->w) == r->handles && r->w->loop.uv.active_reqs.count == 0);
}

static void in_order_from_any_offset(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", PARTS, 5000);
    reader_init(&r, w);
    read_from(&r, (int64_t[]){0, 2500, 4999}, 3);
    UNTIL(w, all_at(&r, 5000));
    assert_int_equal(r.n, 5000 + 2500 + 1);
    fill(w, "logs", PARTS, 10); /* it reads on behind the end */
    UNTIL(w, all_at(&r, 5010));
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

/* Nothing of what was read before comes after a new read, forward or back; and nothing is left out.
 */
static void read_anew(void **state)
{
    struct world *w = *state;
    struct reader r;
    uint64_t seed = 7;

    make_full_topic(w, "logs", PARTS, 3000);
    reader_init(&r, w);
    for (int round = 0; round < 40; round++) {
        int64_t offsets[PARTS];
        uint64_t before = r.n;

        for (size_t i = 0; i < PARTS; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            offsets[i] = (int64_t)((seed >> 33) % 2900);
        }
        read_from(&r, offsets, 1 + (size_t)round % PARTS);
        UNTIL(w, r.n > before + (uint64_t)(round % 4) * 30);
        assert_int_equal(r.broken, 0);
    }
    UNTIL(w, all_at(&r, 3000));
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

/* A rebalance takes partitions away one after the other, at once, while they are being fetched. */
static void dropped_one_after_the_other(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", PARTS, 1000);
    reader_init(&r, w);
    for (int round = 0; round < 20; round++) {
        uint64_t before = r.n;

        read_from(&r, (int64_t[]){0, 0, 0}, PARTS);
        UNTIL(w, r.n > before + 10);
        for (size_t i = 0; i < PARTS; i++) {
            sl_side_drop(r.side, r.p[i]);
            r.want[i] = -1;
            assert_false(sl_side_reads(r.side, r.p[i]));
        }
    }
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

static void no_room(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", PARTS, 1000);
    reader_init(&r, w);
    r.room = 0;
    read_from(&r, (int64_t[]){0, 0, 0}, 3);
    for (int round = 0; round < 10; round++) {
        uint64_t refused;

        UNTIL(w, sl_side_paused(r.side));
        refused = r.refused;
        for (int i = 0; i < 5; i++)
            uv_run(&w->loop.uv, UV_RUN_ONCE);
        assert_int_equal(r.refused, refused); /* not offered again before there is room */
        r.room = 123;
        sl_side_resume(r.side);
        sl_side_resume(r.side);
        UNTIL(w, r.room == 0);
    }
    UNTIL(w, sl_side_paused(r.side));
    r.room = -1;
    sl_side_resume(r.side);
    UNTIL(w, all_at(&r, 1000));
    assert_int_equal(r.n, 3000);
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

/* A pause of the user's; what is parked goes with a new read, and with a drop. */
static void paused(void **state)
{
    struct world *w = *state;
    struct reader r;
    uint64_t n;

    make_full_topic(w, "logs", PARTS, 1000);
    reader_init(&r, w);
    sl_side_pause(r.side);
    read_from(&r, (int64_t[]){10, 10, 10}, 3);
    for (int i = 0; i < 30; i++)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(r.n, 0);
    r.room = 5;
    sl_side_resume(r.side);
    UNTIL(w, r.refused == 1);
    read_from(&r, (int64_t[]){700, 800, 900}, 3);
    r.room = 50;
    sl_side_resume(r.side);
    UNTIL(w, r.refused == 2);
    sl_side_drop(r.side, r.p[1]);
    sl_side_drop(r.side, r.p[1]);
    assert_false(sl_side_reads(r.side, r.p[1]));
    r.want[1] = -1;
    r.room = -1;
    sl_side_resume(r.side);
    UNTIL(w, all_at(&r, 1000));
    n = r.n;
    sl_side_stop(r.side);
    fill(w, "logs", PARTS, 10);
    for (int i = 0; i < 30; i++)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(r.n, n);
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

static void stop_inside(struct reader *r, const struct sl_message *m)
{
    if (m->offset == 100)
        sl_side_stop(r->side);
}

static void drop_inside(struct reader *r, const struct sl_message *m)
{
    if (m->offset != 100 || m->at == r->p[1])
        return;
    r->meanwhile = NULL;
    sl_side_drop(r->side, r->p[1]);
    r->want[1] = r->eof[1] = -1; /* it may have been read to its end before */
}

static void read_inside(struct reader *r, const struct sl_message *m)
{
    struct sl_error err;

    if (m->offset != 100)
        return;
    r->meanwhile = NULL;
    assert_int_equal(sl_side_read(r->side, r->p, (int64_t[]){50, 60, 70}, 3, &err), SL_OK);
    r->want[0] = 50;
    r->want[1] = 60;
    r->want[2] = 70;
    r->want[m->at->number] = m->offset; /* the one on the way is taken */
}

/* on_message may ask for something else. */
static void asked_from_inside(void **state)
{
    struct world *w = *state;
    struct reader r;
    int32_t at;

    make_full_topic(w, "logs", PARTS, 1000);
    reader_init(&r, w);
    r.meanwhile = stop_inside;
    read_from(&r, (int64_t[]){0, 0, 0}, 3);
    UNTIL(w, !sl_side_reads(r.side, r.p[0]));
    r.meanwhile = NULL;
    read_from(&r, (int64_t[]){0, 0, 0}, 3);
    r.meanwhile = drop_inside;
    UNTIL(w, all_at(&r, 1000));
    assert_int_equal(r.eof[1], -1);
    assert_int_equal(r.broken, 0);
    for (int room = -1; room <= 0; room++) { /* and it is refused, or taken */
        read_from(&r, (int64_t[]){100, 100, 100}, 3);
        r.meanwhile = read_inside;
        r.room = room;
        UNTIL(w, !r.meanwhile);
        for (at = 0; r.want[at] == 50 + 10 * at; at++)
            ;
        r.want[at] = 50 + 10 * at;
        r.room = -1;
        sl_side_resume(r.side);
        UNTIL(w, all_at(&r, 1000));
        assert_int_equal(r.broken, 0);
    }
    reader_release(&r);
}

/* The mock keeps 5 MiB of a partition. */
static void f28_retention_overtakes_the_side_reader(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", PARTS, 100);
    produce_bytes(w, "logs", 1, 100, 100000);
    flush(w);
    reader_init(&r, w);
    read_from(&r, (int64_t[]){0, 5, 0}, 3);
    UNTIL(w, r.low[1] > 5);
    UNTIL(w, r.want[0] == 100 && r.want[2] == 100); /* the others go on */
    assert_int_equal(r.want[1], 5);
    assert_int_equal(r.low[0], -1);
    read_from(&r, (int64_t[]){100, r.low[1], 100}, 3);
    UNTIL(w, r.want[1] == 200);
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

/* Past the end nothing can be said; it goes on when the log has come that far. */
static void past_the_end(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", PARTS, 100);
    reader_init(&r, w);
    read_from(&r, (int64_t[]){50, 150, 50}, 3);
    UNTIL(w, r.want[0] == 100 && r.want[2] == 100);
    fill(w, "logs", PARTS, 100);
    UNTIL(w, all_at(&r, 200));
    assert_int_equal(r.low[1], -1);
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

static void f27_damage_on_the_wire(void **state)
{
    struct world *w = *state;
    struct reader r;

    produce_damaged(w);
    atomic_store(&damage, 2);
    reader_init(&r, w);
    read_from(&r, (int64_t[]){0, 0}, 2);
    UNTIL(w, r.want[0] == 210 && r.want[1] == 100);
    assert_int_equal(atomic_load(&damage), 0);
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

static void f25_brokers_go_and_come(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", PARTS, 1000);
    reader_init(&r, w);
    r.room = 300;
    read_from(&r, (int64_t[]){0, 0, 0}, 3);
    UNTIL(w, r.refused > 0);
    all_brokers_down(w);
    r.room = -1;
    sl_side_resume(r.side);
    read_from(&r, (int64_t[]){0, 0, 0}, 3);
    for (int i = 0; i < 30; i++)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    all_brokers_up(w);
    UNTIL(w, all_at(&r, 1000));
    assert_int_equal(r.broken, 0);
    reader_release(&r);
}

/* The live member of the same group notices nothing. */
static void beside_a_member(void **state)
{
    struct world *w = *state;
    struct reader r;
    struct member m;

    make_full_topic(w, "logs", PARTS, 1000);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 3000 && m.seen[0].at->committed == 1000);
    reader_init(&r, w);
    read_from(&r, (int64_t[]){0, 500, 999}, 3);
    UNTIL(w, all_at(&r, 1000));
    read_one_more(&m, PARTS);
    UNTIL(w, all_at(&r, 1001));
    assert_int_equal(m.broken + r.broken + m.ended, 0);
    assert_int_equal(m.seen[0].epochs, 1);
    reader_release(&r);
    look_for_commits(&m);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 2), 1001);
}

static void freed_at_any_time(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", PARTS, 1000);
    reader_init(&r, w); /* before there is a client */
    reader_release(&r);
    for (int turns = 0; turns < 4; turns++) {
        reader_init(&r, w);
        r.room = 10;
        read_from(&r, (int64_t[]){0, 5000, 0}, 3);
        for (int i = 0; i < turns * 10; i++)
            uv_run(&w->loop.uv, UV_RUN_ONCE);
        reader_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(in_order_from_any_offset),
        T(read_anew),
        T(dropped_one_after_the_other),
        T(no_room),
        T(paused),
        T(asked_from_inside),
        T(f28_retention_overtakes_the_side_reader),
        T(past_the_end),
        T(f27_damage_on_the_wire),
        T(f25_brokers_go_and_come),
        T(beside_a_member),
        T(freed_at_any_time),
    };
    return RUN_TESTS("side", tests);
}
