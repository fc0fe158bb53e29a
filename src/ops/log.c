/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/utf8.h"

enum {
    LINE_MAX_BYTES = 64 << 10,
    TEXT_MAX_BYTES = 4 << 10, /* of one message or value, before escaping */
};

struct sl_log {
    FILE *to;
    int fd; /* -1: `to` is no file (a test's memory stream) */
    enum sl_log_level level;
    bool json;
    pthread_mutex_t lock; /* a pipe takes only short writes whole */
};

struct sl_log *sl_log_new(FILE *to, enum sl_log_level level, enum sl_log_format format)
{
    struct sl_log *l = sl_zalloc(sizeof(*l));

    l->to = to;
    l->fd = fileno(to);
    l->level = level;
    l->json = format == SL_LOG_JSON || (format == SL_LOG_AUTO && !(l->fd >= 0 && isatty(l->fd)));
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void sl_log_free(struct sl_log *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

bool sl_log_enabled(const struct sl_log *l, enum sl_log_level level)
{
    return l && level <= l->level;
}

static const char *level_name(enum sl_log_level level)
{
    switch (level) {
    case SL_LOG_ERROR:
        return "error";
    case SL_LOG_WARN:
        return "warn";
    case SL_LOG_INFO:
        return "info";
    case SL_LOG_DEBUG:
        return "debug";
    }
    return "?";
}

/* Characters that act on a terminal or a viewer instead of being seen: C0, DEL, C1, line and
 * paragraph separator, and those that turn the direction of what follows. */
static bool acts(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* Inside quotes \ and " are escaped as JSON has it, so both forms read alike. A byte that is no
 * UTF-8 becomes \xNN; in JSON that backslash is itself escaped. */
static void escape(struct sl_buf *out, struct sl_slice text, bool quoted, bool json)
{
    for (size_t i = 0, n; i < text.n; i += n) {
        uint32_t c;

        n = sl_utf8_char(text.p + i, text.n - i, &c);
        if (n == 0) {
            n = 1;
            sl_buf_printf(out, json ? "\\\\x%02x" : "\\x%02x", (unsigned char)text.p[i]);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            sl_buf_printf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        } else if (acts(c)) {
            sl_buf_printf(out, "\\u%04x", c);
        } else {
            if (quoted && (c == '"' || c == '\\'))
                sl_buf_byte(out, '\\');
            sl_buf_append(out, text.p + i, n);
        }
    }
}

static struct sl_slice bounded(const char *text, bool *ret_cut)
{
    size_t n = strnlen(text, TEXT_MAX_BYTES + 1);

    *ret_cut = n > TEXT_MAX_BYTES;
    if (!*ret_cut)
        return sl_slice(text, n);
    for (n = TEXT_MAX_BYTES; ((unsigned char)text[n] & 0xc0) == 0x80 && n > TEXT_MAX_BYTES - 4; n--)
        ; /* not within a character */
    return sl_slice(text, n);
}

static void put(struct sl_buf *out, const char *text, bool quoted, bool json)
{
    bool cut;
    struct sl_slice s = bounded(text, &cut);

    if (quoted)
        sl_buf_byte(out, '"');
    escape(out, s, quoted, json);
    if (cut)
        SL_BUF_LITERAL(out, "...");
    if (quoted)
        sl_buf_byte(out, '"');
}

static bool plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c == ' ' || *c == '"' || *c == '\\' || *c == '=' || (unsigned char)*c < ' ')
            return false;
    return *text != '\0';
}

static void put_time(struct sl_buf *out)
{
    struct timeval now;
    struct tm tm;
    char text[32];

    gettimeofday(&now, NULL);
    gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    sl_buf_printf(out, "%s.%03dZ", text, (int)(now.tv_usec / 1000));
}

static void put_head(const struct sl_log *l, struct sl_buf *out, enum sl_log_level level,
                     const char *message)
{
    if (l->json)
        SL_BUF_LITERAL(out, "{\"time\":\"");
    put_time(out);
    if (l->json) {
        sl_buf_printf(out, "\",\"level\":\"%s\",\"msg\":", level_name(level));
        put(out, message, true, true);
    } else {
        sl_buf_printf(out, " %-5s ", level_name(level));
        put(out, message, false, false);
    }
}

static void put_field(const struct sl_log *l, struct sl_buf *out, const char *name,
                      const char *value)
{
    size_t before = out->n;

    if (l->json) {
        sl_buf_byte(out, ',');
        put(out, name, true, true);
        sl_buf_byte(out, ':');
        put(out, value, true, true);
    } else {
        sl_buf_byte(out, ' ');
        put(out, name, false, false);
        sl_buf_byte(out, '=');
        put(out, value, !plain(value), false);
    }
    if (out->full || out->n > LINE_MAX_BYTES - 2) /* room for the end of the line */
        sl_buf_truncate(out, before);
}

static void put_end(struct sl_log *l, struct sl_buf *out)
{
    const char *p;
    size_t left;

    if (l->json)
        sl_buf_byte(out, '}');
    sl_buf_byte(out, '\n');
    p = out->p;
    left = out->n;
    pthread_mutex_lock(&l->lock);
    if (l->fd < 0) {
        fwrite(p, 1, left, l->to);
        fflush(l->to);
        left = 0;
    }
    while (left > 0) {
        ssize_t n = write(l->fd, p, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* nobody reads the log: the program goes on without */
        p += n;
        left -= (size_t)n;
    }
    pthread_mutex_unlock(&l->lock);
}

void sl_log(struct sl_log *l, enum sl_log_level level, const char *message, ...)
{
    const char *name, *value;
    struct sl_buf line;
    va_list args;

    if (!sl_log_enabled(l, level))
        return;
    sl_buf_init(&line, LINE_MAX_BYTES);
    put_head(l, &line, level, message);
    va_start(args, message);
    while ((name = va_arg(args, const char *))) {
        value = va_arg(args, const char *);
        if (value)
            put_field(l, &line, name, value);
    }
    va_end(args);
    put_end(l, &line);
    sl_buf_release(&line);
}

void sl_logf(struct sl_log *l, enum sl_log_level level, const char *format, ...)
{
    char message[TEXT_MAX_BYTES + 2];
    struct sl_buf line;
    va_list args;

    if (!sl_log_enabled(l, level))
        return;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    sl_buf_init(&line, LINE_MAX_BYTES);
    put_head(l, &line, level, message);
    put_end(l, &line);
    sl_buf_release(&line);
}

bool sl_log_due(uint64_t *last_ms, uint64_t now_ms, uint64_t every_ms)
{
    /* 0 is "never yet": the clock of a simulator starts there, so what is kept is one more. */
    if (*last_ms && now_ms < *last_ms - 1 + every_ms)
        return false;
    *last_ms = now_ms + 1;
    return true;
}
