/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

/* The program's own look at its books (design, section 3.8): per partition and epoch, what was
 * decoded, routed and settled must balance with what is found in the batches. */

enum { LEDGER_MS = 5000, BREACH_LOG_MS = 60000 };

static void breach(struct sl_pipeline *p, const struct sl_partition *at,
                   const struct sl_ledger_breach *b)
{
    char number[16], left[24], right[24];

    ++*p->count.breaches;
    p->exit_status = 1;
    if (!sl_log_due(&p->breach_log_ms, sl_now_ms(p->rt), BREACH_LOG_MS))
        return;
    snprintf(number, sizeof(number), "%d", (int)at->number);
    snprintf(left, sizeof(left), "%llu", (unsigned long long)b->left);
    snprintf(right, sizeof(right), "%llu", (unsigned long long)b->right);
    sl_log(p->log, SL_LOG_ERROR,
           "the books do not balance: this is a mistake in Sluice, please report it; the program "
           "goes on and will end with status 1",
           "ledger", b->what, "topic", at->topic->name, "partition", number, "sink",
           b->sink < p->n_sinks ? p->config->sinks[b->sink].name : NULL, "left", left, "right",
           right, NULL);
}

static void check(struct sl_pipeline *p, struct sl_partition *const *partitions, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < p->n_sinks; s++)
            partitions[i]->sinks[s].walked = 0;
    for (size_t s = 0; s < p->n_sinks; s++)
        sl_sink_walk(p->sinks[s]);
    for (size_t i = 0; i < n; i++) {
        struct sl_ledger_breach b;

        if (!sl_ledger_check(partitions[i], &b))
            breach(p, partitions[i], &b);
    }
}

void sl_ledger_tick(struct sl_pipeline *p)
{
    uint64_t now = sl_now_ms(p->rt);
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    if (now - p->ledger_ms < LEDGER_MS)
        return;
    p->ledger_ms = now;
    check(p, all, n);
}

void sl_ledger_ended(struct sl_pipeline *p, struct sl_partition *const *partitions, size_t n)
{
    check(p, partitions, n);
}
