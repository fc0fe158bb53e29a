/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_scan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

enum { TERMINAL_MS = 250, TERMINAL_FIRST_MS = 1000, PLAIN_MS = 10000 };

/* ---- progress ---- */

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void sl_dlq_progress_init(struct sl_dlq_progress *p, const char *command)
{
    *p = (struct sl_dlq_progress){.command = command, .terminal = isatty(STDERR_FILENO)};
    p->began_ms = p->last_ms = now_ms();
}

void sl_dlq_progress(struct sl_dlq_progress *p, const char *format, ...)
{
    const uint64_t now = now_ms(), every = p->terminal ? TERMINAL_MS : PLAIN_MS;
    va_list args;

    if (now - p->last_ms < every || (p->terminal && now - p->began_ms < TERMINAL_FIRST_MS))
        return;
    p->last_ms = now;
    p->shown = p->terminal;
    fprintf(stderr, "%ssluice %s: ", p->terminal ? "\r\033[K" : "", p->command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(p->terminal ? "" : "\n", stderr);
    fflush(stderr);
}

void sl_dlq_progress_hide(struct sl_dlq_progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}

/* ---- topics ---- */

static void add_topic(struct sl_dlq_scan *s, const char *name)
{
    if (!name)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->topics[i].name, name))
            return;
    s->topics[s->n++] = (struct sl_dlq_topic){.name = name};
}

static void find_topics(struct sl_dlq_scan *s)
{
    s->topics = sl_calloc(s->config->n_sinks + 1, sizeof(*s->topics));
    add_topic(s, s->config->dead_letter);
    for (size_t i = 0; i < s->config->n_sinks; i++)
        add_topic(s, s->config->sinks[i].dead_letter);
}

static struct sl_redriven *find_partition(const struct sl_dlq_topic *t, int32_t number)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->partitions[i].partition == number)
            return &t->partitions[i];
    return NULL;
}

static bool ask_stop(void *user)
{
    struct sl_dlq_scan *s = user;

    s->stopped = s->stopped || (s->stop && s->stop(s->user));
    return s->stopped;
}

/* ---- the first reading: marks ---- */

static int on_bounds(void *user, int32_t partition, int64_t low, int64_t high, struct sl_error *err)
{
    struct sl_dlq_scan *s = user;
    struct sl_dlq_topic *t = s->at;

    t->partitions = sl_reallocarray(t->partitions, t->n + 1, sizeof(*t->partitions));
    t->exists = true;
    s->to_read += (uint64_t)(high - low);
    return sl_redriven_init(&t->partitions[t->n++], partition, low, high, err);
}

static void tell_reading(struct sl_dlq_scan *s)
{
    s->read++;
    if (s->read % 256 == 0)
        sl_dlq_progress(&s->progress, "reading %s: %" PRIu64 " of %" PRIu64 " records", s->at->name,
                        s->read, s->to_read);
}

static bool take_mark(void *user, const struct sl_kafka_record *r)
{
    struct sl_dlq_scan *s = user;
    struct sl_redriven *p = find_partition(s->at, r->partition);
    struct sl_dead_letter l;

    tell_reading(s);
    switch (sl_dead_letter_read(r, &l)) {
    case SL_LETTER_DEAD:
        s->at->letters++;
        break;
    case SL_LETTER_MARK:
        sl_redriven_mark(p, r);
        break;
    case SL_LETTER_NONE:
        s->at->others++;
        break;
    }
    return true;
}

static int read_marks(struct sl_dlq_scan *s, struct sl_error *err)
{
    struct sl_kafka_read what = {.partition = -1, .offset = -1, .all = true, .bounds = on_bounds};
    int code = SL_OK;

    what.stop = ask_stop;
    for (size_t i = 0; !code && !s->stopped && i < s->n; i++) {
        struct sl_error why = {0};

        s->at = &s->topics[i];
        what.topic = s->at->name;
        s->read = s->to_read = 0;
        code = sl_kafka_reader_read(s->reader, &what, take_mark, s, &why);
        if (code == SL_ENOENT) {
            sl_dlq_progress_hide(&s->progress);
            fprintf(stderr, "sluice %s: %s\n", s->progress.command, why.text);
            code = SL_OK;
        } else if (code) {
            sl_fail(err, code, "%s", why.text);
        }
    }
    return code;
}

int sl_dlq_scan_open(const struct sl_config *config, const char *command, bool (*stop)(void *user),
                     void *user, struct sl_dlq_scan *ret, struct sl_error *err)
{
    int code = SL_EKAFKA;

    *ret = (struct sl_dlq_scan){.config = config, .stop = stop, .user = user};
    sl_dlq_progress_init(&ret->progress, command);
    find_topics(ret);
    if (ret->n == 0) {
        sl_dlq_scan_release(ret);
        return sl_fail(err, SL_ECONFIG,
                       "no dead-letter topic is configured (dead_letter: { topic: ... })");
    }
    ret->reader = sl_kafka_reader_new(config, NULL, 0, err);
    if (ret->reader)
        code = read_marks(ret, err);
    sl_dlq_progress_hide(&ret->progress);
    if (code)
        sl_dlq_scan_release(ret);
    return code;
}

void sl_dlq_scan_release(struct sl_dlq_scan *s)
{
    sl_kafka_reader_free(s->reader);
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->topics[i].n; k++)
            sl_redriven_release(&s->topics[i].partitions[k]);
        free(s->topics[i].partitions);
    }
    free(s->topics);
    *s = (struct sl_dlq_scan){0};
}

/* ---- the second reading: letters ---- */

struct letters {
    struct sl_dlq_scan *scan;
    sl_dlq_letter_fn take;
    void *user;
    bool enough;
};

static bool stop_letters(void *user)
{
    struct letters *letters = user;

    return ask_stop(letters->scan);
}

static bool take_letter(void *user, const struct sl_kafka_record *r)
{
    struct letters *letters = user;
    const struct sl_redriven *p = find_partition(letters->scan->at, r->partition);
    struct sl_dead_letter l;

    if (!p || r->message.offset >= p->high || sl_dead_letter_read(r, &l) != SL_LETTER_DEAD)
        return true;
    if (sl_redriven_has(p, l.offset)) {
        letters->scan->at->redriven++;
        return true;
    }
    letters->enough = !letters->take(letters->user, &l);
    return !letters->enough;
}

int sl_dlq_scan_letters(struct sl_dlq_scan *s, sl_dlq_letter_fn take, void *user,
                        struct sl_error *err)
{
    struct letters letters = {.scan = s, .take = take, .user = user};
    struct sl_kafka_read what = {.partition = -1, .offset = -1, .all = true, .stop = stop_letters};
    int code = SL_OK;

    for (size_t i = 0; !code && !letters.enough && !s->stopped && i < s->n; i++) {
        s->at = &s->topics[i];
        s->at->redriven = 0;
        what.topic = s->at->name;
        if (s->at->exists)
            code = sl_kafka_reader_read(s->reader, &what, take_letter, &letters, err);
    }
    sl_dlq_progress_hide(&s->progress);
    return code;
}

bool sl_dlq_scan_done(const struct sl_dlq_scan *s, const struct sl_dead_letter *l)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct sl_redriven *p = find_partition(&s->topics[i], l->partition);

        if (!strcmp(s->topics[i].name, l->topic))
            return p && sl_redriven_has(p, l->offset);
    }
    return false;
}
