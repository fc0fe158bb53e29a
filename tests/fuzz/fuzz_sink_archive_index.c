/* SPDX-License-Identifier: Apache-2.0 */
/* The tail of an archive object, from a store that may hold anything. The first byte is the kind;
 * checksums are set right where there is a payload, so that what is behind them is reached. What is
 * believed must hold together. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "sink/archive_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct sl_archive_index *index, uint64_t object_size)
{
    uint64_t end = 0;

    if (index->topic.n > 65535 || index->size > object_size)
        abort();
    for (uint32_t i = 0; i < index->n; i++) {
        const struct sl_archive_member *m = &index->members[i];

        if (m->offset != end || m->length == 0 || m->records == 0 || m->last < m->first ||
            m->greatest_ns < m->least_ns)
            abort();
        end += m->length;
        sl_archive_member_may_have(m, 0);
        sl_archive_member_may_have(m, 0x123456789abcdef0u * i);
    }
    if (end + index->size != object_size)
        abort();
}

/* zstd: the payload lies in one piece, so its sum can be made right. */
static void mend(char *p, size_t n)
{
    uint32_t crc;

    if (n < 8 + 4 + 16)
        return;
    crc = sl_crc32c(0, p + 8, n - 8 - 16 - 4);
    memcpy(p + n - 16 - 4, &crc, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum sl_compression kind;
    uint64_t size, object;
    char *copy;

    if (n < 5)
        return 0;
    kind = data[0] & 1 ? SL_COMPRESS_ZSTD : SL_COMPRESS_GZIP;
    object = (uint64_t)data[1] | (uint64_t)data[2] << 8 | (uint64_t)data[3] << 16;
    data += 4;
    n -= 4;
    object += n;
    copy = sl_alloc(n);
    memcpy(copy, data, n);
    if (kind == SL_COMPRESS_ZSTD)
        mend(copy, n);
    if (sl_archive_index_find(kind, sl_slice(copy, n), object, &size) == SL_OK && size <= n) {
        struct sl_archive_index index;
        struct sl_error err = {0};

        if (sl_archive_index_parse(kind, sl_slice(copy + n - size, size), object, &index, &err) ==
            SL_OK) {
            check(&index, object);
            sl_archive_index_release(&index);
        }
    }
    free(copy);
    return 0;
}
