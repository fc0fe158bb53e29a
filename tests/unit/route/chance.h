/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ROUTE_CHANCE_H
#define TESTS_ROUTE_CHANCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Random rules and records. They are drawn from few words, so that they meet each other often, and
 * from pieces of sentences, so that literals of patterns are all there, half there and not there.
 */

struct chance {
    uint64_t state;
    bool dense; /* most words are a few, so that many rules ask the same and many records hold it */
};

unsigned chance_below(struct chance *c, unsigned n);

/* Rules as under `rules:`, with "#file": n beside them, which never falls: the rules of one file.
 * Those with "#row": true are rows of a table. tables: what `in_table` names, as in naive.h. */
json_t *chance_rules(struct chance *c, unsigned n, bool actions, const json_t *tables);
json_t *chance_tables(struct chance *c);
json_t *chance_record(struct chance *c, bool actions);
json_t *chance_names(struct chance *c); /* @topic, @key, @headers.trace */

/* ---- what both are made of ---- */

enum { CHANCE_PATHS = 13 };
extern const char *const chance_sinks[3], *const chance_paths[CHANCE_PATHS],
                                              *const chance_columns[3];

const char *chance_word(struct chance *c);
const char *chance_piece(struct chance *c); /* of a sentence */
json_t *chance_number(struct chance *c);
json_t *chance_plain(struct chance *c);    /* a text, number or boolean */
json_t *chance_fragment(struct chance *c); /* a few letters out of a piece or a word */
json_t *chance_taken(struct sl_buf *text); /* its text, and releases it */

#endif
