/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_FILTER_H
#define SL_CLI_DLQ_FILTER_H

#include "base/error.h"
#include "cli/cli.h"
#include "cli/dlq_letter.h"

/* Which letters a command is about. Every part narrows; none means all. The same words are options
 * and, for scripts that carry them in one value, keys of --where:
 *
 *     --sink search --reason "failed to parse" --since 2h
 *     --where 'sink=search reason="failed to parse" since=2h' */

enum sl_dlq_filter_word {
    SL_DLQ_SINK,
    SL_DLQ_REASON,
    SL_DLQ_RULE,
    SL_DLQ_TOPIC,
    SL_DLQ_SINCE,
    SL_DLQ_UNTIL,
    SL_DLQ_WHERE,
    SL_DLQ_FILTER_WORDS
};

/* The first SL_DLQ_FILTER_WORDS options of every command that filters. */
#define SL_DLQ_FILTER_OPTIONS                                                                      \
    [SL_DLQ_SINK] = {"sink", 0, "NAME", "letters of this sink"},                                   \
    [SL_DLQ_REASON] = {"reason", 0, "TEXT", "whose reason has this text in it, in any case"},      \
    [SL_DLQ_RULE] = {"rule", 0, "NAME", "of records that this rule sent to the sink"},             \
    [SL_DLQ_TOPIC] = {"topic", 0, "TOPIC", "of records that came from this topic"},                \
    [SL_DLQ_SINCE] = {"since", 0, "TIME",                                                          \
                      "refused at or after it: 2h (ago), 2026-01-31, 2026-01-31T12:00:00Z"},       \
    [SL_DLQ_UNTIL] = {"until", 0, "TIME", "refused before it"},                                    \
    [SL_DLQ_WHERE] = {"where", 0, "FILTERS", "the same in one value: 'sink=search since=2h'"}

struct sl_dlq_place {
    struct sl_slice topic;
    int32_t partition;
    int64_t offset;
};

struct sl_dlq_filter {
    const char *sink, *reason, *rule, *topic; /* NULL: any */
    int64_t since_ms, until_ms;               /* since <= time < until */
    struct sl_dlq_place *places;              /* n_places 0: any */
    size_t n_places;
    char *where; /* private: what the texts may point into */
};

/* values: of SL_DLQ_FILTER_OPTIONS; operands: places of letters, TOPIC/PARTITION/OFFSET. What is
 * borrowed lives as long as both. SL_EINVAL with the mistake in words. */
int sl_dlq_filter_parse(const char *const *values, char *const *operands, size_t n_operands,
                        int64_t now_ms, struct sl_dlq_filter *ret, struct sl_error *err);
void sl_dlq_filter_release(struct sl_dlq_filter *f);
/* "2h" (ago), a day or a time; name: of the option, for err. */
int sl_dlq_read_time(const char *text, const char *name, int64_t now_ms, int64_t *ret,
                     struct sl_error *err);
bool sl_dlq_filter_takes(const struct sl_dlq_filter *f, const struct sl_dead_letter *l);

#endif
