/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/consumer_private.h"

/* The one line that says each sink's own position beside the offset; NULL where there is none. */
static char *metadata_of(const struct sl_consumer *c, const struct sl_partition *p)
{
    char line[SL_METADATA_MAX];
    size_t n = 0;

    if (c->names && !sl_part_of(p)->plain)
        n = sl_metadata_write(p, c->names, line);
    return n > 0 ? sl_strndup(line, n) : NULL;
}

bool sl_commit_due(const struct sl_partition *p)
{
    int64_t least = sl_partition_least(p);

    return !p->ended && least >= 0 &&
           (least != p->committed || p->noted != sl_partition_fingerprint(p));
}

static void add(rd_kafka_topic_partition_list_t *list, const char *topic, int32_t number,
                int64_t offset, char *metadata)
{
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, topic, number);

    at->offset = offset;
    at->metadata = metadata; /* the list frees it */
    at->metadata_size = metadata ? strlen(metadata) : 0;
}

static bool submit(struct sl_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t err = rd_kafka_commit_queue(c->rk, list, c->queue, NULL, c);

    c->commit.worst = err;
    c->commit.in_flight = !err;
    if (err)
        sl_log(c->log, SL_LOG_WARN, "commit not sent", "reason", rd_kafka_err2str(err), NULL);
    return !err;
}

bool sl_commit_send(struct sl_consumer *c, struct sl_partition *const *parts, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    struct sl_commit *m = &c->commit;
    bool sent = false;

    m->parts = sl_reallocarray(m->parts, n ? n : 1, sizeof(m->parts[0]));
    m->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct sl_partition *p = parts[i];

        if (!sl_commit_due(p))
            continue;
        p->noting = sl_partition_fingerprint(p);
        add(list, p->topic->name, p->number, sl_partition_least(p), metadata_of(c, p));
        m->parts[m->n++] = sl_partition_ref(p);
    }
    if (m->n)
        sent = submit(c, list);
    if (!sent)
        sl_commit_release(c);
    rd_kafka_topic_partition_list_destroy(list);
    return sent;
}

bool sl_commit_send_start(struct sl_consumer *c, const struct sl_lookup *s)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->n);
    bool sent = false;

    c->commit.worst = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].verdict == SL_READ_AT && s->items[i].commit)
            add(list, s->items[i].topic, s->items[i].number, s->items[i].start, NULL);
    if (list->cnt)
        sent = submit(c, list);
    rd_kafka_topic_partition_list_destroy(list);
    return sent;
}

static struct sl_partition *sent_part(const struct sl_commit *m, size_t guess,
                                      const rd_kafka_topic_partition_t *at)
{
    for (size_t k = 0; k < m->n; k++) {
        struct sl_partition *p = m->parts[(guess + k) % m->n];

        if (p->number == at->partition && strcmp(p->topic->name, at->topic) == 0)
            return p;
    }
    return NULL;
}

/* One partition's own answer: a commit can fail for some only, and says so nowhere else. */
static void settle(struct sl_consumer *c, size_t i, const rd_kafka_topic_partition_t *at,
                   rd_kafka_resp_err_t err)
{
    struct sl_commit *m = &c->commit;
    struct sl_partition *p = m->n ? sent_part(m, i, at) : NULL;

    if (err) {
        m->worst = err;
    } else if (p && !p->ended) {
        p->committed = at->offset;
        p->noted = p->noting;
    }
    if (p && !p->ended && err == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE)
        sl_part_of(p)->plain = true;
    if (err && sl_log_due(&m->logged_ms, sl_now_ms(c->rt), 10000)) {
        char number[16];

        snprintf(number, sizeof(number), "%d", (int)at->partition);
        sl_log(c->log, SL_LOG_WARN, "commit refused; it is repeated", "topic", at->topic,
               "partition", number, "reason", rd_kafka_err2str(err), NULL);
    }
}

void sl_commit_answer(struct sl_consumer *c, rd_kafka_event_t *ev)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);

    if (rd_kafka_event_opaque(ev) != c || !c->commit.in_flight)
        return;
    c->commit.worst = err;
    for (int i = 0; list && i < list->cnt; i++)
        settle(c, (size_t)i, &list->elems[i], list->elems[i].err ? list->elems[i].err : err);
    if (!c->commit.worst)
        sl_health_good(c);
    c->commit.in_flight = false;
    sl_commit_release(c);
}

void sl_commit_release(struct sl_consumer *c)
{
    struct sl_commit *m = &c->commit;

    for (size_t i = 0; i < m->n; i++)
        sl_partition_unref(m->parts[i]);
    free(m->parts);
    m->parts = NULL;
    m->n = 0;
}
