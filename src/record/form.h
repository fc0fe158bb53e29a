/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_FORM_H
#define SL_RECORD_FORM_H

#include "record/members.h"
#include "record/time.h"
#include "sluice/record.h"

/* Text forms: access logs, syslog, logfmt and their like. A form takes one text apart into members;
 * the text itself stays the record's `message`, so a form may leave out what it does not
 * understand. It allocates nothing, and looks at each byte a bounded number of times.
 *
 * A time becomes the record's; as it is spelled it is no member. Forms spell it in a dozen ways,
 * and a search index that took the first of them for the type of a field (which RFC 3339 makes a
 * date) would refuse the others, and with them their records. */

struct sl_form_context {
    const struct sl_zone *zone; /* for times without one */
    int64_t kafka_ns;           /* Kafka's time: a year that a spelling lacks comes from it */
};

struct sl_parsed {
    struct sl_members *members; /* in: where it adds */
    int64_t time_ns;            /* where has_time */
    bool has_time;
    enum sl_level level;   /* NONE: it says nothing of that */
    struct sl_slice inner; /* the entry's own words, where something stood around them: decoded in
                              turn when it is one JSON object. p == NULL: none. They are the
                              member `msg` as well, but where sl_form_looks_object() (forms.h) */
    const char *error;     /* static text: why the line is not of this form */
};

struct sl_text_form {
    const char *name; /* as in sluice.yaml */
    /* Whether it is worth a try, from the first bytes: for `auto`. */
    bool (*looks)(struct sl_slice text);
    /* False: the text is not of this form; error is set, and members may hold what is to be taken
     * back. */
    bool (*parse)(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret);
};

extern const struct sl_text_form sl_form_common, sl_form_combined, sl_form_nginx_error,
    sl_form_syslog, sl_form_logfmt, sl_form_klog, sl_form_python, sl_form_java;

#endif
