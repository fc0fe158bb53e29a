/* SPDX-License-Identifier: Apache-2.0 */
/* The shared credentials file. */
#include <stdlib.h>
#include <string.h>

#include "sink/s3_credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_line(const char *text)
{
    if (text && strchr(text, '\n'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sl_credentials k = {0};
    bool found = sl_credentials_parse(sl_slice((const char *)data, n), "default", &k);

    if (!found && (k.access_key || k.secret_key || k.session_token))
        abort();
    check_line(k.access_key);
    check_line(k.secret_key);
    check_line(k.session_token);
    sl_credentials_clear(&k);
    return 0;
}
