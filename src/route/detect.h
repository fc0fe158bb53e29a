/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_DETECT_H
#define SL_ROUTE_DETECT_H

#include <stdbool.h>

#include "base/slice.h"

/* What `redact` finds in texts without being told how it looks.
 *
 * A detector is a scanner, not a pattern: it jumps from one byte that its thing cannot be without
 * (the @ of an address, the colon of IPv6) to the next, and looks around there. Texts without that
 * byte, which is most texts, cost one memchr(). Every scanner is linear in the text, whatever it
 * holds, and none goes back before `from`, though it looks at the byte before it.
 *
 * Between hiding too much and too little, too much is chosen where the two cannot be told apart
 * (an address in a longer word), and too little where the thing is common and harmless: versions,
 * times, UUIDs, MAC addresses and numbers that fail their check digit stay. Logs quote what they
 * were given: an escape before a thing (\n of JSON in a text, %20 of a URL, a terminal's colour)
 * ends in a letter or a digit and is no part of the word that follows. */

enum sl_detector {
    SL_DETECT_EMAIL,      /* local@domain.tld; not x@2x.png */
    SL_DETECT_EMAIL_URL,  /* the same with %40 for its sign */
    SL_DETECT_IPV4,       /* four octets without leading zeros; not part of a longer dotted word */
    SL_DETECT_IPV6,       /* RFC 4291; with a digit or three groups, so not a::b; no EUI-64 */
    SL_DETECT_CARD,       /* 13 to 19 digits of a known brand, Luhn; 4-4-4-4, 4-6-5 and 4-6-4 */
    SL_DETECT_AWS_KEY,    /* access key ids: AKIA, ASIA, ABIA, ACCA and 16 letters or digits */
    SL_DETECT_AWS_SECRET, /* 40 characters behind a word like aws_secret_access_key */
    SL_DETECT_JWT,        /* three or five base64url parts; the first is JSON with "alg" */
    SL_DETECTORS,
};

struct sl_found {
    size_t begin, end;
};

/* The first thing at or after `from`. */
bool sl_detect(enum sl_detector d, struct sl_slice text, size_t from, struct sl_found *ret);

#endif
