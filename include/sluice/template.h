/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEMPLATE_H
#define SLUICE_TEMPLATE_H

#include "sluice/record.h"

/* Templates over a record (interface.md, "sluice.yaml"): {field}, {field|other}, {@timestamp:%Y-%m}
 * in UTC, {{ and }} for braces. Implemented in record/template.c. */

struct sl_template;

/* Where the values of fields go decides how they are written; literal text stays as it is. */
enum sl_template_use {
    SL_TEMPLATE_PLAIN, /* the text */
    SL_TEMPLATE_INDEX, /* Elasticsearch name: lower case, what it forbids becomes _ ; result <= 255
                          bytes, never starts with - _ + and is never . or .. */
    SL_TEMPLATE_DATA_STREAM, /* as INDEX and - becomes _ ; one part of a data stream's name, <= 100
                                bytes; it may begin with _ or + */
    SL_TEMPLATE_OBJECT_KEY,  /* outside [A-Za-z0-9._=-] percent-encoded, '/' too; a missing value
                                right  after "name=" is __HIVE_DEFAULT_PARTITION__; "." and ".." are
                                encoded */
    SL_TEMPLATE_JSON,        /* inside a JSON string: escaped */
};

enum {
    SL_TEMPLATE_VALUE_MAX = 128
}; /* bytes kept of one field's value in INDEX, DATA_STREAM, OBJECT_KEY */

/* error: about `text`, at a column of it. Adds the fields it names. */
struct sl_template *sl_template_new(const char *text, enum sl_template_use use,
                                    struct sl_fields *fields, struct sl_error *err);
void sl_template_free(struct sl_template *t);
void sl_template_render(struct sl_template *t, const struct sl_record *r,
                        struct sl_buf *out); /* appends */

#endif
