/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "kafka/ask.h"

enum { TIMEOUT_MS = 10000, POLL_MS = 100 };

struct part {
    int32_t number;
    int64_t low, high;
    int64_t from; /* next to be read; high: nothing is wanted of it */
};

struct sl_kafka_reader {
    rd_kafka_t *rk;
    const struct rd_kafka_metadata *metadata;
    char *cluster_id;
    unsigned timeout_ms;
    struct sl_kafka_trouble trouble;
    struct sl_header headers[SL_HEADERS_MAX + SL_LETTER_HEADERS_MAX];
};

struct reading {
    struct sl_kafka_reader *by;
    const struct sl_kafka_read *what;
    sl_kafka_take_fn take;
    void *user;
    struct part *parts;
    size_t n, open; /* parts that are not read up to their end yet */
    bool enough;
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- which partitions ---- */

static int no_topic(const struct rd_kafka_metadata *m, const char *topic, struct sl_error *err)
{
    const char **names = sl_calloc((size_t)m->topic_cnt + 1, sizeof(*names)), *near;

    for (int i = 0; i < m->topic_cnt; i++)
        names[i] = m->topics[i].topic;
    near = sl_nearest(topic, names, (size_t)m->topic_cnt);
    if (near)
        sl_fail(err, SL_ENOENT, "there is no topic %s; did you mean %s?", topic, near);
    else
        sl_fail(err, SL_ENOENT, "there is no topic %s, or it may not be described", topic);
    free(names);
    return SL_ENOENT;
}

static int find_parts(struct reading *r, struct sl_error *err)
{
    const struct sl_kafka_read *what = r->what;
    const struct rd_kafka_metadata *m = r->by->metadata;
    const rd_kafka_metadata_topic_t *t = sl_kafka_find_topic(m, what->topic);

    if (!t)
        return no_topic(m, what->topic, err);
    if (t->err)
        return sl_fail(err, SL_EKAFKA, "topic %s: %s", what->topic, rd_kafka_err2str(t->err));
    r->parts = sl_calloc((size_t)t->partition_cnt + 1, sizeof(*r->parts));
    for (int i = 0; i < t->partition_cnt; i++)
        if (what->partition < 0 || what->partition == t->partitions[i].id)
            r->parts[r->n++].number = t->partitions[i].id;
    if (r->n == 0)
        return sl_fail(err, SL_ENOENT, "topic %s has no partition %" PRId32 ": it has %d, from 0",
                       what->topic, what->partition, t->partition_cnt);
    return SL_OK;
}

static int ask_bounds(struct reading *r, struct sl_error *err)
{
    const struct sl_kafka_read *what = r->what;
    int code = SL_OK;

    for (size_t i = 0; !code && i < r->n; i++) {
        struct part *p = &r->parts[i];
        rd_kafka_resp_err_t answer = rd_kafka_query_watermark_offsets(
            r->by->rk, what->topic, p->number, &p->low, &p->high, (int)r->by->timeout_ms);

        if (answer)
            return sl_fail(err, SL_EKAFKA, "topic %s, partition %" PRId32 ": %s", what->topic,
                           p->number, rd_kafka_err2str(answer));
        p->from = p->high;
        if (what->bounds)
            code = what->bounds(r->user, p->number, p->low, p->high, err);
    }
    return code;
}

/* ---- which offsets ---- */

static int one_offset(struct reading *r, struct sl_error *err)
{
    struct part *p = r->parts;
    int64_t offset = r->what->offset;

    if (!p)
        return sl_fail(err, SL_ENOENT, "topic %s has no partition", r->what->topic);
    if (p->low == p->high)
        return sl_fail(err, SL_ENOENT, "topic %s, partition %" PRId32 " is empty", r->what->topic,
                       p->number);
    if (offset < p->low || offset >= p->high)
        return sl_fail(err, SL_ENOENT,
                       "topic %s, partition %" PRId32 " holds the offsets %" PRId64 " to %" PRId64
                       "; %" PRId64 " is %s",
                       r->what->topic, p->number, p->low, p->high - 1, offset,
                       offset < p->low ? "gone already" : "not there yet");
    p->from = offset;
    r->open = 1;
    return SL_OK;
}

/* The newest: in rounds, each partition that still has older records giving the same share. */
static void share_out(struct reading *r)
{
    uint64_t left = r->what->last;
    size_t giving = r->n;

    while (left > 0 && giving > 0) {
        uint64_t share = left / giving ? left / giving : 1;

        giving = 0;
        for (size_t i = 0; i < r->n && left > 0; i++) {
            struct part *p = &r->parts[i];
            uint64_t room = (uint64_t)(p->from - p->low), n = room < share ? room : share;

            p->from -= (int64_t)n;
            left -= n;
            giving += p->from > p->low;
        }
    }
}

static void everything(struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct part *p = &r->parts[i];

        p->from = r->what->from > p->low ? r->what->from : p->low;
        if (p->from > p->high)
            p->from = p->high;
    }
}

static int choose(struct reading *r, struct sl_error *err)
{
    if (r->what->offset >= 0)
        return one_offset(r, err);
    if (r->what->all)
        everything(r);
    else
        share_out(r);
    for (size_t i = 0; i < r->n; i++)
        r->open += r->parts[i].from < r->parts[i].high;
    return SL_OK;
}

static int assign(struct reading *r, struct sl_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)r->n);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < r->n; i++)
        if (r->parts[i].from < r->parts[i].high)
            rd_kafka_topic_partition_list_add(list, r->what->topic, r->parts[i].number)->offset =
                r->parts[i].from;
    code = rd_kafka_assign(r->by->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? sl_fail(err, SL_EKAFKA, "topic %s: %s", r->what->topic, rd_kafka_err2str(code))
                : SL_OK;
}

/* ---- reading ---- */

static struct part *find(struct reading *r, int32_t number)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->parts[i].number == number && r->parts[i].from < r->parts[i].high)
            return &r->parts[i];
    return NULL;
}

static void end_part(struct reading *r, struct part *p)
{
    p->from = p->high;
    r->open--;
}

static int not_there(const struct reading *r, int64_t next, struct sl_error *err)
{
    char word[64] = "";

    if (next >= 0)
        snprintf(word, sizeof(word), "; the next record is %" PRId64, next);
    return sl_fail(err, SL_ENOENT,
                   "topic %s, partition %" PRId32 " has no record at offset %" PRId64
                   ": compacted away, or a transaction's mark%s",
                   r->what->topic, r->what->partition, r->what->offset, word);
}

static int take(struct reading *r, struct part *p, const rd_kafka_message_t *m,
                struct sl_error *err)
{
    struct sl_kafka_record record = {
        .topic = r->what->topic,
        .partition = m->partition,
        .cluster_id = sl_kafka_reader_cluster(r->by),
    };

    if (r->what->offset >= 0 && m->offset != r->what->offset)
        return not_there(r, m->offset, err);
    if (m->offset >= p->high) { /* written since the command began */
        end_part(r, p);
        return SL_OK;
    }
    sl_kafka_message(m, r->by->headers, &record.message);
    record.message.n_headers =
        sl_kafka_headers(m, r->by->headers, SL_HEADERS_MAX + SL_LETTER_HEADERS_MAX);
    r->enough = !r->take(r->user, &record) || r->what->offset >= 0;
    p->from = m->offset + 1;
    r->open -= p->from >= p->high;
    return SL_OK;
}

/* What will not pass by waiting. */
static bool final(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
           code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR__BAD_MSG ||
           code == RD_KAFKA_RESP_ERR__FATAL;
}

static int step(struct reading *r, const rd_kafka_message_t *m, struct sl_error *err)
{
    struct part *p = m->rkt ? find(r, m->partition) : NULL;

    if (!m->err)
        return p ? take(r, p, m, err) : SL_OK;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (p)
            end_part(r, p);
        return p && r->what->offset >= 0 ? not_there(r, -1, err) : SL_OK;
    }
    if (final(m->err))
        return sl_fail(err, SL_EKAFKA, "topic %s: %s", r->what->topic, rd_kafka_message_errstr(m));
    return SL_OK;
}

static int read_all(struct reading *r, struct sl_error *err)
{
    struct sl_kafka_reader *by = r->by;
    rd_kafka_queue_t *main_queue = rd_kafka_queue_get_main(by->rk);
    uint64_t moved_ms = now_ms();
    int code = SL_OK;

    while (!code && r->open && !r->enough) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(by->rk, POLL_MS);

        sl_kafka_collect(main_queue, &by->trouble);
        if (m) {
            bool moved = !m->err;

            code = step(r, m, err);
            rd_kafka_message_destroy(m);
            if (moved) /* and who took it may have been long about it */
                moved_ms = now_ms();
        }
        if (r->what->stop && r->what->stop(r->user))
            r->enough = true;
        else if (!code && now_ms() - moved_ms > by->timeout_ms)
            code = sl_kafka_fail(err, &by->trouble, RD_KAFKA_RESP_ERR__TIMED_OUT);
    }
    rd_kafka_queue_destroy(main_queue);
    return code;
}

int sl_kafka_reader_read(struct sl_kafka_reader *by, const struct sl_kafka_read *what,
                         sl_kafka_take_fn take_one, void *user, struct sl_error *err)
{
    struct reading r = {.by = by, .what = what, .take = take_one, .user = user};
    int code = find_parts(&r, err);

    if (!code)
        code = ask_bounds(&r, err);
    if (!code)
        code = choose(&r, err);
    if (!code && r.open) {
        code = assign(&r, err);
        if (!code)
            code = read_all(&r, err);
        rd_kafka_assign(by->rk, NULL);
    }
    free(r.parts);
    return code;
}

/* ---- the client ---- */

struct sl_kafka_reader *sl_kafka_reader_new(const struct sl_config *config, struct sl_log *log,
                                            unsigned timeout_ms, struct sl_error *err)
{
    struct sl_kafka_reader *r = sl_zalloc(sizeof(*r));

    r->timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_MS;
    r->rk = sl_kafka_open(config, SL_KAFKA_CONSUMER, log, err);
    if (r->rk)
        r->metadata = sl_kafka_connect(r->rk, r->timeout_ms, err);
    if (!r->metadata) {
        sl_kafka_reader_free(r);
        return NULL;
    }
    r->cluster_id = rd_kafka_clusterid(r->rk, (int)r->timeout_ms);
    return r;
}

void sl_kafka_reader_free(struct sl_kafka_reader *r)
{
    if (!r)
        return;
    if (r->metadata)
        rd_kafka_metadata_destroy(r->metadata);
    if (r->cluster_id)
        rd_kafka_mem_free(r->rk, r->cluster_id);
    if (r->rk)
        rd_kafka_destroy_flags(r->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(r);
}

const char *sl_kafka_reader_cluster(const struct sl_kafka_reader *r)
{
    return r->cluster_id ? r->cluster_id : "";
}

int sl_kafka_read(const struct sl_kafka_read *what, sl_kafka_take_fn take_one, void *user,
                  struct sl_error *err)
{
    struct sl_error why = {.code = SL_EKAFKA};
    struct sl_kafka_reader *r =
        sl_kafka_reader_new(what->config, what->log, what->timeout_ms, &why);
    int code;

    if (!r)
        return sl_fail(err, why.code, "%s", why.text);
    code = sl_kafka_reader_read(r, what, take_one, user, err);
    sl_kafka_reader_free(r);
    return code;
}
