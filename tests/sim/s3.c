/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit.h"
#include "store.h"

/* S3: PUT with If-None-Match, HEAD, checksums. */

static void say_object(const struct store_object *o, struct store_reply *ret)
{
    store_say(ret, 200, "");
    ret->headers = sim_copy(o->meta, strlen(o->meta));
}

static char *meta_of(const struct store_request *q, bool damaged)
{
    static const char *const names[] = {"x-amz-checksum-crc32c",        "x-amz-meta-sluice-first",
                                        "x-amz-meta-sluice-last",       "x-amz-meta-sluice-hash",
                                        "x-amz-meta-sluice-crc",        "x-amz-meta-sluice-records",
                                        "x-amz-meta-sluice-body-crc32c"};
    char *text = sim_new(2048), value[256];
    size_t n = (size_t)snprintf(text, 2048, "ETag: \"e\"\r\n");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (store_header(q, names[i], value, sizeof(value)))
            n += (size_t)snprintf(text + n, 2048 - n, "%s: %s\r\n", names[i],
                                  i == 0 && damaged ? "AAAAAA==" : value);
    return text;
}

static void put(struct store *s, const struct store_request *q, struct store_reply *ret)
{
    struct store_object *o = store_find(s, q->path, strlen(q->path));
    char condition[16];
    bool lies = store_fault(sim->scenario->fault.s3_lies);

    if (o && store_header(q, "if-none-match", condition, sizeof(condition))) {
        if (!o->damaged)
            audit_object_known(s->sink, o->body, o->n, true);
        store_say(ret, 412,
                  "<Error><Code>PreconditionFailed</Code><Message>exists</Message></Error>");
        return;
    }
    o = store_put(s, q->path, strlen(q->path), q->body, q->body_n);
    o->meta = meta_of(q, lies);
    o->damaged = lies;
    if (!lies)
        audit_object(s->sink, q->path, q->body, q->body_n);
    say_object(o, ret);
}

static int64_t days(int64_t y, int64_t m,
                    int64_t d) /* since 1970; H. Hinnant, chrono-compatible algorithms */
{
    int64_t era, yoe, doy;

    y -= m <= 2;
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* The signature's time against the store's. */
static bool skewed(const struct store_request *q, int64_t now_s)
{
    char date[32];
    int y, mo, d, h, mi, s;
    int64_t at;

    if (!store_header(q, "x-amz-date", date, sizeof(date)) ||
        sscanf(date, "%4d%2d%2dT%2d%2d%2dZ", &y, &mo, &d, &h, &mi, &s) != 6)
        return false;
    at = days(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
    return at > now_s + 900 || at < now_s - 900;
}

static void say_skewed(int64_t now_s, struct store_reply *ret)
{
    time_t t = (time_t)now_s;
    struct tm tm;
    char line[64];

    gmtime_r(&t, &tm);
    strftime(line, sizeof(line), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    store_say(ret, 403,
              "<Error><Code>RequestTimeTooSkewed</Code><Message>skewed</Message></Error>");
    ret->headers = sim_copy(line, strlen(line));
}

void s3_answer(struct store *s, const struct store_request *q, struct store_reply *ret)
{
    int64_t now_s = (sim->wall_base_ms + (int64_t)(sim->now_us / 1000)) / 1000;

    if (skewed(q, now_s)) {
        say_skewed(now_s, ret);
        return;
    }
    if (strcmp(q->method, "PUT") == 0) {
        put(s, q, ret);
    } else if (strcmp(q->method, "HEAD") == 0) {
        struct store_object *o = store_find(s, q->path, strlen(q->path));

        if (o) {
            if (!o->damaged)
                audit_object_known(s->sink, o->body, o->n, false);
            say_object(o, ret);
        } else
            store_say(ret, 404, "");
    } else {
        store_say(ret, 200, "<ListBucketResult></ListBucketResult>");
    }
}
