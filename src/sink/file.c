/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/list.h"
#include "sink/archive.h"
#include "sluice/sink.h"

/* The file sink, for development: lines appended to one file, or to standard output.
 *
 * Writing may block, so it is done on a pool thread, one job at a time. A job outlives what ordered
 * it: a cancelled batch leaves its bytes to the job that still writes them, a released sink its
 * file.
 *
 * A write that ends in the middle (a full disk) is never repeated from its start: the batch
 * remembers how far it came and goes on there, and no other batch is written in between. When such
 * a batch never comes back (its assignment ended), its torn line is ended before the next batch.
 *
 * Delivered means written, not synced: what the machine loses in a power cut is lost here. After a
 * rename (logrotate), SIGHUP opens the file anew. */

enum { FILE_MODE = 0640 };

struct target { /* shared by the sink and the job under way */
    char *path;
    int fd;      /* -1: not open */
    bool reopen; /* before the next batch */
    bool torn;   /* the file ends inside a line that nobody will continue */
};

struct job {
    struct sl_work work;
    struct target *target;
    struct sl_sink *sink;   /* NULL: released meanwhile */
    struct sl_batch *batch; /* NULL: cancelled meanwhile */
    struct sl_slice body;
    struct sl_buf kept; /* the bytes of a cancelled batch */
    size_t written;     /* of body, those of earlier attempts among them */
    bool reopen;
    int error; /* errno, 0: all is written */
};

struct progress {        /* a batch's impl */
    struct sl_list node; /* in file.waiting, when submitted and not yet begun */
    struct sl_batch *batch;
    size_t written;
};

struct file {
    struct target *target;
    struct job *job;          /* under way */
    struct sl_list waiting;   /* submitted meanwhile */
    struct progress *partial; /* began, failed, will come again: nothing else is written before */
    struct sl_timer blocked;  /* answers those that wait for `partial` */
    struct probe *probe;      /* under way */
};

/* ---- the pool thread ---- */

static bool is_stdout(const struct target *t)
{
    return strcmp(t->path, "-") == 0;
}

static int open_target(struct target *t, bool anew)
{
    int fd;

    if (t->fd >= 0 && !anew)
        return 0;
    if (is_stdout(t)) {
        t->fd = STDOUT_FILENO;
        return 0;
    }
    fd = open(t->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE);
    if (fd < 0)
        return errno;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = fd;
    return 0;
}

/* Standard output may have been made non-blocking by who started us. */
static int wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, -1) < 0 && errno != EINTR ? errno : 0;
}

static int write_all(int fd, const char *p, size_t n, size_t *done)
{
    int error;

    while (*done < n) {
        ssize_t w = write(fd, p + *done, n - *done);

        if (w > 0) {
            *done += (size_t)w;
        } else if (w == 0) {
            return EIO;
        } else if (errno == EAGAIN) {
            error = wait_writable(fd);
            if (error)
                return error;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static void job_run(struct sl_work *w)
{
    struct job *job = sl_container_of(w, struct job, work);
    struct target *t = job->target;
    size_t ended = 0;

    job->error = open_target(t, job->reopen);
    if (job->error == 0 && t->torn) {
        job->error = write_all(t->fd, "\n", 1, &ended);
        t->torn = job->error != 0;
    }
    if (job->error == 0)
        job->error = write_all(t->fd, job->body.p, job->body.n, &job->written);
}

/* ---- outcomes ---- */

static void target_free(struct target *t)
{
    if (t->fd >= 0 && !is_stdout(t))
        close(t->fd);
    free(t->path);
    free(t);
}

static void explain(const struct target *t, int error, char *ret, size_t max,
                    struct sl_result *result)
{
    const char *name = is_stdout(t) ? "standard output" : t->path, *hint = "";

    /* Passing or not, trying again is all that can be done; what a person must put right is said at
     * once. */
    result->outcome = SL_STALL;
    switch (error) {
    case EIO:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        result->outcome = SL_AGAIN;
        break;
    case ENOENT:
    case ENOTDIR:
        hint = ": its directory does not exist";
        break;
    case EPIPE:
        hint = ": nobody reads it any more";
        break;
    default:
        break;
    }
    snprintf(ret, max, "cannot write %.300s%s (%s)", name, hint, strerror(error));
    result->reason = ret;
}

static void start_next(struct sl_sink *s);

/* Ended without its batch: whoever ordered it has gone. */
static void job_orphaned(struct job *job)
{
    if (job->error && job->written > 0 && job->body.p[job->written - 1] != '\n')
        job->target->torn = true;
}

static void job_done(struct sl_work *w)
{
    struct job *job = sl_container_of(w, struct job, work);
    struct sl_sink *s = job->sink;
    struct sl_batch *b = job->batch;
    struct file *f = s ? s->impl : NULL;
    struct sl_result result = {.outcome = SL_DELIVERED};
    char reason[512];

    if (job->error)
        explain(job->target, job->error, reason, sizeof(reason), &result);
    if (!b) {
        job_orphaned(job);
    } else {
        struct progress *p = b->impl;

        p->written = job->written;
        f->partial = job->error && p->written > 0 ? p : NULL;
    }
    if (!s)
        target_free(job->target);
    sl_buf_release(&job->kept);
    free(job);
    if (!s)
        return;
    f->job = NULL;
    start_next(s);
    if (b)
        sl_sink_done(b, &result); /* last: it may release the sink */
}

/* ---- the queue ---- */

static void start(struct sl_sink *s, struct progress *p)
{
    struct file *f = s->impl;
    struct job *job = sl_zalloc(sizeof(*job));

    sl_list_remove(&p->node);
    /* A new file begins with a whole batch: the rest of one that was begun goes where its head is.
     */
    *job = (struct job){.work = {.run = job_run, .done = job_done},
                        .target = f->target,
                        .sink = s,
                        .batch = p->batch,
                        .body = p->batch->body,
                        .written = p->written,
                        .reopen = f->target->reopen && p->written == 0};
    if (job->reopen)
        f->target->reopen = false;
    f->partial = NULL; /* set again when this fails too */
    f->job = job;
    sl_work_start(s->env->rt, &job->work);
}

/* While a batch is torn the others wait for it: they are answered, so that the core can go on with
 * it. */
static void on_blocked(struct sl_timer *t)
{
    struct file *f = sl_container_of(t, struct file, blocked);
    const struct sl_result result = {
        .outcome = SL_AGAIN, .reason = "an earlier batch is written in part and comes first"};
    struct progress *p;

    if (f->job || sl_list_empty(&f->waiting))
        return;
    p = sl_container_of(f->waiting.next, struct progress, node);
    if (f->partial && p != f->partial) {
        struct sl_batch *b = p->batch;
        struct sl_sink *s = b->sink;

        sl_list_remove(&p->node);
        start_next(s);
        sl_sink_done(b, &result);
    }
}

static void start_next(struct sl_sink *s)
{
    struct file *f = s->impl;

    if (f->job || sl_list_empty(&f->waiting))
        return;
    if (!f->partial)
        start(s, sl_container_of(f->waiting.next, struct progress, node));
    else if (!sl_list_empty(&f->partial->node))
        start(s, f->partial);
    else
        sl_timer_start(s->env->rt, &f->blocked, 0);
}

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
    if (f && f->partial == p) {
        f->partial = NULL;
        f->target->torn = b->body.p == NULL || b->body.p[p->written - 1] != '\n';
        start_next(s);
    }
    free(p);
    b->impl = NULL;
}

/* ---- probe ---- */

struct probe {
    struct sl_work work;
    struct sl_sink *sink; /* NULL: released meanwhile */
    struct target target; /* path is a copy */
    void (*done)(void *user, const struct sl_result *result);
    void *user;
    int error;
};

/* Changes nothing: a file that is not there is not made, its directory is asked instead. */
static int look(char *path)
{
    char *slash;

    if (strcmp(path, "-") == 0 || access(path, W_OK) == 0)
        return 0;
    if (errno != ENOENT)
        return errno;
    slash = strrchr(path, '/');
    if (!slash)
        return access(".", W_OK | X_OK) == 0 ? 0 : errno;
    if (slash == path)
        slash++;
    *slash = '\0';
    return access(path, W_OK | X_OK) == 0 ? 0 : errno;
}

static void probe_run(struct sl_work *w)
{
    struct probe *p = sl_container_of(w, struct probe, work);
    char *path = sl_strdup(p->target.path);

    p->error = look(path);
    free(path);
}

static void probe_done(struct sl_work *w)
{
    struct probe *p = sl_container_of(w, struct probe, work);
    struct probe end = *p;
    struct sl_result result = {.outcome = SL_DELIVERED};
    char reason[512];

    if (p->sink)
        ((struct file *)p->sink->impl)->probe = NULL;
    free(p);
    if (end.error)
        explain(&end.target, end.error, reason, sizeof(reason), &result);
    if (end.sink)
        end.done(end.user, &result);
    free(end.target.path);
}

static void file_probe(struct sl_sink *s, void (*done)(void *user, const struct sl_result *),
                       void *user)
{
    struct file *f = s->impl;
    struct probe *p = f->probe = sl_zalloc(sizeof(*p));

    *p = (struct probe){.work = {.run = probe_run, .done = probe_done},
                        .sink = s,
                        .target = {.path = sl_strdup(s->config->file.path), .fd = -1},
                        .done = done,
                        .user = user};
    sl_work_start(s->env->rt, &p->work);
}

/* ---- the type ---- */

static int file_init(struct sl_sink *s, struct sl_error *err)
{
    struct file *f = s->impl = sl_zalloc(sizeof(*f));

    (void)err;
    sl_list_init(&f->waiting);
    f->blocked.fire = on_blocked;
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
    sl_timer_stop(s->env->rt, &f->blocked);
    if (f->probe)
        f->probe->sink = NULL;
    if (f->job)
        f->job->sink = NULL; /* closes the file when it ends */
    else
        target_free(f->target);
    free(f);
    s->impl = NULL;
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

static void file_refresh(struct sl_sink *s)
{
    struct file *f = s->impl;

    f->target->reopen = true;
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
