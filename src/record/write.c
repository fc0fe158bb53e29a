/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "record/json.h"
#include "record/time.h"
#include "sluice/position.h"

/* ---- strings ---- */

static void escape_byte(char c, struct sl_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = "btn?fr"; /* from 0x08 on; 0x0b has none */
    char text[6] = {'\\', c, '0', '0', 0, 0};
    size_t n = 2;

    if ((uint8_t)c < 0x20) {
        if (c >= 0x08 && c <= 0x0d && c != 0x0b) {
            text[1] = letters[c - 0x08];
        } else {
            text[1] = 'u';
            text[4] = digits[c >> 4];
            text[5] = digits[c & 15];
            n = 6;
        }
    }
    sl_buf_append(out, text, n);
}

bool sl_json_escape(struct sl_slice text, struct sl_buf *out)
{
    const char *p = text.p, *end = text.n ? text.p + text.n : p; /* p may be NULL */
    bool valid = true;

    while (p < end) {
        const char *stop = sl_json_plain(p, end);
        unsigned n, bad;

        /* What is valid beyond ASCII belongs to the run that is copied at once. */
        while (stop < end && (uint8_t)*stop >= 0x80 && (n = sl_utf8_length(stop, end, &bad)) > 0)
            stop = sl_json_plain(stop + n, end);
        sl_buf_append(out, p, (size_t)(stop - p));
        if (stop == end)
            break;
        if ((uint8_t)*stop < 0x80) {
            escape_byte(*stop, out);
            p = stop + 1;
            continue;
        }
        sl_utf8_length(stop, end, &bad);
        SL_BUF_LITERAL(out, "\xef\xbf\xbd");
        valid = false;
        p = stop + bad;
    }
    return valid;
}

/* ---- the record ---- */

/* Inside strings line breaks are escapes, so each CR and LF found stands between tokens. */
void sl_json_one_line(struct sl_slice json, struct sl_buf *out)
{
    const char *p = json.p, *end = p + json.n;

    while (p < end) {
        const char *stop = p;

        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        sl_buf_append(out, p, (size_t)(stop - p));
        p = stop + (stop < end);
    }
}

/* Members that each begin with a comma; the first of an object goes without. */
static void append_members(struct sl_slice members, bool *first, struct sl_buf *out)
{
    if (members.n == 0)
        return;
    sl_buf_append(out, members.p + *first, members.n - *first);
    *first = false;
}

static void text_members(const struct sl_record *r, struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "{\"message\":\"");
    if (sl_json_escape(r->text, out)) {
        sl_buf_byte(out, '"');
        return;
    }
    SL_BUF_LITERAL(out, "\",\"message_base64\":\"");
    sl_base64(out, r->text.p, r->text.n);
    sl_buf_byte(out, '"');
}

void sl_record_json(const struct sl_record *r, bool timestamp, struct sl_slice more,
                    struct sl_buf *out, bool *ret_verbatim)
{
    const struct sl_slice inner = sl_slice(r->body.p, r->body.n - 1); /* without the '}' */
    bool object = r->form == SL_FORM_OBJECT, first = object && r->empty;

    if (ret_verbatim)
        *ret_verbatim = object && !r->changed && !r->breaks && r->body.p == r->message->value.p &&
                        r->body.n == r->message->value.n;
    if (!object)
        text_members(r, out);
    else if (r->breaks)
        sl_json_one_line(inner, out);
    else
        sl_buf_slice(out, inner);
    if (timestamp && !r->has_timestamp) {
        sl_buf_text(out, &",\"@timestamp\":\""[first]);
        sl_time_rfc3339(r->time_ns, out);
        sl_buf_byte(out, '"');
        first = false;
    }
    append_members(r->added, &first, out);
    append_members(more, &first, out);
    sl_buf_byte(out, '}');
}

struct sl_slice sl_record_raw(const struct sl_record *r)
{
    return r->changed ? r->body : r->raw;
}

/* ---- bounds ---- */

/* A bound decides whether a record fits a queue at all, so long text is looked at: "six times as
 * much" would turn away what fits easily. Short text is not worth a look. */
enum { LOOKED_AT = 512 };

/* Text inside quotes. *ret_valid: known to be UTF-8. */
static size_t escaped_bound(struct sl_slice text, bool *ret_valid)
{
    size_t n = 0;

    *ret_valid = false;
    if (text.n <= LOOKED_AT)
        return text.n * 6;
    *ret_valid = sl_utf8_valid(text);
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = (uint8_t)text.p[i];

        n += c < 0x20 ? 6 : c == '"' || c == '\\' ? 2 : c < 0x80 || *ret_valid ? 1 : 3; /* U+FFFD */
    }
    return n;
}

static size_t base64_bound(struct sl_slice text)
{
    return text.n / 3 * 4 + 4;
}

size_t sl_record_json_bound(const struct sl_record *r)
{
    size_t n =
        r->added.n + sizeof("{\"message\":\"\",\"@timestamp\":\"2026-01-31T12:34:56.123456789Z\"}");
    bool valid;

    if (r->form == SL_FORM_OBJECT)
        return n + r->body.n;
    n += escaped_bound(r->text, &valid);
    if (!valid)
        n += sizeof("\",\"message_base64\":\"") + base64_bound(r->text);
    return n;
}

static size_t string_or_base64_bound(struct sl_slice text)
{
    bool valid;
    size_t n = escaped_bound(text, &valid);

    if (!valid && text.n > LOOKED_AT)
        n = base64_bound(text);
    return n + sizeof("{\"base64\":\"\"}");
}

size_t sl_record_envelope_bound(const struct sl_record *r)
{
    const struct sl_message *m = r->message;
    bool valid;
    size_t n = sizeof("{\"topic\":\"\",\"partition\":-2147483648,\"offset\":-9223372036854775808,"
                      "\"index\":4294967295,"
                      "\"timestamp\":-9223372036854775808,\"key\":,\"headers\":[],\"value\":}");

    n += escaped_bound(sl_slice_str(m->at->topic->name), &valid);
    n += string_or_base64_bound(m->key) + string_or_base64_bound(sl_record_raw(r));
    for (size_t i = 0; i < m->n_headers; i++)
        n += sizeof(",[\"\",]") + escaped_bound(m->headers[i].name, &valid) +
             string_or_base64_bound(m->headers[i].value);
    return n;
}

/* ---- the envelope ---- */

/* "text", or {"base64":"..."} where it is not UTF-8, or null. */
static void string_or_base64(struct sl_slice text, struct sl_buf *out)
{
    if (!text.p) {
        SL_BUF_LITERAL(out, "null");
    } else if (sl_utf8_valid(text)) {
        sl_buf_byte(out, '"');
        sl_json_escape(text, out);
        sl_buf_byte(out, '"');
    } else {
        SL_BUF_LITERAL(out, "{\"base64\":\"");
        sl_base64(out, text.p, text.n);
        SL_BUF_LITERAL(out, "\"}");
    }
}

void sl_record_envelope(const struct sl_record *r, struct sl_buf *out)
{
    const struct sl_message *m = r->message;

    SL_BUF_LITERAL(out, "{\"topic\":\"");
    sl_json_escape(sl_slice_str(m->at->topic->name), out);
    sl_buf_printf(out, "\",\"partition\":%d,\"offset\":%lld,", (int)m->at->number,
                  (long long)m->offset);
    if (r->many)
        sl_buf_printf(out, "\"index\":%u,", r->sub);
    sl_buf_printf(out, "\"timestamp\":%lld,\"key\":", (long long)m->timestamp_ms);
    string_or_base64(m->key, out);
    SL_BUF_LITERAL(out, ",\"headers\":[");
    for (size_t i = 0; i < m->n_headers; i++) {
        sl_buf_text(out, i ? ",[\"" : "[\"");
        sl_json_escape(m->headers[i].name, out);
        SL_BUF_LITERAL(out, "\",");
        string_or_base64(m->headers[i].value, out);
        sl_buf_byte(out, ']');
    }
    SL_BUF_LITERAL(out, "],\"value\":");
    string_or_base64(sl_record_raw(r), out);
    sl_buf_byte(out, '}');
}
