/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_redrive.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { SAMPLES = 3, SAMPLE_SHOWN = 200, POLL_MS = 50 };

/* ---- letters under way ---- */

struct place {
    const char *topic; /* the scan's */
    int32_t partition;
    int64_t offset;
};

struct flying {
    struct sl_redrive *r;
    struct sl_copy *copy;
    char *sink;
    struct place *places; /* the letter, then its copies */
    size_t n;
};

static void add_place(struct flying *f, const struct sl_dead_letter *l)
{
    f->places = sl_reallocarray(f->places, f->n + 1, sizeof(*f->places));
    f->places[f->n++] = (struct place){l->topic, l->partition, l->offset};
}

static struct flying *new_flying(struct sl_redrive *r, const struct sl_dead_letter *l,
                                 struct sl_copy *copy)
{
    struct flying *f = sl_zalloc(sizeof(*f));

    *f = (struct flying){.r = r, .copy = copy, .sink = sl_strndup(l->sink.p, l->sink.n)};
    add_place(f, l);
    copy->under_way = f;
    return f;
}

static void free_flying(struct flying *f)
{
    f->copy->under_way = NULL;
    free(f->places);
    free(f->sink);
    free(f);
}

/* What became of one letter. Returns how many of its kind there are. */
static uint64_t tell(struct sl_redrive *r, enum sl_fate fate, struct sl_slice sink, const char *why,
                     struct place at)
{
    char *place = sl_asprintf("%s/%" PRId32 "/%" PRId64, at.topic, at.partition, at.offset);
    uint64_t n = sl_report_add(&r->report, fate, sink, why, place);

    if (fate == SL_FATE_REDRIVEN && !r->dry)
        sl_marks_add(&r->marks, at.topic, at.partition, at.offset, sl_dlq_now_ms());
    free(place);
    return n;
}

void sl_redrive_settled(void *user, void *letter, enum sl_fate fate, const char *why)
{
    struct sl_redrive *r = user;
    struct flying *f = letter;

    f->copy->fate = fate;
    for (size_t i = 0; i < f->n; i++)
        tell(r, fate, sl_slice_str(f->sink), why, f->places[i]);
    free_flying(f);
}

bool sl_redrive_stop(void *user)
{
    struct sl_redrive *r = user;
    const struct sl_report *done = &r->report;

    if (r->writer) {
        sl_marks_flush(&r->marks, sl_dlq_now_ms(), false);
        sl_kafka_writer_poll(r->writer, 0);
    }
    sl_dlq_progress(&r->scan.progress,
                    "%" PRIu64 " letters redriven, %" PRIu64 " refused again, %" PRIu64
                    " not sent, of %" PRIu64 " looked at",
                    done->total[SL_FATE_REDRIVEN], done->total[SL_FATE_REFUSED],
                    sl_report_letters(done) - done->total[SL_FATE_REDRIVEN] -
                        done->total[SL_FATE_REFUSED],
                    r->chosen);
    return r->stoppable && sl_dlq_stop_asked(&r->stop, sl_command_dlq_redrive.name);
}

/* ---- to the sink ---- */

static void sample(struct sl_redrive *r, const struct sl_dead_letter *l)
{
    sl_dead_letter_place(l, &r->samples);
    SL_BUF_LITERAL(&r->samples, " \u2192 ");
    if (r->to_topic) {
        sl_buf_slice(&r->samples, l->source_topic);
    } else {
        sl_buf_slice(&r->samples, l->sink);
        SL_BUF_LITERAL(&r->samples, "  ");
        sl_deliver_preview(r->deliver, SAMPLE_SHOWN, &r->samples);
    }
    sl_buf_byte(&r->samples, '\n');
}

static bool to_sink(struct sl_redrive *r, const struct sl_original *o, struct sl_copy *copy)
{
    const struct sl_dead_letter *l = o->letter;
    const struct place at = {l->topic, l->partition, l->offset};
    struct flying *f;

    sl_buf_clear(&r->why);
    copy->fate = sl_deliver_judge(r->deliver, o, &r->why);
    if (copy->fate != SL_FATE_REDRIVEN || r->dry) {
        if (tell(r, copy->fate, l->sink, sl_buf_str(&r->why), at) <= SAMPLES &&
            copy->fate == SL_FATE_REDRIVEN)
            sample(r, l);
        return true;
    }
    f = new_flying(r, l, copy);
    if (sl_deliver_put(r->deliver, f))
        return true;
    free_flying(f);
    return false;
}

/* ---- to the topic ---- */

static void on_written(void *user, const char *why)
{
    struct flying *f = user;
    struct sl_redrive *r = f->r;

    r->under_way--;
    sl_redrive_settled(r, f, why ? SL_FATE_REFUSED : SL_FATE_REDRIVEN, why ? why : "");
}

static bool is_ours(struct sl_slice name)
{
    return sl_slice_is(name, "sluice-letter") || sl_slice_is(name, "sluice-refused-by");
}

/* The record's own headers, and where it has been. */
static size_t add_headers(const struct sl_original *o, struct sl_slice place,
                          struct sl_header *headers)
{
    size_t n = 0;

    for (size_t i = 0; i < o->n_headers; i++)
        if (!is_ours(o->headers[i].name)) /* of an earlier time */
            headers[n++] = o->headers[i];
    headers[n++] = (struct sl_header){SL_SLICE_LITERAL("sluice-letter"), place};
    headers[n++] = (struct sl_header){SL_SLICE_LITERAL("sluice-refused-by"), o->letter->sink};
    return n;
}

static int write_back(struct sl_redrive *r, const struct sl_original *o, const char *topic,
                      int partitions, struct flying *f, struct sl_error *err)
{
    const struct sl_dead_letter *l = o->letter;
    struct sl_header *headers = sl_calloc(o->n_headers + 2, sizeof(*headers));
    struct sl_kafka_write what = {
        .topic = topic,
        .partition = l->source_partition < partitions ? l->source_partition : -1,
        .key = o->key,
        .value = o->value,
        .headers = headers,
        .timestamp_ms = o->timestamp_ms,
        .done = on_written,
        .user = f,
    };
    struct sl_buf place;
    int code;

    sl_buf_init(&place, 4096);
    sl_dead_letter_place(l, &place);
    what.n_headers = add_headers(o, sl_buf_as_slice(&place), headers);
    while ((code = sl_kafka_writer_put(r->writer, &what, err)) == SL_EFULL)
        sl_kafka_writer_poll(r->writer, POLL_MS);
    r->under_way += !code;
    sl_buf_release(&place);
    free(headers);
    return code;
}

/* What is never read is never written to, whatever a letter says of itself. */
static bool is_read(const struct sl_redrive *r, const char *topic)
{
    const struct sl_config *config = r->config;

    for (size_t i = 0; i < r->scan.n; i++)
        if (!strcmp(r->scan.topics[i].name, topic))
            return false;
    return strncmp(topic, "__", 2) != 0 &&
           (!config->state_topic || strcmp(topic, config->state_topic) != 0);
}

static bool to_topic(struct sl_redrive *r, const struct sl_original *o, struct sl_copy *copy)
{
    const struct sl_dead_letter *l = o->letter;
    const struct place at = {l->topic, l->partition, l->offset};
    char *topic = sl_strndup(l->source_topic.p, l->source_topic.n);
    int partitions = is_read(r, topic) ? sl_kafka_writer_partitions(r->writer, topic) : 0;
    struct sl_error err = {0};

    if (partitions == 0) {
        copy->fate = SL_FATE_GONE;
        sl_fail(&err, SL_ENOENT, "%s %s", is_read(r, topic) ? "there is no topic" : "nobody reads",
                topic);
        tell(r, copy->fate, l->sink, err.text, at);
    } else if (r->dry) {
        copy->fate = SL_FATE_REDRIVEN;
        if (tell(r, copy->fate, l->source_topic, "", at) <= SAMPLES)
            sample(r, l);
    } else {
        struct flying *f = new_flying(r, l, copy);

        free(f->sink);
        f->sink = sl_strdup(topic);
        if (write_back(r, o, topic, partitions, f, &err))
            sl_redrive_settled(r, f, SL_FATE_REFUSED, err.text);
    }
    free(topic);
    return true;
}

static bool send_on(struct sl_redrive *r, const struct sl_original *o, struct sl_copy *copy)
{
    return r->to_topic ? to_topic(r, o, copy) : to_sink(r, o, copy);
}

/* ---- the record that a letter was ---- */

/* A letter that was too large for its topic has no value: the record itself is looked up. */
struct looked_up {
    struct sl_redrive *r;
    const struct sl_dead_letter *letter;
    struct sl_copy *copy;
    bool found, go_on;
};

static bool take_source(void *user, const struct sl_kafka_record *record)
{
    struct looked_up *up = user;
    const struct sl_message *m = &record->message;
    const struct sl_original o = {
        .letter = up->letter,
        .key = m->key,
        .value = m->value,
        .timestamp_ms = m->timestamp_ms,
        .headers = m->headers,
        .n_headers = m->n_headers,
    };

    if (!m->value.p || (up->letter->source_ms >= 0 && m->timestamp_ms != up->letter->source_ms))
        return false; /* the topic was made anew */
    up->found = true;
    up->go_on = send_on(up->r, &o, up->copy);
    return false;
}

static bool look_up(struct sl_redrive *r, const struct sl_dead_letter *l, struct sl_copy *copy)
{
    struct looked_up up = {.r = r, .letter = l, .copy = copy, .go_on = true};
    char *topic = sl_strndup(l->source_topic.p, l->source_topic.n);
    const struct sl_kafka_read what = {
        .topic = topic, .partition = l->source_partition, .offset = l->source_offset};
    struct sl_error err = {.text = "another record stands in its place now"};
    int code = SL_EKAFKA;

    if (!r->sources)
        r->sources = sl_kafka_reader_new(r->config, NULL, 0, &err);
    if (r->sources)
        code = sl_kafka_reader_read(r->sources, &what, take_source, &up, &err);
    if (!up.found) {
        copy->fate = code && code != SL_ENOENT ? SL_FATE_LEFT : SL_FATE_GONE;
        tell(r, copy->fate, l->sink, err.text, (struct place){l->topic, l->partition, l->offset});
    }
    free(topic);
    return up.go_on;
}

/* ---- one letter ---- */

bool sl_redrive_take(void *user, const struct sl_dead_letter *l)
{
    struct sl_redrive *r = user;
    const struct sl_original whole = {
        .letter = l,
        .key = l->message->key,
        .value = l->message->value,
        .timestamp_ms = l->source_ms,
        .headers = l->message->headers,
        .n_headers = l->n_headers,
    };
    struct sl_copy *copy;
    bool first, go_on = true;

    if (!sl_dlq_filter_takes(&r->filter, l))
        return true;
    if (r->chosen == r->limit)
        return false;
    copy = sl_copies_get(&r->copies, l, !r->to_topic, &first);
    if (!copy) {
        r->full = true;
        return false;
    }
    r->chosen++;
    if (copy->under_way)
        add_place(copy->under_way, l);
    else if (!first)
        tell(r, copy->fate, r->to_topic ? l->source_topic : l->sink, "",
             (struct place){l->topic, l->partition, l->offset});
    else
        go_on = l->truncated.p ? look_up(r, l, copy) : send_on(r, &whole, copy);
    if (!go_on)
        r->chosen--;
    return go_on && !sl_redrive_stop(r);
}

void sl_redrive_finish(struct sl_redrive *r)
{
    if (r->deliver)
        sl_deliver_finish(r->deliver);
    while (r->under_way) {
        sl_redrive_stop(r);
        sl_kafka_writer_poll(r->writer, POLL_MS);
    }
    if (!r->writer)
        return;
    sl_marks_flush(&r->marks, sl_dlq_now_ms(), true);
    while (sl_kafka_writer_poll(r->writer, POLL_MS))
        ;
}
