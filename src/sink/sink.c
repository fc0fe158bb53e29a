/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { KEY_MAX = 4096, LETTER_VALUE_MAX = 4 << 20 };

static const struct sl_sink_type *const types[] = {
    [SL_SINK_ELASTICSEARCH] = &sl_sink_elasticsearch,
    [SL_SINK_S3] = &sl_sink_s3,
    [SL_SINK_WEBHOOK] = &sl_sink_webhook,
    [SL_SINK_FILE] = &sl_sink_file,
};

static const double request_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                        0.5,   1,    2.5,   5,    10,  30};
static const double delivery_bounds[] = {0.05, 0.1, 0.25, 0.5, 1,   2.5,  5,
                                         10,   30,  60,   300, 900, 3600, 86400};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void make_counters(struct sl_sink *s)
{
    struct sl_metrics *m = s->env->metrics;
    const struct sl_label labels[] = {{"sink", s->config->name}, {NULL, NULL}};

    s->count = (struct sl_sink_counters){
        .routed = sl_metrics_counter(m, "sluice_routed_records_total",
                                     "Records that rules sent to the sink.", labels),
        .delivered = sl_metrics_counter(m, "sluice_delivered_records_total",
                                        "Records that the destination has confirmed.", labels),
        .dead =
            sl_metrics_counter(m, "sluice_dead_letter_records_total",
                               "Records that the destination refused, confirmed in the dead-letter "
                               "topic.",
                               labels),
        .let_go =
            sl_metrics_counter(m, "sluice_let_go_records_total",
                               "Records let go when their assignment or attachment ended; they are "
                               "read again.",
                               labels),
        .in_flight =
            sl_metrics_gauge(m, "sluice_in_flight_records",
                             "Records routed to the sink that have no outcome yet.", labels),
        .queue_bytes =
            sl_metrics_gauge(m, "sluice_queue_bytes", "Bytes held in the sink's queue.", labels),
        .retries = sl_metrics_counter(m, "sluice_retries_total", "Requests sent again.", labels),
        .request_seconds =
            sl_metrics_histogram(m, "sluice_request_duration_seconds", "Duration of requests.",
                                 labels, request_bounds, COUNT(request_bounds)),
        .delivery_seconds = sl_metrics_histogram(m, "sluice_delivery_seconds",
                                                 "From a record's time to its delivery.", labels,
                                                 delivery_bounds, COUNT(delivery_bounds)),
    };
    *sl_metrics_gauge(m, "sluice_queue_limit_bytes", "Bytes the sink's queue may hold.", labels) =
        s->config->queue_bytes;
}

static struct sl_core *core_new(struct sl_sink *s)
{
    struct sl_core *c = sl_zalloc(sizeof(*c));

    c->sink = s;
    sl_list_init(&c->cuts);
    sl_list_init(&c->closed);
    sl_list_init(&c->ready);
    sl_list_init(&c->busy);
    sl_buf_init(&c->scratch, KEY_MAX);
    c->sent_ratio = c->wire_ratio = 1.0;
    c->concurrency = s->config->requests;
    c->open_max = s->config->kind == SL_SINK_S3 ? s->config->s3.open_objects : SIZE_MAX;
    c->age_timer.fire = sl_queue_on_age;
    c->dispatch_timer.fire = sl_queue_on_dispatch;
    c->probe_timer.fire = sl_retry_on_probe;
    return c;
}

struct sl_sink *sl_sink_new(const struct sl_sink_config *config, size_t index,
                            const struct sl_sink_env *env, struct sl_error *err)
{
    return sl_sink_new_of(types[config->kind], config, index, env, err);
}

struct sl_sink *sl_sink_new_of(const struct sl_sink_type *type, const struct sl_sink_config *config,
                               size_t index, const struct sl_sink_env *env, struct sl_error *err)
{
    struct sl_sink *s = sl_zalloc(sizeof(*s));

    s->type = type;
    s->config = config;
    s->env = env;
    s->index = index;
    make_counters(s);
    s->core = core_new(s);
    if (s->type->init(s, err) != SL_OK) {
        sl_sink_free(s);
        s = NULL;
    }
    return s;
}

static void free_list(struct sl_list *list)
{
    while (!sl_list_empty(list))
        sl_batch_free(sl_container_of(list->next, struct sl_batch, node));
}

void sl_sink_free_now(struct sl_sink *s)
{
    const struct sl_sink_env *env = s->env;

    s->type->release(s);
    sl_buf_release(&s->core->scratch);
    free(s->core);
    free(s);
    if (env->gone)
        env->gone(env->user);
}

void sl_sink_free(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    struct sl_list *at, *after;

    while (!sl_list_empty(&c->cuts))
        sl_queue_close_cut(s, sl_container_of(c->cuts.next, struct sl_cut, node));
    sl_timer_stop(s->env->rt, &c->age_timer);
    sl_timer_stop(s->env->rt, &c->dispatch_timer);
    sl_timer_stop(s->env->rt, &c->probe_timer);
    free_list(&c->closed);
    free_list(&c->ready);
    sl_list_each_safe (at, after, &c->busy) {
        struct sl_batch *b = sl_container_of(at, struct sl_batch, node);

        if (b->state == SL_BATCH_SEALING)
            continue; /* a pool thread has it: freed when that is done */
        if (b->state == SL_BATCH_SENDING)
            s->type->cancel(s, b);
        sl_batch_free(b);
    }
    c->freeing = true;
    if (c->sealing == 0)
        sl_sink_free_now(s);
}

/* ---- taking records ---- */

/* What one batch may hold, and one record in it: more than a quarter of the queue would let two of
 * them stop everything. */
static size_t batch_limit(const struct sl_sink *s)
{
    size_t quarter = s->config->queue_bytes / 4;

    return quarter < SL_BATCH_DATA_MAX / 2 ? quarter : SL_BATCH_DATA_MAX / 2;
}

/* Beside what is sent, types with items keep the original, of which a rule may have left little. */
bool sl_sink_too_large(const struct sl_sink *s, const struct sl_record *r, size_t bound)
{
    size_t most = batch_limit(s);

    return bound > most ||
           ((s->type->flags & SL_SINK_ITEMS) &&
            (r->message->value.n > most || sl_batch_extra_bound(r->message) > most));
}

/* What the dead letter of a record that is too large shows of it. */
static struct sl_message shortened(const struct sl_sink *s, const struct sl_message *m)
{
    size_t most = batch_limit(s) < LETTER_VALUE_MAX ? batch_limit(s) : LETTER_VALUE_MAX;
    struct sl_message some = *m;

    if (m->value.n > most)
        some.value = sl_slice("", 0);
    if (sl_batch_extra_bound(m) > most) {
        some.key = (struct sl_slice){NULL, 0};
        some.n_headers = 0;
    }
    return some;
}

/* What the record adds to the queue at most. */
static size_t cost(struct sl_sink *s, const struct sl_record *r)
{
    size_t n = s->type->bound(s, r);

    if (sl_sink_too_large(s, r, n)) {
        const struct sl_message some = shortened(s, r->message);

        n = some.value.n + sl_batch_extra_bound(&some) + sizeof(struct sl_item);
        return n + SL_BATCH_OVERHEAD;
    }
    if (s->type->seal)
        n += (size_t)((double)n * s->core->wire_ratio);
    if (s->type->flags & SL_SINK_ITEMS)
        n += r->message->value.n + sl_batch_extra_bound(r->message) + sizeof(struct sl_item);
    return n + SL_BATCH_OVERHEAD;
}

/* The last sixteenth is for what grows afterwards: the structs of split batches, reasons. */
static size_t room(const struct sl_sink *s)
{
    return s->config->queue_bytes / 16 * 15;
}

bool sl_sink_has_room(struct sl_sink *s, const struct sl_record *r)
{
    return s->core->bytes + cost(s, r) <= room(s) || s->core->bytes == 0;
}

void sl_sink_make_room(struct sl_sink *s, const struct sl_record *r)
{
    size_t most = room(s), need = cost(s, r);

    sl_queue_keep_open(s, need < most ? most - need : 0);
    sl_queue_pump(s);
}

static struct sl_cut *open_cut(struct sl_sink *s, struct sl_partition *p)
{
    struct sl_core *c = s->core;
    bool cuts = s->type->flags & SL_SINK_CUTS;
    struct sl_cut *cut = NULL;

    if (cuts)
        cut = p->sinks[s->index].cut[0];
    else if (!sl_list_empty(&c->cuts))
        cut = sl_container_of(c->cuts.next, struct sl_cut, node);
    if (cut)
        return cut;
    cut = sl_zalloc(sizeof(*cut));
    cut->hold = sl_hold_new(s->index, cuts, false);
    cut->opened_ms = sl_now_ms(s->env->rt);
    sl_list_push(&c->cuts, &cut->node);
    if (cuts) {
        cut->partition = p;
        p->sinks[s->index].cut[0] = cut;
    }
    if (!c->age_timer.slot)
        sl_queue_arm_age(s);
    return cut;
}

static struct sl_batch *add_batch(struct sl_sink *s, struct sl_cut *cut, uint64_t hash)
{
    struct sl_core *c = s->core;
    struct sl_batch *b = sl_batch_new(s, cut->hold, s->env->rules);

    b->state = SL_BATCH_OPEN;
    c->open_bytes += b->charged;
    if (cut->n == cut->cap) {
        cut->cap = cut->cap ? 2 * cut->cap : 4;
        cut->batches = sl_reallocarray(cut->batches, cut->cap, sizeof(struct sl_batch *));
        cut->keys = sl_reallocarray(cut->keys, cut->cap, sizeof(*cut->keys));
    }
    if (s->type->flags & SL_SINK_KEYED)
        b->key = sl_strndup(c->scratch.p, c->scratch.n);
    cut->keys[cut->n] = hash;
    cut->batches[cut->n] = b;
    cut->recent = cut->n++;
    c->open_batches++;
    return b;
}

/* Keys come from records: a collision made on purpose shall not mix objects. */
static bool same_key(const struct sl_batch *b, const struct sl_buf *key)
{
    return !b->key || sl_slice_is(sl_buf_as_slice(key), b->key);
}

static struct sl_batch *open_batch(struct sl_sink *s, struct sl_cut *cut, const struct sl_record *r)
{
    struct sl_core *c = s->core;
    uint64_t hash = 0;

    if (s->type->flags & SL_SINK_KEYED) {
        sl_buf_clear(&c->scratch);
        s->type->key(s, r, &c->scratch);
        hash = sl_hash(c->scratch.p, c->scratch.n);
    }
    if (cut->recent < cut->n && cut->keys[cut->recent] == hash &&
        same_key(cut->batches[cut->recent], &c->scratch))
        return cut->batches[cut->recent];
    for (size_t i = 0; i < cut->n; i++) {
        if (cut->keys[i] == hash && same_key(cut->batches[i], &c->scratch)) {
            cut->recent = i;
            return cut->batches[i];
        }
    }
    return add_batch(s, cut, hash);
}

/* A record that this sink can never take: straight to the dead letters, with its value where that
 * is not too large as well. It has its own hold, opened at its offset, so order among holds is
 * kept. */
static void append_refused(struct sl_sink *s, const struct sl_record *r, struct sl_item *item)
{
    const struct sl_message *m = r->message, some = shortened(s, m);
    struct sl_hold *hold = sl_hold_new(s->index, false, false);
    struct sl_batch *b = sl_batch_new(s, hold, s->env->rules);

    b->records = 1;
    sl_list_push(&s->core->busy, &b->node);
    item->span = (uint16_t)sl_hold_cover(hold, m->at, m->offset);
    item->begin = item->end = item->body = 0;
    item->verbatim = false;
    item->status = 413;
    item->outcome = SL_REFUSED;
    sl_batch_keep_original(b, item, &some);
    sl_batch_push_item(b, item);
    sl_batch_reason(b, &b->items[0],
                    SL_SLICE_LITERAL("the record is too large for this sink's queue"));
    sl_hold_unref(hold);
    sl_policy_window(s->core, true, 1);
    sl_letters_start(b);
}

static bool reached(const struct sl_sink *s, const struct sl_batch *b)
{
    const struct sl_sink_config *c = s->config;

    return (double)b->data.n * s->core->sent_ratio >= (double)c->batch_bytes ||
           b->data.n >= batch_limit(s) || b->extra.n >= batch_limit(s) ||
           (c->batch_records && b->records >= c->batch_records);
}

void sl_sink_append(struct sl_sink *s, const struct sl_record *r, unsigned rule)
{
    const struct sl_message *m = r->message;
    struct sl_core *c = s->core;
    struct sl_item item = {.rule = rule,
                           .sub = r->sub,
                           .offset = m->offset,
                           .time_ms = r->time_ns / 1000000,
                           .source_ms = m->timestamp_ms};
    struct sl_cut *cut;
    struct sl_batch *b;
    size_t begin;

    ++*s->count.routed;
    ++*s->count.in_flight;
    if (sl_sink_too_large(s, r, s->type->bound(s, r))) {
        append_refused(s, r, &item);
        return;
    }
    cut = open_cut(s, m->at);
    item.span = (uint16_t)sl_hold_cover(cut->hold, m->at, m->offset);
    b = open_batch(s, cut, r);
    begin = b->data.n;
    if (s->type->encode(s, b, r, &item) != SL_OK || b->data.full) {
        sl_buf_truncate(&b->data, begin);
        append_refused(s, r, &item);
        return;
    }
    if (s->type->flags & SL_SINK_ITEMS) {
        item.begin = (uint32_t)begin;
        item.end = (uint32_t)b->data.n;
        sl_batch_keep_original(b, &item, m);
        sl_batch_push_item(b, &item);
    } else {
        sl_batch_note_time(b, item.time_ms);
    }
    b->records++;
    sl_batch_charge(b);
    if (reached(s, b))
        cut->due = c->due = true;
}

void sl_sink_turn(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    struct sl_list *at, *after;

    if (c->due) {
        c->due = false;
        sl_list_each_safe (at, after, &c->cuts) {
            struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

            if (cut->due)
                sl_queue_close_cut(s, cut);
        }
        sl_queue_pump(s);
    }
    if (c->bytes >= s->config->queue_bytes / 4 * 3)
        sl_sink_relieve(s);
    if (c->open_batches >= c->open_max) {
        sl_queue_close_cut(s, sl_queue_largest(c));
        sl_queue_pump(s);
    }
}

/* What stays open is under three eighths of the queue: the rest can drain below the mark where a
 * paused source goes on. */
void sl_sink_relieve(struct sl_sink *s)
{
    sl_queue_keep_open(s, s->config->queue_bytes / 8 * 3);
    sl_queue_pump(s);
}

void sl_sink_close_open(struct sl_sink *s, struct sl_partition *p)
{
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &s->core->cuts) {
        struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);
        bool holds = p == NULL;

        for (size_t i = 0; i < cut->hold->n; i++)
            holds |= cut->hold->spans[i]->partition == p;
        if (holds)
            sl_queue_close_cut(s, cut);
    }
    sl_queue_pump(s);
}

void sl_sink_let_go(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    struct sl_list *lists[] = {&c->closed, &c->ready, &c->busy};
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &c->cuts) {
        struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        if (sl_hold_any_ended(cut->hold))
            sl_queue_close_cut(s, cut);
    }
    for (size_t i = 0; i < COUNT(lists); i++) {
        sl_list_each_safe (at, after, lists[i]) {
            struct sl_batch *b = sl_container_of(at, struct sl_batch, node);

            if (b->state == SL_BATCH_CLOSED || b->state == SL_BATCH_READY ||
                b->state == SL_BATCH_WAITING)
                sl_queue_prune(b);
            else if (b->state == SL_BATCH_LETTERS)
                sl_letters_prune(b);
        }
    }
    sl_queue_pump(s);
}

/* ---- for types and for looking at ---- */

static void count_request(struct sl_sink *s, const struct sl_result *r)
{
    bool well = !r->per_item && r->outcome == SL_DELIVERED;
    char code[16];

    if (r->status > 0)
        snprintf(code, sizeof(code), "%d", r->status);
    else
        snprintf(code, sizeof(code), "%s", well ? "ok" : "error"); /* a file has no statuses */
    const struct sl_label labels[] = {{"sink", s->config->name}, {"code", code}, {NULL, NULL}};
    ++*sl_metrics_counter(s->env->metrics, "sluice_requests_total",
                          "Requests by the status of their reply.", labels);
}

void sl_sink_done(struct sl_batch *b, const struct sl_result *result)
{
    struct sl_sink *s = b->sink;

    s->core->sending--;
    count_request(s, result);
    sl_histogram_observe(s->count.request_seconds,
                         (double)(sl_now_ms(s->env->rt) - b->sent_ms) / 1000, 1);
    sl_policy_settle(b, result);
    sl_retry_keep_probing(s);
    sl_queue_pump(s);
    s->env->wake(s->env->user); /* there may be room even where no batch is done */
}

int64_t sl_sink_wall_ms(struct sl_sink *s)
{
    return sl_wall_ms(s->env->rt);
}

bool sl_sink_idle(const struct sl_sink *s)
{
    const struct sl_core *c = s->core;

    return sl_list_empty(&c->cuts) && sl_list_empty(&c->closed) && sl_list_empty(&c->ready) &&
           sl_list_empty(&c->busy);
}

enum sl_sink_state sl_sink_state(const struct sl_sink *s)
{
    return s->core->state;
}

const char *sl_sink_reason(const struct sl_sink *s)
{
    return s->core->reason;
}

size_t sl_sink_bytes(const struct sl_sink *s)
{
    return s->core->bytes;
}

void sl_sink_refresh(struct sl_sink *s)
{
    if (s->type->refresh)
        s->type->refresh(s);
}

const char *sl_outcome_name(enum sl_outcome o)
{
    static const char *const names[] = {"delivered", "again", "stall",  "split",
                                        "refused",   "park",  "park on"};

    return names[o];
}

const char *sl_sink_state_name(enum sl_sink_state state)
{
    static const char *const names[] = {"live", "stalled", "detached", "catching_up"};

    return names[state];
}
