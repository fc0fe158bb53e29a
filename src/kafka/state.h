/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_STATE_H
#define SL_KAFKA_STATE_H

#include "base/hash.h"
#include "net/loop.h"
#include "sluice/config.h"

/* The state topic: what a group has to remember that is too large for a commit. Today that is each
 * version of the rules, packed (pipeline/pack.h), under its decisions hash.
 *
 * A record below one sink's position and above another's has to be judged for both by the same
 * rules, by whichever replica comes to it, perhaps weeks and many edits later. So a version is put
 * here, and confirmed by all in-sync replicas, before any record is judged by it; who finds its
 * hash in a partition's metadata gets it from here.
 *
 * The topic is compacted: it keeps the newest value of each key for good, and every value of a key
 * is as good as another. It has one partition where Sluice creates it (with the broker's default
 * replication); any number works. Nothing is ever deleted by Sluice: another group's or a stopped
 * group's metadata may still name any version. It grows by one value (some kilobytes, 900 KiB at
 * most) for each set of rules that was ever live. Who wants to tidy it writes a tombstone (the key
 * and an empty value) for versions that no partition's metadata names (`sluice positions` shows
 * them), or deletes the topic while the group is stopped and no sink is behind another. A version
 * that is missing costs repetitions, never a record: positions of the partitions that name it are
 * void. That is also so where somebody made the topic without compaction and retention took it.
 *
 * Writes go through a producer of dead letters' kind, on the loop. Reads are rare (an assignment
 * whose positions are older than the live rules) and small, so they read the whole topic from its
 * beginning to the end it has then, on a pool thread, by a client that joins nothing. One read
 * serves all that is asked for while it waits for its turn.
 *
 * Callbacks come on the loop thread, once, never from inside the call that took them; those still
 * under way when the state is freed are called from sl_state_free() with SL_EAGAIN. */

enum {
    SL_STATE_HEAD = 12,                  /* characters of a hash that say which one is meant */
    SL_STATE_VALUE_MAX = 16 << 20,       /* a larger one in the topic is passed over */
    SL_STATE_CACHE_BYTES_MAX = 16 << 20, /* of values that were read; beside the last one */
    SL_STATE_GET_MAX = 64,               /* hashes of one sl_state_get() */
};

struct sl_state;

/* why: in an operator's words; "" with SL_OK. */
typedef void (*sl_state_put_fn)(void *user, int code, const char *why);
/* SL_OK: values[i] belongs to the i-th hash asked for; p NULL: the topic has none. Borrowed until
 * the callback returns: copy what is to be unpacked on another thread. Otherwise the topic could
 * not be read, and values is NULL. */
typedef void (*sl_state_got_fn)(void *user, int code, const char *why,
                                const struct sl_slice *values, size_t n);

/* config: borrowed; its source and its state_topic. Does nothing yet. */
struct sl_state *sl_state_new(struct sl_loop *loop, const struct sl_config *config);
/* At any time; waits for nothing, but a pool thread may go on for some seconds, and the loop with
 * it. */
void sl_state_free(struct sl_state *st);
/* Creates the topic where it is missing. SL_OK is said when the value is confirmed (acks=all), or
 * is known to be in the topic. hash, value: borrowed until the call returns. */
void sl_state_put(struct sl_state *st, const char *hash, struct sl_slice value,
                  sl_state_put_fn done, void *user);
/* heads: n hashes or their first SL_STATE_HEAD characters; borrowed until the call returns. */
void sl_state_get(struct sl_state *st, const char *const *heads, size_t n, sl_state_got_fn done,
                  void *user);

#endif
