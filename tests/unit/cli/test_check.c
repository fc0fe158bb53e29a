/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "cli/check.h"
#include "cli/cli.h"

/* What `sluice check` prints of a sluice.yaml in a folder of its own: above all what only the
 * stages behind the reader of sluice.yaml can find. */

#define SINK "  out: { type: file, path: /dev/null }\n"
#define HEAD                                                                                       \
    "source:\n"                                                                                    \
    "  kafka: { brokers: [127.0.0.1:9092], topics: [logs], group: g }\n"
#define TAIL                                                                                       \
    "routes: rules.yaml\n"                                                                         \
    "unmatched: out\n"                                                                             \
    "sinks:\n" SINK

static char folder[] = P_tmpdir "/sluice-test-check-XXXXXX";
static char printed[1 << 14];

static void write_file(const char *name, const char *text)
{
    FILE *to = fopen(name, "w");

    assert_non_null(to);
    fputs(text, to);
    fclose(to);
}

static int run(char *option)
{
    char *argv[] = {"check", option, NULL};
    FILE *to = tmpfile();
    int saved, status;
    size_t n;

    fflush(stdout);
    saved = dup(1);
    dup2(fileno(to), 1);
    status = sl_cmd_check(option ? 2 : 1, argv);
    fflush(stdout);
    dup2(saved, 1);
    close(saved);
    rewind(to);
    n = fread(printed, 1, sizeof(printed) - 1, to);
    printed[n] = '\0';
    fclose(to);
    return status;
}

static void check(const char *yaml, int status, const char *expected)
{
    write_file("sluice.yaml", yaml);
    assert_int_equal(run(NULL), status);
    assert_string_equal(printed, expected);
}

static void in_order(void **state)
{
    (void)state;
    check(HEAD TAIL, SL_EXIT_DONE, "sluice.yaml: in order: 1 sink, 1 rule, 0 warnings\n");
    assert_int_equal(run("--json"), SL_EXIT_DONE);
    assert_string_equal(printed, "{\"ok\":true,\"errors\":0,\"diagnostics\":[]}\n");
}

static void no_file(void **state)
{
    (void)state;
    unlink("sluice.yaml");
    if (access("/etc/sluice/sluice.yaml", F_OK) == 0)
        skip();
    assert_int_equal(run(NULL), SL_EXIT_USAGE);
    assert_non_null(strstr(printed, "neither sluice.yaml nor /etc/sluice/sluice.yaml"));
}

static void what_kafka_refuses(void **state)
{
    (void)state;
    check("source:\n"
          "  kafka:\n"
          "    brokers: 127.0.0.1:9092\n"
          "    topics: logs\n"
          "    group: g\n"
          "    client: { securty.protocol: SSL }\n"
          "    consumer: { session.timeout.ms: 1000000000 }\n"
          "    producer: { compression.codec: gzipp, linger.ms: 7 }\n" TAIL,
          SL_EXIT_USAGE,
          "sluice.yaml:6:15: error: librdkafka knows no property `securty.protocol`; did you mean "
          "`security.protocol`?\n"
          "     6 |     client: { securty.protocol: SSL }\n"
          "       |               ^\n"
          "sluice.yaml:7:37: error: `session.timeout.ms`: Configuration property "
          "\"session.timeout.ms\" value 1000000000 is outside allowed range 1..3600000\n"
          "     7 |     consumer: { session.timeout.ms: 1000000000 }\n"
          "       |                                     ^\n"
          "sluice.yaml:8:36: error: `compression.codec`: Invalid value \"gzipp\" for configuration "
          "property \"compression.codec\"\n"
          "     8 |     producer: { compression.codec: gzipp, linger.ms: 7 }\n"
          "       |                                    ^\n"
          "sluice.yaml: 3 errors, 0 warnings\n");
    setenv("WRONG", "hunter2", 1);
    check("source:\n"
          "  kafka:\n"
          "    brokers: 127.0.0.1:9092\n"
          "    topics: logs\n"
          "    group: g\n"
          "    client: { security.protocol: \"${WRONG}\" }\n" TAIL,
          SL_EXIT_USAGE,
          "sluice.yaml:6:34: error: `security.protocol`: librdkafka refuses the value\n"
          "     6 |     client: { security.protocol: \"${WRONG}\" }\n"
          "       |                                  ^\n"
          "sluice.yaml: 1 error, 0 warnings\n");
}

static void what_records_refuse(void **state)
{
    (void)state;
    check(HEAD "  timezone: Europe/Nowhere\n"
               "enrich: { a..b: x, host: y, host.name: z }\n" TAIL,
          SL_EXIT_USAGE,
          "sluice.yaml:3:13: error: the timezone `Europe/Nowhere` is not known: it may be UTC, an "
          "offset such as +02:00, or a name such as Europe/Berlin that is in /usr/share/zoneinfo\n"
          "     3 |   timezone: Europe/Nowhere\n"
          "       |             ^\n"
          "sluice.yaml:4:11: error: the field `a..b` has an empty part\n"
          "     4 | enrich: { a..b: x, host: y, host.name: z }\n"
          "       |           ^\n"
          "sluice.yaml:4:29: error: enrich: `host` and `host.name` exclude each other\n"
          "     4 | enrich: { a..b: x, host: y, host.name: z }\n"
          "       |                             ^\n"
          "sluice.yaml: 3 errors, 0 warnings\n");
}

static void what_templates_refuse(void **state)
{
    (void)state;
    setenv("PREFIX", "{", 1);
    check(
        HEAD "dead_letter: { topic: dead }\n" TAIL
             "  search: { type: elasticsearch, nodes: \"http://127.0.0.1:9200\", index: 'ü-{a' }\n"
             "  archive: { type: s3, bucket: logs, region: r, key: \"${PREFIX}a\" }\n"
             "  hook: { type: webhook, url: \"https://a.example/\", body: { t: \"{@knd}\" } }\n",
        SL_EXIT_USAGE,
        "sluice.yaml:8:3: warning: nothing reaches sink `search`: no rule names it\n"
        "     8 |   search: { type: elasticsearch, nodes: \"http://127.0.0.1:9200\", index: 'ü-{a' "
        "}\n"
        "       |   ^\n"
        "sluice.yaml:8:76: error: sink `search`: index: a { without }; write {{ for a brace\n"
        "     8 |   search: { type: elasticsearch, nodes: \"http://127.0.0.1:9200\", index: 'ü-{a' "
        "}\n"
        "       |                                                                            ^\n"
        "sluice.yaml:9:3: warning: nothing reaches sink `archive`: no rule names it\n"
        "     9 |   archive: { type: s3, bucket: logs, region: r, key: \"${PREFIX}a\" }\n"
        "       |   ^\n"
        "sluice.yaml:9:54: error: sink `archive`: a { without }; write {{ for a brace\n"
        "     9 |   archive: { type: s3, bucket: logs, region: r, key: \"${PREFIX}a\" }\n"
        "       |                                                      ^\n"
        "sluice.yaml:10:3: warning: nothing reaches sink `hook`: no rule names it\n"
        "    10 |   hook: { type: webhook, url: \"https://a.example/\", body: { t: \"{@knd}\" } }\n"
        "       |   ^\n"
        "sluice.yaml:10:59: error: sink `hook`: there is no `@knd`; names with @ are @topic, "
        "@partition, @offset, @key, @timestamp, @kind, @level, @headers.NAME, @raw and "
        "@parse_error\n"
        "    10 |   hook: { type: webhook, url: \"https://a.example/\", body: { t: \"{@knd}\" } }\n"
        "       |                                                           ^\n"
        "sluice.yaml: 3 errors, 3 warnings\n");
}

static void missing_rules(void **state)
{
    (void)state;
    check(HEAD "routes: [rules.yaml, rotes/]\nunmatched: out\nsinks:\n" SINK, SL_EXIT_USAGE,
          "sluice.yaml:3:22: error: rotes/: No such file or directory\n"
          "     3 | routes: [rules.yaml, rotes/]\n"
          "       |                      ^\n"
          "sluice.yaml: 1 error, 0 warnings\n");
    check(HEAD "routes: empty.yaml\nunmatched: out\nsinks:\n" SINK, SL_EXIT_USAGE,
          "sluice.yaml:3:9: error: empty.yaml: no rules; to send every record one way write a rule "
          "without `when`\n"
          "     3 | routes: empty.yaml\n"
          "       |         ^\n"
          "sluice.yaml: 1 error, 0 warnings\n");
}

static int enter(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || chdir(folder))
        return -1;
    unsetenv("TZDIR");
    write_file("rules.yaml", "rules:\n  - to: out\n");
    write_file("empty.yaml", "");
    return 0;
}

static int leave(void **state)
{
    (void)state;
    unlink("sluice.yaml");
    unlink("rules.yaml");
    unlink("empty.yaml");
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(no_file),
        cmocka_unit_test(what_kafka_refuses),
        cmocka_unit_test(what_records_refuse),
        cmocka_unit_test(what_templates_refuse),
        cmocka_unit_test(missing_rules),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
