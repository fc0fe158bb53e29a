/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sample.h"

#include <stdlib.h>

#include "base/alloc.h"

/* One record with all that it points to, in one piece of memory. */
struct kept {
    struct sl_input_record record;
    size_t bytes;
    char room[];
};

/* A ring of the newest. */
struct keep {
    struct kept **items;
    size_t first, n, max, cap, bytes;
    bool cut;
};

static char *put(char **at, const void *p, size_t n)
{
    char *to = *at;

    if (n)
        memcpy(to, p, n);
    *at += n;
    return to;
}

static struct sl_slice put_slice(char **at, struct sl_slice s)
{
    return s.p ? sl_slice(put(at, s.p, s.n), s.n) : s;
}

static struct kept *copy(const struct sl_input_record *from)
{
    const struct sl_message *m = &from->message;
    const size_t topic = strlen(from->topic) + 1, cluster = strlen(from->cluster_id) + 1;
    const size_t headers = m->n_headers * sizeof(*m->headers);
    size_t bytes = headers + topic + cluster + m->key.n + m->value.n;
    struct sl_header *to;
    struct kept *k;
    char *at;

    for (size_t i = 0; i < m->n_headers; i++)
        bytes += m->headers[i].name.n + m->headers[i].value.n;
    k = sl_alloc(sizeof(*k) + sizeof(*to) + bytes);
    k->record = *from;
    k->bytes = bytes + sizeof(*k);
    /* Headers first, on a boundary of their own. */
    at = k->room + (size_t)(-(uintptr_t)k->room & (_Alignof(struct sl_header) - 1));
    to = (struct sl_header *)(void *)at;
    at += headers;
    for (size_t i = 0; i < m->n_headers; i++) {
        to[i].name = put_slice(&at, m->headers[i].name);
        to[i].value = put_slice(&at, m->headers[i].value);
    }
    k->record.message.headers = to;
    k->record.topic = put(&at, from->topic, topic);
    k->record.cluster_id = put(&at, from->cluster_id, cluster);
    k->record.message.key = put_slice(&at, m->key);
    k->record.message.value = put_slice(&at, m->value);
    return k;
}

static void drop_oldest(struct keep *k)
{
    k->bytes -= k->items[k->first]->bytes;
    free(k->items[k->first]);
    k->first = (k->first + 1) % k->cap;
    k->n--;
}

static void grow(struct keep *k)
{
    const size_t cap = k->cap ? 2 * k->cap : 256;
    struct kept **items = sl_calloc(cap, sizeof(struct kept *));

    for (size_t i = 0; i < k->n; i++)
        items[i] = k->items[(k->first + i) % k->cap];
    free(k->items);
    k->items = items;
    k->first = 0;
    k->cap = cap;
}

static bool take(void *user, const struct sl_input_record *record)
{
    struct keep *k = user;
    struct kept *one;

    if (!record->message.value.p)
        return true;
    one = copy(record);
    k->bytes += one->bytes;
    if (k->n == k->max)
        drop_oldest(k);
    for (; k->n && k->bytes > SL_SAMPLE_BYTES_MAX; k->cut = true)
        drop_oldest(k);
    if (k->n == k->cap)
        grow(k);
    k->items[(k->first + k->n++) % k->cap] = one;
    return true;
}

/* The records stand in a row; each remembers its piece as the one it lies in. */
static void hand_over(struct keep *k, struct sl_sample *ret)
{
    *ret = (struct sl_sample){.cut = k->cut};
    ret->items = sl_calloc(k->n + 1, sizeof(*ret->items));
    ret->memory = sl_calloc(k->n + 1, sizeof(*ret->memory));
    for (size_t i = 0; i < k->n; i++) {
        struct kept *one = k->items[(k->first + i) % k->cap];

        ret->memory[ret->n] = one;
        ret->items[ret->n++] = one->record;
    }
    free(k->items);
}

int sl_sample_read(const struct sl_input *in, struct sl_sample *ret)
{
    struct keep k = {.max = in->last};
    int status = sl_input_each(in, take, &k, NULL);

    hand_over(&k, ret);
    return status;
}

void sl_sample_lines(const char *const *lines, size_t n, const char *topic, struct sl_sample *ret)
{
    struct keep k = {.max = n};

    for (size_t i = 0; i < n; i++) {
        const struct sl_input_record record = {
            .topic = topic,
            .cluster_id = "",
            .message = {.offset = (int64_t)i, .timestamp_ms = -1, .value = sl_slice_str(lines[i])},
            .line = i + 1,
        };

        take(&k, &record);
    }
    hand_over(&k, ret);
}

void sl_sample_release(struct sl_sample *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->memory[i]);
    free(s->memory);
    free(s->items);
    *s = (struct sl_sample){0};
}
