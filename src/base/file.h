/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_FILE_H
#define SL_BASE_FILE_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"

/* Appends a whole file (or pipe) to the buffer. SL_OK; SL_EFULL past the buffer's maximum; SL_EIO,
 * with errno set, when it cannot be read. On failure the buffer is as before. */
int sl_file_read(struct sl_buf *to, const char *path);
/* The same for a file that a person wrote: false with a problem of that file, at no line. */
bool sl_file_load(struct sl_buf *to, const char *path, struct sl_diags *diags);

#endif
