/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "ops/process.h"

enum { LABELS_MAX_BYTES = 64 << 10, CELLS_FIRST = 64 };

/* What a series counts. `shown` is false after sl_metrics_remove(): the number stays where its
 * owner's pointer leads, and the same labels bring it back. */
struct series {
    struct family *family;
    struct series *next;      /* of the family, in order of declaration */
    struct series **link;     /* what leads to this one: `first`, or another's `next` */
    struct series *same_cell; /* of the hash table */
    uint64_t hash;
    bool shown, real; /* real: a gauge that is a double */
    char *text;       /* labels as rendered, without braces; "" for none */
    char **pairs;     /* name, value, name, value... as given */
    size_t n_pairs;
    union {
        uint64_t number;
        double real_number;
        struct sl_histogram histogram;
    };
};

struct family {
    struct family *next;
    char *name, *help;
    enum sl_metric_type type;
    struct series *first, **last;
};

struct hook {
    void (*fn)(void *user);
    void *user;
};

struct sl_metrics {
    struct family *first, **last;
    struct series **cells; /* by family and labels: 10,000 rules have 10,000 series */
    size_t n_cells, n_series;
    struct hook *hooks;
    size_t n_hooks;
    bool process;
};

struct sl_metrics *sl_metrics_new(void)
{
    struct sl_metrics *m = sl_zalloc(sizeof(*m));

    m->last = &m->first;
    m->n_cells = CELLS_FIRST;
    m->cells = sl_calloc(m->n_cells, sizeof(*m->cells));
    return m;
}

static void series_free(struct series *s)
{
    for (size_t i = 0; i < 2 * s->n_pairs; i++)
        free(s->pairs[i]);
    free(s->pairs);
    free(s->text);
    if (s->family->type == SL_HISTOGRAM) {
        free(s->histogram.counts);
        free((void *)s->histogram.bounds);
    }
    free(s);
}

void sl_metrics_free(struct sl_metrics *m)
{
    if (!m)
        return;
    while (m->first) {
        struct family *f = m->first;

        m->first = f->next;
        while (f->first) {
            struct series *s = f->first;

            f->first = s->next;
            series_free(s);
        }
        free(f->name);
        free(f->help);
        free(f);
    }
    free(m->cells);
    free(m->hooks);
    free(m);
}

/* A scraper refuses the whole page for one byte that is no UTF-8, so such bytes become U+FFFD. */
static void put_escaped(struct sl_buf *out, const char *text, bool quotes)
{
    size_t left = strlen(text), n;

    for (; left > 0; text += n, left -= n) {
        n = sl_utf8_char(text, left, NULL);
        if (n == 0) {
            n = 1;
            SL_BUF_LITERAL(out, "\xef\xbf\xbd");
        } else if (*text == '\n') {
            SL_BUF_LITERAL(out, "\\n");
        } else if (*text == '\\' || (quotes && *text == '"')) {
            sl_buf_byte(out, '\\');
            sl_buf_byte(out, *text);
        } else {
            sl_buf_append(out, text, n);
        }
    }
}

static void put_labels(struct sl_buf *out, const struct sl_label *labels)
{
    for (size_t i = 0; labels && labels[i].name; i++) {
        sl_buf_printf(out, "%s%s=\"", i ? "," : "", labels[i].name);
        put_escaped(out, labels[i].value ? labels[i].value : "", true);
        sl_buf_byte(out, '"');
    }
}

static struct family *family_find(const struct sl_metrics *m, const char *name)
{
    for (struct family *f = m->first; f; f = f->next)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static struct family *family_get(struct sl_metrics *m, const char *name, const char *help,
                                 enum sl_metric_type type)
{
    struct family *f = family_find(m, name);

    if (f) {
        assert(f->type == type);
        return f;
    }
    f = sl_zalloc(sizeof(*f));
    f->name = sl_strdup(name);
    f->help = sl_strdup(help);
    f->type = type;
    f->last = &f->first;
    *m->last = f;
    m->last = &f->next;
    return f;
}

static uint64_t series_hash(const struct family *f, const char *text)
{
    return sl_hash(text, strlen(text)) ^ sl_hash(&f, sizeof(f));
}

static struct series *series_find(const struct sl_metrics *m, const struct family *f,
                                  const char *text)
{
    uint64_t hash = series_hash(f, text);

    for (struct series *s = m->cells[hash % m->n_cells]; s; s = s->same_cell)
        if (s->hash == hash && s->family == f && strcmp(s->text, text) == 0)
            return s;
    return NULL;
}

static void series_link(struct sl_metrics *m, struct series *s)
{
    struct series **cell = &m->cells[s->hash % m->n_cells];

    s->same_cell = *cell;
    *cell = s;
}

static void cells_grow(struct sl_metrics *m)
{
    free(m->cells);
    m->n_cells *= 2;
    m->cells = sl_calloc(m->n_cells, sizeof(*m->cells));
    for (struct family *f = m->first; f; f = f->next)
        for (struct series *s = f->first; s; s = s->next)
            series_link(m, s);
}

static struct series *series_new(struct sl_metrics *m, struct family *f, const char *text,
                                 const struct sl_label *labels)
{
    struct series *s = sl_zalloc(sizeof(*s));
    size_t n = 0;

    s->family = f;
    s->text = sl_strdup(text);
    s->hash = series_hash(f, text);
    while (labels && labels[n].name)
        n++;
    s->n_pairs = n;
    s->pairs = sl_calloc(2 * n + 1, sizeof(*s->pairs));
    for (size_t i = 0; i < n; i++) {
        s->pairs[2 * i] = sl_strdup(labels[i].name);
        s->pairs[2 * i + 1] = sl_strdup(labels[i].value ? labels[i].value : "");
    }
    if (++m->n_series > m->n_cells)
        cells_grow(m);
    *f->last = s;
    s->link = f->last;
    f->last = &s->next;
    series_link(m, s);
    return s;
}

/* *ret_new: made now, or brought back after a removal. */
static struct series *series_get(struct sl_metrics *m, const char *name, const char *help,
                                 enum sl_metric_type type, const struct sl_label *labels,
                                 bool *ret_new)
{
    struct family *f = family_get(m, name, help, type);
    struct series *s;
    struct sl_buf text;

    sl_buf_init(&text, LABELS_MAX_BYTES);
    put_labels(&text, labels);
    s = series_find(m, f, sl_buf_str(&text));
    if (!s)
        s = series_new(m, f, sl_buf_str(&text), labels);
    sl_buf_release(&text);
    *ret_new = !s->shown;
    s->shown = true;
    return s;
}

uint64_t *sl_metrics_counter(struct sl_metrics *m, const char *name, const char *help,
                             const struct sl_label *labels)
{
    bool fresh;

    assert(strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0);
    return &series_get(m, name, help, SL_COUNTER, labels, &fresh)->number;
}

uint64_t *sl_metrics_gauge(struct sl_metrics *m, const char *name, const char *help,
                           const struct sl_label *labels)
{
    bool fresh;
    struct series *s = series_get(m, name, help, SL_GAUGE, labels, &fresh);

    if (fresh)
        s->number = 0;
    return &s->number;
}

double *sl_metrics_gauge_double(struct sl_metrics *m, const char *name, const char *help,
                                const struct sl_label *labels)
{
    bool fresh;
    struct series *s = series_get(m, name, help, SL_GAUGE, labels, &fresh);

    s->real = true;
    if (fresh)
        s->real_number = 0;
    return &s->real_number;
}

struct sl_histogram *sl_metrics_histogram(struct sl_metrics *m, const char *name, const char *help,
                                          const struct sl_label *labels, const double *bounds,
                                          size_t n)
{
    bool fresh;
    struct series *s = series_get(m, name, help, SL_HISTOGRAM, labels, &fresh);
    double *copy;

    if (s->histogram.counts)
        return &s->histogram;
    copy = sl_calloc(n + 1, sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = bounds[i];
    s->histogram.bounds = copy;
    s->histogram.n = n;
    s->histogram.counts = sl_calloc(n + 1, sizeof(*s->histogram.counts));
    return &s->histogram;
}

void sl_histogram_observe(struct sl_histogram *h, double value, uint64_t count)
{
    size_t i = 0;

    while (i < h->n && value > h->bounds[i])
        i++;
    h->counts[i] += count;
    h->count += count;
    h->sum += value * (double)count;
}

static struct series *series_of(const struct sl_metrics *m, const char *name,
                                const struct sl_label *labels)
{
    struct family *f = family_find(m, name);
    struct series *s;
    struct sl_buf text;

    if (!f)
        return NULL;
    sl_buf_init(&text, LABELS_MAX_BYTES);
    put_labels(&text, labels);
    s = series_find(m, f, sl_buf_str(&text));
    sl_buf_release(&text);
    return s;
}

void sl_metrics_remove(struct sl_metrics *m, const char *name, const struct sl_label *labels)
{
    struct series *s = series_of(m, name, labels);

    if (s)
        s->shown = false;
}

void sl_metrics_drop(struct sl_metrics *m, const char *name, const struct sl_label *labels)
{
    struct series *s = series_of(m, name, labels), **cell;

    if (!s)
        return;
    for (cell = &m->cells[s->hash % m->n_cells]; *cell != s; cell = &(*cell)->same_cell)
        ;
    *cell = s->same_cell;
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    else
        s->family->last = s->link;
    m->n_series--;
    series_free(s);
}

void sl_metrics_on_render(struct sl_metrics *m, void (*fn)(void *user), void *user)
{
    m->hooks = sl_reallocarray(m->hooks, m->n_hooks + 1, sizeof(*m->hooks));
    m->hooks[m->n_hooks++] = (struct hook){fn, user};
}

/* The shortest decimal that reads back as the same double. */
static void put_double(struct sl_buf *out, double value)
{
    char text[40];

    if (isnan(value)) {
        SL_BUF_LITERAL(out, "NaN");
        return;
    }
    if (isinf(value)) {
        sl_buf_text(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    sl_buf_text(out, text);
}

static void put_name(struct sl_buf *out, const char *name, const char *suffix, const char *labels)
{
    sl_buf_text(out, name);
    sl_buf_text(out, suffix);
    if (*labels) {
        sl_buf_byte(out, '{');
        sl_buf_text(out, labels);
        sl_buf_byte(out, '}');
    }
    sl_buf_byte(out, ' ');
}

static void put_histogram(struct sl_buf *out, const struct series *s)
{
    const struct sl_histogram *h = &s->histogram;
    uint64_t below = 0;

    for (size_t i = 0; i <= h->n; i++) {
        below += h->counts[i];
        sl_buf_printf(out, "%s_bucket{%s%sle=\"", s->family->name, s->text, *s->text ? "," : "");
        put_double(out, i < h->n ? h->bounds[i] : INFINITY);
        sl_buf_printf(out, "\"} %" PRIu64 "\n", below);
    }
    put_name(out, s->family->name, "_sum", s->text);
    put_double(out, h->sum);
    sl_buf_byte(out, '\n');
    put_name(out, s->family->name, "_count", s->text);
    sl_buf_printf(out, "%" PRIu64 "\n", h->count);
}

static void put_series(struct sl_buf *out, const struct series *s)
{
    if (s->family->type == SL_HISTOGRAM) {
        put_histogram(out, s);
        return;
    }
    put_name(out, s->family->name, "", s->text);
    if (s->real)
        put_double(out, s->real_number);
    else
        sl_buf_printf(out, "%" PRIu64, s->number);
    sl_buf_byte(out, '\n');
}

static void put_family(struct sl_buf *out, const struct family *f)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    bool head = false;

    for (const struct series *s = f->first; s; s = s->next) {
        if (!s->shown)
            continue;
        if (!head) {
            sl_buf_printf(out, "# HELP %s ", f->name);
            put_escaped(out, f->help ? f->help : "", false);
            sl_buf_printf(out, "\n# TYPE %s %s\n", f->name, types[f->type]);
            head = true;
        }
        put_series(out, s);
    }
}

void sl_metrics_render(struct sl_metrics *m, struct sl_buf *out)
{
    for (size_t i = 0; i < m->n_hooks; i++)
        m->hooks[i].fn(m->hooks[i].user);
    for (const struct family *f = m->first; f; f = f->next)
        put_family(out, f);
    if (m->process)
        sl_process_render(out);
}

static bool has_labels(const struct series *s, const struct sl_label *labels)
{
    for (size_t i = 0; labels && labels[i].name; i++) {
        size_t k = 0;

        while (k < s->n_pairs && (strcmp(s->pairs[2 * k], labels[i].name) != 0 ||
                                  strcmp(s->pairs[2 * k + 1], labels[i].value) != 0))
            k++;
        if (k == s->n_pairs)
            return false;
    }
    return true;
}

uint64_t sl_metrics_sum(const struct sl_metrics *m, const char *name, const struct sl_label *labels)
{
    const struct family *f = family_find(m, name);
    uint64_t sum = 0;

    for (const struct series *s = f ? f->first : NULL; s; s = s->next) {
        if (!s->shown || !has_labels(s, labels))
            continue;
        if (f->type == SL_HISTOGRAM)
            sum += s->histogram.count;
        else
            sum += s->real ? (uint64_t)s->real_number : s->number;
    }
    return sum;
}

void sl_metrics_process(struct sl_metrics *m)
{
    m->process = true;
}
