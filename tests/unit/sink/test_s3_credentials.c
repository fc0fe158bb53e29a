/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "config/secret.h"
#include "sink/s3_credentials.h"

static const char *variables[16][2]; /* the environment: name, value */
static char folder[64], path[96];

static const char *fake_getenv(const char *name)
{
    for (size_t i = 0; i < 16; i++)
        if (variables[i][0] && strcmp(variables[i][0], name) == 0)
            return variables[i][1];
    return NULL;
}

static void set(const char *name, const char *value)
{
    size_t i = 0;

    while (variables[i][0] && strcmp(variables[i][0], name) != 0)
        i++;
    variables[i][0] = name;
    variables[i][1] = value;
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    (void)state;
    memset(variables, 0, sizeof(variables));
    snprintf(folder, sizeof(folder), "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/credentials", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    return 0;
}

static const struct sl_s3_config nothing = {.bucket = "b"};

static void expect(struct sl_credential_chain *c, const char *access, const char *secret,
                   const char *token)
{
    const struct sl_credentials *k = NULL;
    struct sl_error err = {0};

    if (sl_credentials_get(c, &k, &err) != SL_OK)
        fail_msg("%s", err.text);
    assert_string_equal(k->access_key, access);
    assert_string_equal(k->secret_key, secret);
    assert_string_equal(k->session_token, token);
}

static void expect_error(struct sl_credential_chain *c, int code, const char *words)
{
    const struct sl_credentials *k = NULL;
    struct sl_error err = {0};

    assert_int_equal(sl_credentials_get(c, &k, &err), code);
    assert_null(k);
    if (!strstr(err.text, words))
        fail_msg("`%s` does not say `%s`", err.text, words);
}

static void the_order(void **state)
{
    struct sl_credential_chain *c;
    struct sl_s3_config config = nothing;

    (void)state;
    set("AWS_SHARED_CREDENTIALS_FILE", path);
    write_file("[default]\naws_access_key_id=FILE\naws_secret_access_key=fs\n");
    c = sl_credentials_new(&config, fake_getenv);
    expect(c, "FILE", "fs", "");
    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "es");
    set("AWS_SESSION_TOKEN", "et");
    sl_credentials_refresh(c);
    expect(c, "ENV", "es", "et");
    config.access_key = sl_secret_new(SL_SLICE_LITERAL("CONF"), "/", NULL);
    config.secret_key = sl_secret_new(SL_SLICE_LITERAL("cs"), "/", NULL);
    sl_credentials_refresh(c);
    expect(c, "CONF", "cs", "");
    sl_secret_free(config.access_key);
    sl_secret_free(config.secret_key);
    sl_credentials_free(c);
}

static void halves_are_errors(void **state)
{
    struct sl_credential_chain *c = sl_credentials_new(&nothing, fake_getenv);

    (void)state;
    expect_error(c, SL_ENOENT, "no AWS credentials");
    set("AWS_SHARED_CREDENTIALS_FILE", path);
    expect_error(c, SL_EIO, "No such file");
    write_file("[default]\naws_access_key_id=FILE\n");
    expect_error(c, SL_EINVAL, "[default]");
    write_file("[default]\naws_access_key_id=FILE\naws_secret_access_key=\n");
    expect_error(c, SL_EINVAL, "aws_secret_access_key");
    set("AWS_PROFILE", "prod");
    expect_error(c, SL_EINVAL, "no profile [prod]");
    set("AWS_SECRET_ACCESS_KEY", "es"); /* the environment is asked before, and is incomplete */
    expect_error(c, SL_EINVAL, "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not");
    set("AWS_ACCESS_KEY_ID", "two\nlines");
    expect_error(c, SL_EINVAL, "control characters");
    set("AWS_ACCESS_KEY_ID", "with blank");
    expect_error(c, SL_EINVAL, "blanks");
    set("AWS_ACCESS_KEY_ID", "ok");
    expect(c, "ok", "es", "");
    sl_credentials_free(c);
}

static void the_home_folder(void **state)
{
    struct sl_credential_chain *c = sl_credentials_new(&nothing, fake_getenv);

    (void)state;
    set("HOME", folder);
    expect_error(c, SL_ENOENT, "no AWS credentials"); /* ~/.aws/credentials need not be there */
    set("AWS_PROFILE", "prod");
    expect_error(c, SL_EIO, ".aws/credentials"); /* but then it must */
    sl_credentials_free(c);
}

static void a_changed_file_is_read_again(void **state)
{
    struct sl_credential_chain *c = sl_credentials_new(&nothing, fake_getenv);

    (void)state;
    set("AWS_SHARED_CREDENTIALS_FILE", path);
    write_file("[default]\naws_access_key_id=ONE\naws_secret_access_key=s\n");
    expect(c, "ONE", "s", "");
    write_file(
        "[default]\naws_access_key_id=SECOND\naws_secret_access_key=s\naws_session_token=t\n");
    expect(c, "SECOND", "s", "t");
    write_file("[def"); /* half written: what was read stays */
    expect(c, "SECOND", "s", "t");
    unlink(path);
    expect(c, "SECOND", "s", "t");
    sl_credentials_refresh(c);
    expect(c, "SECOND", "s", "t");
    write_file("[default]\naws_access_key_id=THIRDS\naws_secret_access_key=s\n");
    expect(c, "THIRDS", "s", "");
    sl_credentials_free(c);
}

static void the_files_grammar(void **state)
{
    static const char text[] = "# a comment\n"
                               "aws_access_key_id = OUTSIDE\n"
                               "[ other ]\r\n"
                               "aws_access_key_id = OTHER\r\n"
                               "aws_secret_access_key = a=b/c+d== \r\n"
                               "\n"
                               "; another comment\n"
                               "[prod] \n"
                               "\taws_access_key_id=PROD\n"
                               "region = nowhere\n"
                               "no equals sign\n"
                               "aws_access_key_id_=X\n"
                               "[unclosed\n"
                               "aws_access_key_id=UNCLOSED";
    struct sl_credentials k = {0};

    (void)state;
    assert_false(sl_credentials_parse(sl_slice_str(text), "default", &k));
    assert_null(k.access_key);
    assert_true(sl_credentials_parse(sl_slice_str(text), "other", &k));
    assert_string_equal(k.access_key, "OTHER");
    assert_string_equal(k.secret_key, "a=b/c+d==");
    sl_credentials_clear(&k);
    assert_true(sl_credentials_parse(sl_slice_str(text), "prod", &k));
    assert_string_equal(k.access_key, "PROD");
    assert_null(k.secret_key);
    sl_credentials_clear(&k);
    assert_false(sl_credentials_parse(sl_slice_str(text), "unclosed", &k));
    assert_false(sl_credentials_parse(sl_slice("", 0), "x", &k));
    assert_null(k.access_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_order, setup, teardown),
        cmocka_unit_test_setup_teardown(halves_are_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(the_home_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_file_is_read_again, setup, teardown),
        cmocka_unit_test(the_files_grammar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
