/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_YAML_H
#define SL_CONFIG_YAML_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/slice.h"

/* A YAML file as a tree in which every node knows its place. libfyaml's one home: sluice.yaml and
 * rule files are both read through this. Duplicate keys in a mapping, anchors that are missing,
 * tabs and so on are problems in diags. Bounded: SL_YAML_FILE_MAX bytes, SL_YAML_DEPTH_MAX levels,
 * aliases expanded to at most SL_YAML_NODES_MAX nodes.
 *
 * The tree is built from libfyaml's events, not from its documents: an alias shares the children of
 * its anchor instead of copying them, so a file of nested aliases costs no memory, and its size as
 * a walk would see it is counted while it is read and refused past the maximum. A merge key (<<)
 * does copy, one level, and has its own smaller bound. */

enum {
    SL_YAML_FILE_MAX = 64 << 20,
    SL_YAML_DEPTH_MAX = 64,
    SL_YAML_NODES_MAX = 20000000,
    SL_YAML_ANCHORS_MAX = 1000,
    SL_YAML_MERGED_MAX = 100000,
};

enum sl_yaml_type { SL_YAML_NULL, SL_YAML_SCALAR, SL_YAML_SEQUENCE, SL_YAML_MAPPING };

struct sl_yaml_node {
    enum sl_yaml_type type;
    unsigned line, column;         /* where the value begins, from 1 */
    unsigned key_line, key_column; /* where its key begins, for members of a mapping */
    const char *key;               /* members of a mapping: NUL-ended; else NULL */
    const char *text;              /* SCALAR: NUL-ended, n bytes */
    size_t n;
    bool quoted; /* SCALAR: '...', "...", | or >: never a number, boolean or null */
    struct sl_yaml_node *children; /* SEQUENCE, MAPPING: n_children of them in the file's order */
    size_t n_children;
    size_t begin, end; /* SCALAR: its bytes in the content, quotes included */
};

struct sl_yaml;

/* NULL when the file cannot be read or parsed (diags says why). A duplicate key is a problem in
 * diags that leaves a tree (with the first of them), so that the rest can be looked at in the same
 * run: look at diags->errors before you use it. */
struct sl_yaml *sl_yaml_load(const char *path, struct sl_diags *diags);
struct sl_yaml *sl_yaml_parse(const char *name, struct sl_slice content, struct sl_diags *diags);
/* The same for files that hold secrets: whatever stands under a key of which `hide` says true never
 * appears in a source line of a diagnostic, its characters are shown as stars. */
struct sl_yaml *sl_yaml_load_hiding(const char *path, bool (*hide)(const char *key),
                                    struct sl_diags *diags);
struct sl_yaml *sl_yaml_parse_hiding(const char *name, struct sl_slice content,
                                     bool (*hide)(const char *key), struct sl_diags *diags);
void sl_yaml_free(struct sl_yaml *y);
const struct sl_yaml_node *sl_yaml_root(const struct sl_yaml *y); /* NULL: an empty document */
struct sl_slice sl_yaml_content(const struct sl_yaml *y);

const struct sl_yaml_node *sl_yaml_get(const struct sl_yaml_node *mapping,
                                       const char *key); /* or NULL */
/* An error (or warning) at a node: at its key when `at_key` and it has one, else at its value. */
void sl_yaml_error(const struct sl_yaml *y, const struct sl_yaml_node *node, bool at_key,
                   enum sl_severity severity, struct sl_diags *diags, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void sl_yaml_verror(const struct sl_yaml *y, const struct sl_yaml_node *node, bool at_key,
                    enum sl_severity severity, struct sl_diags *diags, const char *format,
                    va_list args) __attribute__((format(printf, 6, 0)));

#endif
