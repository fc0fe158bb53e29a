/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_SPELLINGS_H
#define SL_RECORD_SPELLINGS_H

#include "record/time.h"

/* Times as people and programs spell them in lines of text:
 *
 *   2026-01-31T12:34:56.789+02:00   RFC 3339; also `/` for `-`, `_` or a space for T, `,` for the
 *                                   point, +0200, +02, a space before the offset, UTC, none at all
 *   20260131T123456Z                ISO 8601, basic
 *   31/Jan/2026:12:34:56 +0200      access logs; also 31-Jan-2026 12:34:56.789
 *   Jan 31 12:34:56                 RFC 3164; also with the year before or behind the clock, a
 *                                   fraction, a comma behind the day, AM and PM
 *   Sat, 31 Jan 2026 12:34:56 GMT   RFC 1123 and 2822; also without weekday, seconds, zone
 *   Sat Jan 31 12:34:56 2026        asctime; also with a zone before the year
 *   0131 12:34:56.789012            klog; glog with a year: 20260131 12:34:56.789012
 *   1769862896.789                  s, ms, us or ns since 1970, by magnitude; nine digits at least
 *
 * Only for what a text form or a wrapper has found to be the place of a time. Fields of JSON
 * records keep to RFC 3339 and numbers (interface.md, "Records").
 *
 * A year that is missing is the one that brings the time nearest to Kafka's. A name of a zone
 * counts where RFC 2822 knows it; with another the text is no time, for a wrong one is worse than
 * none. */

/* The time that the text begins with; *ret_used: how many bytes it has. */
bool sl_time_spelled(struct sl_slice text, const struct sl_zone *zone, int64_t kafka_ns,
                     int64_t *ret_ns, size_t *ret_used);

/* Whether a time that a record says is taken for true: from 2000 to one day after Kafka's, where
 * Kafka knows one (kafka_ns > 0). */
bool sl_time_counts(int64_t ns, int64_t kafka_ns);

#endif
