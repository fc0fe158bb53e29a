/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/diag.h"
#include "cli/envelope.h"
#include "kafka/read.h"

enum { READ_BYTES = 256 << 10, PROGRESS_MS = 500, PROGRESS_FIRST_MS = 2000, TOLD_MAX = 20 };

/* ---- options ---- */

static bool number(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *ret <= max;
}

const char *sl_input_default_topic(const struct sl_config *config)
{
    for (size_t i = 0; i < config->source.topics.n; i++)
        if (config->source.topics.items[i][0] != '^')
            return config->source.topics.items[i];
    return "stdin";
}

/* NULL, or what is wrong. */
static const char *read_options(const struct sl_input_options *o, uint64_t default_last,
                                struct sl_input *in)
{
    uint64_t partition = 0, offset = 0;

    if (o->input && strcmp(o->input, "value") != 0 && strcmp(o->input, "envelope") != 0)
        return "--input is `value` or `envelope`";
    in->envelope = o->input && !strcmp(o->input, "envelope");
    in->last = default_last;
    if (o->partition && !number(o->partition, INT32_MAX, &partition))
        return "--partition is a number from 0";
    if (o->offset && !number(o->offset, INT64_MAX, &offset))
        return "--offset is a number from 0";
    if (o->last && (!number(o->last, INT64_MAX, &in->last) || in->last == 0))
        return "--last is a number from 1";
    if (!o->topic && (o->partition || o->offset || o->last))
        return "what is read from Kafka needs --topic";
    if (o->offset && !o->partition)
        return "--offset needs --partition, too";
    if (o->offset && o->last)
        return "--offset and --last exclude each other";
    if (o->partition && !o->offset && !o->last && !default_last)
        return "--partition needs --offset, too";
    in->kafka = o->topic && (o->partition || o->last || default_last);
    if (in->kafka && o->input)
        return "--input is about lines; these records come from Kafka";
    in->partition = o->partition ? (int32_t)partition : -1;
    in->offset = o->offset ? (int64_t)offset : -1;
    return NULL;
}

bool sl_input_parse(const struct sl_cli_command *command, const struct sl_input_options *options,
                    uint64_t default_last, const struct sl_config *config, struct sl_input *ret,
                    int *ret_status)
{
    const char *wrong;

    *ret = (struct sl_input){.config = config, .command = command->name};
    wrong = read_options(options, default_last, ret);
    if (wrong) {
        *ret_status = sl_cli_usage(command, "%s", wrong);
        return false;
    }
    ret->topic = options->topic ? options->topic : sl_input_default_topic(config);
    return true;
}

/* ---- one run ---- */

struct run {
    const struct sl_input *in;
    sl_input_fn take;
    void *user;
    size_t records, line, told;
    bool bad, enough, terminal, shown;
    uint64_t began_ms, shown_ms;
    struct sl_envelope *envelope;
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void hide_progress(struct run *r)
{
    if (r->shown)
        fputs("\r\033[K", stderr);
    r->shown = false;
}

/* Only while somebody watches and the output goes elsewhere, or comes at the end. */
static void progress(struct run *r)
{
    uint64_t now;

    if (!r->terminal || r->records % 256)
        return;
    now = now_ms();
    if (now - r->began_ms < PROGRESS_FIRST_MS || now - r->shown_ms < PROGRESS_MS)
        return;
    fprintf(stderr, "\r%zu records, %" PRIu64 " s", r->records, (now - r->began_ms) / 1000);
    fflush(stderr);
    r->shown_ms = now;
    r->shown = true;
}

static void tell(struct run *r, const char *text)
{
    char *line;

    r->bad = true;
    hide_progress(r);
    if (r->told == TOLD_MAX)
        fputs("(further lines like this are not told)\n", stderr);
    if (r->told++ >= TOLD_MAX)
        return;
    line = r->line ? sl_asprintf("sluice %s: %s, line %zu: %s", r->in->command,
                                 r->in->file ? r->in->file : "standard input", r->line, text)
                   : sl_asprintf("sluice %s: %s", r->in->command, text);
    sl_print_line(line, stderr);
    free(line);
}

/* The file itself, not one of its lines. */
static void tell_failure(struct run *r, const char *why)
{
    char *text = sl_asprintf("%s: %s", r->in->file ? r->in->file : "standard input", why);

    r->line = 0;
    tell(r, text);
    free(text);
}

static void hand_over(struct run *r, const struct sl_input_record *record)
{
    r->records++;
    r->enough = !r->take(r->user, record);
    progress(r);
}

/* ---- lines ---- */

static void one_line(struct run *r, struct sl_slice line)
{
    struct sl_input_record record = {
        .topic = r->in->topic,
        .cluster_id = "",
        .message = {.offset = (int64_t)r->line - 1, .timestamp_ms = -1, .value = line},
        .line = r->line,
    };
    struct sl_error err = {0};

    if (line.n == 0)
        return;
    if (r->in->envelope && sl_envelope_read(r->envelope, line, &record, &err) != SL_OK)
        tell(r, err.text);
    else
        hand_over(r, &record);
}

/* Takes whole lines out of the buffer; what is left moves to its front. *too_long: within a line
 * whose beginning was thrown away. */
static void take_lines(struct run *r, struct sl_buf *b, bool *too_long)
{
    const char *at = b->p, *end = b->p + b->n, *stop;

    while (!r->enough && at < end && (stop = memchr(at, '\n', (size_t)(end - at)))) {
        r->line++;
        if (!*too_long)
            one_line(r, sl_slice(at, (size_t)(stop - at)));
        *too_long = false;
        at = stop + 1;
    }
    b->n = (size_t)(end - at);
    memmove(b->p, at, b->n);
    if (b->n > SL_INPUT_LINE_MAX || *too_long) {
        if (!*too_long) {
            r->line++;
            tell(r, "longer than 16 MiB: left out");
            r->line--;
        }
        *too_long = true;
        sl_buf_clear(b);
    }
}

static void read_lines(struct run *r, int fd)
{
    struct sl_buf b;
    bool too_long = false;

    sl_buf_init(&b, SL_INPUT_LINE_MAX + READ_BYTES + 1);
    while (!r->enough) {
        char *room = sl_buf_reserve(&b, READ_BYTES);
        ssize_t n = read(fd, room, READ_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            tell_failure(r, strerror(errno));
        }
        if (n <= 0)
            break;
        b.n += (size_t)n;
        take_lines(r, &b, &too_long);
    }
    if (!r->enough && b.n && !too_long) { /* the last line need not be ended */
        r->line++;
        one_line(r, sl_buf_as_slice(&b));
    }
    sl_buf_release(&b);
}

static void from_lines(struct run *r)
{
    const char *file = r->in->file;
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

    if (fd < 0) {
        tell_failure(r, strerror(errno));
        return;
    }
    if (!file && isatty(fd))
        fprintf(stderr, "sluice %s: reading %s from the terminal, one a line, until Ctrl-D\n",
                r->in->command, r->in->envelope ? "envelopes" : "record values");
    r->envelope = sl_envelope_new();
    read_lines(r, fd);
    sl_envelope_free(r->envelope);
    if (file)
        close(fd);
}

/* ---- Kafka ---- */

static bool take_record(void *user, const struct sl_kafka_record *from)
{
    struct run *r = user;
    const struct sl_input_record record = {
        .topic = from->topic,
        .partition = from->partition,
        .cluster_id = from->cluster_id,
        .message = from->message,
        .placed = true,
    };

    hand_over(r, &record);
    return !r->enough;
}

static void from_kafka(struct run *r)
{
    const struct sl_kafka_read what = {
        .config = r->in->config,
        .topic = r->in->topic,
        .partition = r->in->partition,
        .offset = r->in->offset,
        .last = r->in->last,
    };
    struct sl_error err = {0};

    if (sl_kafka_read(&what, take_record, r, &err) != SL_OK)
        tell(r, err.text);
}

int sl_input_each(const struct sl_input *in, sl_input_fn take, void *user, size_t *ret_records)
{
    struct run r = {.in = in, .take = take, .user = user, .began_ms = now_ms()};

    r.terminal = in->progress && isatty(STDERR_FILENO);
    if (in->kafka)
        from_kafka(&r);
    else
        from_lines(&r);
    hide_progress(&r);
    if (ret_records)
        *ret_records = r.records;
    return r.bad ? SL_EXIT_FAILED : SL_EXIT_DONE;
}

void sl_input_place(const struct sl_input_record *record, char *ret, size_t size)
{
    if (record->placed)
        snprintf(ret, size, "%s/%" PRId32 "/%" PRId64, record->topic, record->partition,
                 record->message.offset);
    else
        snprintf(ret, size, "line %zu", record->line);
}
