/* SPDX-License-Identifier: Apache-2.0 */
#include "route/pack.h"

enum { NUMBER = 4, RULE_FILE = 0, TABLE = 1 };

void sl_pack_number(struct sl_buf *to, uint32_t n)
{
    const char bytes[NUMBER] = {(char)n, (char)(n >> 8), (char)(n >> 16), (char)(n >> 24)};

    sl_buf_append(to, bytes, NUMBER);
}

void sl_pack_bytes(struct sl_buf *to, struct sl_slice bytes)
{
    if (bytes.n > UINT32_MAX) {
        to->full = true;
        return;
    }
    sl_pack_number(to, (uint32_t)bytes.n);
    sl_buf_slice(to, bytes);
}

void sl_rule_text_add(struct sl_buf *to, const struct sl_rule_text *t)
{
    sl_pack_number(to, t->table ? TABLE : RULE_FILE);
    sl_pack_bytes(to, t->path);
    sl_pack_bytes(to, t->content);
}

uint32_t sl_unpack_number(struct sl_unpack *u)
{
    const uint8_t *p = (const uint8_t *)u->rest.p;

    if (u->bad || u->rest.n < NUMBER) {
        u->bad = true;
        return 0;
    }
    u->rest = sl_slice(u->rest.p + NUMBER, u->rest.n - NUMBER);
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

struct sl_slice sl_unpack_bytes(struct sl_unpack *u)
{
    size_t n = sl_unpack_number(u);
    struct sl_slice bytes = sl_slice(u->rest.p, n);

    if (u->bad || u->rest.n < n) {
        u->bad = true;
        return sl_slice("", 0);
    }
    u->rest = sl_slice(u->rest.p + n, u->rest.n - n);
    return bytes;
}

struct sl_slice sl_unpack_text(struct sl_unpack *u)
{
    struct sl_slice text = sl_unpack_bytes(u);

    if (text.n == 0 || !memchr(text.p, '\0', text.n))
        return text;
    u->bad = true;
    return sl_slice("", 0);
}

bool sl_unpack_rule_text(struct sl_unpack *u, struct sl_rule_text *ret)
{
    uint32_t kind;

    if (u->bad || u->rest.n == 0)
        return false;
    kind = sl_unpack_number(u);
    ret->table = kind == TABLE;
    ret->path = sl_unpack_text(u);
    ret->content = sl_unpack_bytes(u);
    u->bad |= kind > TABLE || ret->path.n == 0;
    return !u->bad;
}
