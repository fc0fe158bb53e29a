/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/hash.h"
#include "sink/webhook_sign.h"

static struct sl_webhook_keys keys;
static struct sl_buf out;

static const char *sign(const char *id, int64_t unix_s, const char *body)
{
    char text[512];

    memset(text, 'x', sizeof(text));
    memcpy(text + SL_WEBHOOK_ROOM, body, strlen(body));
    sl_buf_clear(&out);
    sl_webhook_sign(&keys, id, unix_s, text, strlen(body), &out);
    return sl_buf_str(&out);
}

static int setup(void **state)
{
    (void)state;
    sl_buf_init(&out, 4096);
    keys.n = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sl_buf_release(&out);
    sl_webhook_keys_release(&keys);
    return 0;
}

static void add(const char *secret)
{
    struct sl_error err = {0};

    if (sl_webhook_keys_add(&keys, secret, &err) != SL_OK)
        fail_msg("%s", err.text);
}

/* The published example of the Standard Webhooks libraries; the others come from Python's hmac. */
static void known_signatures_come_out(void **state)
{
    static const char id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek", body[] = "{\"test\": 2432232314}";
    static const char first[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    static const char both[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "
                               "v1,gke7k785FD6W2FuaDcrvG3sQcmFE9YVaaAmarK4oi68=";

    (void)state;
    add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_string_equal(sign(id, 1614265330, body), first);
    add("plain secret");
    assert_string_equal(sign(id, 1614265330, body), both);
    sl_webhook_keys_release(&keys);
    add("plain secret");
    assert_string_equal(sign("m", 0, ""), "v1,gKeoCcshrq4WoIUFWcSV4SNq+veVj+XGdv0RDGwKRLM=");
    sl_webhook_keys_release(&keys);
    add("whsec_AQIDBA=="); /* and as some services write it */
    add("whsec_AQIDBA");
    assert_string_equal(sign("msg_x", 253402300800, "[]"),
                        "v1,+yRijgg3DT9QWzrOoi0SkM7lfjE+YdaHVsp9/GYRtn8= "
                        "v1,+yRijgg3DT9QWzrOoi0SkM7lfjE+YdaHVsp9/GYRtn8=");
}

static void bad_secrets_are_refused(void **state)
{
    static char large[SL_WEBHOOK_KEY_BYTES_MAX + 2];
    static const char *const bad[] = {"",        "whsec_", "whsec_!!!!", "whsec_AQID=AQI",
                                      "whsec_A", large};
    struct sl_error err = {0};

    (void)state;
    memset(large, 'a', sizeof(large) - 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(sl_webhook_keys_add(&keys, bad[i], &err), SL_ECONFIG);
        assert_int_equal(keys.n, 0);
        assert_null(strstr(err.text, "AQID")); /* no secret in an error */
    }
    for (int i = 0; i < SL_WEBHOOK_KEYS_MAX; i++)
        add("k");
    assert_int_equal(sl_webhook_keys_add(&keys, "k", &err), SL_ECONFIG);
}

static void ids_are_short_and_safe_in_urls(void **state)
{
    uint8_t hash[32];
    char id[SL_WEBHOOK_ID_MAX];

    (void)state;
    memset(hash, 0xff, sizeof(hash));
    sl_webhook_id(hash, id);
    assert_string_equal(id, "msg_________________________");
    hash[17] = 0; /* the last byte that counts */
    sl_webhook_id(hash, id);
    assert_string_equal(id, "msg_______________________8A");
    hash[18] = 0;
    sl_webhook_id(hash, id);
    assert_string_equal(id, "msg_______________________8A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_signatures_come_out, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_secrets_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_are_short_and_safe_in_urls, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
