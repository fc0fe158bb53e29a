/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

/* Preloaded, it moves the wall clock by CLOCK_OFFSET seconds; the monotonic clocks stay as they
 * are. */

static long offset(void)
{
    const char *text = getenv("CLOCK_OFFSET");

    return text ? atol(text) : 0;
}

int clock_gettime(clockid_t id, struct timespec *at)
{
    static int (*real)(clockid_t, struct timespec *);
    int ret;

    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    ret = real(id, at);
    if (!ret && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        at->tv_sec += offset();
    return ret;
}

time_t time(time_t *ret)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    if (ret)
        *ret = at.tv_sec;
    return at.tv_sec;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}
