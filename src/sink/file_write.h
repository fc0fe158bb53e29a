/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_FILE_WRITE_H
#define SL_SINK_FILE_WRITE_H

#include "sluice/sink.h"

/* The blocking half of the file sink: what its pool thread does with a file. */

struct sl_file_target {
    char *path; /* "-" is standard output; owned */
    int fd;     /* -1: not open */
    bool torn;  /* ends inside a line that nobody will continue */
};

/* All return 0 or an errno. */
int sl_file_open(struct sl_file_target *t, bool anew);
/* Ends a torn line first. *done counts on from what earlier calls have written. */
int sl_file_write(struct sl_file_target *t, struct sl_slice bytes, size_t *done);
/* Whether the file could be written, changing nothing: one that is not there is not made, its
 * directory is asked instead. */
int sl_file_look(const char *path);
void sl_file_close(struct sl_file_target *t); /* and frees it */

/* The outcome of an errno and a reason for it, in `text`. */
void sl_file_explain(const char *path, int error, char *text, size_t max, struct sl_result *ret);

#endif
