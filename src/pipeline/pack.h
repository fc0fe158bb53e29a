/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_PACK_H
#define SL_PIPELINE_PACK_H

#include "base/error.h"
#include "base/hash.h"
#include "config/arena.h"
#include "route/pack.h"
#include "sluice/config.h"

/* A rules version as one value: all that decides where a record goes, by itself.
 *
 * The head says what comes out: both hashes, and which rules are set aside (by number: the same
 * files give the same numbers). It stands by itself, so that a version with other rules set aside
 * is made by writing another head before the same body. The body is one frame of zstd with a
 * checksum:
 *
 *   timezone; decode: forms, kinds, topics and patterns; correlation; enrich: each name, whether it
 * decides anything, and if so its value; sinks: name and id; unmatched; rule_errors; then every
 * file (route/pack.h)
 *
 * The same version packs to the same bytes with the same library of zstd; nothing depends on that.
 * What is read may be damaged or made by somebody else: every number is held against what is
 * there, and the hashes that come out against those of the head. */

enum {
    SL_PACK_FORMAT = 2,
    SL_PACK_MAX = 900 << 10,     /* fits a topic whose max.message.bytes is Kafka's default */
    SL_PACK_BODY_MAX = 64 << 20, /* before compression */
    SL_PACK_RATIO_MAX = 1000,    /* of the two, beyond the first MiB */
};

struct sl_pack {
    char decisions[SL_SHA256_HEX + 1], rules[SL_SHA256_HEX + 1]; /* hashes */
    const unsigned *aside;
    size_t n_aside;
    size_t body_n;         /* before compression */
    struct sl_slice frame; /* the body, compressed */
};

/* Replaces out's content; out->max is SL_PACK_MAX. False: it is too large. */
bool sl_pack_write(const struct sl_pack *p, struct sl_buf *out);
/* frame is borrowed from `packed`, aside is the caller's to free. */
int sl_pack_read(struct sl_slice packed, struct sl_pack *ret, unsigned **ret_aside,
                 struct sl_error *err);

/* bit i of `deciding`: enrich.items[i]. files: what route/pack.h kept. False with the reason in an
 * operator's words: there is no frame. */
bool sl_pack_body(const struct sl_config *config, uint64_t deciding, const struct sl_buf *files,
                  struct sl_buf *ret_frame, size_t *ret_n, char *why, size_t room);

/* What a body says of sluice.yaml, as a configuration to load rules and decode with: `live` where
 * the body is silent. Sinks keep their numbers in `live`; those that are not there any more come
 * behind them. ret_deciding: as it was packed, for ret->enrich. ret_files: the files, borrowed from
 * the body. */
int sl_pack_config(struct sl_slice body, const struct sl_config *live, struct sl_arena *arena,
                   struct sl_config *ret, uint64_t *ret_deciding, struct sl_slice *ret_files,
                   struct sl_error *err);

#endif
