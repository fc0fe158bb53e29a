/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_PACK_H
#define SL_ROUTE_PACK_H

#include "base/buf.h"
#include "sluice/route.h"

/* Rules without their files. What a set of rules was read from, rule files and the tables that they
 * name, is kept as one run of bytes in which each file stands under its path; rules made of that
 * are the same rules, wherever and whenever that is, for `in_table` finds by path what it found
 * before. Paths are texts here: nothing looks for them on a disk.
 *
 * The run is the tail of a packed rules version (pipeline/pack.h), and the few words that both are
 * written in are these: numbers of 32 bits, lowest byte first; bytes behind their number; texts,
 * which are bytes without a NUL. */

struct sl_rule_text {
    bool table; /* what `in_table` looks into; else a rule file */
    struct sl_slice path;
    struct sl_slice content;
};

/* Nothing, once `to` is full. */
void sl_rule_text_add(struct sl_buf *to, const struct sl_rule_text *t);

/* What is read is borrowed from the bytes. Past their end, and once something was wrong, everything
 * is 0 or empty and `bad` is set. */
struct sl_unpack {
    struct sl_slice rest;
    bool bad;
};

uint32_t sl_unpack_number(struct sl_unpack *u);
struct sl_slice sl_unpack_bytes(struct sl_unpack *u);
struct sl_slice sl_unpack_text(struct sl_unpack *u);
/* False: there are no more, or it is bad. */
bool sl_unpack_rule_text(struct sl_unpack *u, struct sl_rule_text *ret);

void sl_pack_number(struct sl_buf *to, uint32_t n);
void sl_pack_bytes(struct sl_buf *to, struct sl_slice bytes);

/* sl_rules_load_from(), and what was read is appended to `kept`, for as long as there is room. */
struct sl_rules *sl_rules_load_keeping(const struct sl_config *config,
                                       const struct sl_strings *routes, struct sl_fields *fields,
                                       struct sl_diags *diags, struct sl_buf *kept);
/* From what was kept; reads no file. */
struct sl_rules *sl_rules_load_kept(const struct sl_config *config, struct sl_slice kept,
                                    struct sl_fields *fields, struct sl_diags *diags);

#endif
