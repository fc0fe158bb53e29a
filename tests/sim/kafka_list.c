/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kafka.h"

/* Lists of partitions, errors, words. */

struct rd_kafka_error_s {
    rd_kafka_resp_err_t err;
    char *text;
};

rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int size)
{
    rd_kafka_topic_partition_list_t *l = sim_new(sizeof(*l));

    l->size = size > 0 ? size : 1;
    l->elems = sim_new((size_t)l->size * sizeof(*l->elems));
    return l;
}

void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *l)
{
    for (int i = 0; i < l->cnt; i++) {
        sim_free(l->elems[i].topic);
        free(l->elems[i].metadata); /* the program's, or ours */
    }
    sim_free(l->elems);
    sim_free(l);
}

rd_kafka_topic_partition_t *rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *l,
                                                              const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_t *at;

    if (l->cnt == l->size) {
        rd_kafka_topic_partition_t *elems = sim_new((size_t)l->size * 2 * sizeof(*elems));

        memcpy(elems, l->elems, (size_t)l->cnt * sizeof(*elems));
        sim_free(l->elems);
        l->elems = elems;
        l->size *= 2;
    }
    at = &l->elems[l->cnt++];
    *at = (rd_kafka_topic_partition_t){.topic = sim_copy(topic, strlen(topic)),
                                       .partition = partition,
                                       .offset = RD_KAFKA_OFFSET_INVALID};
    return at;
}

void rd_kafka_topic_partition_list_add_range(rd_kafka_topic_partition_list_t *l, const char *topic,
                                             int32_t start, int32_t stop)
{
    for (int32_t i = start; i <= stop; i++)
        rd_kafka_topic_partition_list_add(l, topic, i);
}

rd_kafka_topic_partition_list_t *
rd_kafka_topic_partition_list_copy(const rd_kafka_topic_partition_list_t *from)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(from->cnt);

    for (int i = 0; i < from->cnt; i++) {
        const rd_kafka_topic_partition_t *f = &from->elems[i];
        rd_kafka_topic_partition_t *t =
            rd_kafka_topic_partition_list_add(l, f->topic, f->partition);

        t->offset = f->offset;
        t->err = f->err;
        t->metadata = sim_copy(f->metadata, f->metadata_size);
        t->metadata_size = f->metadata_size;
    }
    return l;
}

rd_kafka_topic_partition_t *
rd_kafka_topic_partition_list_find(const rd_kafka_topic_partition_list_t *l, const char *topic,
                                   int32_t partition)
{
    for (int i = 0; i < l->cnt; i++)
        if (l->elems[i].partition == partition && strcmp(l->elems[i].topic, topic) == 0)
            return &l->elems[i];
    return NULL;
}

int rd_kafka_topic_partition_list_del(rd_kafka_topic_partition_list_t *l, const char *topic,
                                      int32_t partition)
{
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_find(l, topic, partition);

    if (!at)
        return 0;
    sim_free(at->topic);
    free(at->metadata);
    memmove(at, at + 1, (size_t)(&l->elems[--l->cnt] - at) * sizeof(*at));
    return 1;
}

void rd_kafka_topic_partition_destroy(rd_kafka_topic_partition_t *at)
{
    sim_free(at->topic);
    sim_free(at);
}

struct rd_kafka_error_s *error_new(rd_kafka_resp_err_t err, const char *text)
{
    struct rd_kafka_error_s *e = sim_new(sizeof(*e));

    e->err = err;
    e->text = sim_copy(text, strlen(text));
    return e;
}

rd_kafka_resp_err_t rd_kafka_error_code(const rd_kafka_error_t *e)
{
    return e ? e->err : RD_KAFKA_RESP_ERR_NO_ERROR;
}

const char *rd_kafka_error_string(const rd_kafka_error_t *e)
{
    return e ? e->text : "";
}

void rd_kafka_error_destroy(rd_kafka_error_t *e)
{
    if (e)
        sim_free(e->text);
    sim_free(e);
}

const char *rd_kafka_err2str(rd_kafka_resp_err_t err)
{
    return rd_kafka_err2name(err);
}

const char *rd_kafka_err2name(rd_kafka_resp_err_t err)
{
    static char text[8][32];
    static unsigned at;

    switch ((int)err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return "NO_ERROR";
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return "_TIMED_OUT";
    case RD_KAFKA_RESP_ERR__TRANSPORT:
        return "_TRANSPORT";
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
        return "ILLEGAL_GENERATION";
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        return "UNKNOWN_MEMBER_ID";
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
        return "REBALANCE_IN_PROGRESS";
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
        return "OFFSET_METADATA_TOO_LARGE";
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return "REQUEST_TIMED_OUT";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return "MSG_SIZE_TOO_LARGE";
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
        return "COORDINATOR_NOT_AVAILABLE";
    default:
        at = (at + 1) % 8;
        snprintf(text[at], sizeof(text[at]), "error %d", (int)err);
        return text[at];
    }
}

int rd_kafka_version(void)
{
    return sim->cluster->version;
}

const char *rd_kafka_version_str(void)
{
    return sim->cluster->version >= 0x020a00ff ? "2.12.1 (simulated)" : "2.0.2 (simulated)";
}

void rd_kafka_mem_free(rd_kafka_t *rk, void *p)
{
    (void)rk;
    sim_free(p);
}

rd_kafka_resp_err_t rd_kafka_last_error(void)
{
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

/* ---- headers ---- */

rd_kafka_headers_t *rd_kafka_headers_new(size_t n)
{
    rd_kafka_headers_t *h = sim_new(sizeof(*h));

    h->cap = n > 0 ? n : 1;
    h->items = sim_new(h->cap * sizeof(*h->items));
    return h;
}

void rd_kafka_headers_destroy(rd_kafka_headers_t *h)
{
    for (size_t i = 0; i < h->n; i++) {
        sim_free(h->items[i].name);
        sim_free(h->items[i].value);
    }
    sim_free(h->items);
    sim_free(h);
}

rd_kafka_resp_err_t rd_kafka_header_add(rd_kafka_headers_t *h, const char *name, ssize_t name_n,
                                        const void *value, ssize_t n)
{
    if (h->n == h->cap) {
        struct k_header *items = sim_new(h->cap * 2 * sizeof(*items));

        memcpy(items, h->items, h->n * sizeof(*items));
        sim_free(h->items);
        h->items = items;
        h->cap *= 2;
    }
    if (n < 0)
        n = value ? (ssize_t)strlen(value) : 0;
    h->items[h->n++] = (struct k_header){sim_copy(name, name_n < 0 ? strlen(name) : (size_t)name_n),
                                         sim_copy(value, (size_t)n), (size_t)n};
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_header_get_all(const rd_kafka_headers_t *h, size_t i,
                                            const char **name, const void **value, size_t *n)
{
    if (i >= h->n)
        return RD_KAFKA_RESP_ERR__NOENT;
    *name = h->items[i].name;
    *value = h->items[i].value;
    *n = h->items[i].value_n;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
