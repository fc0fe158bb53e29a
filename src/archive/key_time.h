/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ARCHIVE_KEY_TIME_H
#define SL_ARCHIVE_KEY_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* What a key says of the times of its records. A key is made from a sink's template,
 * `dt={@timestamp:%Y-%m-%d}/...`, and from the record's own time, which is also what --from and
 * --to mean: an object whose key says another day holds nothing of this one.
 *
 * Understood are %Y %m %d %H %M %F %R %T and literal text in formats. Whatever does not fit the
 * template (objects of an earlier one, of other tools) may hold any time. */

struct sl_key_times {
    int64_t from_ns, to_ns; /* from <= time < to */
};

/* text: the beginning of a key that ends with '/' (or the template's whole part of one).
 * Everything, where it does not tell. */
struct sl_key_times sl_key_times(const char *template_, struct sl_slice text);
/* Whether anything of the template's time stands behind `text`: to look into folders one by one may
 * then narrow. */
bool sl_key_tells_more(const char *template_, struct sl_slice text);
/* Bytes of the template that are the same in every key, up to its last '/' before the first field.
 */
size_t sl_key_literal(const char *template_);

#endif
