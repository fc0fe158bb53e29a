/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_RULES_H
#define SL_ROUTE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/slice.h"
#include "base/regex.h"
#include "sluice/route.h"

/* Compiled rules.
 *
 * The way of a rule file: parse.c, condition.c, actions.c, table_rules.c and expect.c read
 * files into the definitions of parse.h and find what a person got wrong; compile.c turns
 * definitions into what stands here; match.c finds the rules that match a record, decide.c makes of
 * them where it goes, and act.c what becomes of it on the way.
 *
 * A *test* is one operator on one field with its operands. Tests are interned: the same question
 * asked by a thousand rules is one test, and the matcher remembers its answer for the record at
 * hand, so each distinct test is evaluated at most once a record. What a rule makes of the answers
 * (all, any, not) is a small tree of nodes, which costs next to nothing beside the tests. Answers
 * are marked with the record's generation, so nothing is cleared between records. */

enum sl_op {
    SL_OP_EXISTS,
    SL_OP_EQUAL, /* one of its operands */
    SL_OP_LT,
    SL_OP_LTE,
    SL_OP_GT,
    SL_OP_GTE,
    SL_OP_PREFIX,
    SL_OP_SUFFIX,
    SL_OP_CONTAINS,
    SL_OP_GLOB,
    SL_OP_REGEX,
    SL_OP_CIDR,     /* an address inside one of its networks */
    SL_OP_IN_TABLE, /* a key of the table */
};

/* Of a condition. What was not judged, because a limit was met, has no opposite either. */
enum sl_verdict { SL_NO, SL_YES, SL_LIMIT };

struct sl_number {
    bool is, is_int;
    double real;
    int64_t integer;
};

struct sl_operand {
    struct sl_slice text; /* owned */
    struct sl_number number;
};

struct sl_table;
struct sl_networks;
struct sl_keys;

struct sl_test {
    enum sl_op op;
    bool fold; /* `case: insensitive`: ASCII letters in EQUAL, PREFIX, SUFFIX, CONTAINS, GLOB and
                  IN_TABLE (operands are folded already); REGEX has it in the pattern's options */
    uint32_t field; /* index into sl_rules.fields */
    uint32_t n;
    struct sl_operand *operands;  /* owned; NULL for EXISTS, REGEX and IN_TABLE */
    struct sl_keys *keys;         /* owned; the operands of an EQUAL with many; else NULL */
    struct sl_regex *regex;       /* owned; REGEX */
    struct sl_networks *networks; /* owned; CIDR */
    const struct sl_table *table; /* IN_TABLE: one of sl_rules.tables */
};

enum sl_rule_node_kind {
    SL_NODE_TEST,  /* first: index of the test */
    SL_NODE_GROUP, /* children: tests of one field; an array needs one element that satisfies all */
    SL_NODE_NOT,   /* first: its only child */
    SL_NODE_ALL,
    SL_NODE_ANY,
};

struct sl_rule_node {
    enum sl_rule_node_kind kind;
    uint32_t first; /* of n children, which stand side by side in sl_rules.nodes */
    uint32_t n;
};

enum { SL_WHEN_ALWAYS = 0xffffffff };

struct sl_rule {
    char *name;       /* owned */
    const char *file; /* in sl_rules.files */
    unsigned line;
    uint32_t when; /* node, or SL_WHEN_ALWAYS */
    uint8_t *to;   /* owned: sinks by index, in the order written */
    size_t n_to;
    bool drop, go_on;           /* go_on: `continue` */
    bool row;                   /* of a rule table: its metrics go by the file */
    struct sl_actions *actions; /* owned; NULL: it holds nothing back and changes nothing */
};

struct sl_index; /* index.h: which rules can match a record at all */

struct sl_rules {
    struct sl_rule *rules;
    size_t n_rules;
    struct sl_test *tests;
    size_t n_tests;
    struct sl_rule_node *nodes;
    size_t n_nodes;
    unsigned *fields; /* ids in struct sl_fields of the fields that tests read */
    size_t n_fields;
    char **files; /* owned */
    size_t n_files;
    struct sl_table **tables; /* owned: what `in_table` looks into */
    size_t n_tables;
    struct sl_index *index; /* owned */
    struct sl_destination unmatched, rule_errors;
    uint64_t sinks;
    struct sl_rules_version *version; /* a reference */
};

#endif
