/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_LINE_HEADER_H
#define SL_RECORD_LINE_HEADER_H

#include "record/forms.h"

/* What loggers of Python, Java and their kind put before a message. There are as many layouts as
 * projects, made of the same few parts: a time, a word of level, a thread, a process, the logger's
 * name, a place in the source, with blanks, dashes, bars, colons and brackets between them. So the
 * header is read part by part, and each is known by its looks and by what came before it; the
 * message begins at the first that is none of them. A level must be there, and a time or a sign
 * that the level is one. */

struct sl_line_header {
    struct sl_slice time, level_word, thread, logger, pid, app, trace_id, span_id, request_id, file,
        line, function;
    enum sl_level level;
    size_t used; /* bytes before the message */
};

/* names_first: a word in brackets behind the level is a logger rather than a thread. */
bool sl_line_header(const struct sl_form_context *c, struct sl_slice text, bool names_first,
                    struct sl_line_header *ret);
/* Adds it as members; the time is the record's. */
void sl_line_header_add(const struct sl_form_context *c, const struct sl_line_header *h,
                        struct sl_parsed *ret);

/* The message, and, where its end is a trace, the trace's parts. */
struct sl_trace {
    struct sl_slice class, message, text;
    size_t before; /* bytes of the text before the trace; all, where there is none */
};
void sl_trace_add(const struct sl_trace *t, struct sl_parsed *ret);
/* Where a line begins with a class name, and a colon or the end behind it: the name's bytes, or 0.
 */
size_t sl_trace_class(struct sl_slice line, bool dotted);

bool sl_line_looks(struct sl_slice text);

#endif
