/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/state.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "kafka/producer.h"
#include "kafka/state_topic.h"

enum {
    KNOWN_MAX = 4096,
    WRITES_BYTES = 2 * SL_STATE_VALUE_MAX, /* under way */
};

struct put {
    struct sl_list node;
    struct sl_state *st;
    char hash[SL_SHA256_HEX + 1];
    struct sl_buf value;
    sl_state_put_fn done;
    void *user;
};

struct ask {
    struct sl_list node;
    char heads[SL_STATE_GET_MAX][SL_STATE_HEAD + 1];
    size_t n;
    sl_state_got_fn done;
    void *user;
};

/* What a pool thread does; it touches nothing else. One at a time of each kind. */
struct job {
    struct sl_work work;
    struct sl_state *st;
    struct sl_state_topic topic;
    int code;
    struct sl_error err;

    /* Of a read. */
    struct sl_list asks;   /* those that it answers; not touched by its thread */
    struct sl_list values; /* found */
    char (*heads)[SL_STATE_HEAD + 1];
    size_t n_heads;
};

struct sl_state {
    struct sl_loop *loop;
    const struct sl_config *config;
    struct sl_timer soon; /* what is asked for is begun and answered outside of the asking */
    struct sl_list puts, writing, asks;
    struct sl_list cache; /* values, the newest last */
    size_t cache_bytes;
    char (*known)[SL_SHA256_HEX + 1]; /* keys that the topic was seen to have */
    size_t n_known;
    struct sl_producer *producer;
    struct job *ensuring, *reading;
    bool there; /* the topic */
    bool freed;
};

/* ---- what is known of the topic ---- */

static bool is_known(const struct sl_state *st, const char *hash)
{
    for (size_t i = 0; i < st->n_known; i++)
        if (strcmp(st->known[i], hash) == 0)
            return true;
    return false;
}

static void know(struct sl_state *st, const char *hash)
{
    if (is_known(st, hash))
        return;
    if (st->n_known == KNOWN_MAX)
        st->n_known = 0; /* it is written once more, at worst */
    if (!st->known)
        st->known = sl_calloc(KNOWN_MAX, sizeof(*st->known));
    memcpy(st->known[st->n_known++], hash, sizeof(st->known[0]));
}

static void keep_values(struct sl_state *st, struct sl_list *found)
{
    while (!sl_list_empty(found)) {
        struct sl_state_value *v = sl_container_of(found->next, struct sl_state_value, node);
        struct sl_state_value *old = sl_state_value_find(&st->cache, v->hash);

        sl_list_remove(&v->node);
        if (old) {
            st->cache_bytes -= old->bytes.n;
            sl_state_value_free(old);
        }
        know(st, v->hash);
        sl_list_push(&st->cache, &v->node);
        st->cache_bytes += v->bytes.n;
    }
}

static void trim_cache(struct sl_state *st)
{
    while (st->cache_bytes > SL_STATE_CACHE_BYTES_MAX && st->cache.next != st->cache.prev) {
        struct sl_state_value *oldest =
            sl_container_of(st->cache.next, struct sl_state_value, node);

        st->cache_bytes -= oldest->bytes.n;
        sl_state_value_free(oldest);
    }
}

/* ---- answers ---- */

static void end_put(struct put *p, int code, const char *why)
{
    sl_list_remove(&p->node);
    p->done(p->user, code, why);
    sl_buf_release(&p->value);
    free(p);
}

static void end_puts(struct sl_list *puts, int code, const char *why)
{
    while (!sl_list_empty(puts))
        end_put(sl_container_of(puts->next, struct put, node), code, why);
}

static void end_ask(struct ask *a, int code, const char *why, const struct sl_slice *values)
{
    sl_list_remove(&a->node);
    a->done(a->user, code, why, values, values ? a->n : 0);
    free(a);
}

static void end_asks(struct sl_list *asks, int code, const char *why)
{
    while (!sl_list_empty(asks))
        end_ask(sl_container_of(asks->next, struct ask, node), code, why, NULL);
}

/* What the cache has; `all`: what it has not is nowhere. */
static bool answer(struct sl_state *st, struct ask *a, bool all)
{
    struct sl_slice values[SL_STATE_GET_MAX] = {{NULL, 0}};

    for (size_t i = 0; i < a->n; i++) {
        const struct sl_state_value *v = sl_state_value_find(&st->cache, a->heads[i]);

        if (v)
            values[i] = sl_buf_as_slice(&v->bytes);
        else if (!all)
            return false;
    }
    end_ask(a, SL_OK, "", values);
    return true;
}

/* ---- jobs ---- */

static struct job *new_job(struct sl_state *st, void (*run)(struct sl_work *w),
                           void (*done)(struct sl_work *w))
{
    struct job *j = sl_zalloc(sizeof(*j));

    j->work = (struct sl_work){.run = run, .done = done};
    j->st = st;
    j->topic.config = st->config;
    j->topic.log = st->loop->rt.log;
    sl_list_init(&j->asks);
    sl_list_init(&j->values);
    return j;
}

static void free_job(struct job *j)
{
    sl_state_values_free(&j->values);
    free(j->heads);
    free(j);
}

static void release(struct sl_state *st)
{
    if (!st->freed || st->ensuring || st->reading)
        return;
    free(st);
}

static void soon(struct sl_state *st)
{
    sl_timer_start(&st->loop->rt, &st->soon, 0);
}

/* ---- the topic is there ---- */

static void ensure_run(struct sl_work *w)
{
    struct job *j = sl_container_of(w, struct job, work);

    j->code = sl_state_topic_ensure(&j->topic, &j->err);
}

static void ensure_done(struct sl_work *w)
{
    struct job *j = sl_container_of(w, struct job, work);
    struct sl_state *st = j->st;

    st->ensuring = NULL;
    if (!st->freed) {
        st->there = j->code == SL_OK;
        if (j->code)
            end_puts(&st->puts, j->code, j->err.text);
        soon(st);
    }
    free_job(j);
    release(st);
}

/* ---- writing ---- */

static void on_written(void *user, int code, const char *why)
{
    struct put *p = user;
    struct sl_state *st = p->st;

    if (st->freed) {
        end_put(p, SL_EAGAIN, "the state is closed");
        return;
    }
    if (code)
        st->there = false; /* look again before the next */
    else
        know(st, p->hash);
    end_put(p, code, why);
}

static void write_put(struct sl_state *st, struct put *p)
{
    struct sl_error err = {.text = ""};
    int code = SL_OK;

    sl_list_remove(&p->node);
    sl_list_push(&st->writing, &p->node);
    if (!st->producer)
        st->producer = sl_producer_new(st->loop, &st->config->source, WRITES_BYTES, &err);
    code = !st->producer
               ? SL_EKAFKA
               : sl_producer_write(st->producer, st->config->state_topic, sl_slice_str(p->hash),
                                   sl_buf_as_slice(&p->value), on_written, p, &err);
    if (code)
        end_put(p, code, err.text);
    else
        sl_buf_release(&p->value); /* the client has its own */
}

static void move(struct sl_list *from, struct sl_list *to)
{
    while (!sl_list_empty(from)) {
        struct sl_list *at = from->next;

        sl_list_remove(at);
        sl_list_push(to, at);
    }
}

static void turn_puts(struct sl_state *st)
{
    struct sl_list now, wait;

    sl_list_init(&now);
    sl_list_init(&wait);
    move(&st->puts, &now); /* callbacks may ask for more */
    while (!sl_list_empty(&now)) {
        struct put *p = sl_container_of(now.next, struct put, node);

        if (is_known(st, p->hash)) {
            end_put(p, SL_OK, "");
        } else if (st->there) {
            write_put(st, p);
        } else {
            sl_list_remove(&p->node);
            sl_list_push(&wait, &p->node);
        }
    }
    move(&wait, &st->puts);
    if (!sl_list_empty(&st->puts) && !st->ensuring) {
        st->ensuring = new_job(st, ensure_run, ensure_done);
        sl_work_start(&st->loop->rt, &st->ensuring->work);
    }
}

/* ---- reading ---- */

static void read_run(struct sl_work *w)
{
    struct job *j = sl_container_of(w, struct job, work);

    j->code = sl_state_topic_read(&j->topic, j->heads, j->n_heads, &j->values, &j->err);
}

static void read_done(struct sl_work *w)
{
    struct job *j = sl_container_of(w, struct job, work);
    struct sl_state *st = j->st;

    if (!st->freed && j->code == SL_OK) {
        keep_values(st, &j->values);
        while (!sl_list_empty(&j->asks))
            answer(st, sl_container_of(j->asks.next, struct ask, node), true);
        trim_cache(st);
    } else {
        end_asks(&j->asks, j->code, j->err.text);
    }
    st->reading = NULL;
    if (!st->freed)
        soon(st);
    free_job(j);
    release(st);
}

/* Everything that is asked for now, in one read. */
static void start_read(struct sl_state *st)
{
    struct job *j = new_job(st, read_run, read_done);

    while (!sl_list_empty(&st->asks)) {
        struct ask *a = sl_container_of(st->asks.next, struct ask, node);

        j->heads = sl_reallocarray(j->heads, j->n_heads + a->n, sizeof(*j->heads));
        memcpy(j->heads + j->n_heads, a->heads, a->n * sizeof(*j->heads));
        j->n_heads += a->n;
        sl_list_remove(&a->node);
        sl_list_push(&j->asks, &a->node);
    }
    st->reading = j;
    sl_work_start(&st->loop->rt, &j->work);
}

static void turn_asks(struct sl_state *st)
{
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &st->asks)
        answer(st, sl_container_of(at, struct ask, node), false);
    if (!sl_list_empty(&st->asks) && !st->reading)
        start_read(st);
}

/* ---- asked ---- */

static void on_soon(struct sl_timer *t)
{
    struct sl_state *st = sl_container_of(t, struct sl_state, soon);

    turn_puts(st);
    turn_asks(st);
}

struct sl_state *sl_state_new(struct sl_loop *loop, const struct sl_config *config)
{
    struct sl_state *st = sl_zalloc(sizeof(*st));

    st->loop = loop;
    st->config = config;
    st->soon.fire = on_soon;
    sl_list_init(&st->puts);
    sl_list_init(&st->writing);
    sl_list_init(&st->asks);
    sl_list_init(&st->cache);
    return st;
}

void sl_state_put(struct sl_state *st, const char *hash, struct sl_slice value,
                  sl_state_put_fn done, void *user)
{
    struct put *p = sl_zalloc(sizeof(*p));

    p->st = st;
    snprintf(p->hash, sizeof(p->hash), "%s", hash);
    sl_buf_init(&p->value, value.n);
    sl_buf_slice(&p->value, value);
    p->done = done;
    p->user = user;
    sl_list_push(&st->puts, &p->node);
    soon(st);
}

void sl_state_get(struct sl_state *st, const char *const *heads, size_t n, sl_state_got_fn done,
                  void *user)
{
    struct ask *a = sl_zalloc(sizeof(*a));

    for (a->n = 0; a->n < n && a->n < SL_STATE_GET_MAX; a->n++)
        snprintf(a->heads[a->n], sizeof(a->heads[0]), "%.*s", SL_STATE_HEAD, heads[a->n]);
    a->done = done;
    a->user = user;
    sl_list_push(&st->asks, &a->node);
    soon(st);
}

void sl_state_free(struct sl_state *st)
{
    static const char why[] = "the state is closed";

    if (!st || st->freed)
        return;
    st->freed = true;
    sl_timer_stop(&st->loop->rt, &st->soon);
    sl_producer_free(st->producer); /* which ends what is being written */
    end_puts(&st->puts, SL_EAGAIN, why);
    end_asks(&st->asks, SL_EAGAIN, why);
    if (st->ensuring)
        atomic_store(&st->ensuring->topic.cancel, true);
    if (st->reading) {
        atomic_store(&st->reading->topic.cancel, true);
        end_asks(&st->reading->asks, SL_EAGAIN, why);
    }
    sl_state_values_free(&st->cache);
    free(st->known);
    release(st);
}
