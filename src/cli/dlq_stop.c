/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_stop.h"

#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

void sl_dlq_stop_init(struct sl_dlq_stop *s)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    *s = (struct sl_dlq_stop){0};
    pthread_sigmask(SIG_BLOCK, &set, &s->before);
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0) /* then they end the program as ever */
        pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

void sl_dlq_stop_release(struct sl_dlq_stop *s)
{
    if (s->fd < 0)
        return;
    close(s->fd);
    s->fd = -1;
    pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

bool sl_dlq_stop_asked(struct sl_dlq_stop *s, const char *command)
{
    struct signalfd_siginfo info;

    while (s->fd >= 0 && read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (s->asked)
            _exit(128 + (int)info.ssi_signo);
        s->asked = true;
        fprintf(stderr, "\nsluice %s: finishing what is under way; once more ends at once\n",
                command);
    }
    return s->asked;
}
