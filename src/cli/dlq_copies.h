/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_COPIES_H
#define SL_CLI_DLQ_COPIES_H

#include "cli/dlq_report.h"

/* Letters about the same record. A router that ended between a letter and its commit wrote it
 * twice, and what goes back to its topic goes there once for all the sinks that refused it: what
 * became of the first becomes of its copies. */

enum { SL_COPIES_MAX = 4 << 20 }; /* records of one run */

struct sl_copy {
    uint8_t key[16];
    void *under_way; /* the first letter; NULL once its fate is known */
    enum sl_fate fate;
};

struct sl_copies {
    struct sl_copy **slots;
    size_t n, n_slots;
};

/* The record's entry; *ret_new: there was none. NULL: no room for another. by_sink: letters of two
 * sinks about one record are two. */
struct sl_copy *sl_copies_get(struct sl_copies *c, const struct sl_dead_letter *l, bool by_sink,
                              bool *ret_new);
void sl_copies_release(struct sl_copies *c);

#endif
