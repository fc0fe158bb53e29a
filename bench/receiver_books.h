/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_RECEIVER_BOOKS_H
#define BENCH_RECEIVER_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What has arrived, by role. A record of bench/corpus.py is known by the marker `seq=0123456789.`,
 * which stands in it whatever it is wrapped in (twice in a row is one record); where it holds
 * `at=0123456789012345.` too, that is the moment in us at which it was produced (CLOCK_REALTIME),
 * and its delay is counted. All functions are safe on any thread. */

enum books_role { BOOKS_ES, BOOKS_S3, BOOKS_WEBHOOK, BOOKS_ROLES };

/* records: markers run from 0 to this. */
void books_init(size_t records);
void books_reset(void);
/* A body that was answered. Compressed ones (by their first bytes) are kept for books_settle(). */
void books_take(enum books_role role, const char *p, size_t n);
/* The same of a body that was decompressed to be answered: `sent` bytes came. */
void books_take_plain(enum books_role role, const char *p, size_t n, size_t sent);
/* Reads what was kept. False: some of it cannot be decompressed. */
bool books_settle(void);
void books_print(FILE *out); /* JSON */

bool books_is_gzip(const char *p, size_t n);
/* gzip of any number of members. The caller frees *ret. False: it is damaged. */
bool books_gunzip(const char *p, size_t n, char **ret, size_t *ret_n);

#endif
