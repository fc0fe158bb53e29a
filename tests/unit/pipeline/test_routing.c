/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret.h"
#include "dice.h"
#include "pipeline/site.h"
#include "sink/compress.h"

/* Rules versions: what is packed and made again elsewhere, when the files are long gone and sinks
 * were renamed, removed and added, decides as before. */

/* ---- records ---- */

static char *random_record(char *ret, size_t room)
{
    static const char *const services[] = {"tiles", "download", "search", "x"};
    static const char *const levels[] = {"error", "info", "warn"};
    static const char *const messages[] = {"Downloaded scene 17", "timeout", "refused22", "ok",
                                           "token=abc mail a@example.com"};
    static const char *const users[] = {"ann", "bob", "eve", "10", "10.0"};

    snprintf(ret, room,
             "{\"service\":\"%s\",\"level\":\"%s\",\"status\":%u,\"message\":\"%s\",\"user\":{"
             "\"id\":\"%s\"},\"ip\":\"10.%u.2.3\"}",
             PICK(services), PICK(levels), below(3) * 100 + 300, PICK(messages), PICK(users),
             below(4));
    return ret;
}

/* Both decide alike and make the same of the record. */
static void decide_alike(struct sl_routing *a, struct sl_routing *b, unsigned n)
{
    struct sl_buf was, is;

    sl_buf_init(&was, 1 << 20);
    sl_buf_init(&is, 1 << 20);
    for (unsigned i = 0; i < n; i++) {
        char text[512];
        struct ruling x, y;

        random_record(text, sizeof(text));
        rule(a, below(4) ? "logs" : "plain", text, &x);
        rule(b, x.topic.name, text, &y);
        assert_int_equal(x.d.n, y.d.n);
        assert_int_equal(x.d.sinks, y.d.sinks);
        assert_int_equal(x.d.dropped_by, y.d.dropped_by);
        assert_int_equal(x.d.error_rule, y.d.error_rule);
        for (size_t k = 0; k < x.d.n; k++) {
            assert_int_equal(x.d.chosen[k].sink, y.d.chosen[k].sink);
            assert_int_equal(x.d.chosen[k].rule, y.d.chosen[k].rule);
            sl_buf_clear(&was);
            sl_buf_clear(&is);
            sl_record_json(x.d.chosen[k].record, true, sl_slice("", 0), &was, NULL);
            sl_record_json(y.d.chosen[k].record, true, sl_slice("", 0), &is, NULL);
            assert_true(sl_slice_equal(sl_buf_as_slice(&was), sl_buf_as_slice(&is)));
        }
    }
    sl_buf_release(&was);
    sl_buf_release(&is);
}

static const char all_kinds[] =
    "rules:\n"
    "  - name: health\n"
    "    when: { message: ok, status: { lt: 400 } }\n"
    "    drop: true\n"
    "  - name: downloads\n"
    "    when: { message: { regex: '^Downloaded (?<what>\\w+)' } }\n"
    "    set: { event: 'download_{what}' }\n"
    "    continue: true\n"
    "  - name: known\n"
    "    when: { user.id: { in_table: tables/users.csv } }\n"
    "    set: { team: '{team}' }\n"
    "    redact: [{ detect: email }]\n"
    "    to: [search, archive]\n"
    "  - name: listed\n"
    "    when: { any: [ { ip: { cidr: 10.1.0.0/16 } }, { user.id: { in_table: ../blocked } } ] }\n"
    "    sample: { keep: 50%, by: message }\n"
    "    to: alerts\n"
    "  - when: { level: { not: info }, service: { glob: 'd*' } }\n"
    "    to: search\n";

static const char some_rows[] =
    "\xef\xbb\xbfname,service,message ~,status >=,to\r\n"
    "tile-errors,tiles,\"timeout|refused\\d{2,3}\",500,search alerts\r\n"
    ",download | x,,400,archive\r\n";

/* Two folders deep, so that a table may stand beside the folder of the rules. */
static void write_all_kinds(struct site *s)
{
    char *command = sl_asprintf("mkdir -p %s/routes/tables", s->folder);

    assert_int_equal(system(command), 0);
    free(command);
    write_file(s, "routes/10-yaml.yaml", all_kinds);
    write_file(s, "routes/20-rows.csv", some_rows);
    write_file(s, "routes/tables/users.csv", "user,team\nann,red\n10,\"blue, dark\"\n");
    write_file(s, "blocked", "# those\neve\nbob\n");
    s->routes[0] = sl_asprintf("%s/routes", s->folder);
}

/* ---- tests ---- */

static void unpacked_rules_decide_alike_without_their_files(void **state)
{
    struct site s;
    struct sl_routing *a, *b;

    (void)state;
    site_init(&s);
    write_all_kinds(&s);
    a = load(&s);
    remove_files(&s);
    b = unpack(&s, a);
    assert_true(a->shown == b->shown);
    assert_true(sl_routing_same(a, b));
    goes(&s, b, "{\"user\":{\"id\":\"10\"}}", "search:known archive:known");
    goes(&s, b, "{\"message\":\"ok\",\"status\":200}", "dropped:health");
    decide_alike(a, b, 5000);
    sl_routing_free(a);
    a = unpack(&s, b); /* as good as the first */
    decide_alike(a, b, 100);
    sl_routing_free(a);
    sl_routing_free(b);
    free((char *)s.routes[0]);
    site_release(&s);
}

static void the_same_rules_make_the_same_bytes(void **state)
{
    struct site s;
    struct sl_routing *a, *b;

    (void)state;
    site_init(&s);
    write_all_kinds(&s);
    a = load(&s);
    b = load(&s);
    assert_int_equal(a->packed.n, b->packed.n);
    assert_memory_equal(a->packed.p, b->packed.p, a->packed.n);
    sl_routing_free(a);
    sl_routing_free(b);
    free((char *)s.routes[0]);
    site_release(&s);
}

/* A rule that is set aside has its patterns not tried any more. */
static const char by_pattern[] = "rules:\n"
                                 "  - name: a\n"
                                 "    when: { service: { regex: 'a+$' } }\n"
                                 "    to: [search, archive]\n"
                                 "  - name: b\n"
                                 "    when: { service: { regex: 'b+$' } }\n"
                                 "    to: [alerts, search]\n"
                                 "  - name: c\n"
                                 "    when: { service: { regex: 'c+$' } }\n"
                                 "    to: archive\n";

static void sinks_are_found_by_their_ids(void **state)
{
    struct site before, after;
    struct sl_routing *a, *b;

    (void)state;
    site_init(&before);
    write_file(&before, "rules.yaml", by_service);
    a = load(&before);
    site_init(&after); /* in another order, archive is gone, search has another name */
    after.sinks[0] = (struct sl_sink_config){.name = "archive", .id = "new-and-other"};
    after.sinks[1] = (struct sl_sink_config){.name = "alerts", .id = "alerts"};
    after.sinks[2] = (struct sl_sink_config){.name = "opensearch", .id = "search"};
    after.config.unmatched = (struct sl_destination){.drop = true};
    b = unpack(&after, a);
    goes(&after, b, "{\"service\":\"a\"}", "opensearch:a (gone):a");
    goes(&after, b, "{\"service\":\"b\"}", "alerts:b opensearch:b");
    goes(&after, b, "{\"service\":\"c\"}", "(gone):c");
    goes(&after, b, "{\"service\":\"d\"}", "(gone):(unmatched)");
    sl_routing_free(a);
    a = unpack(&before, b); /* a replica that has not changed yet */
    goes(&before, a, "{\"service\":\"a\"}", "search:a archive:a");
    goes(&before, a, "{\"service\":\"d\"}", "archive:(unmatched)");
    sl_routing_free(a);
    sl_routing_free(b);
    site_release(&before);
    site_release(&after);
}

static void more_sinks_than_numbers_are_refused(void **state)
{
    struct site before, after;
    struct sl_routing *a;

    (void)state;
    site_init(&before);
    write_file(&before, "rules.yaml", by_service);
    a = load(&before);
    site_init(&after);
    after.config.n_sinks = SL_SINKS_MAX;
    for (size_t i = 0; i < SL_SINKS_MAX; i++) {
        snprintf(after.names[i], sizeof(after.names[i]), "s%zu", i);
        after.sinks[i].name = after.sinks[i].id = after.names[i];
    }
    assert_null(try_unpack(&after, sl_buf_as_slice(&a->packed)));
    assert_non_null(strstr(after.err.text, "more than 64"));
    for (size_t i = 0; i < 3; i++)
        after.sinks[SL_SINKS_MAX - 3 + i] = before.sinks[i];
    sl_routing_free(unpack(&after, a)); /* all there: no ghosts are needed */
    sl_routing_free(a);
    site_release(&before);
    site_release(&after);
}

static void what_sluice_yaml_decides_comes_along(void **state)
{
    struct site before, after;
    struct sl_topic plain = {.name = (char *)"plain"};
    struct sl_routing *a, *b, *live;
    struct ruling got;

    (void)state;
    site_init(&before);
    write_file(&before, "rules.yaml",
               "rules:\n"
               "  - name: mine\n"
               "    when: { service: tiles }\n"
               "    to: search\n");
    a = load(&before);
    site_init(&after);
    write_file(&after, "rules.yaml", by_service);
    after.config.source.timezone = "UTC";
    after.config.source.n_decode = 0;
    after.enrich[0] = (struct sl_property){.name = "host", .value = "replica-2"};
    after.enrich[1] = (struct sl_property){.name = "service", .value = "other"};
    after.enrich[2] = (struct sl_property){.name = "added", .value = "later"};
    after.config.enrich.n = 3;
    live = load(&after);
    assert_string_not_equal(a->decisions, live->decisions);
    b = unpack(&after, a);
    goes(&after, b, "{\"message\":\"x\"}", "search:mine"); /* enriched as then */
    goes(&after, b, "{\"service\":\"y\"}", "archive:(unmatched)");
    sl_routing_decoding(b, &plain);
    assert_int_equal(plain.decode, SL_DECODE_TEXT);
    assert_int_equal(plain.rule, 1);
    sl_routing_decoding(live, &plain);
    assert_int_equal(plain.decode, SL_DECODE_AUTO);
    assert_int_equal(plain.rule, 0);
    decide_alike(a, a, 1); /* the record itself differs only in what decides nothing: */
    {
        struct sl_buf text;

        sl_buf_init(&text, 4096);
        rule(b, "logs", "{\"service\":\"q\"}", &got);
        sl_record_json(&got.record, true, sl_slice("", 0), &text, NULL);
        assert_non_null(strstr(sl_buf_str(&text), "\"host\":\"replica-2\""));
        assert_null(strstr(sl_buf_str(&text), "later"));
        sl_buf_release(&text);
    }
    sl_routing_free(a);
    sl_routing_free(b);
    sl_routing_free(live);
    site_release(&before);
    site_release(&after);
}

static struct sl_strings texts(const char **items, size_t n)
{
    return (struct sl_strings){items, n};
}

/* Each of these makes records of their own of the same bytes, so each makes a version of its own,
 * and comes out of the pack as it went in. */
static void how_records_are_decoded_is_part_of_the_version(void **state)
{
    static const char *one[] = {"(?<a>.)"}, *two[] = {"(?<a>.)", "(?<b>.)\n"},
                      *joined[] = {"(?<a>.)(?<b>.)\n"}, *ids[] = {"correlation_id", "id"};
    struct {
        struct sl_decode_rule rule;
        struct sl_correlation_config correlation;
    } rows[] = {
        {.rule = {.form = SL_DECODE_TEXT}},
        {.rule = {.form = SL_DECODE_OTLP_JSON}},
        {.rule = {.form = SL_DECODE_JSON}},
        {.rule = {.form = SL_DECODE_JSON, .kind = SL_DECODE_KIND_METRIC}},
        {.rule = {.form = SL_DECODE_JSON, .kind = SL_DECODE_KIND_SERVER}},
        {.rule = {.form = SL_DECODE_TEXT, .patterns = texts(one, 1)}},
        {.rule = {.form = SL_DECODE_TEXT, .patterns = texts(two, 2)}},
        {.rule = {.form = SL_DECODE_TEXT, .patterns = texts(joined, 1)}},
        {.correlation = {.make = true}},
        {.correlation = {.fields = texts(ids, 1)}},
        {.correlation = {.fields = texts(ids, 2)}},
        {.correlation = {.headers = texts(ids, 2)}},
        {.correlation = {.fields = texts(ids, 1), .headers = texts(ids + 1, 1)}},
    };
    enum { N = sizeof(rows) / sizeof(rows[0]) };
    char decisions[N][SL_SHA256_HEX + 1];
    struct site s;

    (void)state;
    site_init(&s);
    write_file(&s, "rules.yaml", by_service);
    for (size_t i = 0; i < N; i++) {
        struct sl_topic plain = {.name = (char *)"plain"};
        struct sl_routing *a, *b;
        struct ruling got;

        s.decode[0] = rows[i].rule;
        s.decode[0].topic = "plain";
        s.config.source.correlation = rows[i].correlation;
        a = load(&s);
        s.config.source.n_decode = 0;
        s.config.source.correlation = (struct sl_correlation_config){.make = false};
        b = unpack(&s, a); /* which compares the hashes */
        s.config.source.n_decode = 1;
        sl_routing_decoding(b, &plain);
        assert_int_equal(plain.decode, rows[i].rule.form);
        rule(b, "plain", "{\"id\":\"x\"}", &got);
        assert_int_equal(got.record.kind, rows[i].rule.kind == SL_DECODE_KIND_METRIC
                                              ? SL_KIND_METRIC
                                              : SL_KIND_SERVER);
        memcpy(decisions[i], a->decisions, sizeof(decisions[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(decisions[i], decisions[k]);
        sl_routing_free(a);
        sl_routing_free(b);
    }
    site_release(&s);
}

static void a_host_name_makes_no_version_of_its_own(void **state)
{
    struct site one, two;
    struct sl_routing *a, *b;

    (void)state;
    site_init(&one);
    site_init(&two);
    write_file(&one, "rules.yaml", by_service);
    write_file(&two, "rules.yaml", by_service);
    two.enrich[1].value = "replica-2";
    a = load(&one);
    b = load(&two);
    assert_string_equal(a->decisions, b->decisions);
    assert_null(memmem(a->packed.p, a->packed.n, "replica-1", 9));
    sl_routing_free(b);
    b = unpack(&two, a);
    sl_routing_free(a);
    sl_routing_free(b);
    site_release(&one);
    site_release(&two);
}

/* A record that is read again after another replica goes into the same object and index, though
 * the templates have changed since. */
static void a_host_name_in_a_key_is_that_of_the_version(void **state)
{
    static const char *const keys[] = {"dt={@timestamp:%Y}/host={host}", "{host|none}"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct site one, two;
        struct sl_routing *a, *b;
        struct sl_buf text;
        struct ruling got;

        site_init(&one);
        site_init(&two);
        write_file(&one, "rules.yaml", by_service);
        write_file(&two, "rules.yaml", by_service);
        two.enrich[1].value = "replica-2";
        if (i < 2) {
            one.sinks[ARCHIVE].kind = two.sinks[ARCHIVE].kind = SL_SINK_S3;
            one.sinks[ARCHIVE].s3.key = keys[i];
            two.sinks[ARCHIVE].s3.key = i == 0 ? keys[0] : "{service}";
        } else {
            one.sinks[SEARCH].kind = SL_SINK_ELASTICSEARCH;
            if (i == 2)
                one.sinks[SEARCH].elasticsearch.index = keys[1];
            else
                one.sinks[SEARCH].elasticsearch.dataset = keys[1];
        }
        a = load(&one);
        b = load(&two);
        assert_string_not_equal(a->decisions, b->decisions);
        sl_routing_free(b);
        b = unpack(&two, a);
        sl_buf_init(&text, 4096);
        rule(b, "logs", "{\"message\":\"x\"}", &got);
        sl_record_json(&got.record, true, sl_slice("", 0), &text, NULL);
        assert_non_null(strstr(sl_buf_str(&text), "\"host\":\"replica-1\""));
        sl_buf_release(&text);
        sl_routing_free(a);
        sl_routing_free(b);
        site_release(&one);
        site_release(&two);
    }
}

static void rules_set_aside_stay_so(void **state)
{
    const unsigned first[] = {2, 1}, second[] = {0, 2, 99};
    struct site s;
    struct sl_routing *live, *some, *most, *again;
    struct sl_routing_config config;
    char decisions[SL_SHA256_HEX + 1];

    (void)state;
    site_init(&s);
    write_file(&s, "rules.yaml", by_pattern);
    live = load(&s);
    config = ask(&s);
    memcpy(decisions, live->decisions, sizeof(decisions));
    some = sl_routing_with_aside(&config, live, first, 2);
    assert_string_equal(live->decisions, decisions); /* it goes on as it was */
    assert_int_equal(live->n_aside, 0);
    goes(&s, live, "{\"service\":\"a\"}", "search:a archive:a");
    assert_string_not_equal(some->decisions, decisions);
    assert_string_not_equal(some->version->hash, live->version->hash);
    assert_int_equal(some->n_aside, 2);
    assert_int_equal(some->aside[0], 1);
    goes(&s, some, "{\"service\":\"a\"}", "search:a archive:a");
    goes(&s, some, "{\"service\":\"b\"}", "alerts:b");
    goes(&s, live, "{\"service\":\"c\"}", "archive:c");
    goes(&s, some, "{\"service\":\"c\"}", "alerts:b");

    most = sl_routing_with_aside(&config, some, second, 3);
    assert_int_equal(most->n_aside, 3);
    sl_routing_free(live); /* the others have all they need */
    sl_routing_free(some);
    goes(&s, most, "{\"service\":\"b\"}", "alerts:a");
    again = unpack(&s, most);
    assert_int_equal(again->n_aside, 3);
    goes(&s, again, "{\"service\":\"b\"}", "alerts:a");
    decide_alike(most, again, 100);
    sl_routing_free(most);
    sl_routing_free(again);
    site_release(&s);
}

/* What rate_limit has counted is no part of a version. */
static void rate_limits_begin_anew(void **state)
{
    struct site s;
    struct sl_routing *a, *b;

    (void)state;
    site_init(&s);
    write_file(&s, "rules.yaml",
               "rules:\n  - name: few\n    rate_limit: { records: 2, per: 1m }\n    to: search\n");
    a = load(&s);
    goes(&s, a, "{}", "search:few");
    goes(&s, a, "{}", "search:few");
    goes(&s, a, "{}", "dropped:few");
    b = unpack(&s, a);
    goes(&s, b, "{}", "search:few");
    sl_routing_free(a);
    sl_routing_free(b);
    site_release(&s);
}

/* The key of `redact` stays where it is: who unpacks takes his own, and decides no other way. */
static void a_secret_is_not_packed(void **state)
{
    static const char key[] = "a key of many characters", other_key[] = "another key, as long";
    struct sl_routing *a, *b;
    struct sl_pack p;
    unsigned *aside;
    struct sl_buf body;
    struct site s;

    (void)state;
    site_init(&s);
    write_file(&s, "rules.yaml",
               "rules:\n  - name: a\n    redact: [{ detect: email, with: hash }]\n"
               "    to: search\n");
    s.config.redact_key = sl_secret_new(sl_slice_str(key), "", NULL);
    a = load(&s);
    assert_int_equal(sl_pack_read(sl_buf_as_slice(&a->packed), &p, &aside, NULL), SL_OK);
    sl_buf_init(&body, p.body_n);
    assert_int_equal(sl_unzstd(p.frame, &body), SL_OK);
    assert_int_equal(body.n, p.body_n);
    assert_null(memmem(body.p, body.n, key, strlen(key)));
    sl_buf_release(&body);
    free(aside);
    sl_secret_free(s.config.redact_key);

    s.config.redact_key = sl_secret_new(sl_slice_str(other_key), "", NULL);
    b = unpack(&s, a);
    goes(&s, b, "{\"message\":\"a@example.com\"}", "search:a");
    sl_routing_free(b);
    sl_secret_free(s.config.redact_key);
    s.config.redact_key = NULL;
    assert_null(try_unpack(&s, sl_buf_as_slice(&a->packed)));
    assert_non_null(strstr(s.err.text, "have errors: a hash needs a key"));
    sl_routing_free(a);
    site_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacked_rules_decide_alike_without_their_files),
        cmocka_unit_test(the_same_rules_make_the_same_bytes),
        cmocka_unit_test(sinks_are_found_by_their_ids),
        cmocka_unit_test(more_sinks_than_numbers_are_refused),
        cmocka_unit_test(what_sluice_yaml_decides_comes_along),
        cmocka_unit_test(how_records_are_decoded_is_part_of_the_version),
        cmocka_unit_test(a_host_name_makes_no_version_of_its_own),
        cmocka_unit_test(a_host_name_in_a_key_is_that_of_the_version),
        cmocka_unit_test(rules_set_aside_stay_so),
        cmocka_unit_test(rate_limits_begin_anew),
        cmocka_unit_test(a_secret_is_not_packed),
    };

    dice = 20261123;
    return cmocka_run_group_tests_name("pipeline_routing", tests, NULL, NULL);
}
