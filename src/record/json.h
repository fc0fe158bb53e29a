/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_JSON_H
#define SL_RECORD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/sanitized.h"
#include "record/fields.h"

/* Reading JSON without a tree.
 *
 * One pass checks the whole value against RFC 8259 and notes where the registered fields are. It
 * keeps a stack of its own, so depth costs no C stack. Speed comes from two things: strings, three
 * quarters of a log record, are crossed 16 bytes a step; and the value is cut after its last byte
 * that is no white space, which must be the '}' that ends the object. That byte stops every loop
 * over numbers and spaces, so that only strings, literals and closing brackets look at the end. A
 * value that ends in anything else is wrong; then the same code runs with a check at every byte,
 * only to say why. */

enum { SL_JSON_DEPTH_MAX = 64, SL_JSON_NUMBER_MAX = 512 };

struct sl_mark {    /* by field id */
    uint32_t stamp; /* the pass that found the field */
    uint32_t below; /* the pass that found a longer path, of a watched field */
    uint8_t rank;
};

struct sl_scan {
    const struct sl_fields *fields; /* compiled */
    struct sl_value *values;        /* by field id; holds only where mark.stamp == stamp */
    struct sl_mark *marks;
    uint32_t *seen; /* by node: the pass that entered it */
    uint32_t stamp; /* of this pass; never 0, never used before */
    /* Results. */
    struct sl_slice body;
    const char *error; /* static text */
    bool breaks, empty;
};

/* value: begins with '{' once white space is skipped. False with s->error set when it is not one
 * valid object; then s->stamp must not be used again. */
bool sl_json_scan(struct sl_scan *s, struct sl_slice value);
/* The same without vector instructions and with a check at every byte: what tests compare with,
 * what other machines run, and what finds the words for an error. */
bool sl_json_scan_portable(struct sl_scan *s, struct sl_slice value);

/* Undoes the escapes of a string, each of which is whole (half a surrogate pair becomes U+FFFD);
 * room for n bytes is always enough. What does not fit is cut off. Returns the length. */
size_t sl_json_unescape(const char *p, size_t n, char *ret, size_t room);

/* Appends valid JSON without the line breaks between its tokens. */
void sl_json_one_line(struct sl_slice json, struct sl_buf *out);

/* The text of an escaped key, for looking it up among fields: one longer than any path stays longer
 * than any path. Returns its length. */
enum { SL_JSON_KEY_ROOM = SL_PATH_BYTES_MAX + 4 }; /* what is cut off is at most 4 bytes at once */
size_t sl_json_key(const char *key, size_t n, char ret[SL_JSON_KEY_ROOM]);

/* ---- in JSON that a scan has found valid ---- */

static inline const char *sl_json_spaces(const char *p)
{
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
        p++;
    return p;
}
/* p follows the opening quote; returns the closing one. Sets *escaped, never clears it. */
const char *sl_json_string_end(const char *p, const char *end, bool *escaped);
/* The value at p, numbers of any size; returns what follows it. */
const char *sl_json_value(const char *p, const char *end, struct sl_value *ret);

/* A number by JSON's grammar from p on: where it ends, or NULL. *ret_integer: no fraction, no
 * exponent. */
const char *sl_json_number_end(const char *p, const char *end, bool *ret_integer);
/* The value of a number checked so: false beyond 64 bits or double. */
bool sl_json_number(const char *p, size_t n, double *ret, bool *ret_is_int, int64_t *ret_int);

/* Length of the UTF-8 sequence at p (1 to 4), or 0 with *ret_bad bytes that belong to no sequence.
 */
static inline unsigned sl_utf8_length(const char *text, const char *end, unsigned *ret_bad)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t left = (size_t)(end - text);
    unsigned need, lo = 0x80, hi = 0xbf;

    *ret_bad = 1;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (p[0] == 0xe0)
        lo = 0xa0; /* overlong */
    else if (p[0] == 0xed)
        hi = 0x9f; /* surrogates */
    else if (p[0] == 0xf0)
        lo = 0x90; /* overlong */
    else if (p[0] == 0xf4)
        hi = 0x8f; /* beyond U+10FFFF */
    for (unsigned i = 1; i < need; i++) {
        if (i >= left || p[i] < lo || p[i] > hi)
            return 0;
        *ret_bad = i + 1;
        lo = 0x80;
        hi = 0xbf;
    }
    return need;
}

/* The first byte from p on that is not plain inside a JSON string: a quote, a backslash, a control
 * character or a byte of UTF-8 beyond ASCII; end when there is none. */
static inline const char *sl_json_plain_portable(const char *p, const char *end)
{
    while (p < end && (uint8_t)*p >= 0x20 && (uint8_t)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

#ifdef __SSE2__
/* Of the 16 bytes at p, those that are not plain. */
static inline unsigned sl_json_not_plain(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* Compared as signed numbers, bytes from 0x80 on are below a space too. */
    __m128i hit = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
                               _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                            _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));

    return (unsigned)_mm_movemask_epi8(hit);
}

/* Whether 16 bytes can be loaded from p, of which the first is the reader's own: they are on one
 * page. Sanitizers see what is read past the end. */
static inline bool sl_one_page(const char *p)
{
    return !SL_SANITIZED && ((uintptr_t)p & 4095) <= 4096 - 16;
}
#endif

static inline const char *sl_json_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        unsigned mask = sl_json_not_plain(p);

        if (mask)
            return p + __builtin_ctz(mask);
    }
    if (p < end && sl_one_page(p)) {
        unsigned mask = sl_json_not_plain(p) | 1u << (end - p); /* what is past it does not count */

        return p + __builtin_ctz(mask);
    }
#endif
    return sl_json_plain_portable(p, end);
}

bool sl_utf8_valid(struct sl_slice text);

#endif
