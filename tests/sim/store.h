/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "sluice/http.h"
#include "world.h"

/* Simulated destinations at the level of HTTP: http.c carries requests to and fro, es.c, s3.c and
 * webhook.c answer them. */

enum store_kind { STORE_ES, STORE_S3, STORE_HOOK };

struct store_object {          /* a document, or an object */
    struct store_object *next; /* in its bucket */
    char *key;
    char *body;
    size_t n;
    char *meta; /* header lines */
    bool damaged;
    uint64_t at_us;
};

enum { STORE_BUCKETS = 256 };

struct store {
    unsigned sink; /* of the base configuration */
    enum store_kind kind;
    struct store_object *buckets[STORE_BUCKETS];
    size_t n;
    uint64_t dead_us, hangs_us, slow_us, denies_us; /* until when */
    uint64_t slow_by_us;
};

struct store_request {
    const char *method, *path;
    const char *headers; /* lines, each ended by LF */
    const char *body;
    size_t body_n;
    bool unheard; /* the answer will be lost: who applies it notes so */
};

struct store_reply {
    enum sl_http_result result;
    int status;
    char *body;
    size_t body_n;
    char *headers; /* lines, each ended by CRLF */
};

extern const char *const store_names[];
struct store *store_of(unsigned sink);
struct store *store_at(const char *url); /* by host */
const char *store_header(const struct store_request *q, const char *name, char *ret,
                         size_t n); /* NULL: none */
struct store_object *store_find(struct store *s, const char *key, size_t n);
struct store_object *store_put(struct store *s, const char *key, size_t key_n, const char *body,
                               size_t n);
void store_say(struct store_reply *a, int status, const char *body);

void es_answer(struct store *s, const struct store_request *q, struct store_reply *ret);
void s3_answer(struct store *s, const struct store_request *q, struct store_reply *ret);
void hook_answer(struct store *s, const struct store_request *q, struct store_reply *ret);

void http_begin(void);
bool http_under_way(void); /* some request may still be applied */
void http_replica_died(struct replica *r);
bool store_fault(unsigned per_thousand); /* false once the world is healed */

#endif
