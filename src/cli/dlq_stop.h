/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_STOP_H
#define SL_CLI_DLQ_STOP_H

#include <signal.h>
#include <stdbool.h>

/* SIGINT and SIGTERM as a question: has somebody asked this command to end? The first asks it to
 * finish what is under way, the second ends the program at once. Who waits must ask several times a
 * second. */
struct sl_dlq_stop {
    int fd; /* signalfd; -1: none */
    sigset_t before;
    bool asked;
};

/* Threads that exist already must have these signals blocked (librdkafka's have). */
void sl_dlq_stop_init(struct sl_dlq_stop *s);
void sl_dlq_stop_release(struct sl_dlq_stop *s);
bool sl_dlq_stop_asked(struct sl_dlq_stop *s, const char *command);

#endif
