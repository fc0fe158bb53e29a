/* SPDX-License-Identifier: Apache-2.0 */
/* The file sink under the real core, on real files. */
#include "archive_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "probed.h"

static char folder[64], path[96];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/out.ndjson", folder);
    return 0;
}

static int teardown(void **state)
{
    char other[112];

    (void)state;
    snprintf(other, sizeof(other), "%s.1", path);
    unlink(other);
    unlink(path);
    rmdir(folder);
    return 0;
}

static void start(struct archive_world *w, const char *file, enum sl_archive_format format,
                  unsigned requests)
{
    struct sl_error err = {0};

    world_init(w, "logs");
    w->config.kind = SL_SINK_FILE;
    w->config.requests = requests;
    w->config.file = (struct sl_file_config){.path = file, .format = format};
    if (world_start(w, &err) != SL_OK)
        fail_msg("%s", err.text);
}

static void file_is(const char *expect)
{
    struct sl_buf b;

    sl_buf_init(&b, 1 << 24);
    assert_int_equal(sl_file_read(&b, path), SL_OK);
    assert_string_equal(sl_buf_str(&b), expect);
    sl_buf_release(&b);
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static uint64_t delivered(struct archive_world *w)
{
    return world_metric(w, "sluice_delivered_records_total");
}

static void lines_are_appended_in_order(void **state)
{
    struct archive_world w;

    (void)state;
    start(&w, path, SL_ARCHIVE_JSON, 1);
    world_record(&w, "{\"n\":1}");
    world_record(&w, "no json");
    sl_sink_close_open(w.sink, NULL);
    assert_int_equal(access(path, F_OK), -1); /* nothing is done on the loop */
    world_work(&w);
    world_record(&w, "{\"n\":3}");
    world_flush(&w);
    assert_int_equal(delivered(&w), 3);
    assert_int_equal(sl_partition_position(w.partition, 0), 45);
    file_is("{\"n\":1,\"kind\":\"server\"}\n"
            "{\"message\":\"no json\",\"kind\":\"server\"}\n"
            "{\"n\":3,\"kind\":\"server\"}\n");
    world_release(&w);

    start(&w, path, SL_ARCHIVE_RAW, 1); /* a restart goes on at the end */
    world_record(&w, " raw ");
    world_flush(&w);
    world_release(&w);
    file_is("{\"n\":1,\"kind\":\"server\"}\n"
            "{\"message\":\"no json\",\"kind\":\"server\"}\n"
            "{\"n\":3,\"kind\":\"server\"}\n raw \n");
}

static void the_null_device(void **state)
{
    struct archive_world w;

    (void)state;
    start(&w, "/dev/null", SL_ARCHIVE_ENVELOPE, 1);
    for (int i = 0; i < 1000; i++)
        world_record(&w, "{}");
    world_flush(&w);
    assert_int_equal(delivered(&w), 1000);
    world_release(&w);
}

static void what_an_operator_must_do_stalls(void **state)
{
    struct archive_world w;
    char missing[128];

    (void)state;
    snprintf(missing, sizeof(missing), "%s/none/out", folder);
    start(&w, missing, SL_ARCHIVE_RAW, 1);
    world_record(&w, "x");
    world_flush(&w);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_non_null(strstr(sl_sink_reason(w.sink), "its directory does not exist"));
    assert_int_equal(delivered(&w), 0);
    assert_int_equal(sl_partition_position(w.partition, 0), 42);
    world_release(&w);
}

static void until_delivered(struct archive_world *w, uint64_t n)
{
    for (int i = 0; i < 3000 && delivered(w) < n; i++) {
        fake_advance(&w->fake, 100);
        world_work(w);
    }
    assert_int_equal(delivered(w), n);
}

/* It stays, names what is wrong, and goes on when there is room. */
static void f10_disk_full(void **state)
{
    struct archive_world w;

    (void)state;
    assert_int_equal(symlink("/dev/full", path), 0);
    start(&w, path, SL_ARCHIVE_RAW, 1);
    world_record(&w, "x");
    world_flush(&w);
    for (int tries = 0; tries < 20; tries++) {
        assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
        assert_non_null(strstr(sl_sink_reason(w.sink), "No space left"));
        assert_int_equal(delivered(&w), 0);
        assert_int_equal(sl_partition_position(w.partition, 0), 42);
        fake_advance(&w.fake, 60000);
        world_work(&w);
    }
    assert_int_equal(unlink(path), 0);
    until_delivered(&w, 1);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    assert_int_equal(sl_partition_position(w.partition, 0), 43);
    world_release(&w);
    file_is("x\n");
}

static void a_pipe_waits_for_its_reader(void **state)
{
    struct archive_world w;
    char text[16] = "";
    int fd;

    (void)state;
    alarm(300); /* a blocked open() would wait for ever */
    assert_int_equal(mkfifo(path, 0600), 0);
    start(&w, path, SL_ARCHIVE_RAW, 1);
    world_record(&w, "x");
    world_flush(&w);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_non_null(strstr(sl_sink_reason(w.sink), "nobody reads it"));
    fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    until_delivered(&w, 1);
    assert_int_equal(read(fd, text, sizeof(text)), 2);
    assert_string_equal(text, "x\n");
    close(fd);
    world_release(&w);
    alarm(0);
}

/* The kernel's own way to end a write in the middle. */
static void limit(rlim_t bytes)
{
    struct rlimit l;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void a_torn_write_goes_on_where_it_stopped(void **state)
{
    struct archive_world w;

    (void)state;
    start(&w, path, SL_ARCHIVE_RAW, 1);
    limit(12);
    world_record(&w, "0123456789");
    world_record(&w, "abcdefghij");
    world_flush(&w);
    file_is("0123456789\na");
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    world_record(&w, "later");
    world_flush(&w);
    sl_sink_refresh(w.sink); /* a reopened file would begin with half a line */
    limit(RLIM_INFINITY);
    until_delivered(&w, 3);
    file_is("0123456789\nabcdefghij\nlater\n");
    world_release(&w);
}

/* By an earlier process that was cut off, in a file that was there before or has come since. */
static void what_others_left_torn_is_ended(void **state)
{
    struct archive_world w;
    char moved[112];

    (void)state;
    write_file("half a li");
    start(&w, path, SL_ARCHIVE_RAW, 1);
    world_record(&w, "0123456789");
    world_flush(&w);
    file_is("half a li\n0123456789\n");
    snprintf(moved, sizeof(moved), "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    write_file("whole\n");
    sl_sink_refresh(w.sink);
    world_record(&w, "abc");
    world_flush(&w);
    file_is("whole\nabc\n");
    world_release(&w);
}

/* With several requests: nobody writes into the middle of somebody else's line. */
static void others_wait_for_a_torn_batch(void **state)
{
    struct archive_world w;

    (void)state;
    start(&w, path, SL_ARCHIVE_RAW, 4);
    world_record(&w, "0123456789");
    sl_sink_close_open(w.sink, NULL);
    world_record(&w, "second");
    sl_sink_close_open(w.sink, NULL);
    world_record(&w, "third");
    sl_sink_close_open(w.sink, NULL);
    limit(4);
    assert_int_equal(w.fake.n_work, 1); /* one at a time */
    fake_run_work(&w.fake);
    file_is("0123");
    world_work(&w);
    fake_advance(&w.fake, 0);
    limit(RLIM_INFINITY);
    until_delivered(&w, 3);

    struct sl_buf b;
    sl_buf_init(&b, 1000);
    assert_int_equal(sl_file_read(&b, path), SL_OK);
    assert_int_equal(b.n, 11 + 7 + 6);
    assert_memory_equal(b.p, "0123456789\n", 11);
    assert_non_null(strstr(sl_buf_str(&b), "\nsecond\n"));
    assert_non_null(strstr(sl_buf_str(&b), "\nthird\n"));
    sl_buf_release(&b);
    world_release(&w);
}

static void a_torn_line_that_nobody_continues_is_ended(void **state)
{
    struct archive_world w;
    struct sl_batch b = {0};
    struct sl_batch next = {0};

    (void)state;
    start(&w, path, SL_ARCHIVE_RAW, 4);
    b.sink = next.sink = w.sink;
    sl_buf_init(&b.data, 100);
    sl_buf_text(&b.data, "0123456789\n");
    b.body = sl_buf_as_slice(&b.data);
    limit(4);
    w.sink->type->submit(w.sink, &b);
    w.sink->type->cancel(w.sink, &b); /* its bytes are the job's now */
    w.sink->type->drop(w.sink, &b);
    sl_buf_release(&b.data);
    fake_run_work(&w.fake);
    file_is("0123");
    limit(RLIM_INFINITY);
    world_record(&w, "next");
    world_flush(&w);
    file_is("0123\nnext\n");
    assert_int_equal(delivered(&w), 1);
    world_release(&w);
}

static void a_sink_that_goes_leaves_its_bytes_to_the_thread(void **state)
{
    struct archive_world w;

    (void)state;
    start(&w, path, SL_ARCHIVE_RAW, 1);
    world_record(&w, "on its way");
    sl_sink_close_open(w.sink, NULL);
    assert_int_equal(w.fake.n_work, 1);
    sl_sink_free(w.sink);
    w.sink = NULL;
    fake_run_work(&w.fake);
    file_is("on its way\n");
    world_release(&w);
}

static void rotation(void **state)
{
    struct archive_world w;
    char moved[112];

    (void)state;
    snprintf(moved, sizeof(moved), "%s.1", path);
    start(&w, path, SL_ARCHIVE_RAW, 1);
    world_record(&w, "old");
    world_flush(&w);
    assert_int_equal(rename(path, moved), 0);
    world_record(&w, "still old");
    world_flush(&w);
    assert_int_equal(access(path, F_OK), -1);
    sl_sink_refresh(w.sink);
    world_record(&w, "new");
    world_flush(&w);
    file_is("new\n");
    assert_int_equal(delivered(&w), 3);
    world_release(&w);
}

static void a_probe_changes_nothing(void **state)
{
    struct archive_world w;
    struct probed p = {0};
    char missing[128];

    (void)state;
    start(&w, path, SL_ARCHIVE_RAW, 1);
    w.sink->type->probe(w.sink, on_probed, &p);
    assert_int_equal(p.calls, 0);
    world_work(&w);
    assert_int_equal(p.calls, 1);
    assert_int_equal(p.outcome, SL_DELIVERED);
    assert_int_equal(access(path, F_OK), -1);
    world_release(&w);

    snprintf(missing, sizeof(missing), "%s/none/out", folder);
    start(&w, missing, SL_ARCHIVE_RAW, 1);
    w.sink->type->probe(w.sink, on_probed, &p);
    world_work(&w);
    assert_int_equal(p.calls, 2);
    assert_int_equal(p.outcome, SL_STALL);
    assert_non_null(strstr(p.reason, "its directory does not exist"));
    w.sink->type->probe(w.sink, on_probed, &p); /* the sink goes before the answer */
    sl_sink_free(w.sink);
    w.sink = NULL;
    world_release(&w);
    assert_int_equal(p.calls, 2);

    start(&w, folder, SL_ARCHIVE_RAW, 1);
    w.sink->type->probe(w.sink, on_probed, &p);
    world_work(&w);
    assert_int_equal(p.outcome, SL_STALL);
    assert_non_null(strstr(p.reason, "Is a directory"));
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_appended_in_order, setup, teardown),
        cmocka_unit_test(the_null_device),
        cmocka_unit_test_setup_teardown(what_an_operator_must_do_stalls, setup, teardown),
        cmocka_unit_test_setup_teardown(f10_disk_full, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pipe_waits_for_its_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_write_goes_on_where_it_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(what_others_left_torn_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(others_wait_for_a_torn_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_line_that_nobody_continues_is_ended, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_sink_that_goes_leaves_its_bytes_to_the_thread, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_probe_changes_nothing, setup, teardown),
    };

    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
