/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/side.h"

#include "base/alloc.h"
#include "base/list.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/inbox.h"
#include "kafka/lookup.h"
#include "kafka/nudge.h"

/* While paused the queue is not polled, and that is all: the library fills it up to its limits and
 * waits. A member of a group could not do so (it would hear of no rebalance), this is none; and
 * what pausing a partition in the library costs (what is fetched goes, and is fetched again) and
 * gets wrong is not met.
 *
 * What an earlier assignment fetched is void from the call on that assigns anew: the library puts a
 * barrier into each partition's queue. */

enum { TURN_EVENTS = 1000, AGAIN_MS = 1000, LOG_EVERY_MS = 10000 };

struct sl_side_part {
    struct sl_partition *p;
    rd_kafka_topic_t *rkt; /* as messages name it; NULL until the first one */
    int64_t expect;        /* next offset to be taken: what is below is a repetition */
    bool gone;             /* it is not in the log: its bounds are asked for */
    bool told;             /* and on_out_of_range has said so */
};

struct sl_side {
    struct sl_loop *loop;
    struct sl_runtime *rt;
    struct sl_log *log;
    const struct sl_source_config *source;
    const struct sl_side_ops *ops;
    void *user;
    rd_kafka_t *rk; /* NULL until the first read */
    struct sl_inbox inbox;
    struct sl_timer again;
    struct sl_nudge nudge;

    struct sl_side_part **parts;
    size_t n;
    struct sl_side_part *last; /* messages come in runs */
    struct sl_side_part *at;   /* whose message is being offered; NULL: it went meanwhile */
    rd_kafka_event_t *parked;
    const rd_kafka_message_t *parked_message; /* the event gives it out once only */
    struct sl_side_part *parked_at;
    bool paused, freed, unassigned; /* the library did not take the assignment */

    struct sl_lookup *bounds;
    bool asking;
    uint64_t logged_ms;
    struct sl_work end;
    struct sl_header headers[SL_HEADERS_MAX];
};

static void trouble(struct sl_side *s, const char *what, const char *why)
{
    if (sl_log_due(&s->logged_ms, sl_now_ms(s->rt), LOG_EVERY_MS))
        sl_log(s->log, SL_LOG_WARN, what, "client", "catch-up", "reason", why, NULL);
}

/* ---- what is read ---- */

static void drop_parked(struct sl_side *s)
{
    if (s->parked)
        rd_kafka_event_destroy(s->parked);
    s->parked = NULL;
    s->parked_at = NULL;
}

static void free_part(struct sl_side *s, struct sl_side_part *part)
{
    if (!part)
        return;
    if (s->at == part)
        s->at = NULL;
    part->p->side = NULL;
    sl_partition_unref(part->p);
    free(part);
}

static void forget_all(struct sl_side *s)
{
    drop_parked(s);
    for (size_t i = 0; i < s->n; i++)
        free_part(s, s->parts[i]);
    free(s->parts);
    s->parts = NULL;
    s->n = 0;
    s->last = NULL;
}

/* Every librdkafka aborts the process when a partition is taken away again before it has noted that
 * it stopped the time before. It works off what it is asked in order, and notes that in the second
 * round: so two questions that change nothing are answered only when it has. */
static void wait_until_stopped(const struct sl_side *s)
{
    for (int round = 0; round < 2; round++) {
        rd_kafka_topic_partition_list_t *list = NULL;

        if (!rd_kafka_assignment(s->rk, &list))
            rd_kafka_topic_partition_list_destroy(list);
    }
}

/* Tells the library all that is read now, each from where it is. */
static void assign(struct sl_side *s)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->n);
    rd_kafka_resp_err_t err;

    drop_parked(s); /* it comes again */
    for (size_t i = 0; i < s->n; i++) {
        const struct sl_side_part *part = s->parts[i];

        s->parts[i]->rkt = NULL;
        if (!part->gone)
            rd_kafka_topic_partition_list_add(list, part->p->topic->name, part->p->number)->offset =
                part->expect;
    }
    s->last = NULL;
    wait_until_stopped(s);
    err = rd_kafka_assign(s->rk, list);
    s->unassigned = err != RD_KAFKA_RESP_ERR_NO_ERROR;
    if (err) {
        trouble(s, "partitions cannot be read again", rd_kafka_err2str(err));
        sl_timer_start(s->rt, &s->again, AGAIN_MS);
    }
    rd_kafka_topic_partition_list_destroy(list);
    sl_inbox_wake(&s->inbox);
}

static struct sl_side_part *find(const struct sl_side *s, const char *topic, int32_t number)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->parts[i]->p->number == number && strcmp(s->parts[i]->p->topic->name, topic) == 0)
            return s->parts[i];
    return NULL;
}

/* An assigned partition keeps its rkt alive, so that its address is a name. */
static struct sl_side_part *part_of(struct sl_side *s, const rd_kafka_message_t *m)
{
    struct sl_side_part *part = s->last;

    if (part && part->rkt == m->rkt && part->p->number == m->partition)
        return part;
    part = NULL;
    for (size_t i = 0; i < s->n && !part; i++)
        if (s->parts[i]->rkt == m->rkt && s->parts[i]->p->number == m->partition)
            part = s->parts[i];
    if (!part)
        part = find(s, rd_kafka_topic_name(m->rkt), m->partition);
    if (part) {
        part->rkt = m->rkt;
        s->last = part;
    }
    return part;
}

/* ---- messages ---- */

/* False: it is parked now. What is offered may be dropped, or everything be read anew, meanwhile.
 */
static bool offer(struct sl_side *s, struct sl_side_part *part, rd_kafka_event_t *ev,
                  const rd_kafka_message_t *m)
{
    struct sl_message message;
    bool taken;

    sl_kafka_message(m, s->headers, &message);
    message.at = part->p;
    message.catch_up = true;
    s->at = part;
    taken = s->ops->on_message(s->user, &message);
    part = s->at;
    s->at = NULL;
    if (part && taken)
        part->expect = m->offset + 1;
    if (!part || taken) {
        rd_kafka_event_destroy(ev);
        return true;
    }
    s->parked = ev;
    s->parked_message = m;
    s->parked_at = part;
    s->paused = true;
    return false;
}

static bool offer_parked(struct sl_side *s)
{
    rd_kafka_event_t *ev = s->parked;
    struct sl_side_part *part = s->parked_at;

    s->parked = NULL;
    s->parked_at = NULL;
    return offer(s, part, ev, s->parked_message);
}

static void take_message(struct sl_side *s, rd_kafka_event_t *ev)
{
    const rd_kafka_message_t *m = rd_kafka_event_message_next(ev);
    struct sl_side_part *part = m && !m->err ? part_of(s, m) : NULL;

    if (part && !part->gone && m->offset >= part->expect)
        offer(s, part, ev, m);
    else
        rd_kafka_event_destroy(ev);
}

static void take_eof(struct sl_side *s, struct sl_side_part *part, int64_t offset)
{
    if (offset > part->expect)
        part->expect = offset;
    s->ops->on_eof(s->user, part->p, part->expect);
}

/* Nothing behind a batch that cannot be read is taken; it is fetched again, as long as it takes:
 * what was fetched behind it is void. */
static void fetch_again(struct sl_side *s, const struct sl_side_part *part)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, part->p->topic->name, part->p->number)->offset =
        part->expect;
    sl_kafka_seek(s->rk, list, s->log);
}

static void ask_bounds(struct sl_side *s);

static void take_error(struct sl_side *s, const rd_kafka_event_t *ev)
{
    rd_kafka_event_t *event = (rd_kafka_event_t *)ev;
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);
    struct sl_side_part *part = at ? find(s, at->topic, at->partition) : NULL;

    if (part && err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (!part->gone)
            take_eof(s, part, at->offset);
    } else if (part && sl_kafka_out_of_range(err)) {
        part->gone = true;
        ask_bounds(s);
    } else if (err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        trouble(s, sl_kafka_words(err), rd_kafka_event_error_string(event));
        if (part && sl_kafka_unreadable(err))
            fetch_again(s, part);
    }
    if (at)
        rd_kafka_topic_partition_destroy(at);
}

static bool event(struct sl_inbox *in, rd_kafka_event_t *ev)
{
    struct sl_side *s = sl_container_of(in, struct sl_side, inbox);

    if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_FETCH) {
        take_message(s, ev);
    } else {
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
            take_error(s, ev);
        rd_kafka_event_destroy(ev);
    }
    return !s->paused && !s->freed;
}

static void nudge(struct sl_side *s)
{
    rd_kafka_topic_partition_list_t *list;

    if (s->n == 0 || s->paused || !sl_nudge_due(&s->nudge, s->inbox.queue, sl_now_ms(s->rt)))
        return;
    list = rd_kafka_topic_partition_list_new((int)s->n);
    for (size_t i = 0; i < s->n; i++)
        rd_kafka_topic_partition_list_add(list, s->parts[i]->p->topic->name,
                                          s->parts[i]->p->number);
    sl_nudge_run(&s->nudge, s->rk, list, s->rt);
}

static void on_turn(struct sl_inbox *in)
{
    struct sl_side *s = sl_container_of(in, struct sl_side, inbox);

    if (s->freed || s->paused || (s->parked && !offer_parked(s)))
        return;
    if (!s->freed && !s->paused && !sl_inbox_drain(in, TURN_EVENTS, event) && !s->paused &&
        !s->freed)
        sl_inbox_wake(in);
    if (!s->freed)
        nudge(s);
}

/* ---- out of range ---- */

/* Past the end of the log it never comes to be in it: the topic was made anew, or cut off. The live
 * reader finds that out as well, and stops the partition. */
static void judge(struct sl_side *s, const struct sl_lookup_item *item)
{
    struct sl_side_part *part = find(s, item->topic, item->number);

    if (!part || !part->gone || part->told)
        return;
    if (item->err) {
        trouble(s, "bounds of a log", rd_kafka_err2str(item->err));
        sl_timer_start(s->rt, &s->again, AGAIN_MS);
    } else if (part->expect < item->low) {
        part->told = true;
        s->ops->on_out_of_range(s->user, part->p, item->low);
    } else if (part->expect <= item->high) {
        part->gone = false; /* it is there now: a follower was behind */
        s->unassigned = true;
        sl_timer_start(s->rt, &s->again, AGAIN_MS);
    } else {
        trouble(s, "an offset past the log's end cannot be read again", item->topic);
        sl_timer_start(s->rt, &s->again, AGAIN_MS);
    }
}

static void release(struct sl_side *s);

static void bounds_known(struct sl_lookup *l)
{
    struct sl_side *s = l->user;

    s->asking = false;
    s->bounds = NULL;
    for (size_t i = 0; i < l->n && !s->freed; i++)
        judge(s, &l->items[i]);
    sl_lookup_free(l);
    if (s->freed)
        release(s);
    else
        ask_bounds(s); /* of what has gone meanwhile */
}

static void ask_bounds(struct sl_side *s)
{
    struct sl_lookup *l = NULL;

    if (s->asking || s->again.slot)
        return;
    for (size_t i = 0; i < s->n; i++) {
        const struct sl_side_part *part = s->parts[i];

        if (!part->gone || part->told)
            continue;
        l = l ? l : sl_lookup_new(s->rk, s->source);
        sl_lookup_add(l, part->p->topic->name, part->p->number);
    }
    if (!l)
        return;
    l->bounds_only = true;
    l->done = bounds_known;
    l->user = s;
    s->bounds = l;
    s->asking = true;
    sl_lookup_run(l, s->rt);
}

static void on_again(struct sl_timer *t)
{
    struct sl_side *s = sl_container_of(t, struct sl_side, again);

    if (s->unassigned)
        assign(s);
    ask_bounds(s);
}

/* ---- life ---- */

static void on_nudged(struct sl_nudge *n)
{
    struct sl_side *s = sl_container_of(n, struct sl_side, nudge);

    if (s->freed)
        release(s);
}

static void on_gone(struct sl_inbox *in)
{
    release(sl_container_of(in, struct sl_side, inbox));
}

struct sl_side *sl_side_new(struct sl_loop *loop, const struct sl_source_config *source,
                            const struct sl_side_ops *ops, void *user)
{
    struct sl_side *s = sl_zalloc(sizeof(*s));

    s->loop = loop;
    s->rt = &loop->rt;
    s->log = loop->rt.log;
    s->source = source;
    s->ops = ops;
    s->user = user;
    s->inbox = (struct sl_inbox){.fd = -1, .turn = on_turn, .gone = on_gone};
    s->again.fire = on_again;
    s->nudge.done = on_nudged;
    return s;
}

static int open_client(struct sl_side *s, struct sl_error *err)
{
    rd_kafka_conf_t *conf = sl_kafka_conf(s->source, SL_KAFKA_CONSUMER, s->log, err);
    char text[256];

    if (!conf)
        return err->code;
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR);
    s->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!s->rk) {
        rd_kafka_conf_destroy(conf);
        return sl_fail(err, SL_EKAFKA, "Kafka: %s", text);
    }
    if (sl_inbox_open(&s->inbox, s->loop, s->rk, err)) {
        rd_kafka_destroy(s->rk);
        s->rk = NULL;
        return err->code;
    }
    sl_inbox_start(&s->inbox);
    return SL_OK;
}

int sl_side_read(struct sl_side *s, struct sl_partition *const *parts, const int64_t *offsets,
                 size_t n, struct sl_error *err)
{
    if (!s->rk && open_client(s, err))
        return err->code;
    forget_all(s);
    s->parts = sl_calloc(n + 1, sizeof(s->parts[0]));
    for (size_t i = 0; i < n; i++) {
        struct sl_side_part *part = sl_zalloc(sizeof(*part));

        part->p = sl_partition_ref(parts[i]);
        part->expect = offsets[i];
        parts[i]->side = part;
        s->parts[s->n++] = part;
    }
    assign(s);
    return SL_OK;
}

void sl_side_drop(struct sl_side *s, struct sl_partition *p)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sl_side_part *part = s->parts[i];

        if (part->p != p)
            continue;
        s->parts[i] = s->parts[--s->n];
        assign(s); /* a parked message of it, or of another, goes */
        free_part(s, part);
        return;
    }
}

void sl_side_stop(struct sl_side *s)
{
    if (s->n == 0)
        return;
    forget_all(s);
    assign(s);
}

void sl_side_pause(struct sl_side *s)
{
    s->paused = true;
}

void sl_side_resume(struct sl_side *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    if (s->rk)
        sl_inbox_wake(&s->inbox);
}

bool sl_side_paused(const struct sl_side *s)
{
    return s->paused;
}

bool sl_side_reads(const struct sl_side *s, const struct sl_partition *p)
{
    (void)s;
    return p->side != NULL;
}

/* ---- the end ---- */

static void destroy_client(struct sl_work *work) /* it waits for the client's threads */
{
    struct sl_side *s = sl_container_of(work, struct sl_side, end);

    rd_kafka_destroy_flags(s->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void destroyed(struct sl_work *work)
{
    free(sl_container_of(work, struct sl_side, end));
}

static void release(struct sl_side *s)
{
    if (s->asking || s->nudge.busy || s->inbox.open_handles)
        return;
    sl_inbox_release(&s->inbox);
    s->end = (struct sl_work){.run = destroy_client, .done = destroyed};
    sl_work_start(s->rt, &s->end);
}

void sl_side_free(struct sl_side *s)
{
    if (!s || s->freed)
        return;
    s->freed = true;
    sl_timer_stop(s->rt, &s->again);
    forget_all(s); /* a held message would block rd_kafka_destroy() */
    if (s->bounds)
        atomic_store(&s->bounds->cancel, true);
    if (!sl_inbox_close(&s->inbox))
        free(s); /* there never was a client */
}
