/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { LETTERS_FULL_MS = 50, LETTER_VALUE_MAX = 1 << 30 };

/* One dead letter under way. It outlives its batch when the sink is freed first. */
struct letter_ref {
    struct sl_list node;    /* in batch->letters */
    struct sl_batch *batch; /* NULL: the batch is gone */
    size_t item;
};

static void pump(struct sl_batch *b);

static void on_timer(struct sl_timer *t)
{
    struct sl_batch *b = sl_container_of(t, struct sl_batch, timer);
    struct sl_sink *s = b->sink;

    if (sl_letters_prune(b))
        sl_queue_pump(s);
    else
        pump(b);
}

static void later(struct sl_batch *b, uint64_t delay_ms)
{
    b->timer.fire = on_timer;
    sl_timer_start(b->sink->env->rt, &b->timer, delay_ms);
}

static void failed(struct sl_batch *b, int code)
{
    struct sl_sink *s = b->sink;

    if (b->timer.slot) /* many fail together: one failure */
        return;
    if (sl_log_due(&s->core->log_ms, sl_now_ms(s->env->rt), 10000))
        sl_log(s->env->rt->log, SL_LOG_WARN, "dead letters cannot be written, trying again", "sink",
               s->config->name, "topic", s->config->dead_letter, "reason", sl_code_text(code),
               NULL);
    b->attempts++;
    later(b, sl_retry_delay(s, b->attempts, 0));
}

static void on_done(void *user, int code)
{
    struct letter_ref *ref = user;
    struct sl_batch *b = ref->batch;

    if (b) {
        struct sl_sink *s = b->sink;
        struct sl_item *item = &b->items[ref->item];

        sl_list_remove(&ref->node);
        item->letter = false;
        if (code != SL_OK) {
            failed(b, code);
        } else {
            sl_books_item(b, item, SL_ENTRY_DEAD);
            item->gone = true;
            if (--b->records == 0) { /* in this state: without an outcome */
                sl_queue_finish(b);
                sl_queue_pump(s);
            }
        }
    }
    free(ref);
}

static int put(struct sl_batch *b, size_t i, struct sl_header *headers, struct sl_buf *scratch)
{
    struct sl_sink *s = b->sink;
    struct sl_item *item = &b->items[i];
    struct sl_partition *p = b->hold->spans[item->span]->partition;
    struct letter_ref *ref = sl_zalloc(sizeof(*ref));
    struct sl_letter letter = {
        .topic = s->config->dead_letter,
        .sink = s->config->name,
        .rule = sl_rules_version_name(b->rules, item->rule),
        .reason = item->reason ? sl_slice_str(b->reasons.p + item->reason - 1) : sl_slice("", 0),
        .status = item->status,
        .source_topic = p->topic->name,
        .source_partition = p->number,
        .source_offset = item->offset,
        .source_index = item->sub,
        .source_ms = item->source_ms,
        .done = on_done,
        .user = ref,
    };
    int rc;

    sl_batch_original(b, item, &letter, headers, scratch);
    ref->batch = b;
    ref->item = i;
    rc = s->env->letters->put(s->env->letters, &letter);
    if (rc == SL_OK) {
        item->letter = true;
        sl_list_push(&b->letters, &ref->node);
    } else {
        free(ref);
    }
    return rc;
}

static void pump(struct sl_batch *b)
{
    struct sl_header *headers = sl_calloc(SL_HEADERS_MAX, sizeof(*headers));
    struct sl_buf scratch;
    int rc = SL_OK;

    sl_buf_init(&scratch, LETTER_VALUE_MAX);
    for (size_t i = 0; i < b->n_items && rc == SL_OK; i++)
        if (!b->items[i].gone && !b->items[i].letter)
            rc = put(b, i, headers, &scratch);
    if (rc == SL_EFULL)
        later(b, LETTERS_FULL_MS);
    else if (rc != SL_OK)
        failed(b, rc);
    sl_buf_release(&scratch);
    free(headers);
}

void sl_letters_start(struct sl_batch *b, const char *why)
{
    char reason[256];

    b->state = SL_BATCH_LETTERS;
    b->attempts = 0;
    sl_batch_charge(b); /* no body will be made */
    if (!why) {
        pump(b);
        return;
    }
    b->blocks = true;
    b->sink->core->blocked++;
    snprintf(reason, sizeof(reason), "%s: %s", why, b->reasons.p + b->items[0].reason - 1);
    sl_retry_stall(b->sink, reason);
}

bool sl_letters_prune(struct sl_batch *b)
{
    size_t n = sl_books_let_go_over(b);

    b->records -= (unsigned)n;
    if (n == 0 || b->records > 0)
        return false;
    sl_queue_finish(b);
    return true;
}

void sl_letters_drop(struct sl_batch *b)
{
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &b->letters) {
        sl_container_of(at, struct letter_ref, node)->batch = NULL;
        sl_list_remove(at);
    }
}
