/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_YAML_BUILD_H
#define SL_CONFIG_YAML_BUILD_H

#include "config/arena.h"
#include "config/yaml.h"

/* The tree of yaml.h from a parser's events; knows nothing of libfyaml. Private to yaml.c.
 * Places are byte offsets in the content; the builder makes lines and columns of them itself, so
 * that they fit the lines that diagnostics show. */
struct sl_yaml_build;

struct sl_yaml_event {
    size_t begin, end;
    struct sl_slice text; /* of a scalar; the name of an alias */
    bool quoted;
    struct sl_slice anchor, tag; /* n == 0: none */
};

struct sl_yaml_build *sl_yaml_build_new(const char *name, struct sl_slice content,
                                        struct sl_slice shown, struct sl_arena *arena,
                                        struct sl_diags *diags);
/* False when there was no document, or an empty one. */
bool sl_yaml_build_free(struct sl_yaml_build *b, struct sl_yaml_node *ret_root);
/* An error after which nothing can be read any more; it is in diags. */
bool sl_yaml_build_stopped(const struct sl_yaml_build *b);

/* Where the innermost [ or { that is still open stands. */
bool sl_yaml_build_open(const struct sl_yaml_build *b, unsigned *ret_line, unsigned *ret_column);

void sl_yaml_build_document(struct sl_yaml_build *b, size_t begin);
void sl_yaml_build_scalar(struct sl_yaml_build *b, const struct sl_yaml_event *e);
void sl_yaml_build_alias(struct sl_yaml_build *b, const struct sl_yaml_event *e);
void sl_yaml_build_start(struct sl_yaml_build *b, enum sl_yaml_type type,
                         const struct sl_yaml_event *e);
void sl_yaml_build_end(struct sl_yaml_build *b);

#endif
