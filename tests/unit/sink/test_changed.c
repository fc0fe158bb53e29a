/* SPDX-License-Identifier: Apache-2.0 */
/* Records that a rule has changed: what each type sends of them, what a dead letter keeps, and what
 * a preview shows of both kinds. */
#include "s3_world.h"

#include "sluice/change.h"

#define VALUE "{ \"user\" : \"joe\",\n\"n\":1.50, \"kind\":1}"

struct changed_world {
    struct archive_world w;
    struct sl_letters letters;
    struct sl_changer *changer;
    struct sl_editor *editor;
    struct sl_message message;
    struct sl_record record;
    char *letter_value;                 /* of the last letter */
    void (*done)(void *user, int code); /* of a letter under way */
    void *user;
};

static int put_letter(struct sl_letters *l, const struct sl_letter *letter)
{
    struct changed_world *x = sl_container_of(l, struct changed_world, letters);

    free(x->letter_value);
    x->letter_value = sl_strndup(letter->value.p, letter->value.n);
    assert_null(x->done);
    x->done = letter->done;
    x->user = letter->user;
    return SL_OK;
}

static void expect_letter(struct changed_world *x, const char *value)
{
    assert_non_null(x->done);
    assert_string_equal(x->letter_value, value);
    x->done(x->user, SL_OK);
    x->done = NULL;
    assert_true(sl_sink_idle(x->w.sink));
}

static void changed_init(struct changed_world *x, enum sl_sink_kind kind)
{
    *x = (struct changed_world){.letters = {put_letter}};
    if (kind == SL_SINK_S3)
        s3_setup(&x->w);
    else
        world_init(&x->w, "logs");
    x->w.config.kind = kind;
    x->w.config.dead_letter = "dead";
    x->w.config.dead_letter_limit = 1000;
    x->w.env.letters = &x->letters;
}

static void changed_start(struct changed_world *x)
{
    const struct sl_slice paths[] = {SL_SLICE_LITERAL("user"), SL_SLICE_LITERAL("team")};
    struct sl_error err = {0};

    if (world_start(&x->w, &err) != SL_OK)
        fail_msg("%s", err.text);
    x->changer = sl_changer_new(x->w.fields);
    x->editor = sl_editor_new(paths, 2, NULL, &err);
    assert_non_null(x->editor);
}

static void changed_release(struct changed_world *x)
{
    sl_changer_free(x->changer);
    sl_editor_free(x->editor);
    free(x->letter_value);
    if (x->w.config.kind == SL_SINK_S3)
        s3_teardown(&x->w);
    else
        world_release(&x->w);
}

/* Without `user` and with a `team`. */
static const struct sl_record *make_changed(struct changed_world *x, struct sl_slice value)
{
    const struct sl_new_value values[] = {{.what = SL_REMOVE},
                                          {SL_SET, SL_SLICE_LITERAL("\"ops\"")}};
    const struct sl_record *r;

    x->message = (struct sl_message){
        .at = x->w.partition, .offset = x->w.offset, .timestamp_ms = 1700000000000, .value = value};
    sl_decode(x->w.decoder, &x->message, &x->record);
    sl_changer_begin(x->changer);
    r = sl_record_edit(x->changer, x->editor, &x->record, values, NULL);
    assert_non_null(r);
    assert_true(r->changed);
    return r;
}

static void send_changed(struct changed_world *x, struct sl_slice value)
{
    const struct sl_record *r = make_changed(x, value);

    assert_true(sl_sink_has_room(x->w.sink, r));
    sl_sink_append(x->w.sink, r, 0);
    sl_partition_advance(x->w.partition, x->w.offset++, 1700000000000, r->value_crc);
    sl_sink_turn(x->w.sink);
    world_flush(&x->w);
}

static void set_elasticsearch(struct changed_world *x)
{
    static const char *nodes[] = {"http://127.0.0.1:9200"};

    changed_init(x, SL_SINK_ELASTICSEARCH);
    x->w.config.elasticsearch = (struct sl_elasticsearch_config){
        .nodes = {nodes, 1}, .index = "x-{team}-{user}", .compression = SL_COMPRESS_NONE};
}

static void set_webhook(struct changed_world *x, enum sl_webhook_body body, const char *mapping)
{
    changed_init(x, SL_SINK_WEBHOOK);
    x->w.config.webhook = (struct sl_webhook_config){
        .url = "https://hooks.example.com/in", .body = body, .mapping = mapping};
}

static void expect_body(struct changed_world *x, const char *want)
{
    assert_non_null(x->w.seen.request);
    if (x->w.seen.body.n != strlen(want) || memcmp(x->w.seen.body.p, want, strlen(want)) != 0)
        fail_msg("%.*s\nand not\n%s", (int)x->w.seen.body.n, x->w.seen.body.p, want);
}

/* ---- what is sent ---- */

static void elasticsearch_sends_what_it_became(void **state)
{
    struct changed_world x;
    char id[SL_RECORD_ID_MAX], want[512];

    (void)state;
    set_elasticsearch(&x);
    changed_start(&x);
    send_changed(&x, SL_SLICE_LITERAL(VALUE));
    id[sl_record_id(&x.record, id)] = '\0'; /* of the message, whatever was changed */
    snprintf(
        want, sizeof(want),
        "{\"create\":{\"_index\":\"x-ops-none\",\"_id\":\"%s\"}}\n"
        "{ \"n\":1.50, \"kind\":1,\"team\":\"ops\",\"@timestamp\":\"2023-11-14T22:13:20.000Z\"}\n",
        id);
    expect_body(&x, want);
    world_reply(&x.w, 200, "",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":400,\"error\":{"
                "\"type\":\"mapper_parsing_exception\",\"reason\":\"no\"}}}]}");
    expect_letter(&x, VALUE);

    /* Of the same length it is another text all the same. */
    send_changed(&x, SL_SLICE_LITERAL("{\"team\":\"dev\",\"kind\":1}"));
    world_reply(&x.w, 200, "",
                "{\"errors\":true,\"items\":[{\"create\":{\"status\":400,\"error\":{"
                "\"type\":\"mapper_parsing_exception\",\"reason\":\"no\"}}}]}");
    expect_letter(&x, "{\"team\":\"dev\",\"kind\":1}");
    changed_release(&x);
}

static void webhooks_send_what_it_became(void **state)
{
    struct changed_world x;

    (void)state;
    set_webhook(&x, SL_BODY_ARRAY, NULL);
    changed_start(&x);
    send_changed(&x, SL_SLICE_LITERAL(VALUE));
    expect_body(&x, "[{ \"n\":1.50, \"kind\":1,\"team\":\"ops\"}]");
    world_reply(&x.w, 400, "", "no");
    expect_letter(&x, VALUE);
    changed_release(&x);

    set_webhook(&x, SL_BODY_MAPPING, "{\"t\":\"{team} {user|gone} {@raw}\"}");
    changed_start(&x);
    send_changed(&x, SL_SLICE_LITERAL("{\"user\":1}"));
    expect_body(&x, "{\"t\":\"ops gone {\\\"kind\\\":\\\"server\\\",\\\"team\\\":\\\"ops\\\"}\"}");
    world_reply(&x.w, 200, "", "");
    changed_release(&x);
}

static void archives_write_what_it_became(void **state)
{
    static const struct {
        enum sl_archive_format format;
        const char *line;
    } cases[] = {
        {SL_ARCHIVE_JSON, "{ \"n\":1.50, \"kind\":1,\"team\":\"ops\"}\n"},
        {SL_ARCHIVE_RAW, "{ \"n\":1.50, \"kind\":1,\"team\":\"ops\"}\n"},
        {SL_ARCHIVE_ENVELOPE,
         "{\"topic\":\"logs.app\",\"partition\":3,\"offset\":42,\"timestamp\":1700000000000,"
         "\"key\":null,\"headers\":[],\"value\":\"{ \\\"n\\\":1.50, \\\"kind\\\":1,\\\"team\\\":"
         "\\\"ops\\\"}\"}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct changed_world x;
        char crc[16], name[512];

        changed_init(&x, SL_SINK_S3);
        x.w.config.s3.format = cases[i].format;
        x.w.config.s3.key = "team={team}/user={user}";
        changed_start(&x);
        send_changed(&x, SL_SLICE_LITERAL(VALUE));
        expect_body(&x, cases[i].line);
        assert_non_null(strstr(x.w.seen.url, "/team%3Dops/user%3D__HIVE_DEFAULT_PARTITION__/"));
        snprintf(crc, sizeof(crc), "%s", world_header(&x.w, SL_S3_META_CRC));
        snprintf(name, sizeof(name), "%s", x.w.seen.url);
        world_reply(&x.w, 200, STORED, "");
        changed_release(&x);

        /* The identity is that of the messages. */
        changed_init(&x, SL_SINK_S3);
        x.w.config.s3.format = cases[i].format;
        x.w.config.s3.key = "team={team}/user={user}";
        changed_start(&x);
        world_record(&x.w, VALUE);
        world_flush(&x.w);
        assert_string_equal(crc, world_header(&x.w, SL_S3_META_CRC));
        assert_string_not_equal(name, x.w.seen.url);
        world_reply(&x.w, 200, STORED, "");
        changed_release(&x);
    }
}

/* ---- room ---- */

/* The original is kept for a dead letter, and counted, however little is sent of it. */
static void the_original_counts(void **state)
{
    struct changed_world x;
    size_t n = WORLD_QUEUE / 8;
    char *value = sl_alloc(n + 64);

    (void)state;
    snprintf(value, 64, "{\"kind\":1,\"user\":\"");
    memset(value + strlen(value), 'x', n);
    memcpy(value + n, "\"}", 3);
    set_elasticsearch(&x);
    changed_start(&x);
    send_changed(&x, sl_slice_str(value));
    assert_true(x.w.seen.body.n < 1000);
    assert_true(sl_sink_bytes(x.w.sink) > n);
    world_reply(&x.w, 200, "", "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}");
    assert_null(x.done);
    assert_int_equal(sl_sink_bytes(x.w.sink), 0);

    /* More than a quarter of the queue could not be kept. */
    x.w.config.queue_bytes = 2 * n;
    send_changed(&x, sl_slice_str(value));
    assert_null(x.w.seen.request);
    expect_letter(&x, "");
    changed_release(&x);
    free(value);
}

/* ---- previews ---- */

static void expect_preview(struct changed_world *x, const struct sl_record *r, const char *before,
                           const char *want, const char *want_key)
{
    struct sl_buf out;
    size_t body = 99;
    char *key = (char *)"untouched";

    sl_buf_init(&out, 4096);
    SL_BUF_LITERAL(&out, "before ");
    assert_int_equal(sl_sink_preview(x->w.sink, r, &out, &body, &key), SL_OK);
    assert_true(body >= 7 && body <= out.n);
    assert_int_equal(strncmp(out.p + 7, before, strlen(before)), 0);
    assert_string_equal(sl_buf_str(&out) + body, want);
    if (want_key)
        assert_string_equal(key, want_key);
    else
        assert_null(key);
    free(key);
    sl_buf_release(&out);
    assert_true(sl_sink_idle(x->w.sink)); /* nothing was queued */
    assert_int_equal(sl_sink_bytes(x->w.sink), 0);

    sl_buf_init(&out, 36); /* a part fits */
    SL_BUF_LITERAL(&out, "before");
    assert_int_equal(sl_sink_preview(x->w.sink, r, &out, &body, &key), SL_EFULL);
    assert_int_equal(out.n, 6);
    assert_false(out.full);
    sl_buf_release(&out);
}

static void previews_are_what_is_sent(void **state)
{
    struct changed_world x;

    (void)state;
    set_elasticsearch(&x);
    changed_start(&x);
    expect_preview(&x, make_changed(&x, SL_SLICE_LITERAL(VALUE)),
                   "{\"create\":{\"_index\":\"x-ops-none\",\"_id\":\"",
                   "{ \"n\":1.50, \"kind\":1,\"team\":\"ops\",\"@timestamp\":"
                   "\"2023-11-14T22:13:20.000Z\"}\n",
                   NULL);
    changed_release(&x);

    changed_init(&x, SL_SINK_S3);
    x.w.config.s3.key = "team={team}";
    changed_start(&x);
    expect_preview(&x, make_changed(&x, SL_SLICE_LITERAL(VALUE)), "{",
                   "{ \"n\":1.50, \"kind\":1,\"team\":\"ops\"}\n", "team=ops");
    expect_preview(&x, &x.record, "{", "{ \"user\" : \"joe\",\"n\":1.50, \"kind\":1}\n",
                   "team=__HIVE_DEFAULT_PARTITION__");
    x.w.config.queue_bytes = 64; /* never fits */
    struct sl_buf out;
    size_t body;
    sl_buf_init(&out, 4096);
    assert_int_equal(sl_sink_preview(x.w.sink, &x.record, &out, &body, NULL), SL_EFULL);
    assert_int_equal(out.n, 0);
    sl_buf_release(&out);
    changed_release(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elasticsearch_sends_what_it_became),
        cmocka_unit_test(webhooks_send_what_it_became),
        cmocka_unit_test(archives_write_what_it_became),
        cmocka_unit_test(the_original_counts),
        cmocka_unit_test(previews_are_what_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
