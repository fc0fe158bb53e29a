/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/state_topic.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "kafka/ask.h"
#include "kafka/read.h"
#include "kafka/setup.h"

enum {
    CONNECT_MS = 5000, /* an end of the program waits so long, at worst */
    READ_MS = 5000,    /* without any progress */
    FETCHED_BYTES = 8 << 20,
};

/* ---- values ---- */

static bool has_head(const char *hash, const char *head)
{
    return strncmp(hash, head, SL_STATE_HEAD) == 0;
}

struct sl_state_value *sl_state_value_find(const struct sl_list *values, const char *head)
{
    for (struct sl_list *at = values->prev; at != values; at = at->prev) {
        struct sl_state_value *v = sl_container_of(at, struct sl_state_value, node);

        if (has_head(v->hash, head))
            return v;
    }
    return NULL;
}

void sl_state_value_free(struct sl_state_value *v)
{
    sl_list_remove(&v->node);
    sl_buf_release(&v->bytes);
    free(v);
}

void sl_state_values_free(struct sl_list *values)
{
    while (!sl_list_empty(values))
        sl_state_value_free(sl_container_of(values->next, struct sl_state_value, node));
}

/* ---- the topic is there ---- */

/* Asked for by the list of all topics: a topic that is asked for by its name is made by some
 * brokers, and not compacted. */
static int look_for(struct sl_state_topic *t, bool *ret_there, struct sl_error *err)
{
    rd_kafka_t *rk = sl_kafka_open(t->config, SL_KAFKA_PRODUCER, t->log, err);
    const struct rd_kafka_metadata *m = rk ? sl_kafka_connect(rk, CONNECT_MS, err) : NULL;

    if (m) {
        const rd_kafka_metadata_topic_t *found = sl_kafka_find_topic(m, t->config->state_topic);

        *ret_there = found && !found->err;
        rd_kafka_metadata_destroy(m);
    }
    if (rk)
        rd_kafka_destroy(rk);
    return m ? SL_OK : SL_EKAFKA;
}

static int make(struct sl_state_topic *t, struct sl_error *err)
{
    struct sl_kafka_setup made;
    int code = sl_kafka_setup(t->config, t->log, false, &made, err);

    if (code)
        return code;
    for (size_t i = 0; i < made.n; i++) {
        const struct sl_kafka_topic *one = &made.topics[i];

        if (one->status == SL_TOPIC_CREATED)
            sl_logf(t->log, SL_LOG_INFO, "%s %s created with %d replica(s)",
                    sl_topic_use_name(one->use), one->name, one->replication);
        else if (one->status == SL_TOPIC_REFUSED && one->use == SL_TOPIC_STATE)
            code = sl_fail(err, SL_EKAFKA, "%s", one->why);
    }
    sl_kafka_setup_release(&made);
    return code;
}

int sl_state_topic_ensure(struct sl_state_topic *t, struct sl_error *err)
{
    bool there = false;
    int code = look_for(t, &there, err);

    if (!code && !there && !atomic_load(&t->cancel))
        code = make(t, err);
    return code;
}

/* ---- what it holds ---- */

struct reading {
    struct sl_state_topic *topic;
    const char (*heads)[SL_STATE_HEAD + 1];
    size_t n;
    struct sl_list *values;
};

static bool is_hash(struct sl_slice key)
{
    for (size_t i = 0; i < key.n; i++)
        if (!strchr("0123456789abcdef", key.p[i]) || !key.p[i])
            return false;
    return key.n == SL_SHA256_HEX;
}

static bool wanted(const struct reading *r, const char *hash)
{
    for (size_t i = 0; i < r->n; i++)
        if (has_head(hash, r->heads[i]))
            return true;
    return false;
}

static void add(struct sl_list *values, const char *hash, struct sl_slice bytes)
{
    struct sl_state_value *v = sl_zalloc(sizeof(*v));

    memcpy(v->hash, hash, sizeof(v->hash));
    sl_buf_init(&v->bytes, SL_STATE_VALUE_MAX);
    sl_buf_slice(&v->bytes, bytes);
    sl_buf_shrink(&v->bytes);
    sl_list_push(values, &v->node);
}

/* A later value replaces an earlier one, and a tombstone takes it away. */
static bool take(void *user, const struct sl_kafka_record *record)
{
    struct reading *r = user;
    const struct sl_slice key = record->message.key, bytes = record->message.value;
    char hash[SL_SHA256_HEX + 1] = "";
    struct sl_state_value *before;

    if (!is_hash(key) || bytes.n > SL_STATE_VALUE_MAX)
        return true;
    memcpy(hash, key.p, SL_SHA256_HEX);
    if (!wanted(r, hash))
        return true;
    before = sl_state_value_find(r->values, hash);
    if (before)
        sl_state_value_free(before);
    if (bytes.n > 0)
        add(r->values, hash, bytes);
    return true;
}

static bool stop(void *user)
{
    return atomic_load(&((struct reading *)user)->topic->cancel);
}

int sl_state_topic_read(struct sl_state_topic *t, const char (*heads)[SL_STATE_HEAD + 1], size_t n,
                        struct sl_list *values, struct sl_error *err)
{
    struct reading r = {.topic = t, .heads = heads, .n = n, .values = values};
    struct sl_config config = *t->config;
    const struct sl_kafka_read what = {
        .config = &config,
        .log = t->log,
        .topic = config.state_topic,
        .partition = -1,
        .offset = -1,
        .all = true,
        .timeout_ms = READ_MS,
        .stop = stop,
    };
    int code;

    config.source.memory = FETCHED_BYTES; /* beside what the group member has */
    code = sl_kafka_read(&what, take, &r, err);
    return code == SL_ENOENT ? SL_OK : code; /* no topic: nothing was ever put */
}
