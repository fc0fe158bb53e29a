/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_ARENA_H
#define SL_CONFIG_ARENA_H

#include <stddef.h>

/* Memory that is given back all at once: a configuration and a YAML tree are thousands of small
 * texts that share one life. Never moves what it gave out. */
struct sl_arena_chunk;

struct sl_arena {
    struct sl_arena_chunk *chunks;
};

void sl_arena_init(struct sl_arena *a);
void sl_arena_release(struct sl_arena *a);
void *sl_arena_zalloc(struct sl_arena *a, size_t size); /* zeroed, aligned for anything */
void *sl_arena_calloc(struct sl_arena *a, size_t count, size_t size);
char *sl_arena_strndup(struct sl_arena *a, const char *p, size_t n); /* adds the NUL */
char *sl_arena_strdup(struct sl_arena *a, const char *text);         /* NULL gives NULL */

#endif
