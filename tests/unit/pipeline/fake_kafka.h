/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_FAKE_KAFKA_H
#define TESTS_PIPELINE_FAKE_KAFKA_H

#include "base/alloc.h"
#include "kafka/side.h"
#include "kafka/state.h"
#include "sluice/runtime.h"

/* What a world keeps for those who stand in for kafka/ (fake_consumer.h, fake_side.h,
 * fake_state.h). */

enum { FAKE_SIDE_MAX = 8, FAKE_STATE_MAX = 64 };

struct fake_side {
    const struct sl_side_ops *ops;
    void *user;
    struct sl_partition *parts[FAKE_SIDE_MAX];
    int64_t next[FAKE_SIDE_MAX];
    size_t n;
    bool paused;
    unsigned reads; /* calls of sl_side_read() */
};

struct fake_put {
    struct sl_work work; /* its confirmation, unless the world holds it */
    sl_state_put_fn done;
    void *user;
};

struct fake_get {
    sl_state_got_fn done;
    void *user;
    char heads[FAKE_STATE_MAX][SL_STATE_HEAD + 1];
    size_t n;
};

struct fake_state {
    char keys[FAKE_STATE_MAX][SL_SHA256_HEX + 1];
    struct sl_buf values[FAKE_STATE_MAX];
    size_t n;
    struct fake_put *held[FAKE_STATE_MAX];
    size_t n_held;
    bool holds;          /* puts are not confirmed until fake_state_confirm() */
    struct fake_get get; /* one at a time */
    bool getting;
};

#define FAKE_KAFKA                                                                                 \
    bool paused, commit_wanted;                                                                    \
    unsigned arrived;                                                                              \
    char stop_reason[512];                                                                         \
    struct fake_side side;                                                                         \
    struct fake_state state

#endif
