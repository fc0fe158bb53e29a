/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/admin.h"

#include "ops/status_page.h"

static int ready(struct sl_admin *a, struct sl_buf *out)
{
    size_t before = out->n;

    if (!a->ready || a->ready(a->user, out)) {
        sl_buf_truncate(out, before); /* reasons are for the other case */
        SL_BUF_LITERAL(out, "ready\n");
        return 200;
    }
    if (out->n == before)
        SL_BUF_LITERAL(out, "not ready\n");
    else if (out->p[out->n - 1] != '\n')
        sl_buf_byte(out, '\n');
    return 503;
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
