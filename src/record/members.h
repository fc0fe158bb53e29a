/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_MEMBERS_H
#define SL_RECORD_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Members that are added to a record: what a form found in a line, what a wrapper said, a
 * correlation id. They are JSON text, each led by a comma: ,"status":500,"path":"/x".
 *
 * A name is added once: of several of the same name the first stands, so that what comes out is
 * never an object with a name twice; and `a` and `a.b` are of the same name here, for Elasticsearch
 * refuses a record in which a field is a value and an object. Names that come out of data may be
 * anything, and one that no record may have is left out too. Past a bound nothing more is added and
 * `full` says so: the original text is kept anyhow. */

enum { SL_MEMBERS_MAX = 256, SL_MEMBERS_BYTES_MAX = 16 << 20, SL_MEMBERS_DEPTH_MAX = 16 };

struct sl_members {
    struct sl_buf text;
    struct {
        uint32_t begin, n; /* the name as it stands in text, escaped */
    } names[SL_MEMBERS_MAX];
    unsigned n;
    unsigned depth; /* of open objects; names inside them are the caller's care */
    bool first;     /* in an open object: no member yet */
    bool full;
};

void sl_members_init(struct sl_members *m);
void sl_members_release(struct sl_members *m);
void sl_members_begin(struct sl_members *m); /* a new record: none */
/* Where the count stands, and back to there: what a form added before it found that the line is not
 * its own is taken back. */
struct sl_members_mark {
    size_t text;
    unsigned n;
};
struct sl_members_mark sl_members_mark(const struct sl_members *m);
void sl_members_back(struct sl_members *m, struct sl_members_mark mark);

/* Takes out those that are marked, by their number. */
void sl_members_drop(struct sl_members *m, const bool *drop);

/* Whether a record may have a member of that name: no part between its dots is empty, there are no
 * more parts than a path has, and, at the top, it is none of Elasticsearch's own (_id, _source). */
bool sl_member_name_fits(struct sl_slice name, bool top);
bool sl_members_has(const struct sl_members *m, struct sl_slice name);
/* A text, escaped as JSON wants it; what is no UTF-8 becomes U+FFFD. All return false where the
 * name is there already (at the top) or there is no room. */
bool sl_members_string(struct sl_members *m, struct sl_slice name, struct sl_slice value);
/* A number as spelled, where JSON knows the spelling, else the text. */
bool sl_members_number(struct sl_members *m, struct sl_slice name, struct sl_slice value);
/* Valid JSON, as it is but for line breaks between tokens. */
bool sl_members_json(struct sl_members *m, struct sl_slice name, struct sl_slice json);
bool sl_members_open(struct sl_members *m, struct sl_slice name);
void sl_members_close(struct sl_members *m);

#endif
