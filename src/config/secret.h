/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_SECRET_H
#define SL_CONFIG_SECRET_H

#include "base/error.h"
#include "base/slice.h"
#include "sluice/config.h"

/* The one implementation of struct sl_secret. It keeps the text as written, with its ${...} parts,
 * beside the value they give; a refresh makes the value anew, so ${file:} is read again, and
 * compares. (The environment of a process does not change: those parts give the same again.)
 *
 * A value is one line of text: control characters are refused, at first and at each refresh. That
 * is what keeps a file with a line break from adding a header to a request. Nor is a refresh taken
 * that gives less than a value must have: the file is empty while somebody writes it. */

/* `folder` is copied. NULL with err when the text cannot be expanded. */
struct sl_secret *sl_secret_new(struct sl_slice text, const char *folder, struct sl_error *err);
void sl_secret_free(struct sl_secret *s);
/* From now on a refresh gives at least n characters (at first: one), or is not taken. */
void sl_secret_at_least(struct sl_secret *s, size_t n);

#endif
