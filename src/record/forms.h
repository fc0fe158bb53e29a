/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_FORMS_H
#define SL_RECORD_FORMS_H

#include "record/form.h"

/* All text forms, and what they share. What each makes of a line: DECODERS.md. */

const struct sl_text_form *sl_form_by_name(struct sl_slice name); /* NULL: there is none */

/* `auto`: the form that parses the text, with what it found in ret, whose members are as they were
 * where none does. ret->members is the caller's, all else is set. */
const struct sl_text_form *sl_forms_try(const struct sl_form_context *c, struct sl_slice text,
                                        struct sl_parsed *ret);

/* ---- for forms ---- */

static inline bool sl_form_not(struct sl_parsed *ret, const char *why)
{
    ret->error = why;
    return false;
}

/* Adds a text, unless it is empty. */
static inline void sl_form_string(struct sl_parsed *ret, struct sl_slice name,
                                  struct sl_slice value)
{
    if (value.n > 0)
        sl_members_string(ret->members, name, value);
}

#define SL_FORM_STRING(ret, name, value) sl_form_string(ret, SL_SLICE_LITERAL(name), value)

/* Adds a number where it is a few plain digits: not 1e5 and not what 64 bits may not hold, for an
 * identifier that looks like a number does not stay one. What is none is left out, so that the
 * member is a number in every record (`wan` in an index's field of numbers is refused), and false
 * is returned. */
bool sl_form_digits(struct sl_parsed *ret, struct sl_slice name, struct sl_slice value);

enum sl_escapes {
    SL_ESCAPES_C,      /* as C, JSON and web servers: \" \\ \n \x22 \u00e9 */
    SL_ESCAPES_SYSLOG, /* RFC 5424: \" \\ \] and nothing else */
};
/* Adds a text whose escapes are undone. One longer than SL_UNESCAPED_MAX stays as it is written. */
enum { SL_UNESCAPED_MAX = 16 << 10 };
void sl_form_unescaped(struct sl_parsed *ret, struct sl_slice name, struct sl_slice value,
                       enum sl_escapes how);

/* The time that `text` begins with: the moment, where it counts. Returns its bytes, 0 where there
 * is none. Its spelling is no member (form.h). */
size_t sl_form_time(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret);
/* The same of a text that must be a time as a whole; the first of several stands. Whether it is the
 * one that was taken. */
bool sl_form_moment(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret);

/* The entry's own words. They become `msg`, but for what looks like one JSON object: that is the
 * record, and does not stand in it once more. (The core adds `msg` where it is none after all.) */
void sl_form_message(struct sl_parsed *ret, struct sl_slice text);
bool sl_form_looks_object(struct sl_slice text);

/* Without line ends, and NULs that some senders add. */
struct sl_slice sl_form_line(struct sl_slice text);

/* "GET /a?b HTTP/1.1" as method, path, query and protocol; what is not so, as `request`. */
void sl_form_request(struct sl_parsed *ret, struct sl_slice request);
/* The first quote from `at` on, in a text that begins at `begin`, that is not escaped; or NULL. */
const char *sl_form_quote(const char *begin, const char *at, const char *end);

/* key=value pairs, as logfmt has them, up to the end: how many; *ret_bare: words without a value.
 * SIZE_MAX: a quote that does not end. */
size_t sl_form_pairs(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret,
                     size_t *ret_bare);

#endif
