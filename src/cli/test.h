/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_TEST_H
#define SL_CLI_TEST_H

#include "cli/cli.h"
#include "cli/verify.h"

/* sluice test: runs the tests that stand beside the rules. */
int sl_cmd_test(int argc, char **argv);
extern const struct sl_cli_command sl_command_test;

/* What came of one test. */
struct sl_test_result {
    const struct sl_rule_test *test;
    struct sl_mismatches wrong; /* n == 0: it passed */
    char *explanation;          /* owned; of a test that failed, in lines; else NULL */
    char *explanation_json;     /* the same as members of a JSON object */
};

/* cli/junit.c: as JUnit's XML, which build servers show. SL_OK or SL_EIO. */
int sl_junit_write(const char *path, const struct sl_test_result *results, size_t n,
                   struct sl_error *err);

#endif
