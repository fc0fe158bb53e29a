/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_REPLICA_H
#define SIM_REPLICA_H

#include "net/loop.h"
#include "sluice/config.h"
#include "world.h"

/* One process of the program: its loop, its memory, its life. A *step* is one turn of its loop. */

enum { REPLICA_HANDLES_MAX = 64, REPLICA_FDS_MAX = 16, REPLICA_SINKS_MAX = 8 };

struct sl_pipeline;

/* What has happened elsewhere and is told to the program in a turn of its loop. */
struct replica_task {
    struct sl_list node;
    void (*run)(struct replica_task *t);
};

struct replica_handle {
    uv_handle_t *handle;
    bool poll, active, closing;
    int fd;
    uv_poll_cb on_poll;
    uv_idle_cb on_idle;
    uv_close_cb on_close;
};

enum replica_state { REPLICA_DOWN, REPLICA_UP, REPLICA_STOPPING };

struct replica {
    size_t number;
    unsigned life; /* counts starts */
    enum replica_state state;
    bool dead;   /* killed in the middle of something: what it does has no effect any more */
    bool paused; /* SIGSTOP */
    bool ended;  /* `stopped` was called */
    int exit_status;
    struct arena *arena;
    struct sl_loop *loop;
    struct sl_log *log;
    struct sl_pipeline *pipeline;
    struct sl_config config; /* its own copy */
    struct sl_sink_config sinks[REPLICA_SINKS_MAX];
    const char *route_paths[1];
    unsigned sink_set, rules; /* what it was started with, or told to load last */

    struct sim_event turn, start, change; /* change: its part of a rolling one */
    struct replica_handle handles[REPLICA_HANDLES_MAX];
    size_t n_handles;
    uint64_t fds[REPLICA_FDS_MAX]; /* counters of fake eventfds; UINT64_MAX: closed */
    size_t n_fds;
    struct sl_list tasks;
    unsigned works;
    struct sl_list clients;  /* rd_kafka_t */
    struct sl_list requests; /* HTTP, from its side */

    uint64_t now_ms; /* of the turn */
    int64_t wall_shift_ms;
    jmp_buf death;
    bool may_die;                            /* death is a place to jump to */
    uint64_t allocations, die_at_allocation; /* 0: does not */
    uint64_t effects, die_at_effect;
};

void replica_new(size_t number);
void replica_start(struct replica *r);
void replica_stop(struct replica *r); /* SIGTERM */
void replica_kill(struct replica *r, const char *how);
void replica_pause(struct replica *r, bool paused);
void replica_reload(struct replica *r, unsigned rules);
void replica_wake(struct replica *r); /* a turn soon */
void replica_tell(struct replica *r, struct replica_task *t);
/* Before each thing that others can see. False: the process died before it. */
bool replica_effect(struct replica *r);
void replica_allocates(struct replica *r);
/* Calls into the program from outside a turn; false: it died. */
bool replica_call(struct replica *r, void (*fn)(struct replica *r, void *arg), void *arg);
bool replica_runs(const struct replica *r);
void replica_loop_reset(struct replica *r);          /* loop.c */
bool replica_loop_turn(struct replica *r);           /* true: there is more to do at once */
uint64_t replica_loop_next(const struct replica *r); /* us when its next timer is due */
void replica_signal_fd(struct replica *r, int fd);

#endif
