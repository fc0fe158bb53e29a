/* SPDX-License-Identifier: Apache-2.0 */
#include "record/forms.h"
#include "record/levels.h"
#include "record/unwrap_private.h"

/* Lines that Lambda itself writes about a call of a function,
 *
 *   START RequestId: 8f507cfc-... Version: $LATEST
 *   END RequestId: 8f507cfc-...
 *   REPORT RequestId: 8f507cfc-...\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128
 * MB... INIT_START Runtime Version: python:3.12.v18\tRuntime Version ARN: arn:aws:lambda:...
 *   2026-01-31T12:34:56.789Z 8f507cfc-... Task timed out after 3.00 seconds
 *
 * and what its runtimes put in front of a function's own lines:
 *
 *   2026-01-31T12:34:56.789Z\t8f507cfc-...\tINFO\tpaid            (Node.js)
 *   [INFO]\t2026-01-31T12:34:56.789Z\t8f507cfc-...\tpaid          (Python)
 *
 * The request's id is the one that the calls of other services can be joined by. */

enum { ID_BYTES = 36, LEVEL_MAX = 16 };

static const struct {
    struct sl_slice name;
    const char *member;
    bool number; /* with a unit behind it, that the member's name says */
} parts[] = {
    {{"RequestId", 9}, "request_id", false},
    {{"Version", 7}, "function_version", false},
    {{"Duration", 8}, "duration_ms", true},
    {{"Billed Duration", 15}, "billed_ms", true},
    {{"Memory Size", 11}, "memory_mb", true},
    {{"Max Memory Used", 15}, "memory_used_mb", true},
    {{"Init Duration", 13}, "init_ms", true},
    {{"Restore Duration", 16}, "restore_ms", true},
    {{"Billed Restore Duration", 23}, "billed_restore_ms", true},
    {{"XRAY TraceId", 12}, "xray_trace_id", false},
    {{"SegmentId", 9}, "xray_segment_id", false},
    {{"Sampled", 7}, "xray_sampled", false},
    {{"Status", 6}, "lambda_status", false},
    {{"Error Type", 10}, "error_type", false},
    {{"Phase", 5}, "phase", false},
    {{"Runtime Version", 15}, "runtime_version", false},
    {{"Runtime Version ARN", 19}, "runtime_arn", false},
};

static bool take(struct sl_slice *s, const char *text)
{
    size_t n = strlen(text);

    if (s->n < n || memcmp(s->p, text, n) != 0)
        return false;
    *s = sl_slice(s->p + n, s->n - n);
    return true;
}

/* Up to the next `c`, and goes on behind it. */
static struct sl_slice until(struct sl_slice *s, char c)
{
    const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
    struct sl_slice part = sl_slice(s->p, at ? (size_t)(at - s->p) : s->n);

    *s = at ? sl_slice(at + 1, s->n - part.n - 1) : sl_slice(s->p + s->n, 0);
    return part;
}

static bool is_id(struct sl_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = s.p[i];

        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return s.n == ID_BYTES;
}

/* ---- the platform's lines ---- */

static void add_part(struct sl_slice name, struct sl_slice value, struct sl_members *members,
                     enum sl_level *ret_level)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!sl_slice_equal(name, parts[i].name))
            continue;
        if (parts[i].number)
            sl_members_number(members, sl_slice_str(parts[i].member), until(&value, ' '));
        else
            sl_members_string(members, sl_slice_str(parts[i].member), value);
        if (sl_slice_is(name, "Status") &&
            (sl_slice_is(value, "error") || sl_slice_is(value, "timeout")))
            *ret_level = SL_LEVEL_ERROR;
        return;
    }
}

/* `Name: value`, one behind the other with tabs between them; X-Ray's begin a line of their own. */
static void platform_line(const char *event, struct sl_slice rest, struct sl_members *members,
                          enum sl_level *ret_level)
{
    sl_members_string(members, SL_SLICE_LITERAL("lambda_event"), sl_slice_str(event));
    while (rest.n > 0) {
        struct sl_slice part = until(&rest, '\t'), name = until(&part, ':');

        take(&name, "\n");
        if (part.n == 0 || *part.p != ' ')
            continue;
        part = sl_slice(part.p + 1, part.n - 1);
        /* START's version stands behind a space, and a request's id holds none. */
        if (sl_slice_is(name, "RequestId")) {
            struct sl_slice id = until(&part, ' '), version = part;

            add_part(name, id, members, ret_level);
            if (take(&version, "Version: "))
                add_part(SL_SLICE_LITERAL("Version"), version, members, ret_level);
        } else {
            add_part(name, part, members, ret_level);
        }
    }
}

static bool timed_out(struct sl_slice s, struct sl_members *members, enum sl_level *ret_level)
{
    struct sl_slice time = until(&s, ' '), id = until(&s, ' ');

    if (time.n < 20 || !is_id(id) || !take(&s, "Task timed out after "))
        return false;
    sl_members_string(members, SL_SLICE_LITERAL("lambda_event"), SL_SLICE_LITERAL("timeout"));
    sl_members_string(members, SL_SLICE_LITERAL("request_id"), id);
    sl_members_number(members, SL_SLICE_LITERAL("timeout_seconds"), until(&s, ' '));
    *ret_level = SL_LEVEL_ERROR;
    return true;
}

/* ---- a function's own lines ---- */

static void runtime_line(struct sl_slice s, struct sl_members *members, enum sl_level *ret_level)
{
    struct sl_slice level, id;

    if (take(&s, "[")) {
        level = until(&s, '\t');
        if (level.n < 2 || level.p[level.n - 1] != ']')
            return;
        level.n--;
        until(&s, '\t'); /* the time */
        id = until(&s, '\t');
    } else {
        until(&s, '\t');
        id = until(&s, '\t');
        level = until(&s, '\t');
    }
    if (!is_id(id) || level.n == 0 || level.n > LEVEL_MAX)
        return;
    *ret_level = sl_level_of_word(level);
    sl_members_string(members, SL_SLICE_LITERAL("request_id"), id);
    if (!sl_form_looks_object(s))
        sl_members_string(members, SL_SLICE_LITERAL("msg"), s);
}

void sl_lambda_line(struct sl_slice text, struct sl_members *members, enum sl_level *ret_level)
{
    static const struct {
        const char *begin;
        bool id; /* a request's id follows */
        const char *event;
    } lines[] = {{"START ", true, "start"},
                 {"END ", true, "end"},
                 {"REPORT ", true, "report"},
                 {"INIT_START ", false, "init_start"},
                 {"INIT_REPORT ", false, "init_report"}};

    while (text.n > 0 && memchr("\n\r\t ", text.p[text.n - 1], 4))
        text.n--;
    if (text.n > 0 && (*text.p == '[' || (*text.p >= '0' && *text.p <= '9'))) {
        if (!timed_out(text, members, ret_level))
            runtime_line(text, members, ret_level);
        return;
    }
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct sl_slice rest = text, ahead;

        if (!take(&rest, lines[i].begin))
            continue;
        ahead = rest;
        if (!lines[i].id || take(&ahead, "RequestId: "))
            platform_line(lines[i].event, rest, members, ret_level);
        return;
    }
}
