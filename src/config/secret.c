/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "config/subst.h"

struct sl_secret {
    char *text, *folder;
    char *value;
    bool files; /* may change */
    size_t min;
};

static void forget(char *value)
{
    if (value)
        explicit_bzero(value, strlen(value));
    free(value);
}

static int evaluate(const struct sl_secret *s, char **ret, bool *ret_files, struct sl_error *err)
{
    struct sl_subst subst = {.folder = s->folder};
    struct sl_buf out;
    int code;

    sl_buf_init(&out, SL_SUBST_MAX);
    code = sl_subst_expand(&subst, sl_slice_str(s->text), &out, err);
    for (size_t i = 0; code == SL_OK && i < out.n; i++) {
        unsigned char c = (unsigned char)out.p[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            code = sl_fail(err, SL_EINVAL,
                           "the value holds a line break or another control character");
    }
    if (code == SL_OK) {
        *ret = sl_buf_take(&out);
        *ret_files = subst.files;
    } else if (out.p) {
        explicit_bzero(out.p, out.n);
    }
    sl_buf_release(&out);
    return code;
}

struct sl_secret *sl_secret_new(struct sl_slice text, const char *folder, struct sl_error *err)
{
    struct sl_secret *s = sl_zalloc(sizeof(*s));

    s->text = sl_strndup(text.p, text.n);
    s->folder = sl_strdup(folder);
    s->min = 1;
    if (evaluate(s, &s->value, &s->files, err)) {
        sl_secret_free(s);
        return NULL;
    }
    return s;
}

void sl_secret_free(struct sl_secret *s)
{
    if (!s)
        return;
    forget(s->value);
    forget(s->text);
    free(s->folder);
    free(s);
}

void sl_secret_at_least(struct sl_secret *s, size_t n)
{
    s->min = n;
}

const char *sl_secret_value(const struct sl_secret *s)
{
    return s ? s->value : "";
}

bool sl_secret_refresh(struct sl_secret *s)
{
    char *value = NULL;
    bool files;

    if (!s || !s->files || evaluate(s, &value, &files, NULL))
        return false;
    if (strlen(value) < s->min || !strcmp(value, s->value)) {
        forget(value);
        return false;
    }
    forget(s->value);
    s->value = value;
    return true;
}
