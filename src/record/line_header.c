/* SPDX-License-Identifier: Apache-2.0 */
#include "record/line_header.h"

#include "record/cursor.h"
#include "record/levels.h"
#include "record/spellings.h"

enum { PARTS_MAX = 16, GROUP_MAX = 128, NAME_MAX_BYTES = 128, UUID_BYTES = 36 };

struct reader {
    const struct sl_form_context *context;
    struct sl_line_header *h;
    struct sl_cursor c;
    bool names_first;
    bool spring; /* --- was there */
    bool sure;   /* what stands around the level says that it is one */
    bool done;   /* the message begins here */
};

/* ---- what a text looks like ---- */

static bool name_char(char c)
{
    return sl_is_letter(c) || sl_is_digit(c) || c == '.' || c == '_' || c == '$' || c == '-' ||
           c == '/' || c == '<' || c == '>';
}

/* A name of a logger, module or function at c, not taken; n is 0 where there is none. */
static struct sl_slice name_at(const struct sl_cursor *c)
{
    const char *p = c->p;

    if (p == c->end || (!sl_is_letter(*p) && *p != '_' && *p != '<'))
        return sl_slice(p, 0);
    while (p < c->end && p - c->p <= NAME_MAX_BYTES && name_char(*p))
        p++;
    return sl_slice(c->p, p - c->p <= NAME_MAX_BYTES ? (size_t)(p - c->p) : 0);
}

static bool all_digits(struct sl_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!sl_is_digit(s.p[i]))
            return false;
    return s.n > 0;
}

static unsigned dots(struct sl_slice s)
{
    unsigned n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '.';
    return n;
}

static bool is_name(struct sl_slice s)
{
    struct sl_cursor c = sl_cursor(s);

    return s.n && name_at(&c).n == s.n;
}

static bool upper_case(struct sl_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.n > 0;
}

static struct sl_slice trim(struct sl_slice s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool is_uuid(struct sl_slice s)
{
    if (s.n != UUID_BYTES)
        return false;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        char c = s.p[i], low = (char)(c | 0x20);
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? c != '-' : !sl_is_digit(c) && (low < 'a' || low > 'f'))
            return false;
    }
    return true;
}

static size_t time_at(const struct reader *r, struct sl_slice text)
{
    struct sl_cursor c = sl_cursor(text);
    size_t used;
    int64_t ns;

    if (sl_time_spelled(text, r->context->zone, r->context->kafka_ns, &ns, &used))
        return used;
    /* A clock without a date is a time to read, not one to sort by. */
    if (sl_peek(&c, 2) != ':' || sl_peek(&c, 5) != ':' || text.n < 8 || !sl_is_digit(c.p[0]) ||
        !sl_is_digit(c.p[1]) || !sl_is_digit(c.p[3]) || !sl_is_digit(c.p[4]) ||
        !sl_is_digit(c.p[6]) || !sl_is_digit(c.p[7]))
        return 0;
    c.p += 8;
    if ((sl_peek(&c, 0) == '.' || sl_peek(&c, 0) == ',') && sl_is_digit(sl_peek(&c, 1)))
        for (c.p++; sl_is_digit(sl_peek(&c, 0));)
            c.p++;
    return (size_t)(c.p - text.p);
}

static bool ends_word(char c)
{
    return c == ' ' || c == '\t' || c == '\0' || c == '|' || c == ']' || c == '\n';
}

/* ---- brackets ---- */

static bool is_hex(struct sl_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char low = (char)(s.p[i] | 0x20);

        if (!sl_is_digit(s.p[i]) && (low < 'a' || low > 'f'))
            return false;
    }
    return true;
}

/* app, trace and span, as Spring's tracing writes them; not Kafka's [Consumer clientId=c,
 * groupId=g] or what else has a comma. */
static bool tracing(struct reader *r, struct sl_slice content)
{
    struct sl_cursor c = sl_cursor(content);
    struct sl_slice app = trim(sl_take_until(&c, ',')), trace, span;

    sl_take(&c, ',');
    trace = trim(sl_take_until(&c, ','));
    if (!sl_take(&c, ','))
        return false;
    span = trim(sl_take_until(&c, ','));
    if (memchr(content.p, '=', content.n) || !is_hex(trace) || !is_hex(span))
        return false;
    r->h->app = app;
    r->h->trace_id = trace;
    r->h->span_id = span;
    return true;
}

/* Celery's [2026-01-31 12:34:56,789: INFO/MainProcess] */
static bool time_in_brackets(struct reader *r, struct sl_slice content)
{
    struct sl_line_header *h = r->h;
    size_t used = h->time.n ? 0 : time_at(r, content);
    struct sl_cursor c;
    struct sl_slice word;

    if (used == 0)
        return false;
    if (used == content.n) {
        h->time = content;
        return true;
    }
    c = (struct sl_cursor){content.p + used, content.p + content.n};
    if (h->level || !sl_take_text(&c, ": "))
        return false;
    word = sl_take_until(&c, '/');
    h->level = sl_level_of_logger_word(word);
    if (!h->level || !sl_take(&c, '/'))
        return false;
    h->time = sl_slice(content.p, used);
    h->level_word = word;
    h->thread = sl_cursor_rest(&c);
    return true;
}

static bool group_means(struct reader *r, struct sl_slice content)
{
    struct sl_line_header *h = r->h;
    enum sl_level level;

    if (content.n == 0 || time_in_brackets(r, content))
        return true;
    if (!h->level && (level = sl_level_of_logger_word(content))) {
        h->level = level;
        h->level_word = content;
        return r->sure = true;
    }
    if (all_digits(content) && !h->pid.n) {
        h->pid = content;
        return true;
    }
    if (h->level && !h->app.n && !r->spring && memchr(content.p, ',', content.n))
        return tracing(r, content);
    if (memchr(content.p, '=', content.n) || sl_slice_begins(content, "client "))
        return false; /* Apache's [client 192.0.2.7] */
    if (h->level && !h->logger.n && is_name(content) && (r->names_first || dots(content) > 0)) {
        h->logger = content;
        return r->sure = true;
    }
    if (r->spring && h->thread.n && !h->app.n)
        h->app = h->thread; /* [app] [thread] */
    else if (h->thread.n || (h->level && h->logger.n))
        return false;
    h->thread = content;
    return true;
}

static bool group(struct reader *r, char close)
{
    struct sl_cursor at = r->c;
    const char *begin = ++at.p;

    while (at.p < at.end && at.p - begin < GROUP_MAX && *at.p != close && *at.p != '\n')
        at.p++;
    if (sl_peek(&at, 0) != close || !group_means(r, trim(sl_slice(begin, (size_t)(at.p - begin)))))
        return false;
    at.p++;
    r->c = at;
    return true;
}

/* Airflow's {file.py:123} */
static bool place(struct reader *r)
{
    struct sl_cursor at = {r->c.p + 1, r->c.end};
    struct sl_slice file = name_at(&at), line;
    const char *begin;

    at.p += file.n;
    if (file.n == 0 || r->h->file.n || !sl_take(&at, ':'))
        return false;
    begin = at.p;
    while (at.p < at.end && sl_is_digit(*at.p))
        at.p++;
    line = sl_slice(begin, (size_t)(at.p - begin));
    if (line.n == 0 || !sl_take(&at, '}'))
        return false;
    r->h->file = file;
    r->h->line = line;
    r->c = at;
    return true;
}

/* WildFly's and Quarkus' (thread) behind the logger. */
static bool round_group(struct reader *r)
{
    struct sl_cursor at = r->c;
    const char *begin = ++at.p;

    if (!r->h->level || !r->h->logger.n || r->h->thread.n)
        return false;
    while (at.p < at.end && at.p - begin < GROUP_MAX && *at.p != ')' && *at.p != '\n')
        at.p++;
    if (sl_peek(&at, 0) != ')' || at.p == begin || sl_peek(&at, 1) != ' ')
        return false;
    r->h->thread = sl_slice(begin, (size_t)(at.p - begin));
    at.p += 2;
    r->c = at;
    r->done = true;
    return true;
}

/* ---- words ---- */

/* With a blank behind it, a word in mixed case is one of a sentence ("Alert created"), and so is
 * one in lower case that is rare as a level ("success rate", "panic button"). */
static bool in_a_sentence(struct sl_slice word)
{
    if (upper_case(word))
        return false;
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] < 'a' || word.p[i] > 'z')
            return true;
    return sl_level_of_word(word) == SL_LEVEL_NONE || sl_level_of_word(word) == SL_LEVEL_FATAL;
}

/* Behind a level: its colon. Python's own layout is LEVEL:name:msg. */
static void after_level(struct reader *r)
{
    struct sl_slice name;

    if (!sl_take(&r->c, ':'))
        return;
    r->sure = true;
    r->done = true;
    name = name_at(&r->c);
    if (name.n && sl_peek(&r->c, name.n) == ':') {
        r->h->logger = name;
        r->c.p += name.n + 1;
    } else {
        sl_skip_blanks(&r->c);
    }
}

static bool level_word(struct reader *r)
{
    struct sl_line_header *h = r->h;
    const char *p = r->c.p;
    struct sl_slice word;
    enum sl_level level;

    while (p < r->c.end && sl_is_letter(*p) && p - r->c.p < 16)
        p++;
    word = sl_slice(r->c.p, (size_t)(p - r->c.p));
    level = sl_level_of_logger_word(word);
    if (!level || (p < r->c.end && !ends_word(*p) && *p != ':') ||
        (p < r->c.end && *p == ' ' && in_a_sentence(word)) ||
        ((!h->time.n || h->logger.n) && !upper_case(word)))
        return false;
    h->level = level;
    h->level_word = word;
    r->sure = r->sure || h->time.n || h->thread.n;
    r->c.p = p;
    after_level(r);
    return true;
}

static void skip_colon(struct reader *r)
{
    sl_take(&r->c, ':');
    sl_skip_blanks(&r->c);
    r->done = true;
}

/* Loguru's module:function:12 - msg */
static bool loguru(struct reader *r, struct sl_slice name)
{
    struct sl_cursor at = {name.p + name.n, r->c.end};
    struct sl_slice function, line;
    const char *begin;

    if (!sl_take(&at, ':'))
        return false;
    function = name_at(&at);
    at.p += function.n;
    if (function.n == 0 || !sl_take(&at, ':'))
        return false;
    for (begin = at.p; at.p < at.end && sl_is_digit(*at.p);)
        at.p++;
    line = sl_slice(begin, (size_t)(at.p - begin));
    if (line.n == 0 || !sl_take_text(&at, " - "))
        return false;
    r->h->logger = name;
    r->h->function = function;
    r->h->line = line;
    r->c = at;
    return r->done = true;
}

/* Django's `module process thread msg`. */
static bool with_numbers(struct reader *r, struct sl_slice name)
{
    struct sl_cursor at = {name.p + name.n, r->c.end};
    struct sl_slice pid, thread;

    if (!sl_take(&at, ' '))
        return false;
    pid = sl_take_word(&at);
    if (!all_digits(pid) || !sl_take(&at, ' '))
        return false;
    thread = sl_take_word(&at);
    if (!all_digits(thread) || !sl_take(&at, ' '))
        return false;
    r->h->logger = name;
    r->h->pid = pid;
    r->h->thread = thread;
    r->c = at;
    return r->done = true;
}

/* A logger's name behind the level: known by what separates it from the message. */
static bool name_behind(struct reader *r)
{
    struct sl_line_header *h = r->h;
    struct sl_slice name;
    struct sl_cursor at = r->c;

    if (h->logger.n)
        return false;
    if (sl_take_text(&at, "in ") && (name = name_at(&at)).n && sl_peek(&at, name.n) == ':') {
        h->logger = name; /* Flask's `in module:` */
        r->c.p = name.p + name.n;
        skip_colon(r);
        return true;
    }
    name = name_at(&r->c);
    if (name.n == 0)
        return false;
    if (loguru(r, name) || with_numbers(r, name))
        return true;
    at = (struct sl_cursor){name.p + name.n, r->c.end};
    if (sl_peek(&at, 0) == ':' && ends_word(sl_peek(&at, 1))) {
        r->c = at;
        skip_colon(r);
    } else {
        bool apart = sl_peek(&at, 0) == ' ';

        sl_skip_blanks(&at);
        if (apart &&
            (sl_take_text(&at, "- ") || sl_take_text(&at, ": ") || sl_take_text(&at, "| ")))
            r->done = true;
        else if (!apart || !h->thread.n || dots(name) < 2)
            return false; /* Tomcat has nothing but a blank behind its long name */
        r->done = true;
        r->c = at;
    }
    h->logger = name;
    return true;
}

/* java.util.logging has two lines: time, class and method; level and message. */
static bool method(struct reader *r, struct sl_slice name)
{
    struct sl_cursor at = {name.p + name.n, r->c.end};
    struct sl_slice word;

    if (!sl_take(&at, '\n'))
        return false;
    r->c.p = at.p;
    word = sl_take_until(&at, ':');
    if (!sl_level_of_logger_word(word) || !upper_case(word)) {
        r->c.p = name.p;
        return false;
    }
    r->h->function = name;
    return true;
}

/* A word before the level: a request's id or a logger. */
static bool name_before(struct reader *r)
{
    struct sl_line_header *h = r->h;
    struct sl_slice name = name_at(&r->c);
    char next = sl_peek(&r->c, name.n);

    if (name.n && h->logger.n && h->time.n && !h->function.n)
        return method(r, name);
    if (name.n == 0 || h->logger.n || !h->time.n || (!ends_word(next) && next != ':'))
        return false;
    h->logger = name;
    r->c.p += name.n;
    sl_take(&r->c, ':');
    return true;
}

static bool number(struct reader *r)
{
    struct sl_line_header *h = r->h;
    struct sl_slice rest = sl_cursor_rest(&r->c), word;
    size_t used = h->time.n ? 0 : time_at(r, rest);
    struct sl_cursor at = r->c;

    if (used) {
        h->time = sl_slice(rest.p, used);
        r->c.p += used;
        r->sure = true;
        return sl_peek(&r->c, 0) == '\0' || strchr(" \t[|,:", sl_peek(&r->c, 0));
    }
    word = sl_take_word(&at);
    if (!all_digits(word) || h->pid.n ||
        (h->level && !sl_slice_begins(sl_cursor_rest(&at), " ---")))
        return false;
    if (h->level || h->time.n)
        h->pid = word;
    r->c = at; /* else milliseconds since the start */
    return true;
}

static bool request_id(struct reader *r)
{
    struct sl_slice rest = sl_cursor_rest(&r->c), id;

    if (rest.n < UUID_BYTES || r->h->request_id.n)
        return false;
    id = sl_slice(rest.p, UUID_BYTES);
    if (!is_uuid(id) || !ends_word(sl_peek(&r->c, UUID_BYTES)))
        return false;
    r->h->request_id = id;
    r->c.p += UUID_BYTES;
    return true;
}

static bool separator(struct reader *r)
{
    if (sl_take_text(&r->c, "--- ")) {
        r->spring = r->h->level != SL_LEVEL_NONE;
        return r->spring;
    }
    if (!sl_take_text(&r->c, "- "))
        return false;
    r->done = r->h->level && (r->h->logger.n || r->h->thread.n);
    if (r->h->level)
        r->sure = true;
    return true;
}

/* One part; false: the message begins here. */
static bool part(struct reader *r)
{
    char c = sl_peek(&r->c, 0);

    switch (c) {
    case '[':
        return group(r, ']');
    case '(':
        return round_group(r);
    case '{':
        return place(r);
    case '|':
        r->c.p++;
        return true;
    case ':': /* Spring's, behind a logger */
        if (!r->h->level)
            return false;
        skip_colon(r);
        return true;
    case '-':
        return separator(r);
    default:
        break;
    }
    if (request_id(r))
        return true;
    if (sl_is_digit(c))
        return number(r);
    if (!r->h->level && level_word(r))
        return true;
    if (!r->h->level && !r->h->time.n && !r->h->thread.n) {
        size_t used = time_at(r, sl_cursor_rest(&r->c));

        r->h->time = sl_slice(r->c.p, used);
        r->c.p += used;
        return used > 0;
    }
    return r->h->level ? name_behind(r) : name_before(r);
}

bool sl_line_header(const struct sl_form_context *c, struct sl_slice text, bool names_first,
                    struct sl_line_header *ret)
{
    struct reader r = {.context = c, .h = ret, .c = sl_cursor(text), .names_first = names_first};

    *ret = (struct sl_line_header){.level = SL_LEVEL_NONE};
    for (int i = 0; i < PARTS_MAX && !r.done; i++) {
        sl_skip_blanks(&r.c);
        if (r.c.p == r.c.end || !part(&r))
            break;
    }
    sl_skip_blanks(&r.c);
    ret->used = (size_t)(r.c.p - text.p);
    return ret->level && (r.sure || ret->time.n);
}

bool sl_line_looks(struct sl_slice text)
{
    char c = text.n ? text.p[0] : '\0';

    return c == '[' || sl_is_digit(c) || (c >= 'A' && c <= 'Z');
}

void sl_line_header_add(const struct sl_form_context *c, const struct sl_line_header *h,
                        struct sl_parsed *ret)
{
    sl_form_moment(c, h->time, ret);
    ret->level = h->level;
    SL_FORM_STRING(ret, "level", h->level_word);
    SL_FORM_STRING(ret, "thread", h->thread);
    SL_FORM_STRING(ret, "logger", h->logger);
    sl_form_digits(ret, SL_SLICE_LITERAL("pid"), h->pid);
    SL_FORM_STRING(ret, "app", h->app);
    SL_FORM_STRING(ret, "trace_id", h->trace_id);
    SL_FORM_STRING(ret, "span_id", h->span_id);
    SL_FORM_STRING(ret, "request_id", h->request_id);
    SL_FORM_STRING(ret, "file", h->file);
    SL_FORM_STRING(ret, "function", h->function);
    sl_form_digits(ret, SL_SLICE_LITERAL("line"), h->line);
}
