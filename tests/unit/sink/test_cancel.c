/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a sink that leaves the live reader, for each type: no answer comes of them any more,
 * and what they held is sent again. */
#include "s3_world.h"

#include <unistd.h>

static const char *node[] = {"http://127.0.0.1:9200"};

enum kind { BULK, STREAM, PUT, HEAD, POST, LINES, KINDS };

static char path[] = "/tmp/sluice-test-cancel-XXXXXX";

static void start(struct archive_world *w, enum kind kind)
{
    if (kind == PUT || kind == HEAD) {
        s3_setup(w);
    } else {
        world_init(w, "logs.app");
    }
    if (kind == BULK || kind == STREAM) {
        w->config.kind = SL_SINK_ELASTICSEARCH;
        w->config.elasticsearch =
            (struct sl_elasticsearch_config){.nodes = {node, 1},
                                             .index = kind == BULK ? "x" : NULL,
                                             .type = "logs",
                                             .dataset = "app",
                                             .namespace_ = "prod"};
    } else if (kind == POST) {
        w->config.kind = SL_SINK_WEBHOOK;
        w->config.webhook = (struct sl_webhook_config){.url = "https://example.com/hook"};
    } else if (kind == LINES) {
        w->config.kind = SL_SINK_FILE;
        w->config.file = (struct sl_file_config){.path = path};
    }
    s3_start(w);
}

static void end(struct archive_world *w, enum kind kind)
{
    if (kind == PUT || kind == HEAD)
        s3_teardown(w);
    else
        world_release(w);
}

/* Two records, of which the request is under way. */
static void send(struct archive_world *w, enum kind kind)
{
    world_record(w, "{\"n\":1}");
    world_record(w, "{\"n\":2}");
    sl_sink_close_open(w->sink, NULL);
    if (kind == LINES)
        return; /* a thread writes */
    world_work(w);
    if (kind == HEAD)
        world_reply(w, 412, "", "");
    if (!w->refuse)
        assert_string_equal(w->seen.method, kind == HEAD     ? "HEAD"
                                            : kind == STREAM ? "PUT"
                                            : kind == PUT    ? "PUT"
                                                             : "POST");
}

static void detach(struct archive_world *w)
{
    sl_partition_detach(w->partition, 0);
    sl_sink_detach(w->sink);
    assert_true(sl_sink_idle(w->sink));
    assert_int_equal(sl_sink_bytes(w->sink), 0);
    assert_int_equal(w->partition->sinks[0].catch_up, 42);
    assert_int_equal(world_metric(w, "sluice_let_go_records_total"), 2);
    assert_int_equal(world_metric(w, "sluice_in_flight_records"), 0);
}

static void read_again(struct archive_world *w)
{
    static const char *const values[] = {"{\"n\":1}", "{\"n\":2}"};

    for (size_t i = 0; i < 2; i++) {
        struct sl_message m = {.at = w->partition,
                               .catch_up = true,
                               .offset = 42 + (int64_t)i,
                               .timestamp_ms = 1700000000000,
                               .value = sl_slice_str(values[i])};
        struct sl_record r;

        sl_decode(w->decoder, &m, &r);
        sl_sink_append(w->sink, &r, 0);
        sl_partition_caught(w->partition, 0, m.offset, m.timestamp_ms, r.value_crc);
    }
    sl_sink_close_reader(w->sink, w->partition, true);
    world_work(w);
}

static void answer(struct archive_world *w, enum kind kind)
{
    if (kind == STREAM) { /* it is there; then the records */
        world_reply(w, 200, "", "{\"acknowledged\":true}");
    }
    if (kind == BULK || kind == STREAM)
        world_reply(w, 200, "",
                    "{\"took\":1,\"errors\":false,\"items\":[{\"create\":{\"status\":201}},"
                    "{\"create\":{\"status\":409}}]}");
    else if (kind != LINES)
        world_reply(w, 200, STORED, "");
}

static void delivered_once(struct archive_world *w, enum kind kind)
{
    read_again(w);
    if (kind != LINES)
        assert_non_null(w->seen.request);
    answer(w, kind);
    assert_int_equal(world_metric(w, "sluice_delivered_records_total"), 2);
    assert_int_equal(world_metric(w, "sluice_routed_records_total"), 4);
    assert_int_equal(world_metric(w, "sluice_let_go_records_total"), 2);
    assert_int_equal(sl_partition_position(w->partition, 0), 44);
    assert_true(sl_sink_idle(w->sink));
}

static void what_is_under_way_is_cancelled(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < LINES; kind++) {
        struct archive_world w;

        start(&w, kind);
        send(&w, kind);
        detach(&w);
        assert_int_equal(w.cancelled, 1);
        assert_null(w.seen.request);
        fake_advance(&w.fake, 3600 * 1000);
        delivered_once(&w, kind);
        end(&w, kind);
    }
}

/* The client never had it, and says so in the next turn: to nobody. */
static void what_the_client_refused_is_cancelled(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < LINES; kind++) {
        struct archive_world w;

        if (kind == HEAD)
            continue;
        start(&w, kind);
        w.refuse = true;
        send(&w, kind);
        detach(&w);
        assert_int_equal(w.cancelled, 0);
        fake_advance(&w.fake, 3600 * 1000);
        assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
        w.refuse = false;
        delivered_once(&w, kind);
        end(&w, kind);
    }
}

/* A write cannot be called back: its bytes are there twice, and counted once. */
static void what_a_thread_writes_counts_for_nothing(void **state)
{
    struct archive_world w;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    start(&w, LINES);
    send(&w, LINES);
    assert_int_equal(w.fake.n_work, 1);
    detach(&w);
    world_work(&w);
    assert_int_equal(world_metric(&w, "sluice_delivered_records_total"), 0);
    delivered_once(&w, LINES);
    assert_true(lseek(fd, 0, SEEK_END) > 0);
    end(&w, LINES);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_under_way_is_cancelled),
        cmocka_unit_test(what_the_client_refused_is_cancelled),
        cmocka_unit_test(what_a_thread_writes_counts_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
