/* SPDX-License-Identifier: Apache-2.0 */
#include "config/subst.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/file.h"

char *sl_subst_path(const char *folder, const char *path)
{
    if (path[0] == '/' || folder[0] == '\0')
        return sl_strdup(path);
    return sl_asprintf("%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", path);
}

static int expand_file(const struct sl_subst *s, const char *path, struct sl_buf *out,
                       struct sl_error *err)
{
    char *full = sl_subst_path(s->folder, path);
    size_t before = out->n;
    int code;

    if (path[0] == '\0')
        code = sl_fail(err, SL_EINVAL, "`${file:}` names no file");
    else if ((code = sl_file_read(out, full)) == SL_EIO)
        sl_fail(err, SL_EIO, "file %s cannot be read: %s", full, strerror(errno));
    else if (code == SL_EFULL)
        sl_fail(err, SL_EFULL, "file %s is larger than %d KiB", full, SL_SUBST_MAX >> 10);
    else if (out->n > before && memchr(out->p + before, 0, out->n - before))
        code = sl_fail(err, SL_EINVAL, "file %s is no text: it holds a NUL byte", full);
    if (code == SL_OK && out->n > before && out->p[out->n - 1] == '\n') {
        size_t n = out->n - 1;

        if (n > before && out->p[n - 1] == '\r')
            n--;
        sl_buf_truncate(out, n);
    }
    free(full);
    return code;
}

static size_t name_length(const char *p)
{
    size_t n = 0;

    while (p[n] == '_' || (p[n] >= 'A' && p[n] <= 'Z') || (p[n] >= 'a' && p[n] <= 'z') ||
           (n > 0 && p[n] >= '0' && p[n] <= '9'))
        n++;
    return n;
}

/* `part`: what stands between the braces. */
static int expand_part(struct sl_subst *s, const char *part, struct sl_buf *out,
                       struct sl_error *err)
{
    size_t n = name_length(part);
    const char *fallback = NULL, *value;
    char *name;
    int code = SL_OK;

    s->used = true;
    if (!strncmp(part, "file:", 5)) {
        s->files = true;
        return expand_file(s, part + 5, out, err);
    }
    if (!strncmp(part + n, ":-", 2))
        fallback = part + n + 2;
    if (n == 0 || (!fallback && part[n] != '\0'))
        return sl_fail(err, SL_EINVAL,
                       "`${...}` takes a variable, `NAME:-default` or `file:PATH`; `$$` is a `$`");
    name = sl_strndup(part, n);
    value = getenv(name);
    if (fallback && (!value || !*value))
        value = fallback;
    if (value)
        sl_buf_text(out, value);
    else
        code = sl_fail(err, SL_ENOENT, "environment variable %s is not set", name);
    free(name);
    return code;
}

static unsigned column_of(struct sl_slice text, size_t at)
{
    unsigned column = 1;

    for (size_t i = 0; i < at; i++)
        column += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return column;
}

int sl_subst_expand(struct sl_subst *s, struct sl_slice text, struct sl_buf *out,
                    struct sl_error *err)
{
    int code = SL_OK;

    for (size_t i = 0; i < text.n && code == SL_OK; i++) {
        const char *end;
        char *part;

        if (text.p[i] != '$' || i + 1 == text.n || (text.p[i + 1] != '$' && text.p[i + 1] != '{')) {
            sl_buf_byte(out, text.p[i]);
            continue;
        }
        if (text.p[i + 1] == '$') {
            sl_buf_byte(out, '$');
            i++;
            continue;
        }
        end = memchr(text.p + i, '}', text.n - i);
        if (!end) {
            code = sl_fail(err, SL_EINVAL, "`${` without its `}`; `$$` is a `$`");
        } else {
            part = sl_strndup(text.p + i + 2, (size_t)(end - text.p) - i - 2);
            code = expand_part(s, part, out, err);
            free(part);
        }
        if (code != SL_OK && err)
            err->column = column_of(text, i);
        if (end)
            i = (size_t)(end - text.p);
    }
    if (code == SL_OK && out->full)
        code = sl_fail(err, SL_EFULL, "the value is longer than %zu bytes", out->max);
    return code;
}
