/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CHANGE_H
#define SLUICE_CHANGE_H

#include "sluice/record.h"

/* Records as rules change them. Implemented in record/change.c.
 *
 * A change makes a new record beside the old one: the bytes of the old, in which only the members
 * that are named are replaced, added or taken out, and everything else stands byte for byte. The
 * result is scanned like any record, so that the next change, templates and sinks read it as they
 * read all records. What the record was judged with stays: message, time, kind, level, ids.
 * Beside additions @raw stays as well; from the first change on that takes something out or puts
 * another value in its place, it is the changed record, or it would bring back what is to go.
 *
 * A record that was text becomes {"message": "<text>", ...}; kind, level and enrichment are written
 * into it with the first change, so that a rule may remove them too.
 *
 * Paths name members as rules do (sluice/record.h, fields): all spellings of a path are taken out
 * by a removal, and by one with what lies below also members beside it whose key leads there
 * ("user.id" for `user`); a new value replaces the spelling that a reader would see and takes out
 * the others. Where a path is not there yet, it is added to the deepest object on its way that is,
 * by the rest of the path as one key ("user.id"); at the top when there is none. */

struct sl_editor;  /* the paths of one action; immutable, shared by threads */
struct sl_changer; /* memory for the changed records of one record at a time; one a thread */

/* SL_EINVAL for paths that are not plain (names with @), or of which one lies inside another. */
struct sl_editor *sl_editor_new(const struct sl_slice *paths, size_t n, size_t *ret_wrong,
                                struct sl_error *err);
void sl_editor_free(struct sl_editor *e);

/* fields: borrowed; the ids that changed records will be asked for. */
struct sl_changer *sl_changer_new(struct sl_fields *fields);
void sl_changer_free(struct sl_changer *c);
void sl_changer_begin(struct sl_changer *c); /* the next record: those made before are gone */
/* Of the records made since the mark all are gone but `keep`, if it is one of them. */
size_t sl_changer_mark(const struct sl_changer *c);
void sl_changer_keep(struct sl_changer *c, size_t mark, const struct sl_record *keep);

struct sl_new_value { /* of one path of the editor */
    enum { SL_KEEP, SL_SET, SL_REMOVE, SL_REMOVE_BELOW } what;
    struct sl_slice json; /* SET: one valid JSON value, copied; line breaks between tokens go */
};

/* r: a decoded record, or one made by this changer since sl_changer_begin(). The result lives until
 * the next sl_changer_begin(), or sl_changer_keep() without it; it is r itself where nothing
 * changed. NULL with err: the result would be too large or too deep. */
const struct sl_record *sl_record_edit(struct sl_changer *c, const struct sl_editor *e,
                                       const struct sl_record *r, const struct sl_new_value *values,
                                       struct sl_error *err);

/* Every string and number below the editor's paths, however spelled (e == NULL: of the whole
 * record), that is no key.
 * `leaf` appends the new JSON value, quotes included, and returns 1; or returns 0: it stays; or an
 * error, which ends the walk. */
typedef int (*sl_leaf_fn)(void *user, const struct sl_value *leaf, struct sl_buf *out);
const struct sl_record *sl_record_edit_leaves(struct sl_changer *c, const struct sl_editor *e,
                                              const struct sl_record *r, sl_leaf_fn leaf,
                                              void *user, struct sl_error *err);

#endif
