/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_REDACT_H
#define SL_ROUTE_REDACT_H

#include "route/operator.h"
#include "route/parse.h"
#include "sluice/change.h"

/* `redact`: what must not leave is replaced where it stands.
 *
 *     redact:
 *       fields: [message, user.contact]  # left out: every text and number of the record
 *       detect: [email, ipv4, ipv6, card, aws_key, jwt]  # or `all`: the whole value
 *       regex: 'token=(\S+)'            # or a list; with groups, only what they take is replaced
 *       with: mask                       # mask (default): [email]; hash: [email:0123456789abcdef]
 *       mask: '***'                      # instead of the detector's name in brackets
 *
 * or a list of such mappings, which are applied one after the other. What a pattern finds is named
 * [regex]. Texts and numbers are looked at, whatever their depth; keys, true, false and null are
 * not, and a key is no hint to what its value is. A number in which something is found becomes a
 * string. Values are judged with their escapes undone and written with the escapes JSON asks for;
 * values in which nothing is found stay byte for byte. Finds that overlap are replaced together.
 *
 * `hash` is HMAC-SHA-256 of the text found under `redact: {key}` of sluice.yaml, of which the first
 * 16 digits are shown: the same text gives the same word on every replica, so that records can
 * still be joined by it. */

struct sl_redact;

/* NULL: there was a problem. */
struct sl_redact *sl_redact_compile(struct sl_rule_set *set, const struct sl_yaml_node *node);
void sl_redact_free(struct sl_redact *r);
void sl_redact_write(const struct sl_yaml_node *node, struct sl_buf *out); /* canonical form */
/* SL_OK with *record the same or another, or SL_ELIMIT: a pattern met a limit. */
int sl_redact_apply(const struct sl_redact *r, struct sl_changer *changer, struct sl_effort *effort,
                    const struct sl_record **record, struct sl_error *err);

#endif
