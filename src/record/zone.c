/* SPDX-License-Identifier: Apache-2.0 */
#include "record/time.h"

#include "base/alloc.h"

struct sl_zone {
    int64_t offset;
};

int sl_zone_new(const char *name, struct sl_zone **ret, struct sl_error *err)
{
    struct sl_zone zone = {0};

    if (name && strcmp(name, "UTC") != 0 && strcmp(name, "Z") != 0) {
        char sign;
        unsigned hours, minutes;
        int end = 0;

        if (sscanf(name, "%c%2u:%2u%n", &sign, &hours, &minutes, &end) != 3 || name[end] ||
            (sign != '+' && sign != '-') || hours > 23 || minutes > 59)
            return sl_fail(err, SL_ECONFIG,
                           "the timezone `%s` is not known: UTC or an offset such as +02:00", name);
        zone.offset = (int64_t)(hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    }
    *ret = sl_alloc(sizeof(zone));
    **ret = zone;
    return SL_OK;
}

void sl_zone_free(struct sl_zone *z)
{
    free(z);
}

int64_t sl_zone_offset(const struct sl_zone *z, int64_t local)
{
    (void)local;
    return z->offset;
}
