/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>

#include "fixture.h"
#include "record/forms.h"

/* The lines of cases/forms/<form>: what each becomes. A case:
 *
 *   > the line                      (or >e with escapes: \n \t \\ \xhh; more of them are more
 * lines)
 *   @ AUTO TIME LEVEL               the form that `auto` takes it for, or -; the moment, or -; the
 *                                   level, or -
 *   {"name":"value",...}            the members, in their order
 *   = the inner text                where there is one
 *   ! why                           instead of the last three: the form refuses the line
 *
 * Kafka's time is 2026-01-31T12:34:57Z. SLUICE_BLESS=1 writes what comes out now, to be read before
 * it is committed. */

static const struct sl_form_context *context(void)
{
    static struct sl_form_context c = {.kafka_ns = (int64_t)KAFKA_MS * 1000 * 1000000};
    static struct sl_zone *utc;

    if (!utc)
        assert_int_equal(sl_zone_new(NULL, &utc, NULL), SL_OK);
    c.zone = utc;
    return &c;
}

/* ---- one case ---- */

static void undo_escapes(struct sl_slice s, struct sl_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned byte = (unsigned char)s.p[i];

        if (s.p[i] == '\\' && i + 1 < s.n) {
            i++;
            byte = s.p[i] == 'n' ? '\n' : s.p[i] == 't' ? '\t' : (unsigned char)s.p[i];
            if (s.p[i] == 'x') {
                assert_int_equal(sscanf(s.p + i + 1, "%2x", &byte), 1);
                i += 2;
            }
        }
        sl_buf_byte(out, (char)byte);
    }
}

static struct sl_slice members_text(const struct sl_members *m)
{
    return m->text.n ? sl_slice(m->text.p + 1, m->text.n - 1) : sl_slice("", 0);
}

/* One JSON object, no name twice. */
static void check_members(const struct sl_members *m, struct sl_slice line)
{
    struct sl_slice text = members_text(m);
    struct sl_buf object;
    json_error_t why;
    json_t *json;

    sl_buf_init(&object, 64 << 20);
    sl_buf_byte(&object, '{');
    sl_buf_slice(&object, text);
    sl_buf_byte(&object, '}');
    json = json_loadb(object.p, object.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!json)
        fail_msg("%s\n%.*s\n%.*s", why.text, (int)line.n, line.p, (int)object.n, object.p);
    json_decref(json);
    sl_buf_release(&object);
}

static void print(const struct sl_text_form *form, struct sl_slice line, struct sl_buf *out)
{
    struct sl_members m;
    struct sl_parsed parsed = {.members = &m}, by_auto = {.members = &m};
    const struct sl_text_form *taken;

    sl_members_init(&m);
    taken = sl_forms_try(context(), line, &by_auto);
    if (!taken)
        assert_true(m.text.n == 0 && !by_auto.has_time && !by_auto.level && !by_auto.inner.p);
    sl_members_begin(&m);
    sl_buf_printf(out, "@ %s ", taken ? taken->name : "-");
    if (!form->parse(context(), line, &parsed)) {
        assert_non_null(parsed.error);
        sl_buf_printf(out, "- -\n! %s\n", parsed.error);
    } else {
        check_members(&m, line);
        if (parsed.has_time)
            sl_time_rfc3339(parsed.time_ns, out);
        else
            sl_buf_byte(out, '-');
        sl_buf_printf(out, " %s\n{", parsed.level ? sl_level_name(parsed.level) : "-");
        sl_buf_slice(out, members_text(&m));
        sl_buf_text(out, "}\n");
        if (parsed.inner.p) {
            /* A slice of the line, so that what stands around it can be told. */
            assert_true(parsed.inner.p >= line.p &&
                        parsed.inner.p + parsed.inner.n <= line.p + line.n);
            sl_buf_text(out, "= ");
            sl_json_escape(parsed.inner, out);
            sl_buf_byte(out, '\n');
        }
    }
    sl_members_release(&m);
}

/* ---- the files ---- */

static struct sl_slice take_line(struct sl_slice *text)
{
    const char *end = memchr(text->p, '\n', text->n);
    struct sl_slice line = sl_slice(text->p, end ? (size_t)(end - text->p) : text->n);
    size_t used = line.n + (end != NULL);

    text->p += used;
    text->n -= used;
    return line;
}

static bool is_input(struct sl_slice line)
{
    return line.n >= 1 && (line.p[0] == '>' || line.p[0] == '+');
}

/* Copies a case's input and its comments to out, and the line that it spells to *ret. */
static bool take_input(struct sl_slice *text, struct sl_buf *out, struct sl_buf *ret)
{
    bool found = false;

    sl_buf_clear(ret);
    while (text->n) {
        struct sl_slice rest = *text, line = take_line(&rest);
        bool escaped = line.n >= 2 && line.p[0] == '>' && line.p[1] == 'e';

        if (found && (line.n == 0 || line.p[0] != '+'))
            break;
        *text = rest;
        if (!is_input(line) && (line.n && line.p[0] != '#'))
            continue; /* what came of the case before */
        sl_buf_slice(out, line);
        sl_buf_byte(out, '\n');
        if (!is_input(line))
            continue;
        if (found)
            sl_buf_byte(ret, '\n');
        found = true;
        line = sl_slice(line.p + 1 + escaped, line.n - 1 - escaped);
        if (escaped)
            undo_escapes(line, ret);
        else
            sl_buf_slice(ret, line);
    }
    return found;
}

static void read_file(const char *path, struct sl_buf *out)
{
    FILE *f = fopen(path, "re");
    char *room;
    size_t n;

    if (!f)
        fail_msg("%s is not there", path);
    do {
        room = sl_buf_reserve(out, 1 << 16);
        n = fread(room, 1, 1 << 16, f);
        out->n += n;
    } while (n);
    fclose(f);
}

static size_t run_file(const struct sl_text_form *form, const char *path)
{
    struct sl_buf text, out, line;
    struct sl_slice left;
    size_t cases = 0;

    sl_buf_init(&text, 1 << 20);
    sl_buf_init(&out, 1 << 20);
    sl_buf_init(&line, 1 << 20);
    read_file(path, &text);
    left = sl_buf_as_slice(&text);
    while (take_input(&left, &out, &line)) {
        size_t before = out.n;
        char *copy = sl_alloc(line.n ? line.n : 1); /* a sanitizer sees a read beyond the end */

        memcpy(copy, line.p, line.n);
        print(form, sl_slice(copy, line.n), &out);
        free(copy);
        cases++;
        if (!getenv("SLUICE_BLESS") &&
            (out.n > text.n || memcmp(out.p + before, text.p + before, out.n - before) != 0))
            fail_msg("%s: %.*s\nbecomes\n%s", path, (int)line.n, line.p, sl_buf_str(&out) + before);
    }
    if (getenv("SLUICE_BLESS")) {
        FILE *f = fopen(path, "we");

        assert_true(f && fwrite(out.p, 1, out.n, f) == out.n && fclose(f) == 0);
    } else {
        assert_true(out.n == text.n);
    }
    sl_buf_release(&text);
    sl_buf_release(&out);
    sl_buf_release(&line);
    return cases;
}

static void lines_and_what_becomes_of_them(void **state)
{
    static const char *const names[] = {"common", "combined", "nginx-error", "syslog",
                                        "logfmt", "klog",     "python",      "java"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct sl_text_form *form = sl_form_by_name(sl_slice_str(names[i]));
        char *path = sl_asprintf("%s/unit/record/cases/forms/%s", SLUICE_TESTS_DIR, names[i]);
        size_t n;

        assert_non_null(form);
        n = run_file(form, path);
        if (n < 20)
            fail_msg("%s: %zu cases", path, n);
        free(path);
    }
    assert_null(sl_form_by_name(SL_SLICE_LITERAL("jso")));
}

/* ---- hostile ---- */

/* A part again and again, to n bytes. */
static struct sl_slice repeated(const char *begin, const char *part, size_t n)
{
    struct sl_buf b;

    sl_buf_init(&b, 64 << 20);
    sl_buf_text(&b, begin);
    while (b.n < n)
        sl_buf_text(&b, part);
    return sl_buf_as_slice(&b);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cost(struct sl_slice text)
{
    static const char *const names[] = {"common", "combined", "nginx-error", "syslog",
                                        "logfmt", "klog",     "python",      "java"};
    struct sl_members m;
    double best = 1e9;

    sl_members_init(&m);
    for (int round = 0; round < 3; round++) {
        struct sl_parsed parsed = {.members = &m};
        double begin = seconds();

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            parsed = (struct sl_parsed){.members = &m};
            sl_members_begin(&m);
            sl_form_by_name(sl_slice_str(names[i]))->parse(context(), text, &parsed);
        }
        sl_members_begin(&m);
        sl_forms_try(context(), text, &parsed);
        begin = seconds() - begin;
        best = begin < best ? begin : best;
    }
    sl_members_release(&m);
    return best;
}

/* Sixteen times the bytes take about sixteen times as long, not 256 times. */
static void time_is_linear_in_the_line(void **state)
{
    static const char access[] = "192.0.2.1 - - [31/Jan/2026:12:34:56 +0000] \"";
    static const char *const begins[] = {
        "",
        access,
        "<34>1 2026-01-31T12:34:56Z h a 1 - ",
        "<34>1 2026-01-31T12:34:56Z h a 1 - [x",
        "2026/01/31 12:34:56 [error] 1#1: *1 ",
        "I0131 12:34:56.789012 1 f.go:1] \"",
        "2026-01-31 12:34:56,789 ERROR [main] a.b.C - x\n",
        "<34>Jan 31 12:34:56 host ",
        "192.0.2.1 - - [31/Jan/2026:12:34:56 +0000] \"GET / HTTP/1.1\" 200 1 \""};
    static const char *const parts[] = {
        "[",       "\"",    "\\",      "\\\"",       "\" 20",
        "\" \"",   "a",     " ",       "\n",         "a=",
        "a=\"",    "a=b ",  "[x",      "]",          " y=\"",
        " y=\"\"", "][x",   "[x]",     ", client: ", "\", ",
        "a.b.",    "a.b\n", "\n\tat ", "\n\tat a",   "Traceback (most recent call last):\n",
        ":",       "{",     "@cee:",   "<1>",        "(",
        "- ",      "-",     "\x80",    "\x01",       "12",
        "\\u",     "\\x4",  "Jan ",    " HTTP/",     "?",
        "' "};

    (void)state;
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
            struct sl_slice small = repeated(begins[i], parts[k], 1 << 14),
                            large = repeated(begins[i], parts[k], 1 << 18);
            double a = cost(small), b = cost(large);

            if (b > 0.004 && b > a * 16 * 6)
                fail_msg("%s%s...: %.6f s, sixteen times as long %.6f s", begins[i], parts[k], a,
                         b);
            free((void *)(uintptr_t)small.p);
            free((void *)(uintptr_t)large.p);
        }
}

/* Cut anywhere, and with any byte changed: nothing is read beyond the end, and what comes out is
 * JSON. */
static void damaged_lines(void **state)
{
    static const char *const lines[] = {
        "example.com:443 192.0.2.1 - jo [31/Jan/2026:12:34:56 +0000] \"GET /a?b=\\\"c HTTP/1.1\" "
        "200 "
        "17 \"https://x/\" \"curl \\x22 7\" \"198.51.100.1\" 0.1",
        "2026/01/31 12:34:56 [error] 1#2: *3 open() \"/x\" failed, client: 192.0.2.1, server: a, "
        "request: \"GET /x HTTP/1.1\", host: \"a\"",
        "<165>1 2026-01-31T12:34:56.003Z host app 12 ID47 [a@1 b=\"c\\]d\" b=\"e\"][f g=\"\"] "
        "\xef\xbb\xbf{\"x\":1}",
        "<189>29: fw01: *Jan 31 2026 12:34:56.789 UTC: %SYS-5-CONFIG_I: by console",
        "<13>Jan 31 12:34:56 host tag[12]: @cee: {\"a\":1}",
        "ts=2026-01-31T12:34:56Z level=warn msg=\"a \\\"b\\\" \\u00e9\\ud83d\\ude00\" x=y bare",
        "E0131 12:34:56.789012   12 file.go:123] \"msg\" key=\"value\" b=1",
        "[2026-01-31 12:34:56,789: ERROR/Main] a {f.py:1}\nTraceback (most recent call last):\n  "
        "File\nKeyError: 'x'",
        "2026-01-31 12:34:56.789  INFO [a,b,c] 12 --- [  main] c.f.B   : x\na.b.C: y\n\tat "
        "a.b(C:1)",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        size_t n = strlen(lines[i]);
        struct sl_buf out;

        sl_buf_init(&out, 1 << 20);
        for (size_t cut = 0; cut <= n; cut++)
            for (unsigned byte = 0; byte < 5; byte++) {
                char *copy = sl_alloc(n + 1);

                memcpy(copy, lines[i], n);
                if (byte && cut < n)
                    copy[cut] = "\xff\"[ \\"[byte];
                for (const char *const *f =
                         (const char *const[]){"combined", "nginx-error", "syslog", "logfmt",
                                               "klog", "python", "java", NULL};
                     *f; f++) {
                    char *exact = sl_alloc(byte ? n : cut + !cut);

                    memcpy(exact, copy, byte ? n : cut);
                    sl_buf_clear(&out);
                    print(sl_form_by_name(sl_slice_str(*f)), sl_slice(exact, byte ? n : cut), &out);
                    free(exact);
                }
                free(copy);
            }
        sl_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_what_becomes_of_them),
        cmocka_unit_test(time_is_linear_in_the_line),
        cmocka_unit_test(damaged_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
