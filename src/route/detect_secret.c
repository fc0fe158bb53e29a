/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "base/fold.h"
#include "route/detect_private.h"

/* ---- keys of AWS ---- */

enum { KEY_ID = 20, SECRET = 40, HINT_GAP_MAX = 16 };

static bool is_key_id(const char *p)
{
    if (p[0] != 'A' || !((p[1] == 'K' && p[2] == 'I' && p[3] == 'A') ||
                         (p[1] == 'S' && p[2] == 'I' && p[3] == 'A') ||
                         (p[1] == 'B' && p[2] == 'I' && p[3] == 'A') ||
                         (p[1] == 'C' && p[2] == 'C' && p[3] == 'A')))
        return false;
    for (int i = 4; i < KEY_ID; i++)
        if (!sl_is_digit(p[i]) && !(p[i] >= 'A' && p[i] <= 'Z'))
            return false;
    return true;
}

bool sl_detect_aws_key(struct sl_slice text, size_t from, struct sl_found *ret)
{
    const char *p;

    for (size_t at = from; (p = sl_find_byte(text, at, 'A'));) {
        size_t begin = (size_t)(p - text.p);

        at = begin + 1;
        if (text.n - begin < KEY_ID)
            return false;
        if ((begin > 0 && sl_is_alnum(p[-1]) && !sl_escape_before(text, begin)) || !is_key_id(p) ||
            (begin + KEY_ID < text.n && sl_is_alnum(p[KEY_ID])))
            continue;
        *ret = (struct sl_found){begin, begin + KEY_ID};
        return true;
    }
    return false;
}

static bool is_secret(char c)
{
    return sl_is_alnum(c) || c == '/' || c == '+' || c == '=';
}

/* Moves past the word, which is lower case, and a joint before it. */
static bool pass_word(struct sl_slice text, size_t *at, const char *word)
{
    size_t n = strlen(word), begin = *at;

    if (begin < text.n && memchr("_-. ", text.p[begin], 4))
        begin++;
    if (text.n - begin < n || !sl_fold_equal(sl_slice(text.p + begin, n), sl_slice(word, n)))
        return false;
    *at = begin + n;
    return true;
}

/* Behind "secret": aws_secret_access_key = "...", SecretAccessKey: ..., secretKey=... */
static bool secret_after(struct sl_slice text, size_t at, struct sl_found *ret)
{
    size_t gap, end;

    pass_word(text, &at, "access");
    if (!pass_word(text, &at, "key"))
        return false;
    gap = at;
    while (at < text.n && at - gap < HINT_GAP_MAX && memchr(" \t\r\n\"'`:=>\\", text.p[at], 11))
        at++;
    for (end = at; end < text.n && end - at <= SECRET && is_secret(text.p[end]);)
        end++;
    *ret = (struct sl_found){at, end};
    return at > gap && end - at == SECRET;
}

bool sl_detect_aws_secret(struct sl_slice text, size_t from, struct sl_found *ret)
{
    static const char hint[] = "secret";
    const size_t n = sizeof(hint) - 1;

    for (size_t at = from; at + n + SECRET < text.n; at++)
        if ((text.p[at] | 0x20) == 's' &&
            sl_fold_equal(sl_slice(text.p + at, n), sl_slice(hint, n)) &&
            secret_after(text, at + n, ret))
            return true;
    return false;
}

/* ---- JSON web tokens ---- */

enum { HEADER_MAX = 4096 }; /* characters of it that are looked at */

static int base64url_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (sl_is_digit(c))
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static size_t part_end(struct sl_slice text, size_t at)
{
    while (at < text.n && base64url_digit(text.p[at]) >= 0)
        at++;
    return at;
}

/* RFC 7515, section 4.1.1: a header has "alg". */
static bool is_header(const char *p, size_t n)
{
    char plain[HEADER_MAX / 4 * 3];
    size_t made = 0;
    uint32_t bits = 0;

    n = n < HEADER_MAX ? n : HEADER_MAX;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 6 | (uint32_t)base64url_digit(p[i]);
        if (i % 4 != 0)
            plain[made++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    return made > 0 && plain[0] == '{' && memmem(plain, made, "\"alg\"", 5);
}

/* The parts behind the header: ".payload.signature", which is empty where nothing is signed, or
 * the four of an encrypted token. 0: it is none. */
static size_t token_end(struct sl_slice text, size_t at)
{
    size_t ends[4], n = 0;

    while (n < 4 && at < text.n && text.p[at] == '.')
        ends[n++] = at = part_end(text, at + 1);
    if (n == 4 && ends[3] > ends[2] + 1 && ends[2] > ends[1] + 1)
        return ends[3];
    return n >= 2 && text.p[ends[0] - 1] != '.' ? ends[1] : 0;
}

/* A run of base64url characters may hold many places where a header could begin (key_eyJ...): the
 * first few are tried, so that the cost stays linear in the text. */
bool sl_detect_jwt(struct sl_slice text, size_t from, struct sl_found *ret)
{
    enum { TRIES_MAX = 8 };
    size_t run = 0, tries = 0;
    const char *p;

    for (size_t at = from; at < text.n && (p = memmem(text.p + at, text.n - at, "ey", 2));) {
        size_t begin = (size_t)(p - text.p), end;

        at = begin + 2;
        if (begin > 0 && sl_is_alnum(p[-1]) && !sl_escape_before(text, begin))
            continue;
        if (begin >= run) {
            run = part_end(text, begin);
            tries = 0;
        }
        end = token_end(text, run);
        if (!end || ++tries > TRIES_MAX) {
            at = run;
            continue;
        }
        if (!is_header(p, run - begin))
            continue;
        *ret = (struct sl_found){begin, end};
        return true;
    }
    return false;
}
