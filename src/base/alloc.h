/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_ALLOC_H
#define SL_BASE_ALLOC_H

#include <stddef.h>

/* Memory is bounded by configuration long before the machine runs out, so an allocation that fails
 * means the budget was set above what the machine has. Sluice then says so and ends (exit 70): the
 * log still holds every record and the next start goes on from the committed positions. No caller
 * has an out-of-memory path of its own that no test would ever walk.
 * All return memory that free() takes. Sizes are bytes; a product that overflows ends likewise. */
void *sl_alloc(size_t size);                /* uninitialised */
void *sl_zalloc(size_t size);               /* zeroed */
void *sl_calloc(size_t count, size_t size); /* zeroed */
void *sl_realloc(void *p, size_t size);     /* as realloc */
void *sl_reallocarray(void *p, size_t count, size_t size);
char *sl_strdup(const char *text);         /* NULL gives NULL */
char *sl_strndup(const char *p, size_t n); /* adds the NUL */
char *sl_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Gives the system what was freed. The C library keeps a heap for each of several threads and gives
 * little of them back by itself, so what is large and made on pool threads (rules) would stand in
 * each of them once. Not cheap: for a pool thread, after something large.
 * With a sanitizer, whose heap is in use, nothing: from several threads at once the C library would
 * set up its own twice, and end the program when they end. */
void sl_alloc_trim(void);

#endif
