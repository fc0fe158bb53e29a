/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_REPORT_H
#define SL_CLI_DLQ_REPORT_H

#include "base/buf.h"
#include "cli/dlq_letter.h"

/* What became of letters, counted and with an example each. */

enum sl_fate {
    SL_FATE_REDRIVEN,
    SL_FATE_REFUSED,   /* by the destination, again; for this and all below the letter stays */
    SL_FATE_ELSEWHERE, /* the rules do not send it to that sink any more */
    SL_FATE_NO_SINK,   /* no sink has that name */
    SL_FATE_ARCHIVE,   /* an S3 sink: only by the topic */
    SL_FATE_GONE,    /* the letter is only a pointer, and the record is not in its topic any more */
    SL_FATE_LEFT,    /* stopped before it was sent */
    SL_FATE_UNKNOWN, /* no answer: given up, or stopped */
    SL_FATES
};

enum { SL_REPORT_LINES_MAX = 200 }; /* further kinds of one fate are counted together */

struct sl_report_line {
    enum sl_fate fate;
    char *sink,
        *why; /* why: without what differs from record to record; "" where it needs no word */
    uint64_t n;
    char *example; /* place of the first */
};

struct sl_report {
    struct sl_report_line *lines;
    size_t n;
    uint64_t total[SL_FATES];
};

/* Returns how many of this kind there are now. */
uint64_t sl_report_add(struct sl_report *r, enum sl_fate fate, struct sl_slice sink,
                       const char *why, const char *place);
void sl_report_release(struct sl_report *r);
uint64_t sl_report_letters(const struct sl_report *r); /* all of them */
/* dry: what would become of them. */
void sl_report_text(const struct sl_report *r, bool dry, struct sl_buf *out);
/* Members of an object, the first without a comma. */
void sl_report_json(const struct sl_report *r, struct sl_buf *out);

#endif
