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

    return sl_part_of(p)->arrived && !sl_part_of(p)->doubt && !p->ended && least >= 0 &&
           (least != p->committed || p->noted != sl_partition_fingerprint(p) ||
            sl_plan_unconfirmed(p));
}

/* A line that says all that the committed one says, word by word, need not be written again. */
void sl_commit_known(const struct sl_consumer *c, struct sl_partition *p, const char *line)
{
    char *now = metadata_of(c, p);

    p->noted = sl_partition_fingerprint(p);
    if (c->names && (!now || !line || strcmp(now, line) != 0))
        p->noted = ~p->noted;
    free(now);
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
    rd_kafka_resp_err_t err = rd_kafka_commit_queue(c->rk, list, c->inbox.queue, NULL, c);

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
        char *line;

        sl_park_look(c, sl_part_of(p));
        if (!sl_commit_due(p))
            continue;
        line = metadata_of(c, p);
        sl_partition_noting(p, line != NULL);
        c->counts.plain += c->names && !line;
        add(list, p->topic->name, p->number, p->noting_least, line);
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

/* The group's coordinator has looked at the commit and not taken it. All else (no answer in time,
 * a connection that broke, a coordinator that could not say) leaves open whether it did, or will.
 */
static bool refused(rd_kafka_resp_err_t err)
{
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__NO_OFFSET: /* these were never sent */
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__STATE:
        return true;
    default:
        return false;
    }
}

static void say(struct sl_consumer *c, const rd_kafka_topic_partition_t *at, const char *what,
                rd_kafka_resp_err_t err)
{
    char number[16];

    if (!sl_log_due(&c->commit.logged_ms, sl_now_ms(c->rt), 10000))
        return;
    snprintf(number, sizeof(number), "%d", (int)at->partition);
    sl_log(c->log, SL_LOG_WARN, what, "topic", at->topic, "partition", number, "reason",
           rd_kafka_err2str(err), NULL);
}

/* One partition's own answer: a commit can fail for some only, and says so nowhere else. */
static void settle(struct sl_consumer *c, size_t i, const rd_kafka_topic_partition_t *at,
                   rd_kafka_resp_err_t err)
{
    struct sl_commit *m = &c->commit;
    struct sl_partition *p = m->n ? sent_part(m, i, at) : NULL;

    if (err)
        m->worst = err;
    if (!p || p->ended) {
        if (err)
            say(c, at, "commit refused", err);
        return;
    }
    if (!err) {
        c->counts.unrecorded += sl_partition_noted(p);
        m->confirmed = true;
        c->away_attempts = 0;
    } else if (c->strict && !refused(err)) {
        sl_part_of(p)->doubt = true;
        c->counts.unknown++;
        say(c, at, "whether a commit was applied is not known; the partition begins anew", err);
    } else {
        if (err == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE)
            sl_part_of(p)->plain = true;
        say(c, at, "commit refused; it is repeated", err);
    }
}

static bool any_of_its_own(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err)
            return true;
    return false;
}

void sl_commit_answer(struct sl_consumer *c, rd_kafka_event_t *ev)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);

    if (rd_kafka_event_opaque(ev) != c || !c->commit.in_flight)
        return;
    /* Where some partitions failed, the whole is given the last one's error. */
    if (list && any_of_its_own(list))
        err = RD_KAFKA_RESP_ERR_NO_ERROR;
    c->commit.worst = err;
    c->commit.confirmed = false;
    for (int i = 0; list && i < list->cnt; i++)
        settle(c, (size_t)i, &list->elems[i], list->elems[i].err ? list->elems[i].err : err);
    if (!c->commit.worst)
        sl_health_good(c);
    c->commit.in_flight = false;
    sl_commit_release(c);
    if (c->commit.confirmed && c->ops->on_committed)
        c->ops->on_committed(c->user);
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
