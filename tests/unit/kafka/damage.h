/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KAFKA_DAMAGE_H
#define KAFKA_DAMAGE_H

#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "kafka_fixture.h"

/* Damage on the wire: the client receives through this, and one byte of the next `damage` pieces
 * that hold DAMAGED is flipped. */
#define DAMAGED "<<<damage me>>>"

static atomic_int damage;

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    static ssize_t (*real)(int, struct msghdr *, int);
    ssize_t n;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "recvmsg");
    n = real(fd, m, flags);
    for (size_t i = 0; n > 0 && i < m->msg_iovlen && atomic_load(&damage) > 0; i++) {
        char *at = memmem(m->msg_iov[i].iov_base, m->msg_iov[i].iov_len, DAMAGED, strlen(DAMAGED));

        if (at) {
            at[0] ^= 1;
            atomic_fetch_sub(&damage, 1);
        }
    }
    return n;
}

static void produce_damaged(struct world *w)
{
    make_full_topic(w, "logs", 2, 100);
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            rd_kafka_producev(w->producer, RD_KAFKA_V_TOPIC("logs"), RD_KAFKA_V_PARTITION(0),
                              RD_KAFKA_V_VALUE(DAMAGED, strlen(DAMAGED)), RD_KAFKA_V_END),
            0);
    flush(w); /* a batch of its own, or several */
    produce(w, "logs", 0, 100);
    flush(w);
}

#endif
