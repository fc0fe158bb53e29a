/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_marks.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { LETTERS_MAX = 500, AGE_MS = 200, POLL_MS = 50 };

void sl_marks_init(struct sl_marks *m, struct sl_kafka_writer *writer)
{
    *m = (struct sl_marks){.writer = writer};
}

void sl_marks_release(struct sl_marks *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->parts[i].topic);
        free(m->parts[i].offsets);
    }
    free(m->parts);
    *m = (struct sl_marks){0};
}

static struct sl_marks_part *find(struct sl_marks *m, const char *topic, int32_t partition)
{
    struct sl_marks_part *p;

    for (size_t i = 0; i < m->n; i++)
        if (m->parts[i].partition == partition && !strcmp(m->parts[i].topic, topic))
            return &m->parts[i];
    m->parts = sl_reallocarray(m->parts, m->n + 1, sizeof(*m->parts));
    p = &m->parts[m->n++];
    *p = (struct sl_marks_part){.topic = sl_strdup(topic), .partition = partition};
    return p;
}

void sl_marks_add(struct sl_marks *m, const char *topic, int32_t partition, int64_t offset,
                  int64_t now_ms)
{
    struct sl_marks_part *p = find(m, topic, partition);

    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 64;
        p->offsets = sl_reallocarray(p->offsets, p->cap, sizeof(*p->offsets));
    }
    p->offsets[p->n++] = offset;
    if (m->letters++ == 0)
        m->oldest_ms = now_ms;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void on_done(void *user, const char *why)
{
    struct sl_marks *m = user;

    if (!why)
        return;
    m->failed++;
    snprintf(m->why, sizeof(m->why), "%s", why);
}

static void write_mark(struct sl_marks *m, const struct sl_marks_part *p, struct sl_slice text)
{
    const struct sl_header header = {SL_SLICE_LITERAL(SL_MARK_HEADER), text};
    const struct sl_kafka_write what = {
        .topic = p->topic,
        .partition = p->partition,
        .headers = &header,
        .n_headers = 1,
        .timestamp_ms = -1,
        .done = on_done,
        .user = m,
    };
    struct sl_error err = {0};
    int code;

    while ((code = sl_kafka_writer_put(m->writer, &what, &err)) == SL_EFULL)
        sl_kafka_writer_poll(m->writer, POLL_MS);
    if (code)
        on_done(m, err.text);
}

void sl_marks_flush(struct sl_marks *m, int64_t now_ms, bool all)
{
    struct sl_buf text;

    if (m->letters == 0 || (!all && m->letters < LETTERS_MAX && now_ms - m->oldest_ms < AGE_MS))
        return;
    sl_buf_init(&text, 2 * SL_MARK_TEXT_MAX);
    for (size_t i = 0; i < m->n; i++) {
        struct sl_marks_part *p = &m->parts[i];

        if (p->n)
            qsort(p->offsets, p->n, sizeof(*p->offsets), compare);
        for (size_t at = 0; at < p->n;) {
            sl_buf_clear(&text);
            sl_mark_write(p->partition, p->offsets, p->n, &at, &text);
            write_mark(m, p, sl_buf_as_slice(&text));
        }
        p->n = 0;
    }
    m->letters = 0;
    sl_buf_release(&text);
}
