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

/* ---- templates of rules ----
 *
 * They may name more than fields (the named groups of a pattern, the columns of a table), and they
 * are shared: rendering changes nothing in them. */

struct sl_template_names {
    int (*find)(void *user, struct sl_slice name); /* its number; -1: it is a field */
    void *user;
};
/* A PLAIN template. Each name is asked for before it counts as a field. */
struct sl_template *sl_template_new_named(const char *text, const struct sl_template_names *names,
                                          struct sl_fields *fields, struct sl_error *err);
/* texts: of the names, by number; p == NULL: missing. scratch: for unescaping. */
void sl_template_render_named(const struct sl_template *t, const struct sl_record *r,
                              const struct sl_slice *texts, struct sl_buf *scratch,
                              struct sl_buf *out);

struct sl_template_one {
    bool named; /* id is a number of sl_template_names, not a field */
    unsigned id;
    bool has_other; /* {name|other} */
    struct sl_slice other;
};
/* Whether the whole template is one {name}: its value may then be copied instead of written. */
bool sl_template_is_one(const struct sl_template *t, struct sl_template_one *ret);

#endif
