/* SPDX-License-Identifier: Apache-2.0 */
#include "record/spellings.h"
#include "sluice/record.h"
#include "fuzz.h"

/* Any bytes as a time, after two bytes for Kafka's year and the zone. What must hold: the bytes
 * that are used alone spell the same; what is a time is one of the years it may be of, and written
 * as RFC 3339 it is read again as the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sl_zone *zones[4];
    static struct sl_buf text;
    static const char *const names[4] = {"UTC", "+05:30", "-11:00", "Europe/Berlin"};
    const struct sl_zone *zone;
    int64_t kafka_ns, ns, again;
    size_t used, used_again;
    struct sl_slice input;

    if (size < 2)
        return 0;
    if (!zones[0]) {
        for (int i = 0; i < 4; i++)
            if (sl_zone_new(names[i], &zones[i], NULL) != SL_OK)
                CHECK(sl_zone_new(NULL, &zones[i], NULL) == SL_OK);
        sl_buf_init(&text, 64);
    }
    zone = zones[data[1] % 4];
    kafka_ns = (int64_t)(data[0] == 255 ? -1 : data[0]) * 31556952 * SL_NS_PER_SECOND;
    input = sl_slice((const char *)data + 2, size - 2);
    if (!sl_time_spelled(input, zone, kafka_ns, &ns, &used))
        return 0;
    CHECK(used > 0 && used <= input.n);
    /* The byte behind decides, too, in one spelling: `CET:` is a zone where `CET` is a host. */
    CHECK(sl_time_spelled(sl_slice(input.p, used + (used < input.n && input.p[used] == ':')), zone,
                          kafka_ns, &again, &used_again));
    CHECK(again == ns && used_again == used);
    sl_time_counts(ns, kafka_ns);
    sl_buf_clear(&text);
    sl_time_rfc3339(ns, &text);
    if (ns >= 0 && ns / SL_NS_PER_SECOND <= 9214646399) {
        CHECK(sl_time_spelled(sl_buf_as_slice(&text), zone, 0, &again, &used_again));
        CHECK(again == ns && used_again == text.n);
    }
    return 0;
}
