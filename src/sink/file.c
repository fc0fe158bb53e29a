/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/list.h"
#include "sink/archive.h"
#include "sink/file_write.h"

/* The file sink, for development: lines appended to one file, or to standard output.
 *
 * Writing may block, so it is done on a pool thread, one job at a time. A job outlives what ordered
 * it: a cancelled batch leaves its bytes to the job that still writes them, a released sink its
 * file.
 *
 * A write that ends in the middle (a full disk) is never repeated from its start and never
 * interrupted by another batch: the batch remembers how far it came, and whichever batch is written
 * next takes its rest along, ahead of itself. (To let the others wait would not do: a stalled sink
 * is probed with the batch of the core's choice.) When such a batch has gone for good, its torn
 * line is ended before the next one.
 *
 * Delivered means written, not synced: what the machine loses in a power cut is lost here. After a
 * rename (logrotate), SIGHUP opens the file anew. */

struct progress {        /* a batch's impl */
    struct sl_list node; /* in file.waiting, when submitted and not yet begun */
    struct sl_batch *batch;
    size_t written;
};

struct job {
    struct sl_work work;
    struct sl_file_target *target;
    struct sl_sink *sink;   /* NULL: released meanwhile */
    struct sl_batch *batch; /* NULL: cancelled meanwhile */
    struct sl_slice body;
    struct sl_buf kept; /* the bytes of a cancelled batch */
    size_t written;     /* of body, those of earlier attempts among them */
    struct sl_buf rest; /* of another batch that was begun: written first */
    size_t rest_written;
    bool rest_torn;           /* that batch was left inside a line */
    struct progress *rest_of; /* NULL: dropped meanwhile */
    bool reopen;
    int error; /* errno, 0: all is written */
};

struct probe {
    struct sl_work work;
    struct sl_sink *sink; /* NULL: released meanwhile */
    char *path;
    void (*done)(void *user, const struct sl_result *result);
    void *user;
    int error;
};

struct file {
    struct sl_file_target *target; /* the job's while there is one */
    struct job *job;
    struct sl_list waiting;   /* submitted meanwhile */
    struct progress *partial; /* begun and not finished; only while there is no job */
    struct probe *probe;
    bool reopen;
};

/* ---- jobs ---- */

static void job_run(struct sl_work *w)
{
    struct job *job = sl_container_of(w, struct job, work);

    job->error = sl_file_open(job->target, job->reopen);
    if (job->error == 0)
        job->error = sl_file_write(job->target, sl_buf_as_slice(&job->rest), &job->rest_written);
    if (job->error == 0)
        job->error = sl_file_write(job->target, job->body, &job->written);
}

static bool inside_line(struct sl_slice body, size_t written)
{
    return written > 0 && body.p[written - 1] != '\n';
}

/* How far the batches came; what nobody will continue is a torn line. */
static void settle(struct file *f, struct job *job)
{
    struct progress *rest = job->rest_of, *own = job->batch ? job->batch->impl : NULL;

    if (rest) {
        rest->written += job->rest_written;
        if (job->rest_written < job->rest.n)
            f->partial = rest;
    } else if (job->rest_written < job->rest.n) {
        job->target->torn = job->rest_written
                                ? inside_line(sl_buf_as_slice(&job->rest), job->rest_written)
                                : job->rest_torn;
    }
    if (own) {
        own->written = job->written;
        if (job->error && job->written > 0)
            f->partial = own;
    } else if (job->error) {
        job->target->torn |= inside_line(job->body, job->written);
    }
}

static void start_next(struct sl_sink *s);

static void job_done(struct sl_work *w)
{
    struct job *job = sl_container_of(w, struct job, work);
    struct sl_sink *s = job->sink;
    struct sl_batch *b = job->batch;
    struct sl_result result = {.outcome = SL_DELIVERED};
    char reason[512];

    if (job->error)
        sl_file_explain(job->target->path, job->error, reason, sizeof(reason), &result);
    if (s) {
        struct file *f = s->impl;

        f->job = NULL;
        settle(f, job);
        start_next(s);
    } else {
        sl_file_close(job->target);
    }
    sl_buf_release(&job->kept);
    sl_buf_release(&job->rest);
    free(job);
    if (b)
        sl_sink_done(b, &result); /* last: it may release the sink */
}

/* The rest of a batch that was begun goes along, copied: that batch may be dropped at any time. */
static void take_rest(struct file *f, struct job *job)
{
    struct progress *p = f->partial;
    struct sl_slice body = p->batch->body;

    f->partial = NULL;
    if (p->batch == job->batch)
        return;
    job->rest_of = p;
    job->rest_torn = inside_line(body, p->written);
    sl_buf_init(&job->rest, body.n);
    sl_buf_append(&job->rest, body.p + p->written, body.n - p->written);
}

static void start_next(struct sl_sink *s)
{
    struct file *f = s->impl;
    struct progress *p;
    struct job *job;

    if (f->job || sl_list_empty(&f->waiting))
        return;
    p = sl_container_of(f->waiting.next, struct progress, node);
    sl_list_remove(&p->node);
    job = sl_zalloc(sizeof(*job));
    *job = (struct job){.work = {.run = job_run, .done = job_done},
                        .target = f->target,
                        .sink = s,
                        .batch = p->batch,
                        .body = p->batch->body,
                        .written = p->written};
    if (f->partial) { /* a new file begins with a whole batch */
        take_rest(f, job);
    } else {
        job->reopen = f->reopen;
        f->reopen = false;
    }
    f->job = job;
    sl_work_start(s->env->rt, &job->work);
}

/* ---- batches ---- */

static void file_submit(struct sl_sink *s, struct sl_batch *b)
{
    struct file *f = s->impl;
    struct progress *p = b->impl;

    if (!p) {
        p = b->impl = sl_zalloc(sizeof(*p));
        sl_list_init(&p->node);
        p->batch = b;
    }
    sl_list_push(&f->waiting, &p->node);
    start_next(s);
}

static void file_cancel(struct sl_sink *s, struct sl_batch *b)
{
    struct file *f = s->impl;
    struct progress *p = b->impl;

    if (p)
        sl_list_remove(&p->node);
    if (!f->job || f->job->batch != b)
        return;
    /* The thread still reads the bytes, so they become the job's: moving the buffer does not move
     * them. */
    f->job->batch = NULL;
    f->job->kept = b->data;
    sl_buf_init(&b->data, b->data.max);
    b->body = (struct sl_slice){NULL, 0};
}

static void file_drop(struct sl_sink *s, struct sl_batch *b)
{
    struct file *f = s->impl;
    struct progress *p = b->impl;

    if (!p)
        return;
    sl_list_remove(&p->node);
    if (f->job && f->job->rest_of == p)
        f->job->rest_of = NULL;
    if (f->partial == p) {
        f->partial = NULL;
        f->target->torn = inside_line(b->body, p->written);
    }
    free(p);
    b->impl = NULL;
}

static size_t file_bound(struct sl_sink *s, const struct sl_record *r)
{
    return sl_archive_bound(s->config->file.format, r);
}

static int file_encode(struct sl_sink *s, struct sl_batch *b, const struct sl_record *r,
                       struct sl_item *item)
{
    (void)item;
    return sl_archive_line(s->config->file.format, r, &b->data);
}

/* ---- probe ---- */

static void probe_run(struct sl_work *w)
{
    struct probe *p = sl_container_of(w, struct probe, work);

    p->error = sl_file_look(p->path);
}

static void probe_done(struct sl_work *w)
{
    struct probe *p = sl_container_of(w, struct probe, work);
    struct probe end = *p;
    struct sl_result result = {.outcome = SL_DELIVERED};
    char reason[512];

    free(p);
    if (end.error)
        sl_file_explain(end.path, end.error, reason, sizeof(reason), &result);
    if (end.sink) {
        ((struct file *)end.sink->impl)->probe = NULL;
        end.done(end.user, &result);
    }
    free(end.path);
}

static void file_probe(struct sl_sink *s, void (*done)(void *user, const struct sl_result *),
                       void *user)
{
    struct file *f = s->impl;

    f->probe = sl_zalloc(sizeof(*f->probe));
    *f->probe = (struct probe){.work = {.run = probe_run, .done = probe_done},
                               .sink = s,
                               .path = sl_strdup(s->config->file.path),
                               .done = done,
                               .user = user};
    sl_work_start(s->env->rt, &f->probe->work);
}

/* ---- the type ---- */

static int file_init(struct sl_sink *s, struct sl_error *err)
{
    struct file *f = s->impl = sl_zalloc(sizeof(*f));

    (void)err;
    sl_list_init(&f->waiting);
    f->target = sl_zalloc(sizeof(*f->target));
    f->target->path = sl_strdup(s->config->file.path);
    f->target->fd = -1;
    return SL_OK;
}

static void file_release(struct sl_sink *s)
{
    struct file *f = s->impl;

    if (!f)
        return;
    if (f->probe)
        f->probe->sink = NULL;
    if (f->job)
        f->job->sink = NULL; /* closes the file when it ends */
    else
        sl_file_close(f->target);
    free(f);
    s->impl = NULL;
}

static void file_refresh(struct sl_sink *s)
{
    struct file *f = s->impl;

    f->reopen = true;
}

const struct sl_sink_type sl_sink_file = {
    .name = "file",
    .init = file_init,
    .release = file_release,
    .bound = file_bound,
    .encode = file_encode,
    .submit = file_submit,
    .cancel = file_cancel,
    .drop = file_drop,
    .refresh = file_refresh,
    .probe = file_probe,
};
