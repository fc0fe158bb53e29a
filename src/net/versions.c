/* SPDX-License-Identifier: Apache-2.0 */
#include "net/versions.h"

#include <curl/curl.h>
#include <microhttpd.h>

const char *sl_net_curl_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

const char *sl_net_microhttpd_version(void)
{
    return MHD_get_version();
}
