/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include <string.h>

#include "audit.h"
#include "net/http_server.h"
#include "replica.h"
#include "scenario.h"
#include "store.h"

/* In place of net/http_client.c and net/http_server.c. A request travels, is applied or not, and is
 * answered or not; whoever waits gives up at its time limit. */

struct sl_http_client {
    struct sl_http http;
    struct replica *r;
};

struct exchange {
    struct sl_list node; /* in r->requests */
    struct sim_event travel, limit;
    struct replica_task task;
    struct replica *r;
    unsigned life;
    struct sl_http_request *request; /* NULL: nobody waits any more */
    struct store *store;
    struct store_request asked;
    struct store_reply reply;
    uint64_t began_us, disturbances; /* when it was sent */
    bool told, zombie;
};

static struct store *stores;

const char *const store_names[] = {"es0", "es1", "s3a", "s3b", "hook0", "hook1"};

struct store *store_of(unsigned sink)
{
    return &stores[sink];
}

struct store *store_at(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    for (unsigned i = 0; i < SINKS_MAX; i++)
        if (strncmp(host, store_names[i], strlen(store_names[i])) == 0)
            return &stores[i];
    return NULL;
}

void http_begin(void)
{
    stores = sim_new(SINKS_MAX * sizeof(*stores));
    for (unsigned i = 0; i < SINKS_MAX; i++) {
        stores[i].sink = i;
        stores[i].kind = i < 2 ? STORE_ES : i < 4 ? STORE_S3 : STORE_HOOK;
    }
}

/* ---- what stores keep ---- */

static unsigned bucket(const char *key, size_t n)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)key[i]) * 16777619u;
    return h % STORE_BUCKETS;
}

struct store_object *store_find(struct store *s, const char *key, size_t n)
{
    for (struct store_object *o = s->buckets[bucket(key, n)]; o; o = o->next)
        if (strlen(o->key) == n && memcmp(o->key, key, n) == 0)
            return o;
    return NULL;
}

struct store_object *store_put(struct store *s, const char *key, size_t key_n, const char *body,
                               size_t n)
{
    struct store_object *o = store_find(s, key, key_n);

    if (!o) {
        unsigned b = bucket(key, key_n);

        o = sim_new(sizeof(*o));
        o->key = sim_copy(key, key_n);
        o->next = s->buckets[b];
        s->buckets[b] = o;
        s->n++;
    }
    o->body = sim_copy(body, n);
    o->n = n;
    o->at_us = sim->now_us;
    return o;
}

const char *store_header(const struct store_request *q, const char *name, char *ret, size_t n)
{
    size_t len = strlen(name);

    for (const char *line = q->headers; line && *line;) {
        const char *end = strchr(line, '\n');

        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1;

            while (*value == ' ')
                value++;
            snprintf(ret, n, "%.*s", (int)(end - value), value);
            return ret;
        }
        line = end + 1;
    }
    return NULL;
}

void store_say(struct store_reply *a, int status, const char *body)
{
    a->result = SL_HTTP_OK;
    a->status = status;
    a->body_n = strlen(body);
    a->body = sim_copy(body, a->body_n);
}

bool store_fault(unsigned per_thousand)
{
    return sim->now_us < sim->scenario->heal_us && sim_chance(SIM_STORE, per_thousand);
}

/* ---- the way ---- */

static void tell(struct replica_task *t)
{
    struct exchange *x = sl_container_of(t, struct exchange, task);
    struct sl_http_request *request = x->request;
    struct sl_http_reply reply = {.result = x->reply.result,
                                  .error = x->reply.result == SL_HTTP_OK ? "" : "simulated failure",
                                  .status = x->reply.result == SL_HTTP_OK ? x->reply.status : 0,
                                  .body =
                                      sl_slice(x->reply.body ? x->reply.body : "", x->reply.body_n),
                                  .headers = sl_slice_str(x->reply.headers ? x->reply.headers : ""),
                                  .seconds = (double)(sim->now_us - x->began_us) / 1e6};

    x->request = NULL;
    if (!request)
        return;
    sl_list_remove(&x->node);
    sim_trace("r%zu   answer from %s: result %d, status %d", x->r->number,
              store_names[x->store->sink], (int)reply.result, reply.status);
    request->done(request, &reply);
}

static bool waited_for(const struct exchange *x)
{
    return x->request && x->r->life == x->life && x->r->state != REPLICA_DOWN;
}

static void arrives_back(struct sim_event *e)
{
    struct exchange *x = sl_container_of(e, struct exchange, travel);

    sim_cancel(&x->limit);
    if (x->told || !waited_for(x))
        return;
    x->told = true;
    replica_tell(x->r, &x->task);
}

static void times_out(struct sim_event *e)
{
    struct exchange *x = sl_container_of(e, struct exchange, limit);

    if (x->told || !waited_for(x))
        return;
    sim_trace("request to %s has timed out", store_names[x->store->sink]);
    audit_disturbed("a request timed out");
    x->told = true;
    x->reply = (struct store_reply){.result = SL_HTTP_TIMEOUT};
    replica_tell(x->r, &x->task);
}

static void back(struct exchange *x, uint64_t us)
{
    x->travel.fire = arrives_back;
    sim_after(&x->travel, us);
}

static void fail(struct exchange *x, enum sl_http_result result)
{
    x->reply = (struct store_reply){.result = result};
    back(x, sim_between(SIM_NETWORK, 100, 5 * SIM_MS));
}

static void apply(struct exchange *x)
{
    switch (x->store->kind) {
    case STORE_ES:
        es_answer(x->store, &x->asked, &x->reply);
        break;
    case STORE_S3:
        s3_answer(x->store, &x->asked, &x->reply);
        break;
    case STORE_HOOK:
        hook_answer(x->store, &x->asked, &x->reply);
        break;
    }
}

static void answer(struct exchange *x)
{
    audit_asked(x->disturbances, x->began_us, x->zombie);
    apply(x);
    if (!waited_for(x)) /* nobody knows of what was applied */
        audit_disturbed("an answer for nobody");
}

static void denies(struct exchange *x)
{
    static const char s3[] = "<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>";

    store_say(&x->reply, x->store->kind == STORE_S3 ? 400 : 401,
              x->store->kind == STORE_S3 ? s3 : "{}");
}

static void arrives(struct sim_event *e)
{
    struct exchange *x = sl_container_of(e, struct exchange, travel);
    const struct faults *f = &sim->scenario->fault;
    struct store *s = x->store;
    uint64_t now = sim->now_us, delay = sim_between(SIM_NETWORK, SIM_MS, 20 * SIM_MS);

    if (now < s->dead_us || store_fault(f->http_refused)) {
        fail(x, SL_HTTP_CONNECT);
        return;
    }
    if (now < s->hangs_us ||
        store_fault(f->http_lost)) { /* maybe it is applied, nobody hears of it */
        if (sim_chance(SIM_STORE, 500)) {
            x->asked.unheard = true;
            answer(x);
        }
        audit_disturbed("a request without an answer");
        return;
    }
    if (now < s->slow_us)
        delay += s->slow_by_us;
    if (store_fault(f->http_slow))
        delay += sim_between(SIM_STORE, 0, 5 * SIM_S);
    if (now < s->denies_us) {
        denies(x);
    } else if (store_fault(f->http_error)) {
        store_say(&x->reply, sim_chance(SIM_STORE, 500) ? 500 : 502, "oops");
    } else if (store_fault(f->http_throttled)) {
        store_say(&x->reply, s->kind == STORE_S3 ? 503 : 429,
                  s->kind == STORE_S3
                      ? "<Error><Code>SlowDown</Code><Message>slow</Message></Error>"
                      : "{}");
    } else if (store_fault(f->http_unheard)) {
        x->asked.unheard = true;
        answer(x);
        audit_disturbed("an answer was cut");
        x->reply = (struct store_reply){.result = SL_HTTP_BROKEN};
    } else {
        answer(x);
        if (store_fault(f->http_cut) && x->reply.body_n > 1) {
            audit_disturbed("an answer was cut");
            x->reply.body_n = sim_below(SIM_STORE, x->reply.body_n);
        }
    }
    back(x, delay);
}

/* ---- the program's side ---- */

static char *join_headers(const struct sl_http_request *q)
{
    size_t n = 1, at = 0;
    char *text;

    for (size_t i = 0; i < q->n_headers; i++)
        n += strlen(q->headers[i]) + 1;
    text = sim_new(n);
    for (size_t i = 0; i < q->n_headers; i++)
        at += (size_t)snprintf(text + at, n - at, "%s\n", q->headers[i]);
    return text;
}

static int submit(struct sl_http *h, struct sl_http_request *q, struct sl_error *err)
{
    struct sl_http_client *c = sl_container_of(h, struct sl_http_client, http);
    struct store *s = store_at(q->url);
    struct exchange *x;
    const char *path;

    if (!s)
        return sl_fail(err, SL_EINVAL, "no such host");
    x = sim_new(sizeof(*x));
    path = strchr(strstr(q->url, "://") + 3, '/');
    x->r = c->r;
    x->life = c->r->life;
    x->request = q;
    x->store = s;
    x->asked =
        (struct store_request){.method = sim_copy(q->method, strlen(q->method)),
                               .path = sim_copy(path ? path : "/", strlen(path ? path : "/")),
                               .headers = join_headers(q),
                               .body = sim_copy(q->body.p ? q->body.p : "", q->body.n),
                               .body_n = q->body.n};
    x->began_us = sim->now_us;
    /* Who is out of the group and has not seen it yet repeats what others have. */
    x->zombie = group_zombie(c->r);
    x->disturbances = audit_disturbances();
    x->task.run = tell;
    x->travel.fire = arrives;
    x->limit.fire = times_out;
    q->impl = x;
    sl_list_push(&c->r->requests, &x->node);
    if (!replica_effect(c->r))
        return SL_OK;
    sim_trace("r%zu   %s %s%s, %zu bytes", c->r->number, q->method, store_names[s->sink],
              x->asked.path, q->body.n);
    sim_after(&x->travel, sim_between(SIM_NETWORK, 100,
                                      sim_chance(SIM_NETWORK, 20) ? 500 * SIM_MS : 10 * SIM_MS));
    sim_after(&x->limit, (q->timeout_ms ? q->timeout_ms : 30000) * SIM_MS);
    return SL_OK;
}

/* The request is already on its way: it may still be applied. */
static void cancel(struct sl_http *h, struct sl_http_request *q)
{
    struct exchange *x = q->impl;

    (void)h;
    audit_disturbed("a request was given up");
    x->request = NULL;
    sl_list_remove(&x->node);
    sim_cancel(&x->limit);
}

bool http_under_way(void)
{
    for (size_t i = 0; i < sim->n; i++)
        if (sim->heap[i]->fire == arrives)
            return true;
    return false;
}

void http_replica_died(struct replica *r)
{
    while (!sl_list_empty(&r->requests)) {
        struct exchange *x = sl_container_of(r->requests.next, struct exchange, node);

        sl_list_remove(&x->node);
        x->request = NULL;
        sim_cancel(&x->limit);
        if (x->travel.fire == arrives && sim_chance(SIM_NETWORK, 500))
            sim_cancel(&x->travel);
    }
}

struct sl_http_client *sl_http_client_new(struct sl_loop *loop, struct sl_error *err)
{
    struct sl_http_client *c = sim_new(sizeof(*c));

    (void)err;
    c->http.submit = submit;
    c->http.cancel = cancel;
    c->r = loop->uv.data;
    return c;
}

void sl_http_client_free(struct sl_http_client *c)
{
    (void)c;
}

struct sl_http *sl_http_client_http(struct sl_http_client *c)
{
    return &c->http;
}

/* ---- the admin endpoint: nobody asks ---- */

struct sl_http_server *sl_http_server_new(struct sl_loop *loop, const char *listen,
                                          sl_http_handler *handler, void *user,
                                          struct sl_error *err)
{
    (void)loop;
    (void)listen;
    (void)handler;
    (void)user;
    sl_fail(err, SL_EIO, "not in the simulator");
    return NULL;
}

void sl_http_server_free(struct sl_http_server *s)
{
    (void)s;
}

const char *sl_http_server_address(const struct sl_http_server *s)
{
    (void)s;
    return "";
}
