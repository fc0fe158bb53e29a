/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_CHANGE_H
#define SL_RECORD_CHANGE_H

#include "record/decode.h"
#include "sluice/change.h"

/* How records are changed without a tree.
 *
 * What is changed was scanned and found valid, so it can be walked without a check. One walk
 * (change_find.c) meets every spelling of an editor's paths, again by the trie of whole keys: each
 * member or element found is a *match*, each object or array on the way a *box*. Only then is it
 * known which spelling a reader sees, and so which match is replaced and which are taken out, where
 * a new member goes and which commas go with what leaves; change_splice.c decides that and writes
 * the new bytes once, from front to back. Changes of every text below a path need no such
 * knowledge: change_leaves.c writes while it walks.
 *
 * A walk goes down only where a path leads; all else is skipped by its brackets and quotes.
 * Duplicates of a key that no rule reads are legal in a record, and one of them could hide what is
 * to go, so every occurrence is a match.
 *
 * The first change of a record makes one object of what it is by then (sl_record_json()): kind,
 * level and enrichment are members from there on. The result lies in a slot, with a decoder of its
 * own that has found the fields in it, and so answers like any record. Slots are kept and used
 * again, hence a changed record costs no allocation; what a giant record made them hold is given
 * back. */

enum {
    SL_CHANGED_MAX = 64 << 20,      /* bytes of a changed record */
    SL_CHANGED_ALL_MAX = 128 << 20, /* and of all that one record became */
    SL_CHANGED_KEEP = 1 << 20,      /* memory that a slot keeps for the next record */
    SL_CHANGED_SLOTS_MAX = 4096,
    SL_CHANGE_FOUND_MAX = 1 << 16, /* matches of one edit, and boxes */
};

struct sl_editor_way { /* the objects on the way to a path, outermost first */
    unsigned id[SL_PATH_SEGMENTS_MAX - 1];
    unsigned n;
};

struct sl_editor {
    struct sl_fields *fields; /* ids: the paths in their order, then what leads to them */
    size_t n;                 /* paths */
    struct sl_editor_way *ways;
    size_t message, base64; /* the paths of these names; n: none */
};

/* All places are offsets in the body. */
struct sl_change_match {
    uint32_t path, box;    /* path: of the editor */
    uint32_t index;        /* which member of the box */
    uint32_t comma;        /* before it; 0: it is the first */
    uint32_t begin, value; /* the member, and its value */
    uint32_t end;          /* of both */
    uint32_t next;         /* the member behind it; 0: it is the last */
    bool below;            /* no spelling of the path: its key leads further */
    bool stays;
    bool wins; /* the spelling that a reader sees */
};

struct sl_change_box {
    uint32_t open, close; /* its brackets */
    uint32_t members;
    uint32_t leaving; /* members that are taken out */
    uint32_t left;    /* of those, written so far */
    uint32_t joined;  /* members added so far */
};

struct sl_change_best { /* by field of the editor: the spelling of the highest rank, of those the
                           last */
    uint32_t at;        /* match of a path, box of what leads to one */
    uint8_t rank;
    bool there;
};

struct sl_change_join { /* a member that is added */
    uint32_t box, path;
    uint32_t key; /* where in the path its key begins */
};

struct sl_change_found {
    struct sl_change_match *matches;
    size_t n_matches, cap_matches;
    struct sl_change_box *boxes;
    size_t n_boxes, cap_boxes;
    struct sl_change_best *best;
    size_t cap_best;
    struct sl_change_join *joins;
    size_t n_joins, cap_joins;
    bool full;    /* more than SL_CHANGE_FOUND_MAX */
    bool changes; /* something found is replaced or taken out */
};

struct sl_change_slot {
    struct sl_record record;
    struct sl_decoder *decoder;
    struct sl_buf body;
};

struct sl_changer {
    struct sl_fields *fields;
    unsigned timestamp_member;
    struct sl_change_slot **slots;
    size_t n_slots, cap_slots, used;
    size_t bytes; /* of the slots in use */
    struct sl_buf base, leaf;
    struct sl_change_found found;
    struct sl_editor *base64;
};

/* change_find.c */
void sl_change_find(struct sl_change_found *found, const struct sl_editor *e, struct sl_slice body);
void sl_change_found_release(struct sl_change_found *found);
/* Gives back what a giant record took. */
void sl_change_found_shrink(struct sl_change_found *found);
/* The member whose key begins at p: returns its value, *ret is the node behind the key. *ret_below:
 * the path that the key leads below, or -1. */
const char *sl_change_member(const struct sl_fields *f, uint32_t node, const char *p,
                             const char *end, uint32_t *ret, int64_t *ret_below);

/* change_splice.c: false when nothing changes; out stays empty then. */
bool sl_change_splice(struct sl_change_found *found, const struct sl_editor *e,
                      struct sl_slice body, const struct sl_new_value *values, struct sl_buf *out);

/* change.c */
/* The record as one object that can be walked; p == NULL: too large. */
struct sl_slice sl_change_base(struct sl_changer *c, const struct sl_record *r);
bool sl_change_base64(const struct sl_record *r); /* its base has a "message_base64" of ours */
/* The next slot, empty; NULL: too many. */
struct sl_change_slot *sl_change_take_slot(struct sl_changer *c);
void sl_change_shrink(struct sl_changer *c);    /* gives back what a giant record took */
void sl_change_give_back(struct sl_changer *c); /* the slot last taken is not needed */
struct sl_change_kind {
    bool base64;  /* "message_base64" is ours */
    bool touched; /* the change reached `message`: what is ours has to go */
    bool lost;    /* it was more than additions */
};
/* r as changed into slot->body; NULL (and the slot given back) when that is no record. */
const struct sl_record *sl_change_finish(struct sl_changer *c, struct sl_change_slot *slot,
                                         const struct sl_record *r, struct sl_change_kind kind,
                                         struct sl_error *err);

#endif
