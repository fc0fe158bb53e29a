/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_INPUT_H
#define SL_CLI_INPUT_H

#include "cli/cli.h"
#include "sluice/config.h"
#include "sluice/message.h"

/* Where a command's records come from: values or envelopes, one a line, from standard input or a
 * file; or a topic. One callback sees them all.
 *
 *     (default)            a line is a record's value
 *     --input envelope     a line is {"topic","partition","offset","timestamp","key","headers",
 *                          "value"}, as S3 objects in `envelope` form hold them; what kcat -J
 *                          prints (ts, payload) is understood as well
 *     --topic T --partition P --offset O     this record of Kafka
 *     --topic T --last N [--partition P]     the newest N of Kafka
 *
 * Without --last and --offset, --topic says what topic the lines are of, and so how they are
 * decoded; default: the first of the configuration that is no pattern, else "stdin".
 *
 * Empty lines are skipped. A line that cannot be used (longer than 16 MiB, no envelope) is told on
 * standard error with its number; the rest is read on, and the status is SL_EXIT_FAILED. */

enum { SL_INPUT_LINE_MAX = 16 << 20 };

/* Values of the options of these names; NULL: not given, or the command has no such option. */
struct sl_input_options {
    const char *topic, *input, *partition, *offset, *last;
};

/* For the tables of options; those that a command has no use for are left out. */
#define SL_INPUT_TOPIC                                                                             \
    {                                                                                              \
        "topic", 0, "TOPIC", "the topic of the lines, or the one that is read"                     \
    }
#define SL_INPUT_FORM                                                                              \
    {                                                                                              \
        "input", 0, "FORM", "what a line is: value (default) or envelope"                          \
    }
#define SL_INPUT_PARTITION                                                                         \
    {                                                                                              \
        "partition", 0, "P", "read this partition of TOPIC from Kafka"                             \
    }
#define SL_INPUT_OFFSET                                                                            \
    {                                                                                              \
        "offset", 0, "O", "read this offset of the partition from Kafka"                           \
    }
#define SL_INPUT_LAST                                                                              \
    {                                                                                              \
        "last", 0, "N", "read the newest N records of TOPIC from Kafka"                            \
    }

struct sl_input_record {
    const char *topic;
    int32_t partition;
    const char *cluster_id;    /* "" but from Kafka */
    struct sl_message message; /* without `at`; timestamp_ms -1: unknown; offset: the line's number
                                  from 0 where the line does not tell */
    uint32_t sub;              /* which of the message's records; a line or message comes with 0 */
    bool piece;    /* the value is one record of a message that held many: the one ... */
    int64_t index; /* ... of this number */
    bool placed;   /* topic, partition and offset are those of the record in Kafka */
    size_t line;   /* from 1; 0: from Kafka */
};

struct sl_input {
    const struct sl_config *config;
    const char *file; /* NULL: standard input */
    const char *topic;
    bool envelope, kafka;
    int32_t partition; /* -1: all */
    int64_t offset;    /* -1: the newest `last` */
    uint64_t last;
    const char *command; /* its name, for messages */
    bool progress;       /* a long input shows on a terminal how far it is; for commands that print
                            at the end */
};

/* What the options ask for. default_last: where --topic alone means the newest N of it in Kafka
 * (0: it names the topic of the lines). False: they are wrong, and *ret_status says so. */
bool sl_input_parse(const struct sl_cli_command *command, const struct sl_input_options *options,
                    uint64_t default_last, const struct sl_config *config, struct sl_input *ret,
                    int *ret_status);

/* False: enough. The record is borrowed for the call. */
typedef bool (*sl_input_fn)(void *user, const struct sl_input_record *record);

/* All records, in their order. What goes wrong is printed to standard error. SL_EXIT_DONE or
 * SL_EXIT_FAILED. ret_records may be NULL. */
int sl_input_each(const struct sl_input *in, sl_input_fn take, void *user, size_t *ret_records);

/* What lines are of when nobody says: the first topic of the configuration that is no pattern. */
const char *sl_input_default_topic(const struct sl_config *config);
/* "line 17", or "logs/0/4711": topic, partition, offset. */
void sl_input_place(const struct sl_input_record *record, char *ret, size_t size);

#endif
