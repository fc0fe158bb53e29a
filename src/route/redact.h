/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_REDACT_H
#define SL_ROUTE_REDACT_H

#include "route/operator.h"
#include "route/parse.h"
#include "sluice/change.h"

/* `redact`: what must not leave is replaced where it stands.
 *
 *     redact:
 *       fields: [message, user.contact]   # left out: every text and number of the record
 *       detect: [email, ipv4, ipv6, card, aws_key, jwt, all]   # all: the whole value
 *       regex: 'token=(\S+)'              # or a list; with a group only that group is replaced
 *       with: mask                        # mask (default): [email], or hash:
 * [email:0123456789abcdef] mask: '***'                       # instead of the detector's name in
 * brackets
 *
 * or a list of such mappings. `hash` is HMAC-SHA-256 under `redact: {key}` of sluice.yaml: the same
 * value gives the same word on every replica, so that records can still be joined. */

struct sl_redact;

/* NULL: there was a problem. */
struct sl_redact *sl_redact_compile(struct sl_rule_set *set, const struct sl_yaml_node *node);
void sl_redact_free(struct sl_redact *r);
void sl_redact_write(const struct sl_yaml_node *node, struct sl_buf *out); /* canonical form */
/* SL_OK with *record the same or another, or SL_ELIMIT: a pattern met a limit. */
int sl_redact_apply(const struct sl_redact *r, struct sl_changer *changer, struct sl_effort *effort,
                    const struct sl_record **record, struct sl_error *err);

#endif
