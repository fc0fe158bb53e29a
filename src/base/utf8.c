/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

size_t sl_utf8_char(const char *p, size_t n, uint32_t *ret)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)p;
    uint32_t code;
    size_t length;

    if (n == 0)
        return 0;
    if (c[0] < 0x80) {
        code = c[0];
        length = 1;
    } else if ((c[0] & 0xe0) == 0xc0) {
        code = c[0] & 0x1f;
        length = 2;
    } else if ((c[0] & 0xf0) == 0xe0) {
        code = c[0] & 0x0f;
        length = 3;
    } else if ((c[0] & 0xf8) == 0xf0) {
        code = c[0] & 0x07;
        length = 4;
    } else {
        return 0;
    }
    if (length > n)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    if (ret)
        *ret = code;
    return length;
}

void sl_utf8_copy(const char *from, char *to, size_t size)
{
    size_t left = strlen(from), at = 0;

    while (left > 0) {
        size_t n = sl_utf8_char(from, left, NULL), step = n ? n : 1;

        if (at + step >= size)
            break;
        memcpy(to + at, n ? from : "?", step);
        at += step;
        from += step;
        left -= step;
    }
    to[at] = '\0';
}
