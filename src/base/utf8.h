/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_UTF8_H
#define SL_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Reads the one character that p[0..n) begins with (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF). Returns its bytes, 1 to 4, or 0 where there is none. ret may be NULL.
 * For texts that people see; records have a faster scanner of their own. */
size_t sl_utf8_char(const char *p, size_t n, uint32_t *ret);

/* Copies a text for people, whole characters only, with `?` for each byte that is none; what does
 * not fit is left away. */
void sl_utf8_copy(const char *from, char *to, size_t size);

#endif
