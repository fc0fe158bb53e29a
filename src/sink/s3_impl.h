/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_S3_IMPL_H
#define SL_SINK_S3_IMPL_H

#include "sink/s3_request.h"
#include "sluice/template.h"

/* The S3 sink from within. */

struct sl_s3 {
    const struct sl_s3_config *config;
    struct sl_s3_client client;
    struct sl_template *key;
    unsigned id_field;         /* the correlation id */
    struct sl_buf id;          /* one that stands escaped */
    uint64_t *conflicts;       /* metric; NULL in tests without metrics */
    struct sl_s3_probe *probe; /* under way */
};

/* ---- s3_upload.c: one object from PUT to its outcome ---- */
void sl_s3_seal(struct sl_sink *s, struct sl_batch *b);
void sl_s3_submit(struct sl_sink *s, struct sl_batch *b);
void sl_s3_cancel(struct sl_sink *s, struct sl_batch *b);
void sl_s3_drop(struct sl_sink *s, struct sl_batch *b);

#endif
