/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "record/decode.h"
#include "record/levels.h"
#include "record/spellings.h"

const char *sl_kind_name(enum sl_kind k)
{
    return k == SL_KIND_METRIC ? "metric" : "server";
}

const char *sl_level_name(enum sl_level l)
{
    static const char *const names[] = {"", "trace", "debug", "info", "warn", "error", "fatal"};

    return names[l];
}

enum { WORD_MAX = 64 }; /* nothing that is looked for here is longer */

/* A string as a word or time: some writers escape more than they must (a `+` as \u002b). Empty for
 * what is none. */
static struct sl_slice word_of(const struct sl_value *v, char room[WORD_MAX + 1])
{
    size_t n;

    if (v->type != SL_VALUE_STRING)
        return sl_slice(NULL, 0);
    if (!v->escaped)
        return sl_slice(v->p, v->n);
    n = sl_json_unescape(v->p, v->n, room, WORD_MAX + 1);
    return sl_slice(room, n <= WORD_MAX ? n : 0);
}

/* ---- kind ---- */

static bool present(const struct sl_decoder *d, unsigned id)
{
    return sl_decoder_has(d, id) && d->scan.values[id].type != SL_VALUE_NULL;
}

enum sl_kind sl_decoder_kind(const struct sl_decoder *d)
{
    struct sl_value v = sl_decoder_value(d, d->kind);
    char room[WORD_MAX + 1];
    struct sl_slice word = word_of(&v, room);
    enum sl_decode_kind topic = d->rule ? d->rules[d->rule - 1].kind : SL_DECODE_KIND_NONE;

    if (sl_slice_is(word, "metric"))
        return SL_KIND_METRIC;
    if (sl_slice_is(word, "server"))
        return SL_KIND_SERVER;
    if (topic != SL_DECODE_KIND_NONE)
        return topic == SL_DECODE_KIND_METRIC ? SL_KIND_METRIC : SL_KIND_SERVER;
    if (present(d, d->name) && (present(d, d->value) || present(d, d->metric_fields)))
        return SL_KIND_METRIC;
    return SL_KIND_SERVER;
}

/* ---- level ---- */

/* pino and bunyan count 10 to 60 upwards; syslog's severities 0 to 7 downwards, and only a field so
 * named, and the journal's PRIORITY, is one. */
static enum sl_level level_of_number(int64_t n, bool severity)
{
    if (n >= 10 && n <= 60)
        return (enum sl_level)(n / 10);
    return severity && n >= 0 && n <= 7 ? sl_level_of_severity((unsigned)n) : SL_LEVEL_NONE;
}

enum sl_level sl_decoder_level(const struct sl_decoder *d)
{
    for (size_t i = 0; i < SL_LEVEL_FIELDS; i++) {
        char room[WORD_MAX + 1];
        enum sl_level level;
        struct sl_value v;
        double number;
        int64_t integer;
        bool is_int;

        if (!sl_decoder_has(d, d->levels[i]))
            continue;
        v = d->scan.values[d->levels[i]];
        level = sl_level_of_field(word_of(&v, room));
        if (level == SL_LEVEL_NONE && sl_value_number(&v, &number, &is_int, &integer) && is_int)
            level = level_of_number(integer, i == 1 || i + 1 == SL_LEVEL_FIELDS);
        if (level != SL_LEVEL_NONE)
            return level;
    }
    return SL_LEVEL_NONE;
}

/* ---- time ---- */

/* A number spelled with an exponent: rare, and no more exact than a double. */
static bool time_from_exponent(const struct sl_value *v, int64_t *ret)
{
    char text[24];
    double number;
    int64_t integer;
    bool is_int;
    int n;

    if (!sl_value_number(v, &number, &is_int, &integer) || is_int || !(number > 0 && number < 9e18))
        return false;
    n = snprintf(text, sizeof(text), "%.0f", number);
    return sl_time_from_number(sl_slice(text, (size_t)n), ret);
}

static bool time_of_value(const struct sl_decoder *d, const struct sl_value *v, int64_t *ret)
{
    char room[WORD_MAX + 1];
    struct sl_slice text = v->type == SL_VALUE_NUMBER ? sl_slice(v->p, v->n) : word_of(v, room);

    if (text.n >= 19 && text.p[4] == '-')
        return sl_time_parse(text, d->zone, ret);
    if (text.n == 0)
        return false;
    return sl_time_from_number(text, ret) || time_from_exponent(v, ret);
}

/* A record without a time of its own where Kafka knows none (-1) is of 1970: a replay must give the
 * same, so the clock is no way out. */
int64_t sl_kafka_ns(int64_t kafka_ms)
{
    int64_t ns;

    if (kafka_ms < 0)
        return 0;
    return __builtin_mul_overflow(kafka_ms, 1000000, &ns) ? INT64_MAX : ns;
}

bool sl_decoder_time(const struct sl_decoder *d, int64_t *ret_ns)
{
    for (size_t i = 0; i < SL_TIME_FIELDS; i++)
        if (sl_decoder_has(d, d->times[i]) &&
            time_of_value(d, &d->scan.values[d->times[i]], ret_ns) &&
            sl_time_counts(*ret_ns, sl_kafka_ns(d->message_at->timestamp_ms)))
            return true;
    return false;
}
