/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver_books.h"

#include <isa-l/igzip_lib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

enum { SEQ_DIGITS = 10, AT_DIGITS = 16, SUB_BITS = 5, DELAYS = 40 << SUB_BITS };

struct kept {
    struct kept *next;
    size_t n;
    char p[];
};

static struct role {
    const char *name;
    uint64_t *seen; /* a bit each */
    uint64_t records, repeated, strange, requests, bytes, plain_bytes;
    uint64_t delays[DELAYS], n_delays, longest_us;
    struct kept *kept;
} roles[BOOKS_ROLES] = {{.name = "es"}, {.name = "s3"}, {.name = "webhook"}};
static size_t wanted;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void books_init(size_t records)
{
    wanted = records;
    for (size_t i = 0; i < BOOKS_ROLES; i++)
        roles[i].seen = calloc(records / 64 + 1, sizeof(*roles[i].seen));
}

void books_reset(void)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < BOOKS_ROLES; i++) {
        struct role *r = &roles[i];
        struct role anew = {.name = r->name, .seen = r->seen};

        for (struct kept *k = r->kept, *next; k; k = next) {
            next = k->next;
            free(k);
        }
        memset(r->seen, 0, (wanted / 64 + 1) * sizeof(*r->seen));
        *r = anew;
    }
    pthread_mutex_unlock(&mutex);
}

/* ---- markers ---- */

/* A number of so many digits with a dot behind it; -1: there is none. */
static int64_t number_at(const char *p, const char *end, int digits)
{
    int64_t v = 0;

    if (end - p <= digits || p[digits] != '.')
        return -1;
    for (int i = 0; i < digits; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

static void see(struct role *r, int64_t seq)
{
    uint64_t *word, bit;

    if (seq < 0 || (size_t)seq >= wanted) {
        r->strange++;
        return;
    }
    word = &r->seen[seq / 64];
    bit = UINT64_C(1) << (seq % 64);
    r->repeated += (*word & bit) != 0;
    r->records += (*word & bit) == 0;
    *word |= bit;
}

/* Buckets of which each power of two has 32: three percent wide. */
static size_t bucket_of(uint64_t us)
{
    unsigned shift;

    if (us < 1 << SUB_BITS)
        return us;
    shift = 63u - (unsigned)__builtin_clzll(us) - SUB_BITS;
    return ((size_t)shift << SUB_BITS) + (us >> shift);
}

static double bucket_ms(size_t bucket)
{
    size_t shift = bucket >> SUB_BITS ? (bucket >> SUB_BITS) - 1 : 0;

    return (double)((bucket - (shift << SUB_BITS)) << shift) / 1e3;
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void delay(struct role *r, int64_t at, int64_t now)
{
    uint64_t us = now > at ? (uint64_t)(now - at) : 0;
    size_t bucket = bucket_of(us);

    r->delays[bucket < DELAYS ? bucket : DELAYS - 1]++;
    r->n_delays++;
    if (us > r->longest_us)
        r->longest_us = us;
}

static void scan(struct role *r, const char *p, size_t n, int64_t now)
{
    const char *end = p + n;
    int64_t last = -1;

    while ((p = memmem(p, (size_t)(end - p), "seq=", 4))) {
        int64_t at, seq = number_at(p += 4, end, SEQ_DIGITS);

        /* A line that was taken apart holds its own text and the member with the marker. */
        if (seq == last && seq >= 0)
            continue;
        see(r, last = seq);
        if (now && end - p > SEQ_DIGITS + 5 && memcmp(p + SEQ_DIGITS + 1, " at=", 4) == 0 &&
            (at = number_at(p + SEQ_DIGITS + 5, end, AT_DIGITS)) >= 0)
            delay(r, at, now);
    }
    r->plain_bytes += n;
}

/* ---- bodies ---- */

bool books_is_gzip(const char *p, size_t n)
{
    return n > 2 && memcmp(p, "\x1f\x8b", 2) == 0;
}

static bool is_zstd(const char *p, size_t n)
{
    return n > 4 &&
           (memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0 || memcmp(p + 1, "\x2a\x4d\x18", 3) == 0);
}

static bool room(char **p, size_t used, size_t *cap)
{
    if (*cap - used < 1 << 20) {
        *cap = *cap * 2 + (4 << 20);
        *p = realloc(*p, *cap);
    }
    return *p != NULL;
}

bool books_gunzip(const char *p, size_t n, char **ret, size_t *ret_n)
{
    struct inflate_state z;
    size_t cap = 0;

    *ret = NULL;
    *ret_n = 0;
    isal_inflate_init(&z);
    z.crc_flag = ISAL_GZIP;
    z.next_in = (uint8_t *)(uintptr_t)p;
    z.avail_in = (uint32_t)n;
    for (;;) {
        size_t left;

        if (!room(ret, *ret_n, &cap))
            return false;
        left = cap - *ret_n;
        z.next_out = (uint8_t *)*ret + *ret_n;
        z.avail_out = (uint32_t)left;
        if (isal_inflate(&z) != ISAL_DECOMP_OK)
            return false;
        *ret_n += left - z.avail_out;
        if (z.block_state == ISAL_BLOCK_FINISH) {
            if (z.avail_in == 0)
                return true;
            isal_inflate_reset(&z);
            z.crc_flag = ISAL_GZIP;
        } else if (z.avail_in == 0 && z.avail_out > 0) {
            return false; /* cut off */
        }
    }
}

static bool unzstd(const char *p, size_t n, char **ret, size_t *ret_n)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    ZSTD_inBuffer in = {p, n, 0};
    size_t cap = 0, left = 1;
    bool good = true;

    *ret = NULL;
    *ret_n = 0;
    while (good && (in.pos < in.size || left > 0)) {
        ZSTD_outBuffer out;
        size_t before = in.pos;

        good = room(ret, *ret_n, &cap);
        if (!good)
            break;
        out = (ZSTD_outBuffer){*ret + *ret_n, cap - *ret_n, 0};
        left = ZSTD_decompressStream(z, &out, &in);
        good = !ZSTD_isError(left) && (in.pos > before || out.pos > 0);
        *ret_n += out.pos;
    }
    ZSTD_freeDStream(z);
    return good;
}

void books_take_plain(enum books_role role, const char *p, size_t n, size_t sent)
{
    pthread_mutex_lock(&mutex);
    roles[role].requests++;
    roles[role].bytes += sent;
    scan(&roles[role], p, n, now_us());
    pthread_mutex_unlock(&mutex);
}

void books_take(enum books_role role, const char *p, size_t n)
{
    struct role *r = &roles[role];
    struct kept *k;

    if (!books_is_gzip(p, n) && !is_zstd(p, n)) {
        books_take_plain(role, p, n, n);
        return;
    }
    k = malloc(sizeof(*k) + n);
    if (!k)
        abort();
    memcpy(k->p, p, n);
    k->n = n;
    pthread_mutex_lock(&mutex);
    r->requests++;
    r->bytes += n;
    k->next = r->kept;
    r->kept = k;
    pthread_mutex_unlock(&mutex);
}

bool books_settle(void)
{
    bool good = true;

    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < BOOKS_ROLES; i++)
        while (roles[i].kept) {
            struct kept *k = roles[i].kept;
            char *plain;
            size_t n;
            bool fine = books_is_gzip(k->p, k->n) ? books_gunzip(k->p, k->n, &plain, &n)
                                                  : unzstd(k->p, k->n, &plain, &n);

            if (fine)
                scan(&roles[i], plain, n, 0);
            good &= fine;
            free(plain);
            roles[i].kept = k->next;
            free(k);
        }
    pthread_mutex_unlock(&mutex);
    return good;
}

/* ---- the books ---- */

static double percentile(const struct role *r, double share)
{
    uint64_t sum = 0, least = (uint64_t)((double)r->n_delays * share);

    for (size_t i = 0; i < DELAYS; i++)
        if ((sum += r->delays[i]) > least)
            return bucket_ms(i);
    return (double)r->longest_us / 1e3;
}

static void print_role(const struct role *r, FILE *out)
{
    fprintf(out,
            "\"%s\":{\"records\":%llu,\"missing\":%llu,\"repeated\":%llu,\"strange\":%llu,"
            "\"requests\":%llu,\"bytes\":%llu,\"plain_bytes\":%llu,\"latency\":{\"count\":%llu,"
            "\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f}}",
            r->name, (unsigned long long)r->records,
            (unsigned long long)((uint64_t)wanted - r->records), (unsigned long long)r->repeated,
            (unsigned long long)r->strange, (unsigned long long)r->requests,
            (unsigned long long)r->bytes, (unsigned long long)r->plain_bytes,
            (unsigned long long)r->n_delays, percentile(r, 0.5), percentile(r, 0.9),
            percentile(r, 0.99), percentile(r, 0.999), (double)r->longest_us / 1e3);
}

void books_print(FILE *out)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < BOOKS_ROLES; i++) {
        fputs(i ? "," : "{", out);
        print_role(&roles[i], out);
    }
    fputs("}\n", out);
    pthread_mutex_unlock(&mutex);
}
