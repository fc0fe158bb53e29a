/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_TIME_H
#define SL_RECORD_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* Times as ns since 1970 in the proleptic Gregorian calendar, without libc's hidden time zone. */

#define SL_NS_PER_SECOND 1000000000

struct sl_zone; /* where a local time has no offset of its own */

/* NULL, "UTC", "Z", a fixed offset such as +02:00, or a name of the tz database such as
 * Europe/Berlin. */
int sl_zone_new(const char *name, struct sl_zone **ret, struct sl_error *err);
void sl_zone_free(struct sl_zone *z);
/* Seconds to subtract from a local time, read as if it were UTC. Where a local time occurs twice,
 * the first is meant; where it does not occur, the offset before the gap holds. */
int64_t sl_zone_offset(const struct sl_zone *z, int64_t local);

/* RFC 3339; a space for T and a missing offset (zone) are accepted. Only 1970 to 2261. */
bool sl_time_parse(struct sl_slice text, const struct sl_zone *zone, int64_t *ret_ns);
/* A JSON number as s, ms, us or ns since 1970, by its magnitude. Digits are kept exactly. */
bool sl_time_from_number(struct sl_slice text, int64_t *ret_ns);

struct sl_civil {
    int64_t year;
    int month, day, hour, minute, second; /* month and day from 1 */
    int weekday, yearday;                 /* Sunday is 0; 1 January is 0 */
    int64_t iso_year;
    int iso_week;
};

int64_t sl_days_from_civil(int64_t year, int month, int day);
int sl_days_in_month(int64_t year, int month);
void sl_civil_from_seconds(int64_t seconds, struct sl_civil *ret);

/* strftime in UTC and English. sl_strftime_check: NULL when format holds only known conversions,
 * else the place of the one that is not. *ret_step: the output only changes every so many seconds.
 */
const char *sl_strftime_check(struct sl_slice format, int64_t *ret_step);
void sl_strftime(struct sl_slice format, int64_t seconds, struct sl_buf *out);

#endif
