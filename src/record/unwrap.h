/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_UNWRAP_H
#define SL_RECORD_UNWRAP_H

#include "record/form.h"

/* Wrappers: what stands around log entries on their way. A container runtime puts a time and a
 * stream before each line; CloudWatch sends a gzipped document that holds many events;
 * OpenTelemetry's collectors send lists in lists. A wrapper is opened once a message, and then
 * gives the pieces, in any order and as often as asked. */

struct sl_piece {
    struct sl_slice text; /* the log entry itself: decoded in turn */
    struct sl_slice raw;  /* its original bytes */
    bool is_object;       /* text is one valid JSON object that was made or found valid: no form is
                             tried on it */
    int64_t time_ns;
    bool has_time;
    enum sl_level level; /* NONE: the wrapper says nothing of that */
    /* What stood around the entry, with the entry taken out, for where one of the members could not
     * be added; p == NULL: the members are all there was. */
    struct sl_slice wrapper;
};

/* Scratch of all wrappers of one decoder. */
struct sl_unwrapped;
struct sl_unwrapped *sl_unwrapped_new(void);
void sl_unwrapped_free(struct sl_unwrapped *u);
/* Of the document that is open, and once more for each of its pieces what they share. */
size_t sl_unwrapped_bytes(const struct sl_unwrapped *u);
void sl_unwrapped_shrink(struct sl_unwrapped *u); /* gives back what a large message needed */

enum sl_unwrap_outcome {
    SL_UNWRAP_OK,
    SL_UNWRAP_NOT,     /* the value is not of this form: *ret_why */
    SL_UNWRAP_NOTHING, /* well understood, and holds no record (a control message): *ret_why */
    SL_UNWRAP_REFUSED, /* inflates beyond its bounds: *ret_why; nothing of it is read */
};

struct sl_wrapper {
    const char *name;                     /* as in sluice.yaml */
    bool many;                            /* pieces have a sub-index, even when there is one */
    bool (*looks)(struct sl_slice value); /* for `auto`: cheap */
    enum sl_unwrap_outcome (*open)(struct sl_unwrapped *u, const struct sl_form_context *c,
                                   struct sl_slice value, size_t *ret_n, const char **ret_why);
    /* Adds the wrapper's members. Never fails: what cannot be read of a piece is left out, and text
     * and raw are there. Slices last until the next piece or open. */
    void (*piece)(struct sl_unwrapped *u, size_t i, struct sl_members *members,
                  struct sl_piece *ret);
};

extern const struct sl_wrapper sl_wrapper_cri, sl_wrapper_docker, sl_wrapper_cloudwatch,
    sl_wrapper_otlp_json;

/* NULL: none is so named. */
const struct sl_wrapper *sl_wrapper_named(struct sl_slice name);
/* The one whose form the value seems to have, or NULL: for `auto`. Which it is, open decides. */
const struct sl_wrapper *sl_wrapper_of(struct sl_slice value);

#endif
