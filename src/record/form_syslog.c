/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cursor.h"
#include "record/form_syslog.h"
#include "record/forms.h"
#include "record/levels.h"

/* <PRI>1 TIME HOST APP PROCID MSGID [SD] MSG         RFC 5424
 * <PRI>TIME HOST TAG[PID]: MSG                       RFC 3164 as it is meant
 *
 * and what is on the wire under that name: no priority (files), no host (/dev/log), no time, no
 * tag, a time of RFC 3339 or with a year, Cisco's sequence numbers and %FACILITY-SEVERITY-MNEMONIC.
 * So of the old form nothing is needed but a priority or a time; each part is taken when it is
 * there. */

enum { HOST_MAX = 255, TAG_MAX = 128, PID_MAX = 32, SEQUENCE_MAX = 16 };

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool begins_with_month(const struct sl_cursor *c)
{
    for (const char *m = months; *m && c->end - c->p > 14; m += 3)
        if (memcmp(c->p, m, 3) == 0)
            return c->p[3] == ' ' && c->p[5] != ',' && c->p[6] != ','; /* Jan 31, 2026: Java's */
    return false;
}

/* 2026-01-31T: only with a T, and only with an offset, for other programs' lines look so as well.
 */
static bool begins_with_rfc3339(const struct sl_cursor *c)
{
    return c->end - c->p > 20 && sl_is_digit(c->p[0]) && c->p[4] == '-' && c->p[7] == '-' &&
           c->p[10] == 'T';
}

static bool looks(struct sl_slice text)
{
    struct sl_cursor c = sl_cursor(text);

    if (sl_peek(&c, 0) == '<')
        return sl_is_digit(sl_peek(&c, 1));
    return begins_with_month(&c) || begins_with_rfc3339(&c);
}

/* ---- parts ---- */

static bool priority(struct sl_cursor *c, struct sl_parsed *ret)
{
    static const char *const facilities[] = {
        "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
        "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
        "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
    unsigned v = 0, n = 0;

    if (!sl_take(c, '<'))
        return false;
    for (; n < 3 && sl_is_digit(sl_peek(c, 0)); n++)
        v = v * 10 + (unsigned)(*c->p++ - '0');
    if (n == 0 || v > 191 || !sl_take(c, '>'))
        return false;
    SL_FORM_STRING(ret, "facility", sl_slice_str(facilities[v / 8]));
    SL_FORM_STRING(ret, "severity", sl_severity_word(v % 8));
    ret->level = sl_level_of_severity(v % 8);
    return true;
}

/* A word, or nothing for the nil value. */
static bool field(struct sl_cursor *c, struct sl_slice *ret)
{
    *ret = sl_take_word(c);
    if (ret->n == 0)
        return false;
    if (sl_slice_is(*ret, "-"))
        ret->n = 0;
    return true;
}

/* rsyslog's mark of JSON in the message. */
static void message(struct sl_parsed *ret, struct sl_slice msg)
{
    struct sl_cursor c = sl_cursor(msg);

    if (sl_take_text(&c, "@cee:")) {
        sl_skip_blanks(&c);
        if (sl_form_looks_object(sl_cursor_rest(&c)))
            msg = sl_cursor_rest(&c);
    }
    sl_form_message(ret, msg);
}

/* ---- RFC 5424 ---- */

static bool rfc5424(const struct sl_form_context *at, struct sl_cursor c, struct sl_parsed *ret)
{
    struct sl_slice time, host, app, pid, id;

    if (!field(&c, &time) || !sl_take(&c, ' ') || !field(&c, &host) || !sl_take(&c, ' ') ||
        !field(&c, &app) || !sl_take(&c, ' ') || !field(&c, &pid) || !sl_take(&c, ' ') ||
        !field(&c, &id) || !sl_take(&c, ' '))
        return sl_form_not(ret, "fewer parts than RFC 5424 asks for");
    if (time.n && sl_form_time(at, time, ret) != time.n)
        return sl_form_not(ret, "the time is not of RFC 5424");
    SL_FORM_STRING(ret, "host", host);
    SL_FORM_STRING(ret, "app", app);
    if (!sl_form_digits(ret, SL_SLICE_LITERAL("pid"), pid))
        SL_FORM_STRING(ret, "procid", pid);
    SL_FORM_STRING(ret, "msg_id", id);
    if (!sl_take(&c, '-') && !sl_syslog_structured_data(&c, ret->members))
        return sl_form_not(ret, "the structured data is not of RFC 5424");
    if (c.p < c.end && !sl_take(&c, ' '))
        return sl_form_not(ret, "something behind the structured data");
    sl_take_text(&c, "\xef\xbb\xbf");
    if (c.p < c.end)
        message(ret, sl_cursor_rest(&c));
    return true;
}

/* ---- RFC 3164 and its relatives ---- */

static bool tag_char(char c)
{
    return sl_is_letter(c) || sl_is_digit(c) || (c && strchr("_./-@()+,~$\\", c) != NULL);
}

/* TAG: or TAG[PID]:, and what follows it; the colon may be missing behind a process. */
static bool tag(struct sl_cursor *c, struct sl_slice *ret_app, struct sl_slice *ret_pid)
{
    struct sl_cursor at = *c;

    *ret_pid = sl_slice(NULL, 0);
    while (at.p < at.end && at.p - c->p < TAG_MAX && tag_char(*at.p))
        at.p++;
    *ret_app = sl_slice(c->p, (size_t)(at.p - c->p));
    if (ret_app->n == 0)
        return false;
    if (sl_take(&at, '[')) {
        const char *begin = at.p;

        while (at.p < at.end && at.p - begin <= PID_MAX && *at.p != ']' && *at.p != ' ')
            at.p++;
        *ret_pid = sl_slice(begin, (size_t)(at.p - begin));
        if (ret_pid->n == 0 || !sl_take(&at, ']'))
            return false;
        sl_take(&at, ':');
    } else if (!sl_take(&at, ':')) {
        return false;
    }
    if (at.p < at.end && *at.p != ' ')
        return false;
    sl_take(&at, ' ');
    *c = at;
    return true;
}

static bool host_char(char c)
{
    return sl_is_letter(c) || sl_is_digit(c) || c == '.' || c == '-' || c == '_' || c == ':' ||
           c == '%' || c == '/';
}

/* A name or an address with a blank behind it. */
static bool host(struct sl_cursor *c, struct sl_slice *ret)
{
    struct sl_cursor at = *c;
    struct sl_slice word;

    while (at.p < at.end && at.p - c->p < HOST_MAX && host_char(*at.p))
        at.p++;
    word = sl_slice(c->p, (size_t)(at.p - c->p));
    if (word.n == 0 || *word.p == '%' || at.p == at.end || *at.p != ' ')
        return false;
    if (word.p[word.n - 1] == ':' && !(word.n > 1 && word.p[word.n - 2] == ':'))
        return false;
    at.p++;
    *ret = word;
    *c = at;
    return true;
}

/* %ASA-6-302013: the message's kind; its digit is a severity. */
static void cisco(struct sl_cursor *c, struct sl_parsed *ret)
{
    struct sl_cursor at = *c;
    struct sl_slice id;
    const char *p, *end;
    unsigned severity;

    if (!sl_take(&at, '%'))
        return;
    id = sl_take_until(&at, ':');
    if (id.n > TAG_MAX || !sl_take(&at, ':') || memchr(id.p, ' ', id.n))
        return;
    end = id.p + id.n;
    for (p = id.p; end - p > 3; p++)
        if (p[0] == '-' && p[1] >= '0' && p[1] <= '7' && p[2] == '-')
            break;
    if (end - p <= 3)
        return;
    severity = (unsigned)(p[1] - '0');
    SL_FORM_STRING(ret, "msg_id", id);
    SL_FORM_STRING(ret, "severity", sl_severity_word(severity)); /* a priority said it first */
    if (!ret->level)
        ret->level = sl_level_of_severity(severity);
    sl_take(&at, ' ');
    *c = at;
}

/* Cisco's devices: `29: *Jan 31 12:34:56.789: `, `000123: host: Jan 31 ... `. */
static void sequence(struct sl_cursor *c, struct sl_parsed *ret)
{
    struct sl_cursor at = *c;
    const char *begin = at.p;

    while (at.p < at.end && at.p - begin < SEQUENCE_MAX && sl_is_digit(*at.p))
        at.p++;
    if (at.p > begin && sl_take_text(&at, ": ")) {
        sl_form_digits(ret, SL_SLICE_LITERAL("sequence"),
                       sl_slice(begin, (size_t)(at.p - begin) - 2));
        sl_skip_blanks(&at);
        *c = at;
    }
    if ((sl_peek(c, 0) == '*' || sl_peek(c, 0) == '.') && sl_is_letter(sl_peek(c, 1)))
        c->p++;
}

/* Cisco's zone, before the colon behind the time; one that nobody knows leaves the time alone. */
static void behind_time(struct sl_cursor *c)
{
    struct sl_cursor at = *c;

    if (sl_take(&at, ' '))
        for (int i = 0; i < 5 && sl_is_letter(sl_peek(&at, 0)); i++)
            at.p++;
    if (sl_take(&at, ':'))
        *c = at;
    sl_skip_blanks(c);
}

static bool rfc3164(const struct sl_form_context *at, struct sl_cursor c, bool has_priority,
                    struct sl_parsed *ret)
{
    struct sl_slice name = {0}, app = {0}, pid = {0};
    bool has_time, has_tag, strict = !has_priority && begins_with_rfc3339(&c);
    size_t used;

    sequence(&c, ret);
    used = sl_form_time(at, sl_cursor_rest(&c), ret);
    has_time = used > 0;
    if (!has_time && !has_priority)
        return sl_form_not(ret, "neither a priority nor a time");
    c.p += used;
    if (has_time) {
        if (c.p < c.end && *c.p != ' ' && *c.p != ':')
            return sl_form_not(ret, "something behind the time");
        behind_time(&c);
    }
    has_tag = tag(&c, &app, &pid);
    if (!has_tag && has_time && host(&c, &name)) {
        if (sl_peek(&c, 0) == ':' && sl_peek(&c, 1) == ' ')
            c.p += 2; /* `fw01 : %ASA-...` */
        has_tag = tag(&c, &app, &pid);
    }
    if (strict && (!has_tag || !name.n || sl_level_of_logger_word(name)))
        return sl_form_not(ret, "no host and tag after the time");
    SL_FORM_STRING(ret, "host", name);
    if (has_tag) {
        SL_FORM_STRING(ret, "app", app);
        if (!sl_form_digits(ret, SL_SLICE_LITERAL("pid"), pid))
            SL_FORM_STRING(ret, "procid", pid);
    } else {
        cisco(&c, ret);
    }
    message(ret, sl_cursor_rest(&c));
    return true;
}

static bool parse(const struct sl_form_context *at, struct sl_slice text, struct sl_parsed *ret)
{
    struct sl_slice line = sl_form_line(text);
    struct sl_cursor c = sl_cursor(line);
    bool has_priority = priority(&c, ret);

    if (!has_priority && line.n && line.p[0] == '<')
        return sl_form_not(ret, "no priority from <0> to <191>");
    if (has_priority && sl_peek(&c, 0) == '1' && sl_peek(&c, 1) == ' ') {
        c.p += 2;
        return rfc5424(at, c, ret);
    }
    return rfc3164(at, c, has_priority, ret);
}

const struct sl_text_form sl_form_syslog = {"syslog", looks, parse};
