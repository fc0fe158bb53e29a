/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/state.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/list.h"
#include "kafka/admin.h"
#include "kafka/ask.h"
#include "kafka/producer.h"
#include "kafka/read.h"

enum {
    CONNECT_MS = 5000, /* an end of the program waits so long, at worst */
    READ_MS = 5000,    /* without any progress */
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

struct value {
    struct sl_list node;
    char hash[SL_SHA256_HEX + 1];
    struct sl_buf bytes;
};

/* What a pool thread does; it touches nothing else. One at a time of each kind. */
struct job {
    struct sl_work work;
    struct sl_state *st;
    const struct sl_config *config;
    struct sl_log *log;
    atomic_bool cancel;
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

static bool has_head(const char *hash, const char *head)
{
    return strncmp(hash, head, SL_STATE_HEAD) == 0;
}

static struct value *find_value(const struct sl_list *values, const char *head)
{
    for (struct sl_list *at = values->prev; at != values; at = at->prev) {
        struct value *v = sl_container_of(at, struct value, node);

        if (has_head(v->hash, head))
            return v;
    }
    return NULL;
}

static void free_value(struct value *v)
{
    sl_list_remove(&v->node);
    sl_buf_release(&v->bytes);
    free(v);
}

static void keep_values(struct sl_state *st, struct sl_list *found)
{
    while (!sl_list_empty(found)) {
        struct value *v = sl_container_of(found->next, struct value, node);
        struct value *old = find_value(&st->cache, v->hash);

        sl_list_remove(&v->node);
        if (old) {
            st->cache_bytes -= old->bytes.n;
            free_value(old);
        }
        know(st, v->hash);
        sl_list_push(&st->cache, &v->node);
        st->cache_bytes += v->bytes.n;
    }
}

static void trim_cache(struct sl_state *st)
{
    while (st->cache_bytes > SL_STATE_CACHE_BYTES_MAX && st->cache.next != st->cache.prev) {
        struct value *oldest = sl_container_of(st->cache.next, struct value, node);

        st->cache_bytes -= oldest->bytes.n;
        free_value(oldest);
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
        const struct value *v = find_value(&st->cache, a->heads[i]);

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
    j->config = st->config;
    j->log = st->loop->rt.log;
    sl_list_init(&j->asks);
    sl_list_init(&j->values);
    return j;
}

static void free_job(struct job *j)
{
    while (!sl_list_empty(&j->values))
        free_value(sl_container_of(j->values.next, struct value, node));
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

/* Asked for by the list of all topics: a topic that is asked for by its name is made by some
 * brokers, and not compacted. */
static void ensure_run(struct sl_work *w)
{
    struct job *j = sl_container_of(w, struct job, work);
    const char *topic = j->config->state_topic;
    const struct rd_kafka_metadata *m;
    rd_kafka_t *rk = sl_kafka_open(j->config, SL_KAFKA_PRODUCER, j->log, &j->err);
    bool there = false;

    j->code = SL_EKAFKA;
    if (!rk)
        return;
    m = sl_kafka_connect(rk, CONNECT_MS, &j->err);
    if (m) {
        const rd_kafka_metadata_topic_t *t = sl_kafka_find_topic(m, topic);

        j->code = SL_OK;
        there = t && !t->err;
        rd_kafka_metadata_destroy(m);
    }
    rd_kafka_destroy(rk);
    if (j->code || there || atomic_load(&j->cancel))
        return;
    j->code = sl_kafka_create_topic(j->config, j->log, topic, 1, -1, true, &j->err);
    if (!j->code)
        sl_log(j->log, SL_LOG_INFO, "state topic created: it keeps each version of the rules",
               "topic", topic, NULL);
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

static bool is_hash(struct sl_slice key)
{
    for (size_t i = 0; i < key.n; i++)
        if (!strchr("0123456789abcdef", key.p[i]) || !key.p[i])
            return false;
    return key.n == SL_SHA256_HEX;
}

static bool wanted(const struct job *j, const char *hash)
{
    for (size_t i = 0; i < j->n_heads; i++)
        if (has_head(hash, j->heads[i]))
            return true;
    return false;
}

/* A later value replaces an earlier one, and a tombstone takes it away. */
static bool take(void *user, const struct sl_kafka_record *r)
{
    struct job *j = user;
    const struct sl_slice key = r->message.key, bytes = r->message.value;
    char hash[SL_SHA256_HEX + 1] = "";
    struct value *v;

    if (is_hash(key) && bytes.n <= SL_STATE_VALUE_MAX) {
        memcpy(hash, key.p, SL_SHA256_HEX);
        v = wanted(j, hash) ? find_value(&j->values, hash) : NULL;
        if (v)
            free_value(v);
        if (bytes.n > 0 && wanted(j, hash)) {
            v = sl_zalloc(sizeof(*v));
            memcpy(v->hash, hash, sizeof(v->hash));
            sl_buf_init(&v->bytes, SL_STATE_VALUE_MAX);
            sl_buf_slice(&v->bytes, bytes);
            sl_buf_shrink(&v->bytes);
            sl_list_push(&j->values, &v->node);
        }
    }
    return !atomic_load_explicit(&j->cancel, memory_order_relaxed);
}

static void read_run(struct sl_work *w)
{
    struct job *j = sl_container_of(w, struct job, work);
    const struct sl_kafka_read what = {
        .config = j->config,
        .log = j->log,
        .topic = j->config->state_topic,
        .partition = -1,
        .offset = -1,
        .last = INT64_MAX,
        .timeout_ms = READ_MS,
    };

    j->code = sl_kafka_read(&what, take, j, &j->err);
    if (j->code == SL_ENOENT) /* no topic: nothing was ever put */
        j->code = SL_OK;
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
        atomic_store(&st->ensuring->cancel, true);
    if (st->reading) {
        atomic_store(&st->reading->cancel, true);
        end_asks(&st->reading->asks, SL_EAGAIN, why);
    }
    while (!sl_list_empty(&st->cache))
        free_value(sl_container_of(st->cache.next, struct value, node));
    free(st->known);
    release(st);
}
