/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_deliver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/list.h"
#include "cli/show.h"
#include "kafka/client.h"

enum {
    WINDOW_MIN = 16,
    WINDOW_MAX = 1000,
    TICK_MS = 50,
    PATIENCE_MS = 60000,
    LIVE_PATIENCE_MS = 330000,
    PREVIEW_MAX = 64 << 20
};

/* A letter on its way. */
struct sent {
    struct sl_list node;
    struct sl_partition *at; /* a reference; of this letter alone */
    unsigned sink;
    int64_t offset;
    uint32_t index;
    char *why; /* of a refusal; NULL: none so far */
    void *letter;
};

/* A refused letter, whose sink waits to hear that it was written. */
struct pending {
    void (*done)(void *user, int code);
    void *user;
};

struct sl_deliver {
    struct sl_config config; /* with sinks of its own */
    struct sl_sink_config sinks[SL_SINKS_MAX];
    char *cluster_id;
    struct sl_deliver_ops ops;
    struct sl_offline_base *base;
    struct sl_offline *o;
    struct sl_cli_sinks *made;
    struct sl_letters letters;
    struct sl_topic **topics;
    size_t n_topics;
    struct sl_list under_way; /* struct sent */
    size_t n;
    struct pending *pending;
    size_t n_pending, cap_pending;
    struct sl_timer tick;
    uint64_t progress_ms; /* when something was settled, or the first of these began */
    uint64_t patience_ms; /* without an answer of a stalled sink */
    const struct sl_choice *choice;
    bool woken;
    char trouble[600];
};

/* ---- what comes back ---- */

static bool is_of(const struct sent *s, const struct sl_deliver *d, const struct sl_letter *l)
{
    return !s->why && s->index == l->source_index && s->at->number == l->source_partition &&
           s->offset == l->source_offset && !strcmp(s->at->topic->name, l->source_topic) &&
           !strcmp(d->config.sinks[s->sink].name, l->sink);
}

static int put_letter(struct sl_letters *letters, const struct sl_letter *l)
{
    struct sl_deliver *d = sl_container_of(letters, struct sl_deliver, letters);
    struct sl_list *at;

    sl_list_each (at, &d->under_way) {
        struct sent *s = sl_container_of(at, struct sent, node);

        if (!is_of(s, d, l))
            continue;
        s->why = l->status ? sl_asprintf("%d %.*s", l->status, (int)l->reason.n, l->reason.p)
                           : sl_strndup(l->reason.p, l->reason.n);
        break;
    }
    if (d->n_pending == d->cap_pending) {
        d->cap_pending = d->cap_pending ? 2 * d->cap_pending : 16;
        d->pending = sl_reallocarray(d->pending, d->cap_pending, sizeof(*d->pending));
    }
    d->pending[d->n_pending++] = (struct pending){l->done, l->user};
    d->woken = true;
    return SL_OK;
}

static void answer_letters(struct sl_deliver *d)
{
    while (d->n_pending) {
        const struct pending p = d->pending[--d->n_pending];

        p.done(p.user, SL_OK);
    }
}

static void forget(struct sl_deliver *d, struct sent *s)
{
    sl_list_remove(&s->node);
    d->n--;
    sl_partition_unref(s->at);
    free(s->why);
    free(s);
}

/* As the sink's books have it. */
static bool outcome(const struct sent *s, enum sl_fate *ret)
{
    const struct sl_sink_position *books = &s->at->sinks[s->sink];

    if (books->delivered)
        *ret = SL_FATE_REDRIVEN;
    else if (books->dead)
        *ret = SL_FATE_REFUSED;
    else
        *ret = SL_FATE_LEFT;
    return books->delivered || books->dead || books->let_go;
}

static void settle(struct sl_deliver *d)
{
    struct sl_list *at, *after;
    enum sl_fate fate;

    d->woken = false;
    sl_list_each_safe (at, after, &d->under_way) {
        struct sent *s = sl_container_of(at, struct sent, node);

        if (!outcome(s, &fate))
            continue;
        d->progress_ms = sl_now_ms(&sl_cli_sinks_loop(d->made)->rt);
        d->ops.settled(d->ops.user, s->letter, fate, s->why ? s->why : "");
        forget(d, s);
    }
}

static void on_wake(void *user)
{
    ((struct sl_deliver *)user)->woken = true;
}

static void on_tick(struct sl_timer *t)
{
    (void)t; /* the loop has turned: that is all */
}

static void turn(struct sl_deliver *d, uv_run_mode mode)
{
    struct sl_loop *loop = sl_cli_sinks_loop(d->made);

    uv_update_time(&loop->uv);
    sl_timer_start(&loop->rt, &d->tick, TICK_MS);
    uv_run(&loop->uv, mode);
    answer_letters(d);
    if (d->woken)
        settle(d);
}

/* ---- life ---- */

/* The command's own sinks: they always have somewhere to give refused records, and never stall for
 * their share. */
static void own_config(struct sl_deliver *d, const struct sl_config *config)
{
    d->config = *config;
    d->config.sinks = d->sinks;
    for (size_t i = 0; i < config->n_sinks && i < SL_SINKS_MAX; i++) {
        struct sl_sink_config *s = &d->sinks[i];

        *s = config->sinks[i];
        s->dead_letter = s->dead_letter ? s->dead_letter : "(none)";
        s->dead_letter_limit = 1000;
        if (!d->ops.patience_ms && 2 * (uint64_t)s->timeout_ms > d->patience_ms)
            d->patience_ms = 2 * (uint64_t)s->timeout_ms;
    }
}

struct sl_deliver *sl_deliver_new(const struct sl_config *config, const char *cluster_id,
                                  const struct sl_deliver_ops *ops, struct sl_diags *diags)
{
    struct sl_deliver *d = sl_zalloc(sizeof(*d));

    d->ops = *ops;
    d->patience_ms = ops->patience_ms ? ops->patience_ms : PATIENCE_MS;
    own_config(d, config);
    d->cluster_id = sl_strdup(cluster_id);
    d->letters.put = put_letter;
    d->tick.fire = on_tick;
    sl_list_init(&d->under_way);
    d->base = sl_offline_base_new(&d->config, diags);
    d->o = d->base ? sl_offline_new(d->base, NULL, diags) : NULL;
    if (!d->o) {
        sl_deliver_free(d);
        return NULL;
    }
    d->made = sl_offline_base_sinks(d->base);
    sl_cli_sinks_serve(d->made, d->cluster_id, &d->letters, on_wake, d);
    sl_cli_sinks_rules(d->made, sl_rules_version(d->o->routing->rules));
    return d;
}

void sl_deliver_free(struct sl_deliver *d)
{
    if (!d)
        return;
    while (!sl_list_empty(&d->under_way))
        forget(d, sl_container_of(d->under_way.next, struct sent, node));
    if (d->made)
        sl_timer_stop(&sl_cli_sinks_loop(d->made)->rt, &d->tick);
    sl_offline_free(d->o);
    sl_offline_base_free(d->base);
    answer_letters(d); /* their batches are gone */
    for (size_t i = 0; i < d->n_topics; i++) {
        free(d->topics[i]->name);
        free(d->topics[i]);
    }
    free(d->topics);
    free(d->pending);
    free(d->cluster_id);
    free(d);
}

/* ---- judging ---- */

static size_t find_sink(const struct sl_deliver *d, struct sl_slice name)
{
    for (size_t i = 0; i < d->config.n_sinks; i++)
        if (sl_slice_is(name, d->config.sinks[i].name))
            return i;
    return SL_SINKS_MAX;
}

static const struct sl_choice *find_choice(const struct sl_deliver *d, size_t sink)
{
    for (size_t i = 0; i < d->o->decision.n; i++)
        if (d->o->decision.chosen[i].sink == sink)
            return &d->o->decision.chosen[i];
    return NULL;
}

/* False: the message has no such record. */
static bool judge(struct sl_deliver *d, const struct sl_original *from)
{
    const struct sl_dead_letter *l = from->letter;
    char *topic = sl_strndup(l->source_topic.p, l->source_topic.n);
    const struct sl_input_record in = {
        .topic = topic,
        .partition = l->source_partition,
        .cluster_id = d->cluster_id,
        .message =
            {
                .offset = l->source_offset,
                .timestamp_ms = from->timestamp_ms,
                .key = from->key,
                .value = from->value.p ? from->value : sl_slice("", 0),
                .headers = from->headers,
                .n_headers = from->n_headers,
            },
        .sub = l->source_index,
        .placed = true,
    };
    bool judged;

    d->o->default_ms = l->time_ms >= 0 ? l->time_ms : 0;
    sl_offline_open(d->o, &in);
    judged = sl_offline_judge(d->o, &in);
    if (judged && d->o->decision.drop_reason == SL_DROP_RATE_LIMIT &&
        d->o->decision.dropped_by != SL_RULE_NONE) {
        sl_offline_reset(d->o);
        sl_offline_judge(d->o, &in);
    }
    free(topic);
    return judged;
}

static void tell_elsewhere(const struct sl_deliver *d, struct sl_buf *why)
{
    const struct sl_decision *decision = &d->o->decision;

    sl_buf_printf(why, "rule %s ", sl_offline_rule_name(d->o, sl_offline_decider(d->o)));
    if (decision->n == 0) {
        SL_BUF_LITERAL(why, "drops them");
        return;
    }
    SL_BUF_LITERAL(why, "sends them to");
    for (size_t i = 0; i < decision->n; i++)
        sl_buf_printf(why, " %s", d->config.sinks[decision->chosen[i].sink].name);
}

enum sl_fate sl_deliver_judge(struct sl_deliver *d, const struct sl_original *original,
                              struct sl_buf *why)
{
    const size_t sink = find_sink(d, original->letter->sink);

    d->choice = NULL;
    if (sink == SL_SINKS_MAX)
        return SL_FATE_NO_SINK;
    if (d->config.sinks[sink].kind == SL_SINK_S3)
        return SL_FATE_ARCHIVE;
    if (!judge(d, original)) {
        sl_buf_printf(why, "the message has no record %" PRIu32, original->letter->source_index);
        return SL_FATE_GONE;
    }
    d->choice = find_choice(d, sink);
    if (d->choice)
        return SL_FATE_REDRIVEN;
    tell_elsewhere(d, why);
    return SL_FATE_ELSEWHERE;
}

void sl_deliver_preview(struct sl_deliver *d, size_t max, struct sl_buf *out)
{
    struct sl_buf bytes;
    size_t body = 0;

    sl_buf_init(&bytes, PREVIEW_MAX);
    if (sl_offline_preview(d->o, d->choice, &bytes, &body, NULL) == SL_OK) {
        while (bytes.n > body && bytes.p[bytes.n - 1] == '\n')
            bytes.n--;
        sl_show_text(sl_slice(bytes.p + body, bytes.n - body), max, out);
    } else {
        SL_BUF_LITERAL(out, "(too large for this sink)");
    }
    sl_buf_release(&bytes);
}

/* ---- sending ---- */

static struct sl_topic *get_topic(struct sl_deliver *d, const char *name)
{
    struct sl_topic *t;

    for (size_t i = 0; i < d->n_topics; i++)
        if (!strcmp(d->topics[i]->name, name))
            return d->topics[i];
    t = sl_zalloc(sizeof(*t));
    t->name = sl_strdup(name);
    sl_kafka_decoding(&d->config.source, t);
    d->topics = sl_reallocarray(d->topics, d->n_topics + 1, sizeof(struct sl_topic *));
    d->topics[d->n_topics++] = t;
    return t;
}

static void give_up(struct sl_deliver *d, struct sl_sink *sink, uint64_t waited_ms)
{
    const char *reason = sl_sink_reason(sink);

    snprintf(d->trouble, sizeof(d->trouble), "sink %s gave no answer for %" PRIu64 " s%s%s",
             sink->config->name, waited_ms / 1000, reason[0] ? ": " : "", reason);
}

/* False: it was given up. A sink that is live may be trying single records apart for minutes. */
static bool wait_some(struct sl_deliver *d)
{
    struct sl_sink *sink;
    uint64_t patience, waited;

    turn(d, UV_RUN_ONCE);
    if (d->n == 0 || d->trouble[0])
        return !d->trouble[0];
    sink = sl_cli_sinks_get(d->made, sl_container_of(d->under_way.next, struct sent, node)->sink);
    patience = d->patience_ms;
    if (sl_sink_state(sink) == SL_SINK_LIVE && patience < LIVE_PATIENCE_MS)
        patience = LIVE_PATIENCE_MS;
    waited = sl_now_ms(&sl_cli_sinks_loop(d->made)->rt) - d->progress_ms;
    if (waited >= patience)
        give_up(d, sink, waited);
    return waited < patience;
}

static void close_open(struct sl_deliver *d)
{
    for (size_t i = 0; i < d->config.n_sinks; i++)
        sl_sink_close_open(sl_cli_sinks_get(d->made, i), NULL);
}

/* Enough to keep the sink's requests busy, and no more: what is under way when somebody wants to
 * stop is waited for. */
static size_t window(const struct sl_sink_config *s)
{
    const uint64_t n = s->batch_records ? 2 * (uint64_t)s->requests * s->batch_records : WINDOW_MAX;

    return n > WINDOW_MAX ? WINDOW_MAX : n < WINDOW_MIN ? WINDOW_MIN : n;
}

static bool make_room(struct sl_deliver *d, struct sl_sink *sink)
{
    const size_t most = window(sink->config);

    if (d->n >= most)
        while (d->n > most / 2) {
            close_open(d);
            if (d->ops.stop(d->ops.user) || !wait_some(d))
                return false;
        }
    while (!sl_sink_has_room(sink, d->choice->record)) {
        sl_sink_make_room(sink, d->choice->record);
        if (d->ops.stop(d->ops.user) || !wait_some(d))
            return false;
    }
    return !d->trouble[0];
}

bool sl_deliver_put(struct sl_deliver *d, void *letter)
{
    struct sl_sink *sink = sl_cli_sinks_get(d->made, d->choice->sink);
    struct sl_message *m = &d->o->message;
    struct sent *s;

    if (!make_room(d, sink))
        return false;
    if (d->n == 0)
        d->progress_ms = sl_now_ms(&sl_cli_sinks_loop(d->made)->rt);
    s = sl_zalloc(sizeof(*s));
    s->at = sl_partition_new(get_topic(d, m->at->topic->name), m->at->number, 0, d->config.n_sinks,
                             d->cluster_id);
    s->offset = m->offset;
    s->sink = d->choice->sink;
    s->index = d->o->record.sub;
    s->letter = letter;
    sl_list_push(&d->under_way, &s->node);
    d->n++;
    m->at = s->at;
    sl_sink_append(sink, d->choice->record, d->choice->rule);
    sl_sink_turn(sink);
    turn(d, UV_RUN_NOWAIT);
    return true;
}

/* What no request has yet is let go; what one has is waited for. */
static void take_back(struct sl_deliver *d)
{
    struct sl_list *at;

    sl_list_each (at, &d->under_way)
        sl_container_of(at, struct sent, node)->at->ended = true;
    for (size_t i = 0; i < d->config.n_sinks; i++)
        sl_sink_let_go(sl_cli_sinks_get(d->made, i));
    settle(d);
}

void sl_deliver_finish(struct sl_deliver *d)
{
    struct sl_loop *loop = sl_cli_sinks_loop(d->made);
    uint64_t began = 0;
    bool stopping = false;

    while (d->n) {
        if (!stopping && d->ops.stop(d->ops.user)) {
            stopping = true;
            uv_update_time(&loop->uv);
            began = sl_now_ms(&loop->rt);
            take_back(d);
        } else if (stopping) {
            d->ops.stop(d->ops.user); /* for a second time ends the program */
        }
        close_open(d);
        if (!wait_some(d) || (stopping && sl_now_ms(&loop->rt) - began >= d->config.shutdown_ms))
            break;
    }
    while (!sl_list_empty(&d->under_way)) {
        struct sent *s = sl_container_of(d->under_way.next, struct sent, node);

        d->ops.settled(d->ops.user, s->letter, SL_FATE_UNKNOWN, "");
        forget(d, s);
    }
}

const char *sl_deliver_trouble(const struct sl_deliver *d)
{
    return d->trouble;
}
