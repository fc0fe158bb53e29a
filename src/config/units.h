/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_UNITS_H
#define SL_CONFIG_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The small languages of values: "64MiB", "250ms", "50/s". The whole text must be one; false
 * otherwise, also for what does not fit 64 bits. */
bool sl_parse_size(const char *text,
                   uint64_t *ret_bytes); /* B kB MB GB TB KiB MiB GiB TiB, or none */
bool sl_parse_duration(const char *text, uint64_t *ret_ms);   /* ms s m h d; the unit is required */
bool sl_parse_rate(const char *text, double *ret_per_second); /* number "/" s, m or h */
bool sl_parse_uint(const char *text, uint64_t *ret);
bool sl_parse_bool(const char *text, bool *ret); /* true, false */

/* As a person writes them; exact, in the largest unit that divides. ret holds SL_UNIT_TEXT bytes.
 */
enum { SL_UNIT_TEXT = 32 };
const char *sl_size_text(uint64_t bytes, char ret[SL_UNIT_TEXT]);
const char *sl_duration_text(uint64_t ms, char ret[SL_UNIT_TEXT]);

#endif
