/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/producer.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/list.h"
#include "kafka/client.h"

enum {
    REASON_MAX = 512,
    OWN_HEADERS_MAX =
        16 * 1024, /* above what the sluice-* headers can come to, for the account of bytes */
    TURN_EVENTS = 1000,
};

/* How much of the original goes along; a topic that finds it too large gets the next one. */
enum form { FORM_WHOLE, FORM_NO_VALUE, FORM_BARE };

/* One letter under way. Key and headers are kept until it is confirmed, so that it can be written
 * again in a smaller form; the value is not: it is what the smaller forms leave out. */
struct mail {
    struct sl_list node;
    char *topic;
    char *key; /* NULL: none */
    size_t key_n;
    rd_kafka_headers_t *original, *own;
    enum form form;
    size_t charged;
    void (*done)(void *user, int code);
    sl_written_fn written; /* in place of done: this is no letter, and has one form */
    void *user;
};

struct sl_producer {
    struct sl_letters letters;
    struct sl_loop *loop;
    const struct sl_source_config *source;
    size_t memory, under_way;
    struct sl_list mails;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int fd;
    uv_poll_t poll;
    uv_idle_t idle;
    unsigned open_handles;
    bool broken,
        freed; /* broken: the idempotent client gave up, a new one takes its place once idle */
    uint64_t logged_ms;
};

static void on_readable(uv_poll_t *poll, int status, int events);
static void on_idle(uv_idle_t *idle);

/* ---- the client ---- */

static int open_client(struct sl_producer *p, struct sl_error *err)
{
    const uint64_t one = 1;
    rd_kafka_conf_t *conf = sl_kafka_conf(p->source, SL_KAFKA_PRODUCER, p->loop->rt.log, err);
    char text[256];

    if (!conf)
        return err ? err->code : SL_ECONFIG;
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!p->rk) {
        rd_kafka_conf_destroy(conf);
        return sl_fail(err, SL_ECONFIG, "Kafka producer: %s", text);
    }
    p->queue = rd_kafka_queue_get_main(p->rk);
    rd_kafka_queue_io_event_enable(p->queue, p->fd, &one, sizeof(one));
    p->broken = false;
    return SL_OK;
}

static void close_client(struct sl_producer *p)
{
    if (!p->rk)
        return;
    rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(p->queue);
    /* What is unconfirmed is thrown away: its records stay uncommitted. */
    rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(p->rk);
    p->rk = NULL;
    p->queue = NULL;
}

/* ---- letters ---- */

static void add_text(rd_kafka_headers_t *to, const char *name, const char *value, size_t n)
{
    rd_kafka_header_add(to, name, -1, value, (ssize_t)n);
}

static void add_number(rd_kafka_headers_t *to, const char *name, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, value);

    add_text(to, name, text, (size_t)n);
}

static void add_time(rd_kafka_headers_t *to, int64_t wall_ms)
{
    char text[40], day[24];
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    int n;

    gmtime_r(&seconds, &tm);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    n = snprintf(text, sizeof(text), "%s.%03dZ", day, (int)(wall_ms % 1000));
    add_text(to, "sluice-time", text, (size_t)n);
}

static rd_kafka_headers_t *own_headers(const struct sl_letter *l, int64_t wall_ms)
{
    rd_kafka_headers_t *to = rd_kafka_headers_new(10);
    size_t reason_n = l->reason.n < REASON_MAX ? l->reason.n : REASON_MAX;

    /* A cut never falls inside a character. */
    while (reason_n && reason_n < l->reason.n &&
           ((unsigned char)l->reason.p[reason_n] & 0xc0) == 0x80)
        reason_n--;
    add_text(to, "sluice-sink", l->sink, strlen(l->sink));
    add_text(to, "sluice-reason", l->reason.p, reason_n);
    add_number(to, "sluice-status", l->status);
    if (l->rule)
        add_text(to, "sluice-rule", l->rule, strlen(l->rule));
    add_text(to, "sluice-topic", l->source_topic, strlen(l->source_topic));
    add_number(to, "sluice-partition", l->source_partition);
    add_number(to, "sluice-offset", l->source_offset);
    add_number(to, "sluice-index", l->source_index);
    if (l->source_ms >= 0)
        add_number(to, "sluice-timestamp", l->source_ms);
    add_time(to, wall_ms);
    return to;
}

static void copy_header(rd_kafka_headers_t *to, struct sl_slice name, struct sl_slice value)
{
    rd_kafka_header_add(to, name.p, (ssize_t)name.n, value.p, (ssize_t)value.n);
}

static void append_headers(rd_kafka_headers_t *to, const rd_kafka_headers_t *from)
{
    const char *name;
    const void *value;
    size_t n;

    for (size_t i = 0;
         rd_kafka_header_get_all(from, i, &name, &value, &n) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        copy_header(to, sl_slice_str(name), sl_slice(value, n));
}

static void free_mail(struct mail *m)
{
    sl_list_remove(&m->node);
    if (m->original)
        rd_kafka_headers_destroy(m->original);
    if (m->own)
        rd_kafka_headers_destroy(m->own);
    free(m->topic);
    free(m->key);
    free(m);
}

static rd_kafka_resp_err_t produce_form(struct sl_producer *p, struct mail *m,
                                        struct sl_slice value)
{
    static const char *const truncated[] = {NULL, "value", "value,headers,key"};
    rd_kafka_headers_t *headers = rd_kafka_headers_new(16);
    bool bare = m->form == FORM_BARE;
    rd_kafka_vu_t vu[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = m->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {bare ? NULL : m->key, bare ? 0 : m->key_n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value.p, value.n}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = m},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (!bare && m->original)
        append_headers(headers, m->original);
    if (m->own)
        append_headers(headers, m->own);
    if (truncated[m->form])
        add_text(headers, "sluice-truncated", truncated[m->form], strlen(truncated[m->form]));
    error = rd_kafka_produceva(p->rk, vu, sizeof(vu) / sizeof(vu[0]));
    if (error) {
        err = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        rd_kafka_headers_destroy(headers); /* taken on success only */
    }
    return err;
}

/* Writes the letter in its form, or in the first smaller one that the client itself does not find
 * too large. */
static rd_kafka_resp_err_t produce(struct sl_producer *p, struct mail *m, struct sl_slice value)
{
    for (;;) {
        rd_kafka_resp_err_t err =
            produce_form(p, m, m->form == FORM_WHOLE ? value : sl_slice("", 0));

        if (err != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || m->form == FORM_BARE || m->written)
            return err;
        m->form++;
    }
}

static struct mail *new_mail(struct sl_producer *p, const struct sl_letter *l)
{
    struct mail *m = sl_zalloc(sizeof(*m));

    m->topic = sl_strdup(l->topic);
    m->key = l->key.p ? sl_strndup(l->key.p, l->key.n) : NULL;
    m->key_n = l->key.n;
    m->original = rd_kafka_headers_new(l->n_headers);
    for (size_t i = 0; i < l->n_headers; i++)
        copy_header(m->original, l->headers[i].name, l->headers[i].value);
    m->own = own_headers(l, sl_wall_ms(&p->loop->rt));
    m->done = l->done;
    m->user = l->user;
    sl_list_push(&p->mails, &m->node);
    return m;
}

/* Key and headers stand in the letter and in the client's message. */
static size_t cost(const struct sl_letter *l)
{
    size_t n = OWN_HEADERS_MAX / 8 + l->value.n + 2 * l->key.n;

    for (size_t i = 0; i < l->n_headers; i++)
        n += 2 * (l->headers[i].name.n + l->headers[i].value.n + 32);
    return n;
}

/* Whether there is a client, and room for so much more. */
static int admit(struct sl_producer *p, size_t charged)
{
    if (p->broken && sl_list_empty(&p->mails)) {
        close_client(p);
        if (open_client(p, NULL))
            p->broken = true;
    }
    if (p->broken || !p->rk)
        return SL_EKAFKA;
    /* One letter larger than the whole budget still goes, alone. */
    return p->under_way && p->under_way + charged > p->memory ? SL_EFULL : SL_OK;
}

static int put(struct sl_letters *letters, const struct sl_letter *l)
{
    struct sl_producer *p = sl_container_of(letters, struct sl_producer, letters);
    struct mail *m;
    size_t charged = cost(l);
    rd_kafka_resp_err_t err;
    int code = admit(p, charged);

    if (code)
        return code;
    m = new_mail(p, l);
    err = produce(p, m, l->value);
    if (err) {
        free_mail(m);
        return err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? SL_EFULL : SL_EKAFKA;
    }
    m->charged = charged;
    p->under_way += charged;
    return SL_OK;
}

int sl_producer_write(struct sl_producer *p, const char *topic, struct sl_slice key,
                      struct sl_slice value, sl_written_fn written, void *user,
                      struct sl_error *err)
{
    rd_kafka_resp_err_t refused;
    struct mail *m;
    int code = admit(p, value.n);

    if (code)
        return sl_fail(err, code, "the producer %s",
                       code == SL_EFULL ? "has too much under way" : "has no client");
    m = sl_zalloc(sizeof(*m));
    m->topic = sl_strdup(topic);
    m->key = sl_strndup(key.p, key.n);
    m->key_n = key.n;
    m->written = written;
    m->user = user;
    m->charged = value.n;
    sl_list_push(&p->mails, &m->node);
    refused = produce(p, m, value);
    if (refused) {
        free_mail(m);
        return sl_fail(err, SL_EKAFKA, "topic %s: %s", topic, rd_kafka_err2str(refused));
    }
    p->under_way += m->charged;
    return SL_OK;
}

/* ---- answers ---- */

static void tell(struct mail *m, int code, const char *why)
{
    if (m->written)
        m->written(m->user, code, why);
    else
        m->done(m->user, code);
}

static void settle(struct sl_producer *p, struct mail *m, rd_kafka_resp_err_t err)
{
    int code = err ? SL_EKAFKA : SL_OK;

    if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && m->form != FORM_BARE && !m->written) {
        m->form++;
        if (produce(p, m, sl_slice("", 0)) == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
    }
    if (err && !m->written && sl_log_due(&p->logged_ms, sl_now_ms(&p->loop->rt), 10000))
        sl_log(p->loop->rt.log, SL_LOG_WARN, "dead letter not written", "topic", m->topic, "reason",
               rd_kafka_err2str(err), NULL);
    p->under_way -= m->charged;
    tell(m, code, err ? rd_kafka_err2str(err) : "");
    free_mail(m);
}

static void on_error(struct sl_producer *p, rd_kafka_event_t *ev)
{
    char text[256];

    if (rd_kafka_event_error_is_fatal(ev)) {
        rd_kafka_fatal_error(p->rk, text, sizeof(text));
        sl_log(p->loop->rt.log, SL_LOG_ERROR, "the producer of dead letters starts anew", "reason",
               text, NULL);
        p->broken = true;
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    } else if (sl_log_due(&p->logged_ms, sl_now_ms(&p->loop->rt), 10000)) {
        sl_log(p->loop->rt.log, SL_LOG_WARN, "Kafka producer", "reason",
               rd_kafka_event_error_string(ev), NULL);
    }
}

static void turn(struct sl_producer *p)
{
    rd_kafka_event_t *ev = NULL;

    for (unsigned i = 0; i < TURN_EVENTS && !p->freed; i++) {
        const rd_kafka_message_t *m;

        ev = rd_kafka_queue_poll(p->queue, 0);
        if (!ev)
            return;
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
            while (!p->freed && (m = rd_kafka_event_message_next(ev)))
                settle(p, m->_private, m->err);
        else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
            on_error(p, ev);
        rd_kafka_event_destroy(ev);
    }
    if (!p->freed)
        uv_idle_start(&p->idle, on_idle); /* the descriptor speaks only when the queue was empty */
}

static void on_idle(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    turn(idle->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct sl_producer *p = poll->data;
    uint64_t count;

    (void)status;
    (void)events;
    if (read(p->fd, &count, sizeof(count)) > 0)
        turn(p);
}

/* ---- life ---- */

struct sl_producer *sl_producer_new(struct sl_loop *loop, const struct sl_source_config *source,
                                    size_t memory, struct sl_error *err)
{
    struct sl_producer *p = sl_zalloc(sizeof(*p));

    p->letters.put = put;
    p->loop = loop;
    p->source = source;
    p->memory = memory;
    sl_list_init(&p->mails);
    p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->fd < 0) {
        sl_fail(err, SL_EIO, "eventfd: %s", strerror(errno));
        free(p);
        return NULL;
    }
    if (open_client(p, err)) {
        close(p->fd);
        free(p);
        return NULL;
    }
    uv_poll_init(&loop->uv, &p->poll, p->fd);
    uv_idle_init(&loop->uv, &p->idle);
    p->poll.data = p->idle.data = p;
    p->open_handles = 2;
    uv_poll_start(&p->poll, UV_READABLE, on_readable);
    return p;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct sl_producer *p = handle->data;

    if (--p->open_handles == 0) {
        close(p->fd);
        free(p);
    }
}

void sl_producer_free(struct sl_producer *p)
{
    if (!p || p->freed)
        return;
    p->freed = true;
    close_client(p);
    while (!sl_list_empty(&p->mails)) {
        struct mail *m = sl_container_of(p->mails.next, struct mail, node);

        tell(m, SL_EKAFKA, "the producer is closed");
        free_mail(m);
    }
    uv_close((uv_handle_t *)&p->poll, on_handle_closed);
    uv_close((uv_handle_t *)&p->idle, on_handle_closed);
}

struct sl_letters *sl_producer_letters(struct sl_producer *p)
{
    return &p->letters;
}
