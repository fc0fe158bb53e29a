/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/request.h"

#include <inttypes.h>
#include <stdio.h>

#include "sink/s3_reply.h"

enum { FIRST_MS = 100, LONGEST_MS = 10000 };

static void ask(struct sl_archive_request *r);

static void on_timer(struct sl_timer *t)
{
    struct sl_archive_request *r = sl_container_of(t, struct sl_archive_request, timer);

    r->waiting = false;
    ask(r);
}

static void ask_again(struct sl_archive_request *r, unsigned retry_after_ms)
{
    uint64_t delay = (uint64_t)FIRST_MS << (r->attempts < 8 ? r->attempts : 8);

    if (delay < retry_after_ms)
        delay = retry_after_ms;
    r->waiting = true;
    r->timer.fire = on_timer;
    sl_timer_start(r->client->rt, &r->timer, delay < LONGEST_MS ? delay : LONGEST_MS);
}

/* More or less than was asked for is not what was asked for. */
static bool whole(const struct sl_archive_request *r, const struct sl_http_reply *reply)
{
    return r->length == 0 || reply->body.n == r->length;
}

static void on_reply(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct sl_archive_request *r = sl_container_of(x, struct sl_archive_request, exchange);
    struct sl_s3_verdict v;
    char what[160], why[SL_ARCHIVE_WHY_MAX];

    snprintf(what, sizeof(what), "%s s3://%.100s", r->object.p ? "GET" : "list",
             r->client->config->s3.bucket);
    sl_s3_judge(reply, &r->client->config->s3, what, sl_s3_wall_ms(r->client), &v);
    if (v.result.outcome == SL_DELIVERED && whole(r, reply)) {
        r->trouble[0] = '\0';
        r->done(r, reply, NULL);
        return;
    }
    if (v.skewed && !r->corrected && sl_s3_set_clock(r->client, reply)) {
        r->corrected = true;
        ask(r);
        return;
    }
    if (v.result.outcome == SL_AGAIN && ++r->attempts < SL_ARCHIVE_ATTEMPTS) {
        snprintf(r->trouble, SL_ARCHIVE_WHY_MAX, "%s", v.reason);
        ask_again(r, v.result.retry_after_ms);
        return;
    }
    if (v.result.outcome == SL_DELIVERED || v.result.status == 416)
        snprintf(why, sizeof(why), "%s: the object is not as long as the store's list says", what);
    else if (r->object.p && v.result.status == 404)
        snprintf(why, sizeof(why), "%s: the object is gone", what);
    else
        snprintf(why, sizeof(why), "%s", v.reason);
    r->done(r, NULL, why);
}

static void ask(struct sl_archive_request *r)
{
    const struct sl_sign_header range = {"range", r->range};
    const struct sl_s3_call call = {.method = "GET",
                                    .object = r->object,
                                    .query = r->query,
                                    .headers = &range,
                                    .n_headers = r->length > 0,
                                    .max_reply = r->max_reply};

    if (r->length > 0)
        snprintf(r->range, sizeof(r->range), "bytes=%" PRIu64 "-%" PRIu64, r->offset,
                 r->offset + r->length - 1);
    sl_s3_call(r->client, &call, &r->exchange, on_reply);
}

void sl_archive_request_start(struct sl_archive_request *r)
{
    r->attempts = 0;
    r->waiting = r->corrected = false;
    ask(r);
}

void sl_archive_request_cancel(struct sl_archive_request *r)
{
    if (r->waiting)
        sl_timer_stop(r->client->rt, &r->timer);
    else
        sl_exchange_cancel(&r->exchange);
    r->waiting = false;
}
