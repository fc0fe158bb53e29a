/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_SAMPLE_H
#define SL_CLI_SAMPLE_H

#include "cli/input.h"

/* The newest records of an input, kept to be looked at more than once. */

enum { SL_SAMPLE_BYTES_MAX = 256 << 20 };

struct sl_sample {
    struct sl_input_record *items; /* oldest first; tombstones are left out */
    size_t n;
    void **memory; /* private */
    bool cut;      /* there was no room for as many as were asked for */
};

/* At most in->last. What goes wrong is printed to standard error; SL_EXIT_DONE or SL_EXIT_FAILED.
 */
int sl_sample_read(const struct sl_input *in, struct sl_sample *ret);
/* Records made of texts, one a line. */
void sl_sample_lines(const char *const *lines, size_t n, const char *topic, struct sl_sample *ret);
void sl_sample_release(struct sl_sample *s);

#endif
