/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "replica.h"

/* In place of ops/log.c: what the program says stands in the trace. */

struct sl_log {
    size_t replica;
};

struct sl_log *sl_log_new(FILE *to, enum sl_log_level level, enum sl_log_format format)
{
    (void)to;
    (void)level;
    (void)format;
    return sim_new(sizeof(struct sl_log));
}

void sl_log_free(struct sl_log *l)
{
    (void)l; /* the world's */
}

bool sl_log_enabled(const struct sl_log *l, enum sl_log_level level)
{
    return l && sim->tracing && level <= SL_LOG_DEBUG;
}

static const char *const words[] = {"ERROR", "warn", "info", "debug"};

/* What the program says that it repeats: one excuse of the archive. */
static void judge(const char *text, const char *name, const char *value)
{
    if (!sim || !value || strcmp(name, "partition") != 0)
        return;
    if (strstr(text, "every sink begins at the committed offset"))
        audit_void((unsigned)strtoul(value, NULL, 10));
    else if (strstr(text, "is not understood: every sink"))
        audit_not_understood((unsigned)strtoul(value, NULL, 10));
}

static void hear(const char *text)
{
    if (sim && strstr(text, "retention has removed offsets that the sink"))
        reach(REACH_EXPIRED);
    /* After an unknown answer this is later than the answer, where another arrival goes first. */
    if (sim && strcmp(text, "partitions lost") == 0)
        audit_disturbed("an assignment has ended without a commit");
}

static size_t number(void)
{
    return sim->current ? sim->current->number : 99;
}

void sl_log(struct sl_log *l, enum sl_log_level level, const char *message, ...)
{
    char text[2048];
    size_t n = 0;
    va_list args;
    const char *name;

    if (!l || !sim)
        return;
    hear(message);
    va_start(args, message);
    text[0] = '\0';
    while ((name = va_arg(args, const char *))) {
        const char *value = va_arg(args, const char *);

        judge(message, name, value);
        if (value && n < sizeof(text))
            n += (size_t)snprintf(text + n, sizeof(text) - n, " %s=%s", name, value);
    }
    va_end(args);
    sim_trace("r%zu   | %s: %s%s", number(), words[level], message, text);
}

void sl_logf(struct sl_log *l, enum sl_log_level level, const char *format, ...)
{
    char text[2048];
    va_list args;

    if (!l || !sim || !sim->tracing)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sim_trace("r%zu   | %s: %s", number(), words[level], text);
}

bool sl_log_due(uint64_t *last_ms, uint64_t now_ms, uint64_t every_ms)
{
    if (*last_ms && now_ms - *last_ms < every_ms)
        return false;
    *last_ms = now_ms ? now_ms : 1;
    return true;
}
