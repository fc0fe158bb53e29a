/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/text.h"

#include <inttypes.h>

#include "base/utf8.h"

enum {
    SHOWN_MAX = 16,        /* bytes of one character as it is shown */
    COLUMN_BYTES_MAX = 16, /* of text a column: marks that take none pile up no higher */
};

struct shown {
    char text[SHOWN_MAX];
    size_t n, columns, used; /* used: bytes of the text */
};

struct range {
    uint32_t from, to;
};

static bool within(const struct range *ranges, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return true;
    return false;
}

/* What would move, turn, hide or break: never written as it is. */
static bool harmful(uint32_t c)
{
    static const struct range ranges[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},        {0x61c, 0x61c},
        {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},    {0x200b, 0x200f},
        {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},    {0xd800, 0xdfff},
        {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},    {0xfffe, 0xffff},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
    };

    return within(ranges, sizeof(ranges) / sizeof(ranges[0]), c);
}

static size_t columns_of(uint32_t c)
{
    static const struct range none[] = {
        {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
        {0x6d6, 0x6dc},   {0x93c, 0x93c},   {0x941, 0x948},   {0x94d, 0x94d},   {0xe31, 0xe31},
        {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff},
        {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    };
    static const struct range two[] = {
        {0x1100, 0x115e},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},
        {0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x2705, 0x2705},   {0x274c, 0x274c},
        {0x2753, 0x2757},   {0x2795, 0x2797},   {0x2b50, 0x2b50},   {0x2e80, 0x303e},
        {0x3041, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
        {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f004, 0x1f004},
        {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f19a}, {0x1f200, 0x1f64f}, {0x1f680, 0x1f6ff},
        {0x1f7e0, 0x1f7eb}, {0x1f90c, 0x1faff}, {0x20000, 0x3fffd},
    };

    if (c < 0x300)
        return 1;
    return within(none, sizeof(none) / sizeof(none[0]), c) ? 0
           : within(two, sizeof(two) / sizeof(two[0]), c)  ? 2
                                                           : 1;
}

static void show_ascii(struct shown *s, const char *text)
{
    s->n = s->columns = strlen(text);
    memcpy(s->text, text, s->n);
}

static struct shown next(struct sl_slice text, bool utf8)
{
    struct shown s = {.used = 1};
    uint32_t c = 0;
    size_t n = sl_utf8_char(text.p, text.n, &c);
    char spelled[SHOWN_MAX];

    if (n == 0) {
        snprintf(spelled, sizeof(spelled), "\\x%02x", (unsigned char)text.p[0]);
        show_ascii(&s, spelled);
        return s;
    }
    s.used = n;
    if (c == '\n' || c == '\r' || c == '\t') {
        show_ascii(&s, c == '\n' ? "\\n" : c == '\r' ? "\\r" : " ");
    } else if (harmful(c)) {
        snprintf(spelled, sizeof(spelled), c < 0x100 ? "\\x%02" PRIx32 : "\\u{%" PRIx32 "}", c);
        show_ascii(&s, spelled);
    } else if (c >= 0x80 && !utf8) {
        show_ascii(&s, "?");
    } else {
        memcpy(s.text, text.p, n);
        s.n = n;
        s.columns = columns_of(c);
    }
    return s;
}

size_t sl_flow_columns(struct sl_slice text, bool utf8)
{
    size_t columns = 0;

    while (text.n) {
        struct shown s = next(text, utf8);

        columns += s.columns;
        text = sl_slice(text.p + s.used, text.n - s.used);
    }
    return columns;
}

/* As many bytes as fit, whole characters. */
static size_t fitting(struct sl_slice text, size_t max, bool utf8, size_t *ret_columns)
{
    size_t columns = 0, used = 0;

    while (used < text.n) {
        struct shown s = next(sl_slice(text.p + used, text.n - used), utf8);

        if (columns + s.columns > max || used + s.used > max * COLUMN_BYTES_MAX)
            break;
        columns += s.columns;
        used += s.used;
    }
    *ret_columns = columns;
    return used;
}

static void write(struct sl_slice text, bool utf8, struct sl_buf *to)
{
    while (text.n) {
        struct shown s = next(text, utf8);

        sl_buf_append(to, s.text, s.n);
        text = sl_slice(text.p + s.used, text.n - s.used);
    }
}

size_t sl_flow_cell(struct sl_slice text, size_t max, bool utf8, struct sl_buf *to)
{
    size_t dots = utf8 ? 1 : 3, columns, n = fitting(text, max, utf8, &columns);

    if (n == text.n) {
        write(text, utf8, to);
        return columns;
    }
    if (max < dots)
        return 0;
    n = fitting(text, max - dots, utf8, &columns);
    write(sl_slice(text.p, n), utf8, to);
    sl_buf_text(to, utf8 ? "\xe2\x80\xa6" : "...");
    return columns + dots;
}

static bool right_to_left(struct sl_slice text)
{
    static const struct range ranges[] = {
        {0x590, 0x8ff}, {0xfb1d, 0xfdff}, {0xfe70, 0xfefe}, {0x10800, 0x10fff}, {0x1e800, 0x1efff}};
    size_t n;

    for (; text.n; text = sl_slice(text.p + (n ? n : 1), text.n - (n ? n : 1))) {
        uint32_t c = 0;

        n = sl_utf8_char(text.p, text.n, &c);
        if (n && within(ranges, sizeof(ranges) / sizeof(ranges[0]), c))
            return true;
    }
    return false;
}

void sl_flow_padded(struct sl_slice text, size_t max, bool utf8, struct sl_buf *to)
{
    size_t n = sl_flow_cell(text, max, utf8, to);

    if (utf8 && right_to_left(text)) /* else the numbers behind it would go before it */
        SL_BUF_LITERAL(to, "\xe2\x80\x8e");
    sl_buf_printf(to, "%*s", (int)(max - n), "");
}

struct sl_slice sl_flow_line(struct sl_slice *rest, size_t max, bool utf8)
{
    size_t columns, n = fitting(*rest, max, utf8, &columns), at = n;
    struct sl_slice line;

    if (n < rest->n) {
        while (at > n / 2 && rest->p[at] != ' ')
            at--;
        if (at > n / 2)
            n = at;
    }
    if (n == 0 && rest->n)
        n = next(*rest, utf8).used;
    line = sl_slice(rest->p, n);
    *rest = sl_slice(rest->p + n, rest->n - n);
    while (rest->n && rest->p[0] == ' ')
        *rest = sl_slice(rest->p + 1, rest->n - 1);
    return line;
}

void sl_flow_html_text(struct sl_slice text, struct sl_buf *to)
{
    while (text.n) {
        struct shown s = next(text, true);
        char c = text.p[0];

        if (c == '\r' && text.n > 1 && text.p[1] == '\n')
            ; /* one line break, and not a mark and another */
        else if (c == '\n')
            sl_buf_byte(to, '\n');
        else if (c == '&')
            SL_BUF_LITERAL(to, "&amp;");
        else if (c == '<')
            SL_BUF_LITERAL(to, "&lt;");
        else if (c == '>')
            SL_BUF_LITERAL(to, "&gt;");
        else if (c == '"')
            SL_BUF_LITERAL(to, "&quot;");
        else if (c == '\'')
            SL_BUF_LITERAL(to, "&#39;");
        else
            sl_buf_append(to, s.text, s.n);
        text = sl_slice(text.p + s.used, text.n - s.used);
    }
}

const char *sl_flow_span_text(int64_t ns, bool utf8, char ret[SL_FLOW_SPAN_TEXT])
{
    const char *sign = ns < 0 ? "-" : "";
    double v = ns < 0 ? -(double)ns : (double)ns;
    size_t n = SL_FLOW_SPAN_TEXT;

    if (v == 0)
        snprintf(ret, n, "0 ms");
    else if (v < 999.5e3)
        snprintf(ret, n, "%s%.0f %ss", sign, v / 1e3 < 1 ? 1 : v / 1e3, utf8 ? "\xc2\xb5" : "u");
    else if (v < 9.95e6)
        snprintf(ret, n, "%s%.1f ms", sign, v / 1e6);
    else if (v < 999.5e6)
        snprintf(ret, n, "%s%.0f ms", sign, v / 1e6);
    else if (v < 59.95e9)
        snprintf(ret, n, "%s%.2f s", sign, v / 1e9);
    else if (v < 3599.5e9)
        snprintf(ret, n, "%s%dm %ds", sign, (int)((v / 1e9 + 0.5) / 60), (int)(v / 1e9 + 0.5) % 60);
    else
        snprintf(ret, n, "%s%" PRIu64 "h %dm", sign, (uint64_t)(v / 60e9 + 0.5) / 60,
                 (int)((uint64_t)(v / 60e9 + 0.5) % 60));
    return ret;
}
