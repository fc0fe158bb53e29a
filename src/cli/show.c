/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include "base/diag.h"
#include "base/utf8.h"

enum { WORTH = 16 }; /* less is not cut off: the word about it would take as much room */

/* As much of the text as fits, without half a character. */
static size_t fitting(struct sl_slice text, size_t max)
{
    size_t n = max;

    if (text.n <= max + WORTH)
        return text.n;
    while (n > 0 && max - n < 4 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

void sl_show_count(uint64_t n, struct sl_buf *out)
{
    if (n >= 1000) {
        sl_show_count(n / 1000, out);
        sl_buf_printf(out, ",%03u", (unsigned)(n % 1000));
    } else {
        sl_buf_printf(out, "%u", (unsigned)n);
    }
}

static void tell_cut(size_t n, struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "... (");
    sl_show_count(n, out);
    SL_BUF_LITERAL(out, " bytes)");
}

/* As sl_json_escape(), but quotes and backslashes, which no terminal minds, stay. */
static void write_plain(struct sl_slice text, struct sl_buf *out)
{
    size_t begin = 0;

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '"' || text.p[i] == '\\') {
            sl_json_escape(sl_slice(text.p + begin, i - begin), out);
            sl_buf_byte(out, text.p[i]);
            begin = i + 1;
        }
    sl_json_escape(sl_slice(text.p + begin, text.n - begin), out);
}

void sl_show_text(struct sl_slice text, size_t max, struct sl_buf *out)
{
    size_t n = fitting(text, max);

    if (text.n)
        write_plain(sl_slice(text.p, n), out);
    if (n < text.n)
        tell_cut(text.n, out);
}

void sl_show_value(const struct sl_value *value, size_t max, struct sl_buf *out)
{
    struct sl_slice text = sl_slice(value->p, value->n);
    size_t n = fitting(text, max);

    if (value->type == SL_VALUE_ABSENT) {
        SL_BUF_LITERAL(out, "(missing)");
        return;
    }
    if (value->type != SL_VALUE_STRING) {
        sl_show_text(value->type == SL_VALUE_NULL ? SL_SLICE_LITERAL("null") : text, max, out);
        return;
    }
    sl_buf_byte(out, '"');
    if (value->escaped)
        write_plain(sl_slice(text.p, n), out);
    else if (n)
        sl_json_escape(sl_slice(text.p, n), out);
    sl_buf_byte(out, '"');
    if (n < text.n)
        tell_cut(text.n, out);
}

void sl_show_string(struct sl_slice text, struct sl_buf *out)
{
    sl_buf_byte(out, '"');
    if (text.n)
        sl_json_escape(text, out);
    sl_buf_byte(out, '"');
}

void sl_show_json(const struct sl_value *value, struct sl_buf *out)
{
    struct sl_slice text = sl_slice(value->p, value->n);

    if (value->type == SL_VALUE_ABSENT || value->type == SL_VALUE_NULL) {
        SL_BUF_LITERAL(out, "null");
    } else if (value->type != SL_VALUE_STRING) {
        for (size_t i = 0; i < text.n; i++) /* line breaks between tokens */
            sl_buf_byte(out, text.p[i] == '\n' || text.p[i] == '\r' ? ' ' : text.p[i]);
    } else if (value->escaped) {
        sl_buf_byte(out, '"');
        sl_buf_slice(out, text);
        sl_buf_byte(out, '"');
    } else {
        sl_show_string(text, out);
    }
}

size_t sl_show_width(struct sl_slice text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.n; i++)
        width += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return width;
}

void sl_show_pad(struct sl_buf *out, size_t begin, size_t width)
{
    size_t now = sl_show_width(sl_slice(out->p + begin, out->n - begin));

    sl_buf_printf(out, "%*s", now + 2 < width ? (int)(width - now) : 2, "");
}

void sl_show_print(struct sl_buf *text, FILE *to)
{
    const char *at = sl_buf_str(text);

    while (*at) {
        char *end = strchr(at, '\n');

        if (end)
            *end = '\0';
        sl_print_line(at, to);
        at = end ? end + 1 : at + strlen(at);
    }
    sl_buf_clear(text);
}

void sl_show_write(struct sl_buf *bytes, FILE *to)
{
    fwrite(bytes->p, 1, bytes->n, to);
    sl_buf_clear(bytes);
}
