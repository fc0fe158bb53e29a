/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "cli/archive.h"
#include "cli/archive_line.h"
#include "cli/flow.h"
#include "cli/show.h"
#include "sluice/record.h"

/* A request's records from S3. What the archive holds is made the JSON that Elasticsearch has. */

enum { JSON_MAX = 64 << 20 };
#define HOUR_NS ((int64_t)3600 * 1000000000)

struct reading {
    struct sl_archive_open open; /* the callbacks' user */
    struct sl_archive_decoder *decoder;
    struct sl_flow *flow;
    struct sl_buf json, scratch;
    uint64_t lines;
};

static bool of_request(struct reading *r, const struct sl_record *record)
{
    struct sl_value v = sl_record_value(record, sl_archive_decoder_correlation(r->decoder));
    bool is = sl_slice_is(sl_value_text(&v, &r->scratch), r->flow->id);

    sl_buf_reset(&r->scratch, 64 << 10);
    return is;
}

static bool take(void *user, const struct sl_archive_line *line)
{
    struct reading *r = sl_container_of(user, struct reading, open);
    struct sl_archived a;
    struct sl_flow_input in;

    r->lines++;
    if (!sl_archive_decode(r->decoder, line, &a) || !of_request(r, &a.record))
        return true;
    sl_buf_reset(&r->json, 1 << 20);
    sl_record_json(&a.record, a.timed, sl_slice(NULL, 0), &r->json, NULL);
    in = (struct sl_flow_input){
        .json = sl_buf_as_slice(&r->json),
        .kafka_ms = -1,
        .untimed = !a.timed,
        .origin = sl_hash(a.topic, strlen(a.topic)) + (uint32_t)a.partition,
        .sequence = r->lines,
        .topic = a.topic,
        .partition = a.partition,
        .offset = a.offset,
        .sub = a.sub,
        .many = a.many,
        .from_ns = r->open.query.from_ns,
        .to_ns = r->open.query.to_ns,
    };
    return r->json.full || sl_flow_add(r->flow, &in) != SL_EFULL;
}

/* Where parts are damaged, what the others hold is shown all the same. */
static int read_all(struct reading *r)
{
    int status = sl_archive_look(&r->open);

    if (status)
        return status;
    sl_archive_lines(r->open.archive, take, sl_archive_on_done, &r->open);
    if (sl_archive_wait(&r->open)) {
        if (sl_archive_counts(r->open.archive)->unread == 0)
            status = sl_archive_failed(&r->open);
        else if (!r->flow->missing)
            r->flow->missing = sl_strdup(r->open.err.text);
    }
    sl_dlq_progress_hide(&r->open.progress);
    sl_archive_tell_damaged(&r->open);
    sl_archive_tell_unknown_ids(&r->open);
    sl_archive_tell_reading(&r->open);
    return status;
}

/* The id's own time, where nobody says another. */
static bool narrow(const struct sl_flow_ask *ask, struct sl_archive_query *q)
{
    struct sl_buf text;

    if (ask->from || ask->to || ask->flow->id_ns < 0)
        return false;
    q->from_ns = ask->flow->id_ns - HOUR_NS;
    q->to_ns = ask->flow->id_ns + 24 * HOUR_NS;
    sl_buf_init(&text, 256);
    sl_time_rfc3339(ask->flow->id_ns, &text);
    fprintf(stderr, "sluice flow: by the time in the id, %s: from 1 h before to 24 h after\n",
            sl_buf_str(&text));
    sl_buf_release(&text);
    return true;
}

static void say_where(struct sl_flow_ask *ask, const struct reading *r)
{
    const struct sl_archive_counts *c = sl_archive_counts(r->open.archive);

    sl_buf_printf(&ask->where, "in the archive of sink %s (bucket %s, ", r->open.sink->name,
                  r->open.sink->s3.bucket);
    sl_show_count(c->objects, &ask->where);
    sl_buf_printf(&ask->where, " object%s", c->objects == 1 ? "" : "s");
    sl_buf_printf(&ask->where, "%s%s%s%s)", ask->from ? ", from " : "", ask->from ? ask->from : "",
                  ask->to ? ", to " : "", ask->to ? ask->to : "");
}

int sl_flow_from_archive(struct sl_flow_ask *ask)
{
    const char *values[SL_ARCHIVE_WORDS] = {
        [SL_ARCHIVE_OPT_CONFIG] = ask->config_path,
        [SL_ARCHIVE_OPT_SINK] = ask->sink,
        [SL_ARCHIVE_OPT_FROM] = ask->from,
        [SL_ARCHIVE_OPT_TO] = ask->to,
    };
    struct reading r = {.flow = ask->flow};
    struct sl_error err = {0};
    int status;
    bool narrowed;

    sl_buf_init(&r.json, JSON_MAX);
    sl_buf_init(&r.scratch, JSON_MAX);
    status = sl_archive_open(&sl_command_flow, values, &r.open);
    if (status)
        goto out;
    r.decoder = sl_archive_decoder_new(r.open.config, &err);
    if (!r.decoder) {
        status = sl_cli_usage(&sl_command_flow, "%s", err.text);
        goto out;
    }
    r.open.query.id = ask->flow->id;
    narrowed = narrow(ask, &r.open.query);
    status = read_all(&r);
    if (!status && narrowed && r.flow->n_records == 0) {
        fprintf(stderr, "sluice flow: nothing there; everything is looked through\n");
        r.open.query.from_ns = INT64_MIN;
        r.open.query.to_ns = INT64_MAX;
        sl_archive_free(r.open.archive);
        r.open.archive = sl_archive_new(r.open.sink, &r.open.loop.rt,
                                        sl_http_client_http(r.open.http), &r.open.err);
        status = r.open.archive ? read_all(&r) : sl_archive_failed(&r.open);
    }
    if (!status)
        say_where(ask, &r);
out:
    sl_archive_decoder_free(r.decoder);
    sl_archive_open_release(&r.open);
    sl_buf_release(&r.json);
    sl_buf_release(&r.scratch);
    return status;
}
