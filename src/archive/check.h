/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ARCHIVE_CHECK_H
#define SL_ARCHIVE_CHECK_H

#include "archive/archive.h"

/* Whether an object holds what it says: the identity in its metadata against its name, the checksum
 * of its bytes, its index against itself and the object, each member's own sum, bytes and lines
 * against the index, and the number of records against all of them. */

struct sl_archive_checked {
    uint64_t records, raw;
    bool indexed;
    bool many;    /* it has messages of many records: these tell nothing of offsets */
    bool unnamed; /* it has no identity in its metadata: another tool has written it */
};

/* reply: of the whole object. SL_OK; SL_EINVAL: err says what is wrong with it. */
int sl_archive_check(struct sl_archive *a, const struct sl_archive_object *o,
                     const struct sl_http_reply *reply, struct sl_archive_checked *ret,
                     struct sl_error *err);

#endif
