/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_WEBHOOK_HEADERS_H
#define SL_SINK_WEBHOOK_HEADERS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "sluice/config.h"

/* The configured headers as lines "Name: value". Values may be secrets that change while the
 * program runs, so they are checked each time: one that holds a line break would be a header of its
 * own. Errors name the header and never show its value. */

enum { SL_WEBHOOK_HEADERS_MAX = 64 };

/* ret: c->n_headers lines. */
int sl_webhook_headers_make(const struct sl_webhook_config *c, char ***ret, struct sl_error *err);
void sl_webhook_headers_free(char **lines, size_t n);
bool sl_webhook_headers_have(const struct sl_webhook_config *c, const char *name);
/* A reply's own words for a reason, unless they show a secret: a header's value whole, what follows
 * its scheme, or a signing secret. */
void sl_webhook_words(const struct sl_webhook_config *c, struct sl_slice body, struct sl_buf *out);

#endif
