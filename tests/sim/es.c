/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit.h"
#include "base/buf.h"
#include "store.h"

/* Elasticsearch's _bulk, `create` only. */

struct bulk {
    struct store *s;
    char *out;
    size_t n, cap;
    bool errors;
    size_t items;
};

static void say(struct bulk *b, int status, const char *type, const char *reason)
{
    if (b->cap - b->n < 256) {
        char *out = sim_new(b->cap * 2);

        memcpy(out, b->out, b->n);
        sim_free(b->out);
        b->out = out;
        b->cap *= 2;
    }
    b->n += (size_t)snprintf(b->out + b->n, b->cap - b->n, "%s{\"create\":{\"status\":%d",
                             b->items++ ? "," : "", status);
    if (type) {
        b->errors = true;
        b->n += (size_t)snprintf(b->out + b->n, b->cap - b->n,
                                 ",\"error\":{\"type\":\"%s\",\"reason\":\"%s\"}", type, reason);
    }
    b->n += (size_t)snprintf(b->out + b->n, b->cap - b->n, "}}");
}

static const char *field(const char *line, const char *name, size_t *ret_n)
{
    const char *at = strstr(line, name), *end;

    if (!at)
        return NULL;
    at += strlen(name);
    end = strchr(at, '"');
    *ret_n = end ? (size_t)(end - at) : 0;
    return at;
}

static bool is_bad(const char *doc, size_t n)
{
    return memmem(doc, n, "\"bad\":true", 10) != NULL;
}

static void create(struct bulk *b, const char *action, const char *doc, size_t n)
{
    size_t id_n = 0;
    const char *id = field(action, "\"_id\":\"", &id_n);

    if (is_bad(doc, n)) {
        say(b, 400, "document_parsing_exception", "failed to parse");
    } else if (store_fault(sim->scenario->fault.item_again)) {
        say(b, sim_chance(SIM_STORE, 500) ? 429 : 503, "es_rejected_execution_exception",
            "queue full");
    } else if (store_find(b->s, id, id_n)) {
        audit_known(b->s->sink, doc, n, true);
        say(b, 409, "version_conflict_engine_exception", "document already exists");
    } else {
        store_put(b->s, id, id_n, doc, n);
        audit_delivered(b->s->sink, doc, n);
        say(b, 201, NULL, NULL);
    }
}

void es_answer(struct store *s, const struct store_request *q, struct store_reply *ret)
{
    struct bulk b = {.s = s, .out = sim_new(4096), .cap = 4096};
    const char *at = q->body, *end = q->body + q->body_n;
    char *head;

    while (at < end) {
        const char *action = at, *doc = memchr(at, '\n', (size_t)(end - at)), *next;

        doc = doc ? doc + 1 : end;
        next = doc < end ? memchr(doc, '\n', (size_t)(end - doc)) : NULL;
        if (!next) {
            store_say(ret, 400, "{}");
            sim_find("%s: a bulk request that is none", store_names[s->sink]);
            return;
        }
        create(&b, action, doc, (size_t)(next - doc));
        at = next + 1;
    }
    ret->result = SL_HTTP_OK;
    ret->status = 200;
    head = sim_new(b.n + 64);
    ret->body_n = (size_t)snprintf(head, b.n + 64, "{\"took\":1,\"errors\":%s,\"items\":[%.*s]}",
                                   b.errors ? "true" : "false", (int)b.n, b.out);
    ret->body = head;
    sim_free(b.out);
}
