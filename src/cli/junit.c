/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/utf8.h"
#include "cli/test.h"

enum { XML_MAX = 1 << 30 };

/* XML 1.0 has no way to write most control characters, nor what is no UTF-8. */
static void write_escaped(const char *text, struct sl_buf *out)
{
    size_t n = strlen(text);

    while (n > 0) {
        uint32_t c;
        size_t len = sl_utf8_char(text, n, &c);

        if (len == 0 || (c < ' ' && c != '\n' && c != '\t') || c == 0xfffe || c == 0xffff)
            sl_buf_byte(out, '?');
        else if (c == '&')
            SL_BUF_LITERAL(out, "&amp;");
        else if (c == '<')
            SL_BUF_LITERAL(out, "&lt;");
        else if (c == '>')
            SL_BUF_LITERAL(out, "&gt;");
        else if (c == '"')
            SL_BUF_LITERAL(out, "&quot;");
        else
            sl_buf_append(out, text, len);
        len = len ? len : 1;
        text += len;
        n -= len;
    }
}

static void attribute(const char *name, const char *text, struct sl_buf *out)
{
    sl_buf_printf(out, " %s=\"", name);
    write_escaped(text, out);
    sl_buf_byte(out, '"');
}

static void write_case(const struct sl_test_result *r, struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "    <testcase");
    attribute("classname", r->test->file, out);
    attribute("name", r->test->name, out);
    attribute("file", r->test->file, out);
    sl_buf_printf(out, " line=\"%u\"", r->test->line);
    if (r->wrong.n == 0) {
        SL_BUF_LITERAL(out, "/>\n");
        return;
    }
    SL_BUF_LITERAL(out, ">\n      <failure");
    attribute("message", r->wrong.items[0].what, out);
    sl_buf_byte(out, '>');
    for (size_t i = 0; i < r->wrong.n; i++) {
        const struct sl_mismatch *m = &r->wrong.items[i];

        write_escaped(m->what, out);
        SL_BUF_LITERAL(out, "\n  expected: ");
        write_escaped(m->expected, out);
        SL_BUF_LITERAL(out, "\n  got:      ");
        write_escaped(m->got, out);
        sl_buf_byte(out, '\n');
    }
    if (r->explanation)
        write_escaped(r->explanation, out);
    SL_BUF_LITERAL(out, "</failure>\n    </testcase>\n");
}

/* How many tests from `at` on are of its file, and how many of them failed. */
static size_t count_file(const struct sl_test_result *results, size_t n, size_t at,
                         size_t *ret_failed)
{
    size_t end = at;

    *ret_failed = 0;
    for (; end < n && !strcmp(results[end].test->file, results[at].test->file); end++)
        *ret_failed += results[end].wrong.n > 0;
    return end - at;
}

int sl_junit_write(const char *path, const struct sl_test_result *results, size_t n,
                   struct sl_error *err)
{
    struct sl_buf out;
    size_t failed = 0, count, failed_here;
    FILE *to = fopen(path, "w");
    bool good;

    if (!to)
        return sl_fail(err, SL_EIO, "%s: %s", path, strerror(errno));
    sl_buf_init(&out, XML_MAX);
    for (size_t i = 0; i < n; i++)
        failed += results[i].wrong.n > 0;
    sl_buf_printf(&out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<testsuites name=\"sluice test\" tests=\"%zu\" failures=\"%zu\">\n",
                  n, failed);
    for (size_t at = 0; at < n; at += count) {
        count = count_file(results, n, at, &failed_here);
        SL_BUF_LITERAL(&out, "  <testsuite");
        attribute("name", results[at].test->file, &out);
        sl_buf_printf(&out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"0\">\n", count,
                      failed_here);
        for (size_t i = at; i < at + count; i++)
            write_case(&results[i], &out);
        SL_BUF_LITERAL(&out, "  </testsuite>\n");
    }
    SL_BUF_LITERAL(&out, "</testsuites>\n");
    good = fwrite(out.p, 1, out.n, to) == out.n;
    good = fclose(to) == 0 && good && !out.full;
    sl_buf_release(&out);
    return good ? SL_OK : sl_fail(err, SL_EIO, "%s: %s", path, strerror(errno));
}
