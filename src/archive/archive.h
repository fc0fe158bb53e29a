/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ARCHIVE_ARCHIVE_H
#define SL_ARCHIVE_ARCHIVE_H

#include "sink/archive_index.h"
#include "sink/s3_key.h"
#include "sink/s3_request.h"

/* Reading back what an S3 sink has written, and as little of it as a question needs.
 *
 *   1. Keys are listed under the beginning that all of the sink's keys share. Where the question
 * has times, and the sink's template puts times into keys, folders are looked into one by one, and
 * those of other times are not (key_time.h). Topic, partition and offsets stand in an object's name
 * (sink/s3_key.h).
 *   2. The tail of each object that is left is fetched: its index (sink/archive_index.h). How much
 * of an object is index is learnt from those before, so that mostly one request is enough, and
 * little is read in vain. Members are chosen by their times, offsets and filters.
 *   3. The chosen members are fetched by range, neighbours in one request, inflated and cut into
 * lines.
 *
 * An object without an index (an older one, another tool's) is read whole where its name does not
 * rule it out, and counted. One with a broken index is read whole as well, and told.
 *
 * Order: by topic, partition and offset. Objects of one cut (several keys between the same bounds)
 * lie between one another member by member; inside a member the order is the partition's.
 *
 * Memory: SL_ARCHIVE_IN_FLIGHT requests at most and SL_ARCHIVE_WINDOW bytes of answers that wait
 * for their turn, the names of the objects, 64 bytes for each chosen member, and one member
 * inflated. An object that is read whole is held whole, compressed and inflated, and so must be
 * under SL_ARCHIVE_WHOLE_MAX: it fitted a sink's queue once. */

enum {
    SL_ARCHIVE_IN_FLIGHT = 8,
    SL_ARCHIVE_WINDOW = 64 << 20,
    SL_ARCHIVE_RUN = 4 << 20, /* neighbours in one request: bytes */
    SL_ARCHIVE_WHOLE_MAX = 256 << 20,
    SL_ARCHIVE_INFLATED_MAX = 1 << 30,
    SL_ARCHIVE_OBJECTS_MAX = 2000000,
};

struct sl_archive_query {
    const char *prefix;     /* of keys; NULL: what all keys of the sink share */
    const char *topic;      /* NULL: all */
    int32_t partition;      /* -1: all */
    int64_t from_ns, to_ns; /* from <= time < to; INT64_MIN, INT64_MAX: all */
    int64_t first, last;    /* offsets, inclusive; 0, INT64_MAX: all */
    const char *id;         /* correlation id; NULL: all */
};

/* Everything; narrow it from there. */
static inline struct sl_archive_query sl_archive_all(void)
{
    return (struct sl_archive_query){
        .partition = -1, .from_ns = INT64_MIN, .to_ns = INT64_MAX, .last = INT64_MAX};
}

enum sl_archive_state {
    SL_OBJECT_LISTED, /* its tail was not read */
    SL_OBJECT_INDEXED,
    SL_OBJECT_PLAIN,   /* it has no index */
    SL_OBJECT_DAMAGED, /* its index is broken; `wrong` says how */
};

struct sl_archive_object {
    char *key;
    uint64_t size;
    struct sl_s3_named name; /* its texts are parts of key */
    enum sl_archive_state state;
    char *wrong;        /* or NULL */
    struct sl_buf tail; /* private: what of the index is here, while the rest is fetched */
    /* INDEXED: from its index. */
    enum sl_archive_format format;
    uint32_t members, chosen;
    uint64_t index_size, records, raw;
    int64_t least_ns, greatest_ns;
};

struct sl_archive_line {
    const struct sl_archive_object *object;
    enum sl_archive_format format; /* PLAIN and DAMAGED objects: the sink's */
    struct sl_slice text;          /* without its line end */
    int64_t offset;                /* where lines and offsets are known to be one to one; else -1 */
    int64_t least_ns, greatest_ns; /* of the records around it, as indexed; INT64_MIN, INT64_MAX */
};

struct sl_archive_counts {
    uint64_t objects;      /* listed that are about the question */
    uint64_t other_keys;   /* that are no objects of a sink */
    uint64_t object_bytes; /* of those objects */
    uint64_t indexes, plain, damaged;
    uint64_t members, chosen, fetched; /* of indexed objects */
    uint64_t list_requests, requests;
    uint64_t tail_bytes, member_bytes; /* read */
    uint64_t unread;                   /* members, or objects without index, that are damaged */
    uint64_t lines;
};

struct sl_archive;

/* sink: of kind S3; borrowed, as rt and http are. Sends nothing. */
struct sl_archive *sl_archive_new(const struct sl_sink_config *sink, struct sl_runtime *rt,
                                  struct sl_http *http, struct sl_error *err);
void sl_archive_free(struct sl_archive *a); /* cancels what is under way */

/* Each of these starts what ends, later and on the loop, with `done`; one at a time. code: SL_OK,
 * or err says what went wrong. What is asked stays the caller's until then. */
typedef void (*sl_archive_done)(void *user, int code, const struct sl_error *err);

/* Lists the objects that the question may be about. */
void sl_archive_list(struct sl_archive *a, const struct sl_archive_query *q, sl_archive_done done,
                     void *user);
/* After it: reads their tails and chooses members. */
void sl_archive_tails(struct sl_archive *a, sl_archive_done done, void *user);
/* After that: every line of the chosen members, in order: lines of other times and ids are among
 * them. The callback returns false when it has enough. Lines are borrowed for the call. A member
 * that is damaged is passed over, and told at the end: SL_EINVAL. */
typedef bool (*sl_archive_line_fn)(void *user, const struct sl_archive_line *line);
void sl_archive_lines(struct sl_archive *a, sl_archive_line_fn take, sl_archive_done done,
                      void *user);
/* After the list: every object as a whole, in order, with the reply's headers. reply NULL: it could
 * not be had. */
typedef void (*sl_archive_whole_fn)(void *user, struct sl_archive_object *object,
                                    const struct sl_http_reply *reply, const char *why);
void sl_archive_wholes(struct sl_archive *a, sl_archive_whole_fn take, sl_archive_done done,
                       void *user);

/* In order of topic, partition, bounds and key. */
struct sl_archive_object *sl_archive_objects(struct sl_archive *a, size_t *ret_n);
const struct sl_archive_counts *sl_archive_counts(const struct sl_archive *a);
/* Why a request is asked again, while it is; else "". */
const char *sl_archive_trouble(const struct sl_archive *a);
enum sl_archive_format
sl_archive_format_of(const struct sl_archive *a); /* as the sink writes now */

/* Inflates what one member, or a whole object, holds, and appends it. SL_EINVAL, SL_EFULL: `err`
 * says what is wrong with it. */
int sl_archive_inflate(struct sl_archive *a, enum sl_compression kind, struct sl_slice bytes,
                       struct sl_buf *out, struct sl_error *err);

#endif
