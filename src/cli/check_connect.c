/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check_connect.h"

#include <stdlib.h>
#include <uv.h>

#include "base/alloc.h"
#include "kafka/admin.h"
#include "net/loop.h"

enum {
    KAFKA_TIMEOUT_MS = 10000,
    PROBE_TIMEOUT_MS =
        30000, /* a destination that takes longer is not well, whatever its `timeout` */
    FINDINGS_MAX = 256 << 10,
};

struct checking;

struct probe {
    struct checking *all;
    struct sl_sink *sink;
    bool done, ok;
    char *text;
};

struct checking {
    struct sl_loop *loop;
    struct probe probes[SL_SINKS_MAX];
    size_t waiting;
    struct sl_timer deadline;
};

/* ---- findings ---- */

static void add(struct sl_findings *f, const char *target, bool ok, const char *text)
{
    f->items = sl_reallocarray(f->items, f->n + 1, sizeof(*f->items));
    f->items[f->n++] = (struct sl_finding){sl_strdup(target), ok, sl_strdup(text)};
    f->failed += !ok;
}

void sl_findings_release(struct sl_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].target);
        free(f->items[i].text);
    }
    free(f->items);
    *f = (struct sl_findings){0};
}

static void connect_kafka(const struct sl_config *config, struct sl_findings *ret)
{
    struct sl_error err = {0};
    struct sl_buf lines;
    int code;

    sl_buf_init(&lines, FINDINGS_MAX);
    code = sl_kafka_check(config, NULL, KAFKA_TIMEOUT_MS, &lines, &err);
    for (const char *at = sl_buf_str(&lines); *at;) {
        size_t n = strcspn(at, "\n");
        char *line = sl_strndup(at, n);

        if (n)
            add(ret, "kafka", true, line);
        free(line);
        at += n + (at[n] == '\n');
    }
    if (code != SL_OK)
        add(ret, "kafka", false, err.text[0] ? err.text : sl_code_text(code));
    sl_buf_release(&lines);
}

/* ---- sinks ---- */

static void on_probe(void *user, const struct sl_result *result)
{
    struct probe *p = user;

    if (p->done)
        return;
    p->done = true;
    p->ok = result->outcome == SL_DELIVERED;
    if (result->reason && *result->reason)
        p->text = sl_strdup(result->reason);
    else if (p->ok)
        p->text = sl_strdup("takes records");
    else
        p->text = sl_asprintf("answers with status %d", result->status);
    if (--p->all->waiting == 0)
        uv_stop(&p->all->loop->uv);
}

static void on_deadline(struct sl_timer *t)
{
    struct checking *c = sl_container_of(t, struct checking, deadline);

    uv_stop(&c->loop->uv);
}

static void ask_all(struct checking *c)
{
    uv_update_time(&c->loop->uv);
    c->deadline.fire = on_deadline;
    sl_timer_start(&c->loop->rt, &c->deadline, PROBE_TIMEOUT_MS);
    for (size_t i = 0; i < SL_SINKS_MAX; i++) {
        struct probe *p = &c->probes[i];

        if (!p->sink)
            continue;
        c->waiting++;
        p->sink->type->probe(p->sink, on_probe, p);
    }
    if (c->waiting)
        uv_run(&c->loop->uv, UV_RUN_DEFAULT);
    sl_timer_stop(&c->loop->rt, &c->deadline);
}

void sl_check_connect(struct sl_cli_sinks *sinks, struct sl_findings *ret)
{
    const struct sl_config *config = sl_cli_sinks_config(sinks);
    struct checking *c = sl_zalloc(sizeof(*c));

    sl_cli_sinks_keep(sinks, c); /* an answer may still come too late */
    connect_kafka(config, ret);
    c->loop = sl_cli_sinks_loop(sinks);
    for (size_t i = 0; i < config->n_sinks; i++) {
        struct sl_sink *sink = sl_cli_sinks_get(sinks, i);

        c->probes[i].all = c;
        c->probes[i].sink = sink && sink->type->probe ? sink : NULL;
    }
    ask_all(c);
    for (size_t i = 0; i < config->n_sinks; i++) {
        struct probe *p = &c->probes[i];
        char *target = sl_asprintf("sink %s", config->sinks[i].name);

        if (p->sink && !p->done) {
            p->done = true;
            p->text = sl_asprintf("no answer within %d s", PROBE_TIMEOUT_MS / 1000);
        }
        if (p->sink)
            add(ret, target, p->ok, p->text);
        free(p->text);
        free(target);
    }
}
