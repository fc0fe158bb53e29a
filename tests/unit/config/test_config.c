/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "config/config.h"

/* Every test has a folder of its own, in which it writes sluice.yaml and what belongs to it. */
static char folder[] = P_tmpdir "/sluice-test-config-XXXXXX";
static struct sl_diags diags;

static char *in_folder(const char *name)
{
    return sl_asprintf("%s/%s", folder, name);
}

static void write_file(const char *name, const char *text)
{
    char *path = in_folder(name);
    FILE *to = fopen(path, "w");

    assert_non_null(to);
    fputs(text, to);
    fclose(to);
    free(path);
}

static struct sl_config *load(const char *text)
{
    char *path = in_folder("sluice.yaml");
    struct sl_config *c;

    write_file("sluice.yaml", text);
    sl_diags_init(&diags);
    c = sl_config_load(path, &diags);
    if (!c)
        sl_diags_print(&diags, stderr);
    free(path);
    return c;
}

static void done(struct sl_config *c)
{
    sl_config_free(c);
    sl_diags_release(&diags);
}

static void assert_in_folder(const char *path, const char *name)
{
    char *expected = in_folder(name);

    assert_string_equal(path, expected);
    free(expected);
}

static const char everything[] =
    "source:\n"
    "  kafka:\n"
    "    brokers: [127.0.0.1:9092, \"[::1]:9093\", kafka]\n"
    "    topics: [logs, \"^app-.*$\"]\n"
    "    group: sluice\n"
    "    start: latest\n"
    "    out_of_range: earliest\n"
    "    client: { security.protocol: SASL_SSL, sasl.mechanism: SCRAM-SHA-512,\n"
    "              sasl.username: sluice, sasl.password: \"${KAFKA_PASSWORD}\" }\n"
    "    consumer: { group.instance.id: a-1, session.timeout.ms: 45000 }\n"
    "    producer: { compression.type: zstd }\n"
    "    memory: 32MiB\n"
    "  timezone: Europe/Berlin\n"
    "  decode:\n"
    "    logs: auto\n"
    "    \"^app-j.*\": json\n"
    "    \"^app-.*\": text\n"
    "    edge: { text: ['^(?<a>x$)', '(?<b>y)'], kind: server }\n"
    "    metrics: { form: otlp_json, kind: metric }\n"
    "    more: { kind: metric }\n"
    "  correlation: { fields: [id, trace.id], headers: [], make: true }\n"
    "routes: [routes/, /etc/sluice/more.yaml]\n"
    "unmatched: [archive, local]\n"
    "rule_errors: archive\n"
    "dead_letter: { topic: logs.dead, limit: 250 }\n"
    "state: { topic: sluice.positions }\n"
    "enrich: { service: \"${SERVICE:-unknown}\", stage: \"${STAGE:-dev}\", cost: \"5 $$\" }\n"
    "sinks:\n"
    "  search:\n"
    "    type: elasticsearch\n"
    "    nodes: [\"http://127.0.0.1:9200/\", \"https://es.example.com/prefix/\"]\n"
    "    index: \"sluice-{service|other}-{@timestamp:%Y.%m.%d}\"\n"
    "    auth: { user: elastic, password: \"${file:es.secret}\" }\n"
    "    compression: none\n"
    "    id: search-1\n"
    "    requests: 8\n"
    "    timeout: 1m\n"
    "    proxy: http://proxy:3128\n"
    "    retry: { first: 250ms, max: 1h }\n"
    "    tls: { ca: ca.pem, cert: /dev/null, key: k.pem, verify: true }\n"
    "    dead_letter: { topic: es.dead }\n"
    "    start: earliest\n"
    "    overflow: { mode: block, after: 7s }\n"
    "    catch_up: { rate: 90/m }\n"
    "  streams:\n"
    "    type: elasticsearch\n"
    "    nodes: https://es.example.com\n"
    "    data_stream: { dataset: \"{service|generic}\" }\n"
    "    auth: { api_key: abc }\n"
    "  archive:\n"
    "    type: s3\n"
    "    bucket: logs\n"
    "    region: eu-west-1\n"
    "    endpoint: \"http://127.0.0.1:9000/\"\n"
    "    key: \"dt={@timestamp:%Y-%m-%d}\"\n"
    "    format: envelope\n"
    "    compression: zstd\n"
    "    access_key: AK\n"
    "    secret_key: \"${file:s3.secret}\"\n"
    "    session_token: T\n"
    "    batch: { bytes: 1MB, records: 10, age: 90s }\n"
    "    queue: { bytes: 0.5GiB }\n"
    "    open_objects: 7\n"
    "    dead_letter: off\n"
    "  alerts:\n"
    "    type: webhook\n"
    "    url: \"https://hooks.example.com/in?x=1\"\n"
    "    body: ndjson\n"
    "    secret: [whsec_c2VjcmV0, raw]\n"
    "    headers: { authorization: \"Bearer ${TOKEN}\", X-B: \"2\" }\n"
    "    rate: 50/s\n"
    "    id_field: off\n"
    "  inside:\n"
    "    type: webhook\n"
    "    url: http://10.0.0.1/\n"
    "    allow_private: true\n"
    "    body: { text: \"{message} \\\"q\\\"\", n: 1, s: \"1\", t: true, z: null,\n"
    "            list: [a, -1.5e3, 01], more: { e: \"${TOKEN}\\n\" } }\n"
    "  local: { type: file, path: out/log, format: raw }\n"
    "  out: { type: file, path: \"-\" }\n"
    "admin: { listen: \"127.0.0.1:9750\" }\n"
    "log: { level: debug, format: json }\n"
    "shutdown: 25s\n"
    "redact: { key: \"a key of many characters\" }\n";

static void check_source(const struct sl_config *c)
{
    const struct sl_source_config *s = &c->source;

    assert_int_equal(s->brokers.n, 3);
    assert_string_equal(s->brokers.items[1], "[::1]:9093");
    assert_int_equal(s->topics.n, 2);
    assert_string_equal(s->topics.items[1], "^app-.*$");
    assert_string_equal(s->group, "sluice");
    assert_int_equal(s->start, SL_START_LATEST);
    assert_int_equal(s->out_of_range, SL_RANGE_EARLIEST);
    assert_int_equal(s->client.n, 4);
    assert_string_equal(s->client.items[3].name, "sasl.password");
    assert_string_equal(s->client.items[3].value, "from env $1");
    assert_int_equal(s->client.items[3].line, 9);
    assert_int_equal(s->consumer.n, 2);
    assert_string_equal(s->producer.items[0].value, "zstd");
    assert_int_equal(s->memory, 32 << 20);
    assert_string_equal(s->timezone, "Europe/Berlin");
    assert_int_equal(s->n_decode, 6);
    assert_string_equal(s->decode[1].topic, "^app-j.*");
    assert_int_equal(s->decode[0].form, SL_DECODE_AUTO);
    assert_int_equal(s->decode[1].form, SL_DECODE_JSON);
    assert_int_equal(s->decode[2].form, SL_DECODE_TEXT);
    assert_int_equal(s->decode[2].patterns.n, 0);
    assert_int_equal(s->decode[2].kind, SL_DECODE_KIND_NONE);
    assert_int_equal(s->decode[3].form, SL_DECODE_TEXT);
    assert_int_equal(s->decode[3].patterns.n, 2);
    assert_string_equal(s->decode[3].patterns.items[0], "^(?<a>x$)");
    assert_int_equal(s->decode[3].kind, SL_DECODE_KIND_SERVER);
    assert_int_equal(s->decode[4].form, SL_DECODE_OTLP_JSON);
    assert_int_equal(s->decode[4].kind, SL_DECODE_KIND_METRIC);
    assert_int_equal(s->decode[5].form, SL_DECODE_AUTO);
    assert_int_equal(s->correlation.fields.n, 2);
    assert_string_equal(s->correlation.fields.items[1], "trace.id");
    assert_int_equal(s->correlation.headers.n, 0);
    assert_true(s->correlation.make);
}

static void check_top(const struct sl_config *c)
{
    assert_int_equal(c->routes.n, 2);
    assert_in_folder(c->routes.items[0], "routes/");
    assert_string_equal(c->routes.items[1], "/etc/sluice/more.yaml");
    assert_int_equal(c->unmatched.sinks, 1 << 2 | 1 << 5);
    assert_false(c->unmatched.drop);
    assert_int_equal(c->rule_errors.sinks, 1 << 2);
    assert_string_equal(c->dead_letter, "logs.dead");
    assert_string_equal(c->state_topic, "sluice.positions");
    assert_int_equal(c->enrich.n, 3);
    assert_string_equal(c->enrich.items[0].value, "unknown");
    assert_string_equal(c->enrich.items[1].value, "prod");
    assert_string_equal(c->enrich.items[2].value, "5 $");
    assert_string_equal(c->admin_listen, "127.0.0.1:9750");
    assert_int_equal(c->log_level, SL_LOG_DEBUG);
    assert_int_equal(c->log_format, SL_LOG_JSON);
    assert_int_equal(c->shutdown_ms, 25000);
    assert_string_equal(sl_secret_value(c->redact_key), "a key of many characters");
    assert_int_equal(c->n_sinks, 7);
}

static void check_search(const struct sl_sink_config *s)
{
    assert_string_equal(s->name, "search");
    assert_string_equal(s->id, "search-1");
    assert_int_equal(s->kind, SL_SINK_ELASTICSEARCH);
    assert_int_equal(s->elasticsearch.nodes.n, 2);
    assert_string_equal(s->elasticsearch.nodes.items[0], "http://127.0.0.1:9200");
    assert_string_equal(s->elasticsearch.nodes.items[1], "https://es.example.com/prefix");
    assert_string_equal(s->elasticsearch.index, "sluice-{service|other}-{@timestamp:%Y.%m.%d}");
    assert_string_equal(sl_secret_value(s->elasticsearch.user), "elastic");
    assert_string_equal(sl_secret_value(s->elasticsearch.password), "es secret");
    assert_null(s->elasticsearch.api_key);
    assert_int_equal(s->elasticsearch.compression, SL_COMPRESS_NONE);
    assert_int_equal(s->requests, 8);
    assert_int_equal(s->timeout_ms, 60000);
    assert_string_equal(s->proxy, "http://proxy:3128");
    assert_int_equal(s->retry_first_ms, 250);
    assert_int_equal(s->retry_max_ms, 3600000);
    assert_in_folder(s->tls.ca, "ca.pem");
    assert_string_equal(s->tls.cert, "/dev/null");
    assert_true(s->tls.verify);
    assert_string_equal(s->dead_letter, "es.dead");
    assert_int_equal(s->dead_letter_limit, 250);
    assert_int_equal(s->start, SL_START_EARLIEST);
    assert_int_equal(s->overflow, SL_OVERFLOW_BLOCK);
    assert_int_equal(s->overflow_after_ms, 7000);
    assert_true(s->catch_up_rate > 1.49 && s->catch_up_rate < 1.51);
}

static void check_archive(const struct sl_sink_config *s)
{
    assert_string_equal(s->id, "archive");
    assert_string_equal(s->s3.bucket, "logs");
    assert_string_equal(s->s3.region, "eu-west-1");
    assert_string_equal(s->s3.endpoint, "http://127.0.0.1:9000");
    assert_string_equal(s->s3.key, "dt={@timestamp:%Y-%m-%d}");
    assert_int_equal(s->s3.format, SL_ARCHIVE_ENVELOPE);
    assert_int_equal(s->s3.compression, SL_COMPRESS_ZSTD);
    assert_string_equal(sl_secret_value(s->s3.access_key), "AK");
    assert_string_equal(sl_secret_value(s->s3.secret_key), "line one");
    assert_string_equal(sl_secret_value(s->s3.session_token), "T");
    assert_int_equal(s->batch_bytes, 1000000);
    assert_int_equal(s->batch_records, 10);
    assert_int_equal(s->batch_age_ms, 90000);
    assert_int_equal(s->queue_bytes, 512 << 20);
    assert_int_equal(s->s3.open_objects, 7);
    assert_null(s->dead_letter);
}

static void check_webhooks(const struct sl_sink_config *alerts, const struct sl_sink_config *inside)
{
    const struct sl_webhook_config *w = &alerts->webhook;

    assert_string_equal(w->url, "https://hooks.example.com/in?x=1");
    assert_int_equal(w->body, SL_BODY_NDJSON);
    assert_int_equal(w->n_secrets, 2);
    assert_string_equal(sl_secret_value(w->secrets[0]), "whsec_c2VjcmV0");
    assert_string_equal(sl_secret_value(w->secrets[1]), "raw");
    assert_int_equal(w->n_headers, 2);
    assert_string_equal(w->headers[0].name, "authorization");
    assert_string_equal(sl_secret_value(w->headers[0].value), "Bearer t0ken");
    assert_true(w->rate > 49.9 && w->rate < 50.1);
    assert_null(w->id_field);
    assert_false(w->allow_private);
    assert_string_equal(alerts->dead_letter, "logs.dead");

    w = &inside->webhook;
    assert_true(w->allow_private);
    assert_int_equal(w->body, SL_BODY_MAPPING);
    assert_string_equal(
        w->mapping, "{\"text\":\"{message} \\\"q\\\"\",\"n\":1,\"s\":\"1\",\"t\":true,\"z\":null,"
                    "\"list\":[\"a\",-1.5e3,\"01\"],\"more\":{\"e\":\"t0ken\\u000a\"}}");
    assert_int_equal(inside->batch_records, 1);
    assert_string_equal(w->id_field, "sluice_id");
}

static void everything_of_the_interface_is_read(void **state)
{
    struct sl_config *c;

    (void)state;
    setenv("KAFKA_PASSWORD", "from env $1", 1);
    setenv("STAGE", "prod", 1);
    setenv("TOKEN", "t0ken", 1);
    unsetenv("SERVICE");
    write_file("es.secret", "es secret\n");
    write_file("s3.secret", "line one\r\n");
    c = load(everything);
    assert_non_null(c);
    check_source(c);
    check_top(c);
    check_search(&c->sinks[0]);
    assert_null(c->sinks[1].elasticsearch.index);
    assert_string_equal(c->sinks[1].elasticsearch.type, "logs");
    assert_string_equal(c->sinks[1].elasticsearch.dataset, "{service|generic}");
    assert_string_equal(c->sinks[1].elasticsearch.namespace_, "default");
    assert_string_equal(sl_secret_value(c->sinks[1].elasticsearch.api_key), "abc");
    check_archive(&c->sinks[2]);
    check_webhooks(&c->sinks[3], &c->sinks[4]);
    assert_in_folder(c->sinks[5].file.path, "out/log");
    assert_int_equal(c->sinks[5].file.format, SL_ARCHIVE_RAW);
    assert_string_equal(c->sinks[6].file.path, "-");
    done(c);
}

static const char minimal[] = "source:\n"
                              "  kafka: { brokers: kafka, topics: logs, group: g }\n"
                              "routes: routes\n"
                              "unmatched: drop\n"
                              "sinks:\n"
                              "  e: { type: elasticsearch, nodes: \"https://es\", index: i }\n"
                              "  s: { type: s3, bucket: logs, endpoint: \"https://s3.local\" }\n"
                              "  w: { type: webhook, url: \"https://h.example/\" }\n"
                              "  f: { type: file, path: /dev/null }\n";

static void assert_sizes(const struct sl_sink_config *s, size_t queue, size_t batch,
                         unsigned records, unsigned age_ms, unsigned requests, unsigned timeout_ms)
{
    assert_int_equal(s->queue_bytes, queue);
    assert_int_equal(s->batch_bytes, batch);
    assert_int_equal(s->batch_records, records);
    assert_int_equal(s->batch_age_ms, age_ms);
    assert_int_equal(s->requests, requests);
    assert_int_equal(s->timeout_ms, timeout_ms);
    assert_int_equal(s->retry_first_ms, 100);
    assert_int_equal(s->retry_max_ms, 30000);
    assert_int_equal(s->dead_letter_limit, 500);
    assert_int_equal(s->start, SL_START_COMMITTED);
    assert_int_equal(s->overflow, SL_OVERFLOW_DETACH);
    assert_int_equal(s->overflow_after_ms, 5000);
    assert_true(s->tls.verify);
    assert_null(s->dead_letter);
    assert_null(s->proxy);
}

/* The table of src/config/README.md. */
static void defaults_are_as_documented(void **state)
{
    struct sl_config *c;

    (void)state;
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    c = load(minimal);
    assert_non_null(c);
    assert_int_equal(c->source.start, SL_START_EARLIEST);
    assert_int_equal(c->source.out_of_range, SL_RANGE_STOP);
    assert_int_equal(c->source.memory, 64 << 20);
    assert_string_equal(c->source.timezone, "UTC");
    assert_int_equal(c->source.n_decode, 0);
    assert_int_equal(c->source.correlation.fields.n, 5);
    assert_string_equal(c->source.correlation.fields.items[0], "correlation_id");
    assert_string_equal(c->source.correlation.headers.items[4], "traceparent");
    assert_false(c->source.correlation.make);
    assert_true(c->unmatched.drop);
    assert_true(c->rule_errors.drop); /* as unmatched */
    assert_null(c->dead_letter);
    assert_string_equal(c->state_topic, "g.state");
    assert_null(c->admin_listen);
    assert_int_equal(c->log_level, SL_LOG_INFO);
    assert_int_equal(c->log_format, SL_LOG_AUTO);
    assert_int_equal(c->shutdown_ms, 10000);
    assert_null(c->redact_key);
    assert_sizes(&c->sinks[0], 64 << 20, 5 << 20, 5000, 1000, 4, 30000);
    assert_sizes(&c->sinks[1], 256 << 20, 16 << 20, UINT32_MAX, 300000, 4, 60000);
    assert_sizes(&c->sinks[2], 16 << 20, 1 << 20, 100, 1000, 2, 30000);
    assert_sizes(&c->sinks[3], 16 << 20, 1 << 20, UINT32_MAX, 1000, 1, 30000);
    assert_int_equal(c->sinks[0].elasticsearch.compression, SL_COMPRESS_GZIP);
    assert_int_equal(c->sinks[1].s3.compression, SL_COMPRESS_GZIP);
    assert_int_equal(c->sinks[1].s3.format, SL_ARCHIVE_JSON);
    assert_int_equal(c->sinks[1].s3.open_objects, 1024);
    assert_string_equal(c->sinks[1].s3.region, "us-east-1");
    assert_string_equal(c->sinks[1].s3.key,
                        "kind={@kind}/dt={@timestamp:%Y-%m-%d}/hour={@timestamp:%H}");
    assert_int_equal(c->sinks[2].webhook.body, SL_BODY_ARRAY);
    assert_string_equal(c->sinks[2].webhook.id_field, "sluice_id");
    assert_int_equal(c->sinks[3].file.format, SL_ARCHIVE_JSON);
    /* Three sinks that can refuse and have no dead_letter. */
    assert_int_equal(diags.n, 3);
    assert_int_equal(diags.errors, 0);
    done(c);
}

static void a_small_queue_shrinks_the_default_batch(void **state)
{
    char *text =
        sl_asprintf("%s  g: { type: file, path: /dev/null, queue: { bytes: 1MiB } }\n", minimal);
    struct sl_config *c = load(text);

    (void)state;
    free(text);
    assert_non_null(c);
    assert_int_equal(c->sinks[4].queue_bytes, 1 << 20);
    assert_int_equal(c->sinks[4].batch_bytes, 256 << 10);
    done(c);
}

static void the_region_comes_from_the_environment_too(void **state)
{
    struct sl_config *c;

    (void)state;
    setenv("AWS_DEFAULT_REGION", "eu-central-1", 1);
    c = load(minimal);
    assert_string_equal(c->sinks[1].s3.region, "eu-central-1");
    done(c);
    setenv("AWS_REGION", "eu-west-2", 1);
    c = load(minimal);
    assert_string_equal(c->sinks[1].s3.region, "eu-west-2");
    done(c);
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
}

/* Hashes under a short key could be guessed through. */
static void a_key_of_redaction_stays_long(void **state)
{
    char *text = sl_asprintf("%sredact: { key: \"${file:redact.key}\" }\n", minimal);
    struct sl_config *c;

    (void)state;
    write_file("redact.key", "a key of many characters");
    c = load(text);
    assert_non_null(c);
    write_file("redact.key", "a key");
    assert_false(sl_secret_refresh(c->redact_key));
    assert_string_equal(sl_secret_value(c->redact_key), "a key of many characters");
    write_file("redact.key", "another key of many characters");
    assert_true(sl_secret_refresh(c->redact_key));
    done(c);
    free(text);
}

static void secrets_are_read_again(void **state)
{
    struct sl_config *c;
    struct sl_secret *password;
    char *path;

    (void)state;
    write_file("es.secret", "first\n");
    write_file("s3.secret", "x");
    c = load(everything);
    assert_non_null(c);
    password = c->sinks[0].elasticsearch.password;
    assert_string_equal(sl_secret_value(password), "first");
    assert_false(sl_secret_refresh(password));
    write_file("es.secret", "second\n\n");
    assert_false(sl_secret_refresh(password)); /* two lines: a header could be made of it */
    assert_string_equal(sl_secret_value(password), "first");
    write_file("es.secret", ""); /* is being written */
    assert_false(sl_secret_refresh(password));
    assert_string_equal(sl_secret_value(password), "first");
    write_file("es.secret", "second");
    assert_true(sl_secret_refresh(password));
    assert_string_equal(sl_secret_value(password), "second");
    path = in_folder("es.secret");
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_false(sl_secret_refresh(password));
    assert_string_equal(sl_secret_value(password), "second");
    assert_false(sl_secret_refresh(c->sinks[0].elasticsearch.user));
    assert_false(sl_secret_refresh(NULL));
    assert_string_equal(sl_secret_value(NULL), "");
    done(c);
}

static void without_a_path_the_usual_places_are_tried(void **state)
{
    char *before = getcwd(NULL, 0);
    struct sl_config *c;

    (void)state;
    write_file("sluice.yaml", minimal);
    assert_int_equal(chdir(folder), 0);
    sl_diags_init(&diags);
    c = sl_config_load(NULL, &diags);
    assert_non_null(c);
    assert_string_equal(c->path, "sluice.yaml");
    assert_string_equal(c->routes.items[0], "routes");
    done(c);
    assert_int_equal(chdir(before), 0);
    free(before);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    write_file("ca.pem", "");
    write_file("k.pem", "");
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"sluice.yaml", "es.secret", "s3.secret",
                                        "redact.key",  "ca.pem",    "k.pem"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *path = in_folder(names[i]);

        unlink(path);
        free(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_of_the_interface_is_read),
        cmocka_unit_test(defaults_are_as_documented),
        cmocka_unit_test(a_small_queue_shrinks_the_default_batch),
        cmocka_unit_test(the_region_comes_from_the_environment_too),
        cmocka_unit_test(secrets_are_read_again),
        cmocka_unit_test(a_key_of_redaction_stays_long),
        cmocka_unit_test(without_a_path_the_usual_places_are_tried),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
