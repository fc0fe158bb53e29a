/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_ARCHIVE_H
#define SL_CLI_ARCHIVE_H

#include "archive/archive.h"
#include "cli/cli.h"
#include "cli/dlq_scan.h"
#include "net/http_client.h"

/* sluice archive list|cat|verify: what S3 sinks have written, read back. */
int sl_cmd_archive(int argc, char **argv);
int sl_cmd_archive_list(int argc, char **argv);
int sl_cmd_archive_cat(int argc, char **argv);
int sl_cmd_archive_verify(int argc, char **argv);
extern const struct sl_cli_command sl_command_archive, sl_command_archive_list,
    sl_command_archive_cat, sl_command_archive_verify;

/* ---- what the commands share: archive_open.c ---- */

/* The first options of each of them. */
enum sl_archive_word {
    SL_ARCHIVE_OPT_CONFIG,
    SL_ARCHIVE_OPT_SINK,
    SL_ARCHIVE_OPT_PREFIX,
    SL_ARCHIVE_OPT_TOPIC,
    SL_ARCHIVE_OPT_PARTITION,
    SL_ARCHIVE_OPT_FROM,
    SL_ARCHIVE_OPT_TO,
    SL_ARCHIVE_OPT_JSON,
    SL_ARCHIVE_WORDS
};

#define SL_ARCHIVE_OPTIONS                                                                         \
    [SL_ARCHIVE_OPT_CONFIG] = SL_CLI_CONFIG,                                                       \
    [SL_ARCHIVE_OPT_SINK] = {"sink", 0, "NAME",                                                    \
                             "of this S3 sink (needed where there are several)"},                  \
    [SL_ARCHIVE_OPT_PREFIX] = {"prefix", 0, "PREFIX", "objects whose keys begin so"},              \
    [SL_ARCHIVE_OPT_TOPIC] = {"topic", 0, "TOPIC", "objects of this topic"},                       \
    [SL_ARCHIVE_OPT_PARTITION] = {"partition", 0, "N", "and of this partition"},                   \
    [SL_ARCHIVE_OPT_FROM] =                                                                        \
        {"from", 0, "TIME", "records at or after it: 2h (ago), 2026-01-31, 2026-01-31T12:00:00Z"}, \
    [SL_ARCHIVE_OPT_TO] = {"to", 0, "TIME", "records before it"},                                  \
    [SL_ARCHIVE_OPT_JSON] = {"json", 0, NULL, "JSON"}

/* A command's own loop, HTTP client and reader. */
struct sl_archive_open {
    const struct sl_cli_command *command;
    struct sl_config *config;
    const struct sl_sink_config *sink;
    struct sl_loop loop;
    bool has_loop;
    struct sl_http_client *http;
    struct sl_archive *archive;
    struct sl_archive_query query;
    struct sl_dlq_progress progress;

    /* Private. */
    bool waiting;
    int code;
    struct sl_error err;
};

/* values: of SL_ARCHIVE_OPTIONS; they are borrowed. SL_EXIT_DONE, or what the command ends with;
 * what is wrong has been told. To be released in either case. */
int sl_archive_open(const struct sl_cli_command *command, const char *const *values,
                    struct sl_archive_open *ret);
void sl_archive_open_release(struct sl_archive_open *o);

/* `done` and `user` of what is started then; sl_archive_wait() runs the loop until it is done. */
void sl_archive_on_done(void *user, int code, const struct sl_error *err);
int sl_archive_wait(struct sl_archive_open *o); /* SL_OK, or o->err */
/* List, and list and tails; SL_EXIT_DONE, or told. */
int sl_archive_find(struct sl_archive_open *o);
int sl_archive_look(struct sl_archive_open *o);
int sl_archive_failed(struct sl_archive_open *o); /* tells o->err */

/* What was read and what was not, for standard error; as members of a JSON object without a comma.
 */
void sl_archive_tell_reading(const struct sl_archive_open *o);
void sl_archive_reading_json(const struct sl_archive_open *o, struct sl_buf *out);
/* The objects whose index is broken, on standard error; how many. */
size_t sl_archive_tell_damaged(struct sl_archive_open *o);
/* What lines that are not `json` do not tell, where such were read. */
void sl_archive_tell_unknown_ids(const struct sl_archive_open *o);
void sl_archive_bytes(uint64_t n, struct sl_buf *out); /* "12.3 KiB" */

#endif
