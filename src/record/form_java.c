/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cursor.h"
#include "record/line_header.h"

/* 2026-01-31 12:34:56,789 ERROR [main] com.example.Cart - could not add
 * java.lang.IllegalStateException: no such cart
 *     at com.example.Cart.add(Cart.java:12)
 * Caused by: ... */

static bool looks(struct sl_slice text)
{
    return sl_line_looks(text) && !(text.n && memmem(text.p, text.n, "\nTraceback (most",
                                                     sizeof("\nTraceback (most") - 1));
}

static const char *next_line(const char *line, const char *end)
{
    const char *stop = memchr(line, '\n', (size_t)(end - line));

    return stop ? stop + 1 : end;
}

/* `    at com.example.Cart.add(Cart.java:12)` */
static bool is_frame(const char *line, const char *end)
{
    struct sl_cursor c = {line, end};

    sl_skip_blanks(&c);
    return c.p > line && sl_take_text(&c, "at ") && sl_is_letter(sl_peek(&c, 0));
}

static const char *skip_thread(const char *line, const char *end, struct sl_slice *ret_thread)
{
    struct sl_cursor c = {line, end};

    if (!sl_take_text(&c, "Exception in thread \""))
        return line;
    *ret_thread = sl_take_until(&c, '"');
    return sl_take_text(&c, "\" ") ? c.p : line;
}

/* The first line that is a class name with its message, in the lines before the first frame: a
 * message may have further lines, and so may the entry's own text. */
static void trace(struct sl_slice text, struct sl_slice *ret_thread, struct sl_trace *ret)
{
    const char *end = text.p + text.n, *begin = NULL, *class = NULL, *frame;

    *ret = (struct sl_trace){.before = text.n};
    for (frame = text.p; frame < end && !is_frame(frame, end); frame = next_line(frame, end)) {
        const char *at = begin ? frame : skip_thread(frame, end, ret_thread);

        if (!begin && sl_trace_class(sl_slice(at, (size_t)(end - at)), true)) {
            begin = frame;
            class = at;
        }
    }
    if (frame >= end || frame == text.p)
        return;
    if (!begin) {
        ret->before = (size_t)(frame - text.p);
        ret->text = sl_slice(frame, (size_t)(end - frame));
        return;
    }
    ret->before = (size_t)(begin - text.p);
    ret->text = sl_slice(begin, (size_t)(end - begin));
    ret->class = sl_slice(class, sl_trace_class(sl_slice(class, (size_t)(end - class)), true));
    class += ret->class.n;
    if (*class == ':') {
        class += 1 + (class[1] == ' ');
        ret->message = sl_form_line(sl_slice(class, (size_t)(frame - class)));
    }
}

/* Kafka puts the logger behind the message: `... started (kafka.server.KafkaServer)`. */
static void logger_behind(struct sl_slice *msg, struct sl_line_header *h)
{
    const char *open = msg->n ? memrchr(msg->p, '(', msg->n) : NULL, *end = msg->p + msg->n;
    struct sl_slice name;

    if (!open || h->logger.n || end[-1] != ')' || open == msg->p || open[-1] != ' ')
        return;
    name = sl_slice(open + 1, (size_t)(end - open - 2));
    if (sl_trace_class(name, true) != name.n || name.n == 0)
        return;
    h->logger = name;
    msg->n = (size_t)(open - 1 - msg->p);
}

static bool parse(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret)
{
    struct sl_slice line = sl_form_line(text), thread = {0}, msg = {0};
    struct sl_line_header h;
    struct sl_trace t;
    bool header = sl_line_header(c, line, false, &h);

    if (!header)
        h = (struct sl_line_header){.used = 0};
    trace(sl_slice(line.p + h.used, line.n - h.used), &thread, &t);
    if (!header && (!t.class.n || t.before > 0))
        return sl_form_not(ret, "no level with a time or in one of the usual layouts");
    if (thread.n && !h.thread.n)
        h.thread = thread;
    msg = sl_form_line(sl_slice(line.p + h.used, t.before));
    if (header)
        logger_behind(&msg, &h);
    sl_line_header_add(c, &h, ret);
    sl_trace_add(&t, ret);
    if (msg.n)
        sl_form_message(ret, msg);
    return true;
}

const struct sl_text_form sl_form_java = {"java", looks, parse};
