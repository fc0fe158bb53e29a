/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_OPS_METRICS_H
#define SL_OPS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Metrics in Prometheus' text format 0.0.4. A family is declared once; each set of labels makes a
 * series, and its owner keeps a pointer to the number and changes it directly: counting on the hot
 * path is one addition. All on the loop thread. Pointers stay valid until sl_metrics_free(), or
 * sl_metrics_drop() of the series. */
struct sl_metrics;

enum sl_metric_type { SL_COUNTER, SL_GAUGE, SL_HISTOGRAM };

struct sl_label {
    const char *name, *value; /* copied */
};

struct sl_histogram {
    const double *bounds; /* ascending upper bounds, without +Inf */
    size_t n;
    uint64_t *counts; /* n + 1 */
    double sum;
    uint64_t count;
};

struct sl_metrics *sl_metrics_new(void);
void sl_metrics_free(struct sl_metrics *m);
/* The same name and labels give the same series. `help` is taken from the first call. Labels end
 * with {NULL, NULL}; NULL is no labels. */
uint64_t *sl_metrics_counter(struct sl_metrics *m, const char *name, const char *help,
                             const struct sl_label *labels);
uint64_t *sl_metrics_gauge(struct sl_metrics *m, const char *name, const char *help,
                           const struct sl_label *labels);
double *sl_metrics_gauge_double(struct sl_metrics *m, const char *name, const char *help,
                                const struct sl_label *labels);
struct sl_histogram *sl_metrics_histogram(struct sl_metrics *m, const char *name, const char *help,
                                          const struct sl_label *labels, const double *bounds,
                                          size_t n);
void sl_histogram_observe(struct sl_histogram *h, double value, uint64_t count);
/* Removes one series (a partition that was taken away). */
void sl_metrics_remove(struct sl_metrics *m, const char *name, const struct sl_label *labels);
/* The same, and the number is gone: no pointer to it may be used any more. For labels that come and
 * go without end (rules). */
void sl_metrics_drop(struct sl_metrics *m, const char *name, const struct sl_label *labels);
/* Called before each rendering, to set gauges that are computed. */
void sl_metrics_on_render(struct sl_metrics *m, void (*fn)(void *user), void *user);
void sl_metrics_render(struct sl_metrics *m, struct sl_buf *out);
/* The value of a series by name and labels, summed over those labels that are not named; for the
 * ledger and tests. */
uint64_t sl_metrics_sum(const struct sl_metrics *m, const char *name,
                        const struct sl_label *labels);
/* Adds process_* (CPU, memory, descriptors, start time) to what is rendered. */
void sl_metrics_process(struct sl_metrics *m);

#endif
