/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/admin.h"

#include "ops/status_page.h"

enum { LINES_MAX = 64 << 10 };

static int ready(struct sl_admin *a, struct sl_buf *out)
{
    struct sl_buf lines;
    bool is;

    sl_buf_init(&lines, LINES_MAX);
    is = !a->ready || a->ready(a->user, &lines);
    if (lines.n > 0 && lines.p[lines.n - 1] != '\n')
        sl_buf_byte(&lines, '\n');
    if (is)
        SL_BUF_LITERAL(out, "ready\n");
    else if (lines.n == 0)
        SL_BUF_LITERAL(out, "not ready\n");
    sl_buf_slice(out, sl_buf_as_slice(&lines));
    sl_buf_release(&lines);
    return is ? 200 : 503;
}

int sl_admin_answer(struct sl_admin *a, const char *path, const char **ret_content_type,
                    struct sl_buf *out)
{
    *ret_content_type = "text/plain; charset=utf-8";
    if (strcmp(path, "/metrics") == 0) {
        *ret_content_type = "text/plain; version=0.0.4; charset=utf-8";
        sl_metrics_render(a->metrics, out);
        return 200;
    }
    if (strcmp(path, "/healthz") == 0) {
        SL_BUF_LITERAL(out, "ok\n");
        return 200;
    }
    if (strcmp(path, "/readyz") == 0)
        return ready(a, out);
    if (strcmp(path, "/status.json") == 0 && a->status) {
        *ret_content_type = "application/json";
        a->status(a->user, out);
        return 200;
    }
    if (strcmp(path, "/") == 0) {
        *ret_content_type = "text/html; charset=utf-8";
        sl_buf_text(out, sl_status_page);
        return 200;
    }
    SL_BUF_LITERAL(out, "not found; there is /metrics /healthz /readyz /status.json and /\n");
    return 404;
}
