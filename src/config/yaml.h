/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_YAML_H
#define SL_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/slice.h"

/* A YAML file as a tree in which every node knows its place. libfyaml's one home: sluice.yaml and rule
 * files are both read through this. Duplicate keys in a mapping, anchors that are missing, tabs and so on
 * are problems in diags. Bounded: SL_YAML_FILE_MAX bytes, SL_YAML_DEPTH_MAX levels, aliases expanded to at
 * most SL_YAML_NODES_MAX nodes. */

enum { SL_YAML_FILE_MAX = 64 << 20, SL_YAML_DEPTH_MAX = 64, SL_YAML_NODES_MAX = 20000000 };

enum sl_yaml_type { SL_YAML_NULL, SL_YAML_SCALAR, SL_YAML_SEQUENCE, SL_YAML_MAPPING };

struct sl_yaml_node {
    enum sl_yaml_type type;
    unsigned line, column;          /* where the value begins, from 1 */
    unsigned key_line, key_column;  /* where its key begins, for members of a mapping */
    const char *key;                /* members of a mapping: NUL-ended; else NULL */
    const char *text;               /* SCALAR: NUL-ended, n bytes */
    size_t n;
    bool quoted;                    /* SCALAR: '...', "...", | or >: never a number, boolean or null */
    struct sl_yaml_node *children;  /* SEQUENCE, MAPPING: n_children of them in the file's order */
    size_t n_children;
};

struct sl_yaml;

/* NULL when the file cannot be read or parsed (diags says why). */
struct sl_yaml *sl_yaml_load(const char *path, struct sl_diags *diags);
struct sl_yaml *sl_yaml_parse(const char *name, struct sl_slice content, struct sl_diags *diags);
void sl_yaml_free(struct sl_yaml *y);
const struct sl_yaml_node *sl_yaml_root(const struct sl_yaml *y); /* NULL: an empty document */
const char *sl_yaml_name(const struct sl_yaml *y);
struct sl_slice sl_yaml_content(const struct sl_yaml *y);

const struct sl_yaml_node *sl_yaml_get(const struct sl_yaml_node *mapping, const char *key); /* or NULL */
/* An error (or warning) at a node: at its key when `at_key` and it has one, else at its value. */
void sl_yaml_error(const struct sl_yaml *y, const struct sl_yaml_node *node, bool at_key,
                   enum sl_severity severity, struct sl_diags *diags, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
