/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "sluice/position.h"
#include "sluice/record.h"

/* Bytes of an id before base64url, all numbers big-endian:
 *
 *   8  head of the hash over cluster id, topic and partition
 *   8  offset
 *   4  CRC-32C over: timestamp (8, ms), length of the key (4; all ones: no key), key, and
 *      CRC-32C of the value (4)
 *   4  sub-index, only where the message holds many records
 *
 * The value enters through its own sum, which the position ledger needs anyhow: no second look at
 * the bytes. The same record has the same id for ever, so this layout is a contract. */

static void put(uint8_t *p, uint64_t v, int bytes)
{
    while (bytes-- > 0) {
        p[bytes] = (uint8_t)v;
        v >>= 8;
    }
}

size_t sl_record_id(const struct sl_record *r, char ret[SL_RECORD_ID_MAX])
{
    const struct sl_message *m = r->message;
    struct sl_buf out = {.p = ret, .cap = SL_RECORD_ID_MAX, .max = SL_RECORD_ID_MAX};
    uint8_t id[24], part[12];
    uint32_t crc;

    put(part, (uint64_t)m->timestamp_ms, 8);
    put(part + 8, m->key.p ? m->key.n : UINT32_MAX, 4);
    crc = sl_crc32c(0, part, 12);
    crc = sl_crc32c(crc, m->key.p, m->key.n);
    put(part, r->value_crc, 4);
    crc = sl_crc32c(crc, part, 4);

    memcpy(id, m->at->place, 8);
    put(id + 8, (uint64_t)m->offset, 8);
    put(id + 16, crc, 4);
    put(id + 20, r->sub, 4);
    sl_base64url(&out, id, r->many ? 24 : 20);
    return out.n;
}
