/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/buf.h"
#include "base/hash.h"
#include "sluice/position.h"

enum { RULES_CHARS = 12, ID_CHARS = 6, NUMBER_MAX = 24 };

/* 36 bits of the id's SHA-256, in base64url: 64 sinks meet by chance once in 30 million
 * configurations, and then both ids are left out. */
static void short_id(const char *id, char ret[ID_CHARS + 1])
{
    uint8_t digest[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_sha256(id, strlen(id), digest);
    sl_buf_init(&text, 64);
    sl_base64url(&text, digest, 6);
    memcpy(ret, text.p, ID_CHARS);
    ret[ID_CHARS] = '\0';
    sl_buf_release(&text);
}

static void base36(uint64_t v, char ret[NUMBER_MAX])
{
    char *at = ret + NUMBER_MAX - 1;

    *at = '\0';
    do {
        *--at = "0123456789abcdefghijklmnopqrstuvwxyz"[v % 36];
        v /= 36;
    } while (v > 0);
    memmove(ret, at, strlen(at) + 1);
}

size_t sl_metadata_write(const struct sl_partition *p, const struct sl_position_names *names,
                         char ret[SL_METADATA_MAX])
{
    int64_t base = sl_partition_least(p);
    bool ahead = false;
    size_t n;

    if (base < p->cut_over)
        return 0;
    n = (size_t)snprintf(ret, SL_METADATA_MAX, "1;b=%" PRId64 ";r=%.*s", base, RULES_CHARS,
                         names->rules);
    for (size_t i = 0; i < p->n_sinks; i++) {
        int64_t delta = sl_partition_position(p, i) - base;
        char id[ID_CHARS + 1], number[NUMBER_MAX];

        if (delta <= 0)
            continue;
        short_id(names->sink_ids[i], id);
        base36((uint64_t)delta, number);
        if (n + strlen(id) + strlen(number) + 3 > SL_METADATA_MAX)
            break; /* who is left out starts at the base, and nothing is lost */
        n += (size_t)snprintf(ret + n, SL_METADATA_MAX - n, ";%s=%s", id, number);
        ahead = true;
    }
    return ahead ? n : 0;
}

/* The next "key=value" of the line. */
static bool next_pair(struct sl_slice *line, struct sl_slice *ret_key, struct sl_slice *ret_value)
{
    const char *end, *equals;

    if (line->n == 0)
        return false;
    end = memchr(line->p, ';', line->n);
    if (!end)
        end = line->p + line->n;
    equals = memchr(line->p, '=', (size_t)(end - line->p));
    if (!equals)
        return false;
    *ret_key = sl_slice(line->p, (size_t)(equals - line->p));
    *ret_value = sl_slice(equals + 1, (size_t)(end - equals - 1));
    line->n -= (size_t)(end - line->p);
    line->p = end;
    if (line->n > 0) {
        line->p++;
        line->n--;
    }
    return true;
}

static bool number(struct sl_slice text, unsigned base, int64_t *ret)
{
    uint64_t v = 0;

    if (text.n == 0)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10
                                                : 99;

        if (digit >= base || v > (uint64_t)INT64_MAX / base - 1)
            return false;
        v = v * base + digit;
    }
    *ret = (int64_t)v;
    return true;
}

/* The sink with this short id; n_sinks when there is none, or more than one. */
static size_t sink_of(const struct sl_partition *p, const struct sl_position_names *names,
                      struct sl_slice id)
{
    size_t found = p->n_sinks;

    for (size_t i = 0; i < p->n_sinks; i++) {
        char mine[ID_CHARS + 1];

        short_id(names->sink_ids[i], mine);
        if (!sl_slice_is(id, mine))
            continue;
        if (found < p->n_sinks)
            return p->n_sinks;
        found = i;
    }
    return found;
}

static bool head_counts(struct sl_slice *line, const struct sl_position_names *names,
                        int64_t committed)
{
    static const char version[] = "1;";
    struct sl_slice key, value;
    int64_t base;
    char rules[RULES_CHARS + 1];

    if (line->n < 2 || memcmp(line->p, version, 2) != 0)
        return false;
    line->p += 2;
    line->n -= 2;
    if (!next_pair(line, &key, &value) || !sl_slice_is(key, "b") || !number(value, 10, &base) ||
        base != committed)
        return false;
    snprintf(rules, sizeof(rules), "%.*s", RULES_CHARS, names->rules);
    return next_pair(line, &key, &value) && sl_slice_is(key, "r") && sl_slice_is(value, rules);
}

bool sl_metadata_read(struct sl_partition *p, const struct sl_position_names *names,
                      int64_t committed, struct sl_slice line)
{
    struct sl_slice key, value, check;
    int64_t delta;

    if (!line.p || line.n >= SL_METADATA_MAX || !head_counts(&line, names, committed))
        return false;
    for (check = line; check.n > 0;)
        if (!next_pair(&check, &key, &value) || !number(value, 36, &delta) ||
            delta > INT64_MAX - committed)
            return false;
    while (next_pair(&line, &key, &value)) {
        size_t sink = sink_of(p, names, key);

        if (sink < p->n_sinks && number(value, 36, &delta))
            p->sinks[sink].from = committed + delta;
    }
    return true;
}

bool sl_partition_has_gap(const struct sl_partition *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        if (p->next >= 0 && p->sinks[i].from > p->next)
            return true;
    return false;
}

void sl_partition_cut_over(struct sl_partition *p)
{
    p->cut_over = p->next > 0 ? p->next : 0;
    for (size_t i = 0; i < p->n_sinks; i++)
        if (p->sinks[i].from > p->cut_over)
            p->cut_over = p->sinks[i].from;
}

uint64_t sl_partition_fingerprint(const struct sl_partition *p)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < p->n_sinks; i++) {
        uint64_t parts[2] = {hash, (uint64_t)sl_partition_position(p, i)};

        hash = sl_hash(parts, sizeof(parts));
    }
    return hash;
}
