/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"
#include "cli/cli.h"
#include "config/config.h"
#include "net/loop.h"
#include "ops/log.h"
#include "pipeline/pipeline.h"

enum { PROGRESS_MS = 10000, PROGRESS_MAX = 4096, RELEASE_SECONDS = 2 };

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

struct run {
    struct sl_loop loop;
    struct sl_log *log;
    const struct sl_config *config;
    struct sl_pipeline *pipeline;
    uv_signal_t signals[SL_LENGTH(signals)];
    struct sl_timer progress;
    bool stopping, ended; /* by a signal; the pipeline is going */
    int exit_status;
};

static void exit_done(int number)
{
    (void)number;
    _exit(SL_EXIT_DONE);
}

static void exit_failed(int number)
{
    (void)number;
    _exit(SL_EXIT_FAILED);
}

static void on_stopped(void *user, int exit_status, bool overdue)
{
    struct run *run = user;

    run->exit_status = exit_status;
    if (overdue) {
        sl_log(run->log, SL_LOG_WARN,
               "shutdown took too long: ending; what is undelivered is uncommitted", NULL);
        _exit(exit_status);
    }
    /* Everything is committed. Giving memory back may wait for threads of libraries; it shall not
     * keep the process. */
    signal(SIGALRM, exit_status == SL_EXIT_DONE ? exit_done : exit_failed);
    alarm(RELEASE_SECONDS);
    uv_stop(&run->loop.uv);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct run *run = handle->data;

    if (number == SIGHUP) {
        if (!run->ended)
            sl_pipeline_reload(run->pipeline);
        return;
    }
    if (run->stopping || run->ended)
        _exit(128 + number);
    run->stopping = true;
    sl_pipeline_stop(run->pipeline);
}

static void on_progress(struct sl_timer *t)
{
    struct run *run = sl_container_of(t, struct run, progress);
    struct sl_buf line;

    sl_buf_init(&line, PROGRESS_MAX);
    sl_pipeline_progress(run->pipeline, &line);
    sl_log(run->log, SL_LOG_INFO, sl_buf_str(&line), NULL);
    sl_buf_release(&line);
    sl_timer_start(&run->loop.rt, &run->progress, PROGRESS_MS);
}

static void watch_signals(struct run *run)
{
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SL_LENGTH(signals); i++) {
        uv_signal_init(&run->loop.uv, &run->signals[i]);
        run->signals[i].data = run;
        uv_signal_start(&run->signals[i], on_signal, signals[i]);
        uv_unref((uv_handle_t *)&run->signals[i]);
    }
}

static void end_loop(struct run *run)
{
    for (size_t i = 0; i < SL_LENGTH(signals); i++)
        uv_close((uv_handle_t *)&run->signals[i], NULL);
    uv_run(&run->loop.uv, UV_RUN_DEFAULT); /* closing handles, pool threads */
    sl_loop_release(&run->loop);
}

static int route(struct run *run)
{
    struct sl_error err = {0};
    struct sl_diags diags;

    sl_diags_init(&diags);
    run->exit_status = SL_EXIT_USAGE;
    run->pipeline = sl_pipeline_new(&run->loop, run->config, on_stopped, run, &diags, &err);
    sl_diags_sort(&diags);
    sl_diags_print(&diags, stderr);
    sl_diags_release(&diags);
    if (run->pipeline && sl_pipeline_start(run->pipeline, &err) == SL_OK) {
        sl_log(run->log, SL_LOG_INFO, "sluice runs", "version", SLUICE_VERSION, "group",
               run->config->source.group, NULL);
        run->progress.fire = on_progress;
        if (isatty(STDERR_FILENO))
            sl_timer_start(&run->loop.rt, &run->progress, PROGRESS_MS);
        uv_run(&run->loop.uv, UV_RUN_DEFAULT);
        sl_log(run->log, SL_LOG_INFO, "stopped", NULL);
    } else {
        sl_log(run->log, SL_LOG_ERROR, "cannot start", "reason", err.text, NULL);
        if (run->pipeline)
            run->exit_status = SL_EXIT_FAILED;
    }
    run->ended = true;
    sl_timer_stop(&run->loop.rt, &run->progress);
    if (run->pipeline)
        sl_pipeline_free(run->pipeline);
    return run->exit_status;
}

static const struct sl_cli_option options[] = {SL_CLI_CONFIG};
const struct sl_cli_command sl_command_run = {
    .name = "run",
    .summary = "consume, route, deliver; until SIGTERM",
    .description =
        "SIGTERM or SIGINT: stop fetching, flush, commit, leave the group. A second one ends at\n"
        "once and still loses nothing. SIGHUP: read rules, secrets and certificates again; rules\n"
        "are also read when their files change. What else changed in sluice.yaml needs a restart.",
    .example = "sluice run -c sluice.yaml",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_run,
};

int sl_cmd_run(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_config *config;
    struct sl_error err = {0};
    struct sl_diags diags;
    struct run run = {0};
    int status;

    if (!sl_cli_parse(&sl_command_run, argc, argv, &args, &status))
        return status;
    sl_diags_init(&diags);
    config = sl_config_load(values[0], &diags);
    sl_diags_sort(&diags);
    sl_diags_print(&diags, stderr);
    sl_diags_release(&diags);
    if (!config)
        return SL_EXIT_USAGE;
    run.config = config;
    run.log = sl_log_new(stderr, config->log_level, config->log_format);
    if (sl_loop_init(&run.loop, run.log, &err) != SL_OK) {
        sl_log(run.log, SL_LOG_ERROR, "cannot start", "reason", err.text, NULL);
        status = SL_EXIT_FAILED;
    } else {
        watch_signals(&run);
        status = route(&run);
        end_loop(&run);
    }
    sl_log_free(run.log);
    sl_config_free(config);
    return status;
}
