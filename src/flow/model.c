/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "flow/fields.h"
#include "flow/impl.h"

enum { DEPTH_MAX = 64, GAP_FROM_NS = 10000000, GAP_PART = 10, NAME_MAX_BYTES = 200 };

struct sl_flow *sl_flow_new(const char *id)
{
    struct sl_flow *f = sl_zalloc(sizeof(*f));

    f->id = sl_strdup(id);
    f->id_ns = sl_flow_id_time(id);
    f->reader = sl_flow_reader_new();
    return f;
}

static void release(struct sl_flow_record *r)
{
    free(r->instance);
    free(r->message);
    free(r->span);
    free(r->parent);
    free(r->trace);
    free((char *)r->json.p);
    free(r->topic);
    free(r->document);
}

void sl_flow_free(struct sl_flow *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_records; i++)
        release(&f->records[i]);
    for (size_t i = 0; i < f->n_services; i++)
        free(f->services[i].name);
    sl_flow_reader_free(f->reader);
    free(f->records);
    free(f->services);
    free(f->origin);
    free(f->missing);
    free(f->id);
    free(f);
}

int64_t sl_flow_id_time(const char *id)
{
    uint64_t ms = 0;
    size_t n = 0;

    if (strlen(id) != 36 || id[8] != '-' || id[13] != '-' || id[14] != '7' || id[18] != '-' ||
        id[23] != '-')
        return -1;
    for (size_t i = 0; i < 36; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *at = id[i] ? strchr(digits, id[i]) : NULL;

        if (i == 8 || i == 13 || i == 18 || i == 23)
            continue;
        if (!at)
            return -1;
        if (n++ < 12)
            ms = ms << 4 | (uint64_t)((at - digits) & 15);
    }
    return ms < (uint64_t)INT64_MAX / 1000000 ? (int64_t)ms * 1000000 : -1;
}

/* ---- adding ---- */

/* A NUL would end the text; another control character is as visible in pictures. */
static char *copy_text(struct sl_slice s)
{
    char *text = sl_strndup(s.n ? s.p : "", s.n);

    for (size_t i = 0; i < s.n; i++)
        if (!text[i])
            text[i] = '\x01';
    return text;
}

static char *copy(struct sl_slice s)
{
    return s.n ? copy_text(s) : NULL;
}

/* Names are few; hostile ones may be many, and so beyond a number all are one. */
static unsigned service_of(struct sl_flow *f, struct sl_slice name)
{
    enum { SERVICES_MAX = 1000 };

    if (!name.n)
        name = SL_SLICE_LITERAL("(no service)");
    /* CloudWatch's groups are paths: /aws/lambda/payment */
    for (const char *slash;
         name.n > 1 && name.p[0] == '/' && (slash = memrchr(name.p, '/', name.n - 1)) != NULL;)
        name = sl_slice(slash + 1, (size_t)(name.p + name.n - slash - 1));
    if (name.n > NAME_MAX_BYTES)
        name.n = NAME_MAX_BYTES;
    for (size_t i = 0; i < f->n_services; i++)
        if (sl_slice_is(name, f->services[i].name))
            return (unsigned)i;
    if (f->n_services == SERVICES_MAX)
        name = SL_SLICE_LITERAL("(others)");
    if (f->n_services > SERVICES_MAX)
        return SERVICES_MAX;
    f->services = sl_reallocarray(f->services, f->n_services + 1, sizeof(*f->services));
    f->services[f->n_services] = (struct sl_flow_service){.name = copy(name), .against = -1};
    return (unsigned)f->n_services++;
}

static bool wanted(const struct sl_flow *f, const struct sl_flow_input *in,
                   const struct sl_flow_read *read)
{
    if (!sl_slice_is(read->correlation, f->id) &&
        !(in->by_trace && sl_slice_is(read->trace, f->id)))
        return false;
    return read->record.time_ns == 0 ||
           (read->record.time_ns >= in->from_ns && read->record.time_ns < in->to_ns);
}

int sl_flow_add(struct sl_flow *f, const struct sl_flow_input *in)
{
    struct sl_flow_read read;
    struct sl_flow_record *r;

    sl_flow_read(f->reader, in->json, in->kafka_ms, &read);
    if (in->untimed)
        read.record.time_ns = 0;
    if (!wanted(f, in, &read))
        return SL_ENOENT;
    f->total++;
    if (f->n_records == SL_FLOW_RECORDS_MAX || f->bytes + in->json.n > SL_FLOW_BYTES_MAX)
        return SL_EFULL;
    f->bytes += in->json.n;
    if (f->n_records == f->cap_records) {
        f->cap_records = f->cap_records ? 2 * f->cap_records : 64;
        f->records = sl_reallocarray(f->records, f->cap_records, sizeof(*f->records));
    }
    r = &f->records[f->n_records++];
    *r = (struct sl_flow_record){
        .time_ns = read.record.time_ns,
        .timed = read.record.time_ns != 0,
        .duration_ns = read.duration_ns,
        .level = read.record.level,
        .error = read.record.level >= SL_LEVEL_ERROR || read.failed,
        .service = service_of(f, read.service),
        .instance = copy(read.instance),
        .message = copy_text(read.message),
        .span = copy(read.span),
        .parent = copy(read.parent),
        .trace = copy(read.trace),
        .json = {sl_strndup(in->json.p, in->json.n), in->json.n},
        .topic = in->topic ? sl_strdup(in->topic) : NULL,
        .partition = in->partition,
        .offset = in->offset,
        .sub = in->sub,
        .many = in->many,
        .document = in->document ? sl_strdup(in->document) : NULL,
        .origin = in->origin,
        .sequence = in->sequence,
    };
    return SL_OK;
}

/* ---- order ---- */

static int by_origin(const void *a, const void *b)
{
    const struct sl_flow_record *x = a, *y = b;

    if (x->origin != y->origin)
        return x->origin < y->origin ? -1 : 1;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return x->sub < y->sub ? -1 : x->sub > y->sub;
}

static int by_place(const void *a, const void *b)
{
    const struct sl_flow_record *x = a, *y = b;

    if (x->origin != y->origin)
        return x->origin < y->origin ? -1 : 1;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    if (x->sub != y->sub)
        return x->sub < y->sub ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* The same record from two indexes, or from two objects of an archive that was written again. */
static void drop_repeats(struct sl_flow *f)
{
    size_t kept = 0;

    if (f->n_records)
        qsort(f->records, f->n_records, sizeof(*f->records), by_place);
    for (size_t i = 0; i < f->n_records; i++) {
        struct sl_flow_record *r = &f->records[i], *last = kept ? &f->records[kept - 1] : NULL;

        if (last && last->origin == r->origin && last->offset >= 0 && last->offset == r->offset &&
            last->sub == r->sub && sl_slice_equal(last->json, r->json)) {
            release(r);
            f->total--;
        } else {
            f->records[kept++] = *r;
        }
    }
    f->n_records = kept;
}

/* In the order of the logs: a record without a time takes its predecessor's, or else the next's;
 * and where nothing of its log has one, that of the first of all that has. */
static void place_untimed(struct sl_flow *f)
{
    int64_t first = 0;

    for (size_t i = 0; i < f->n_records; i++)
        if (f->records[i].timed && (!first || f->records[i].time_ns < first))
            first = f->records[i].time_ns;
    if (!first && f->id_ns > 0)
        first = f->id_ns;
    for (size_t i = 1; i < f->n_records; i++)
        if (!f->records[i].timed && f->records[i - 1].origin == f->records[i].origin)
            f->records[i].time_ns = f->records[i - 1].time_ns;
    for (size_t i = f->n_records; i-- > 1;)
        if (!f->records[i - 1].time_ns && f->records[i - 1].origin == f->records[i].origin)
            f->records[i - 1].time_ns = f->records[i].time_ns;
    for (size_t i = 0; i < f->n_records; i++)
        if (!f->records[i].time_ns)
            f->records[i].time_ns = first;
}

static int texts(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

/* But for the log and the place in it. */
static int by_meaning(const struct sl_flow_record *x, const struct sl_flow_record *y,
                      const struct sl_flow *f)
{
    int order;

    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    order = x->service == y->service
                ? 0
                : strcmp(f->services[x->service].name, f->services[y->service].name);
    return order ? order : texts(x->instance, y->instance);
}

static int compare(const void *a, const void *b, void *flow)
{
    const struct sl_flow_record *x = a, *y = b;
    int order = by_meaning(x, y, flow);

    if (!order)
        order = texts(x->head, y->head);
    return order ? order : by_origin(x, y);
}

/* Logs have names that differ from source to source, so of those that have something of the same
 * service at the same time, the order is that of what they say there first. */
static void sort(struct sl_flow *f)
{
    struct sl_flow_record *r = f->records;

    for (size_t i = 0; i < f->n_records; i++)
        r[i].head = NULL;
    qsort_r(r, f->n_records, sizeof(*r), compare, f);
    for (size_t i = 0; i < f->n_records; i++) {
        bool goes_on = i && r[i - 1].origin == r[i].origin && !by_meaning(&r[i - 1], &r[i], f);

        r[i].head = goes_on ? r[i - 1].head : r[i].message;
    }
    qsort_r(r, f->n_records, sizeof(*r), compare, f);
}

static void set_depths(struct sl_flow *f, const struct sl_flow_spans *s)
{
    for (size_t i = 0; i < f->n_records; i++) {
        struct sl_flow_record *r = &f->records[i];
        const struct sl_flow_span *at = r->span ? sl_flow_spans_find(s, r->span, r->service) : NULL;

        for (r->depth = 0; at && r->depth < DEPTH_MAX; r->depth++) /* a ring ends, too */
            at = sl_flow_spans_caller(s, at);
    }
}

/* ---- what follows from the order ---- */

static void number_services(struct sl_flow *f)
{
    struct sl_flow_service *ordered = sl_calloc(f->n_services + 1, sizeof(*ordered));
    unsigned *new_number = sl_calloc(f->n_services + 1, sizeof(*new_number)), n = 0;

    for (size_t i = 0; i < f->n_records; i++) {
        struct sl_flow_record *r = &f->records[i];
        struct sl_flow_service *s = &f->services[r->service];

        if (s->records++ == 0) {
            s->first_ns = r->time_ns;
            new_number[r->service] = ++n;
        }
        s->last_ns = r->time_ns;
        s->errors += r->error;
        f->errors += r->error;
        r->service = new_number[r->service] - 1;
    }
    for (size_t i = 0; i < f->n_services; i++)
        if (new_number[i])
            ordered[new_number[i] - 1] = f->services[i];
        else
            free(f->services[i].name); /* all that it had were repeats */
    free(f->services);
    free(new_number);
    f->services = ordered;
    f->n_services = n;
}

static void set_bars(struct sl_flow *f, const struct sl_flow_spans *s)
{
    for (size_t i = 0; i < f->n_records; i++) {
        struct sl_flow_record *r = &f->records[i];

        r->begin_ns = r->end_ns = r->time_ns;
        if (r->duration_ns > 0 && r->timed)
            r->begin_ns = r->time_ns - r->duration_ns;
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].closed && !s->items[i].told)
            f->records[s->items[i].first].end_ns = s->items[i].end_ns;
    f->from_ns = f->to_ns = f->n_records ? f->records[0].time_ns : 0;
    for (size_t i = 0; i < f->n_records; i++) {
        if (f->records[i].begin_ns < f->from_ns)
            f->from_ns = f->records[i].begin_ns;
        if (f->records[i].end_ns > f->to_ns)
            f->to_ns = f->records[i].end_ns;
    }
}

static void find_gaps(struct sl_flow *f)
{
    int64_t from = (f->to_ns - f->from_ns) / GAP_PART;

    if (from < GAP_FROM_NS)
        from = GAP_FROM_NS;
    for (size_t i = 1; i < f->n_records; i++) {
        int64_t ns = f->records[i].time_ns - f->records[i - 1].time_ns;
        size_t at = f->n_gaps, least = 0;

        if (ns < from)
            continue;
        if (f->n_gaps == SL_FLOW_GAPS) { /* in place of the shortest */
            for (size_t k = 1; k < f->n_gaps; k++)
                if (f->gaps[k].ns < f->gaps[least].ns)
                    least = k;
            if (f->gaps[least].ns >= ns)
                continue;
            at = f->n_gaps - 1;
            memmove(&f->gaps[least], &f->gaps[least + 1], (at - least) * sizeof(f->gaps[0]));
        } else {
            f->n_gaps++;
        }
        f->gaps[at] = (struct sl_flow_gap){i - 1, i, ns};
    }
}

void sl_flow_finish(struct sl_flow *f)
{
    struct sl_flow_spans spans;

    drop_repeats(f);
    if (f->n_records == 0)
        return;
    qsort(f->records, f->n_records, sizeof(*f->records), by_origin);
    place_untimed(f);
    sort(f);
    sl_flow_spans_make(f, &spans);
    set_depths(f, &spans);
    sl_flow_spans_release(&spans);
    sort(f);
    number_services(f);
    sl_flow_spans_make(f, &spans);
    set_bars(f, &spans);
    sl_flow_compare_clocks(f, &spans);
    sl_flow_spans_release(&spans);
    find_gaps(f);
}
