/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/file.h"

/* When rules are loaded, and what is said of it: see reload.h. */

enum { CONFIG_MAX = 64 << 20, SAID_MAX = 50, AGAIN_SHARE = 20 };

/* ---- a look and a load, on a pool thread ---- */

static uint64_t look(const struct sl_load *l, const struct sl_rules *rules)
{
    struct sl_rules_look seen;

    sl_rules_look(&l->routing.config->routes, rules, &seen);
    return seen.signature ? seen.signature : 1;
}

static void run(struct sl_work *w)
{
    struct sl_load *l = sl_container_of(w, struct sl_load, work);
    uint64_t before = look(l, l->newest);

    l->seen = before;
    if (l->look_only)
        return;
    l->moved = l->expected && before != l->expected;
    if (l->moved)
        return;
    l->made = sl_routing_new(&l->routing, &l->diags, &l->err);
    l->seen = look(l, l->newest);
    l->moved = l->seen != before;
    if (l->moved) {
        sl_routing_free(l->made);
        l->made = NULL;
    } else if (l->expected && (!l->made || look(l, l->made->rules) == before)) {
        l->loaded = before;
    }
    if (!l->made)
        sl_alloc_trim();
}

static uint64_t now_ms(void *user)
{
    return sl_now_ms(((struct sl_pipeline *)user)->rt);
}

/* Of the rules that come next or are live: neither are freed while the work is under way, since
 * only its end brings others. */
static const struct sl_rules *newest(const struct sl_pipeline *p)
{
    const struct sl_routing *r = p->reload.next ? p->reload.next : p->routing;

    return r ? r->rules : NULL;
}

struct sl_routing_config sl_reload_routing_config(struct sl_pipeline *p)
{
    return (struct sl_routing_config){
        .config = p->config, .base = p->fields, .now_ms = now_ms, .user = p};
}

static void prepare(struct sl_pipeline *p, bool look_only, uint64_t expected)
{
    p->reload.load = (struct sl_load){
        .look_only = look_only,
        .expected = expected,
        .routing = sl_reload_routing_config(p),
        .newest = newest(p),
    };
    sl_diags_init(&p->reload.load.diags);
}

static void on_done(struct sl_work *w);

static void start(struct sl_pipeline *p, bool look_only, uint64_t expected)
{
    struct sl_reload *r = &p->reload;

    prepare(p, look_only, expected);
    r->load.work = (struct sl_work){.run = run, .done = on_done};
    r->busy = true;
    r->began_ms = sl_now_ms(p->rt);
    p->alive++;
    sl_work_start(p->rt, &r->load.work);
}

/* ---- what is said ---- */

static uint64_t hash_problems(const struct sl_load *l)
{
    uint64_t hash = sl_hash(l->err.text, strlen(l->err.text));

    for (size_t i = 0; i < l->diags.n; i++) {
        const struct sl_diag *d = &l->diags.items[i];
        const uint64_t parts[] = {hash, d->line, d->column,
                                  d->file ? sl_hash(d->file, strlen(d->file)) : 0,
                                  sl_hash(d->text, strlen(d->text))};

        hash = sl_hash(parts, sizeof(parts));
    }
    return hash ? hash : 1;
}

static void describe(const struct sl_diag *d, struct sl_buf *ret)
{
    if (d->file)
        sl_buf_printf(ret, "%s:", d->file);
    if (d->line)
        sl_buf_printf(ret, "%u:", d->line);
    if (d->line && d->column)
        sl_buf_printf(ret, "%u:", d->column);
    sl_buf_printf(ret, "%s%s", ret->n ? " " : "", d->text);
}

static void log_diags(struct sl_pipeline *p, const struct sl_diags *diags)
{
    struct sl_buf line;

    sl_buf_init(&line, 16 << 10);
    for (size_t i = 0; i < diags->n && i < SAID_MAX; i++) {
        const struct sl_diag *d = &diags->items[i];

        sl_buf_clear(&line);
        describe(d, &line);
        sl_log(p->log, d->severity == SL_PROBLEM ? SL_LOG_ERROR : SL_LOG_WARN, sl_buf_str(&line),
               NULL);
    }
    sl_buf_release(&line);
}

static const struct sl_diag *first_problem(const struct sl_diags *diags)
{
    for (size_t i = 0; i < diags->n; i++)
        if (diags->items[i].severity == SL_PROBLEM)
            return &diags->items[i];
    return NULL;
}

static void note_problem(struct sl_pipeline *p, const struct sl_load *l)
{
    const struct sl_diag *first = first_problem(&l->diags);
    struct sl_buf text, what;

    sl_buf_init(&text, 16 << 10);
    sl_buf_init(&what, 8 << 10);
    if (first)
        describe(first, &what);
    else
        sl_buf_text(&what, l->err.text);
    SL_BUF_LITERAL(&text, "rules: the change at ");
    sl_time_rfc3339(sl_wall_ms(p->rt) / 1000 * 1000000000, &text);
    sl_buf_printf(&text, " was refused: %s", sl_buf_str(&what));
    if (l->diags.errors > 1)
        sl_buf_printf(&text, " (and %zu more)", l->diags.errors - 1);
    SL_BUF_LITERAL(&text, "; the rules before it are live");
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ')
            text.p[i] = '?'; /* it stays one line */
    free(p->reload.problem);
    p->reload.problem = sl_buf_take(&text);
    sl_buf_release(&what);
}

static void refused(struct sl_pipeline *p, struct sl_load *l)
{
    struct sl_reload *r = &p->reload;
    uint64_t problems = hash_problems(l), now = sl_now_ms(p->rt),
             pause = AGAIN_SHARE * (now - r->began_ms);
    char count[24];

    r->again_ms = now + (pause > SL_RELOAD_AGAIN_MS ? pause : SL_RELOAD_AGAIN_MS);
    sl_observe_reload(p, false);
    if (problems == r->problems && !r->asked)
        return;
    r->asked = false;
    r->problems = problems;
    sl_diags_sort(&l->diags);
    note_problem(p, l);
    log_diags(p, &l->diags);
    snprintf(count, sizeof(count), "%zu", l->diags.errors);
    sl_log(p->log, SL_LOG_ERROR, "rules were not reloaded: the rules before the change are live",
           "reason", l->err.text, "problems", count, "hash", p->routing->version->hash, NULL);
}

static void forget_problem(struct sl_reload *r)
{
    free(r->problem);
    r->problem = NULL;
    r->problems = 0;
}

void sl_reload_succeeded(struct sl_pipeline *p)
{
    forget_problem(&p->reload);
    p->reload.asked = false;
    sl_observe_reload(p, true);
}

static void unchanged(struct sl_pipeline *p)
{
    struct sl_reload *r = &p->reload;

    sl_log(p->log, r->asked || r->problems ? SL_LOG_INFO : SL_LOG_DEBUG,
           "rules read again: they are what is live", "hash", p->routing->version->hash, NULL);
    sl_swap_to(p, NULL);
    sl_reload_succeeded(p);
}

void sl_reload_notes(const struct sl_pipeline *p, struct sl_buf *ret)
{
    const struct sl_reload *r = &p->reload;

    if (r->problem)
        sl_buf_printf(ret, "%s\n", r->problem);
    if (r->next)
        SL_BUF_LITERAL(ret, "rules: a change is being recorded in the state topic\n");
    for (size_t i = 0; i < p->routing->n_aside; i++) {
        const struct sl_rule_info info = sl_rules_info(p->routing->rules, p->routing->aside[i]);

        sl_buf_printf(ret, "rules: %s (%s:%u) kept meeting its limits and is set aside\n",
                      info.name, info.file, info.line);
    }
}

/* ---- when ---- */

static void looked(struct sl_pipeline *p, uint64_t seen)
{
    struct sl_reload *r = &p->reload;
    bool again = r->problems && sl_now_ms(p->rt) >= r->again_ms;

    if (seen != r->known && seen != r->candidate)
        r->candidate = seen; /* it may be changing right now */
    else if (seen != r->known || again)
        start(p, false, seen);
}

static void loaded(struct sl_pipeline *p, struct sl_load *l)
{
    struct sl_reload *r = &p->reload;
    struct sl_routing *made = l->made;

    r->known = l->loaded;
    r->candidate = 0;
    if (l->moved)
        return;
    if (!made) {
        refused(p, l);
        return;
    }
    l->made = NULL;
    if (sl_routing_same(made, p->routing)) {
        sl_versions_retire(p, made);
        unchanged(p);
    } else {
        sl_diags_sort(&l->diags);
        log_diags(p, &l->diags);
        forget_problem(r); /* of the files before these */
        sl_swap_to(p, made);
    }
}

static void on_done(struct sl_work *w)
{
    struct sl_pipeline *p = sl_container_of(w, struct sl_pipeline, reload.load.work);
    struct sl_reload *r = &p->reload;
    struct sl_load done = r->load;

    r->busy = false;
    p->alive--;
    if (p->phase == SL_PHASE_RUNNING) {
        if (done.look_only)
            looked(p, done.seen);
        else
            loaded(p, &done);
        if (r->wanted && !r->busy) {
            r->wanted = false;
            start(p, false, 0);
        }
    }
    sl_routing_free(done.made);
    sl_diags_release(&done.diags);
    sl_versions_sweep(p);
}

static void on_look(struct sl_timer *t)
{
    struct sl_pipeline *p = sl_container_of(t, struct sl_pipeline, reload.look_timer);

    if (p->phase != SL_PHASE_RUNNING)
        return;
    if (!p->reload.busy)
        start(p, true, 0);
    sl_timer_start(p->rt, t, p->reload.look_ms);
}

/* ---- sluice.yaml ---- */

static uint64_t hash_config(const struct sl_pipeline *p)
{
    struct sl_buf content;
    uint64_t hash = 0;

    sl_buf_init(&content, CONFIG_MAX);
    if (p->config->path && sl_file_read(&content, p->config->path) == SL_OK)
        hash = sl_hash(content.p, content.n);
    sl_buf_release(&content);
    return hash;
}

void sl_reload_now(struct sl_pipeline *p)
{
    struct sl_reload *r = &p->reload;

    if (p->phase != SL_PHASE_RUNNING)
        return;
    if (hash_config(p) != r->config)
        sl_log(p->log, SL_LOG_WARN,
               "the configuration has changed since the start; what changed in it needs a restart",
               "file", p->config->path, NULL);
    r->asked = true;
    if (r->busy)
        r->wanted = true; /* what is under way may have read the files already */
    else
        start(p, false, 0);
}

int sl_reload_init(struct sl_pipeline *p, struct sl_diags *diags, struct sl_error *err)
{
    struct sl_reload *r = &p->reload;
    uint64_t before;

    r->look_ms = SL_RELOAD_LOOK_MS;
    r->look_timer.fire = on_look;
    r->config = hash_config(p);
    prepare(p, false, 0);
    before = look(&r->load, NULL);
    p->routing = sl_routing_new(&r->load.routing, diags, err);
    if (!p->routing)
        return SL_ECONFIG;
    if (look(&r->load, p->routing->rules) == before)
        r->known = before;
    sl_swap_init(p);
    return SL_OK;
}

void sl_reload_start(struct sl_pipeline *p)
{
    if (p->reload.look_ms)
        sl_timer_start(p->rt, &p->reload.look_timer, p->reload.look_ms);
}

void sl_reload_stop(struct sl_pipeline *p)
{
    sl_timer_stop(p->rt, &p->reload.look_timer);
}

void sl_reload_release(struct sl_pipeline *p)
{
    sl_swap_release(p);
    forget_problem(&p->reload);
}
