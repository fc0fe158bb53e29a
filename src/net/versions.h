/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_NET_VERSIONS_H
#define SL_NET_VERSIONS_H

/* Of the libraries that run, for `sluice version`. */
const char *sl_net_curl_version(void);
const char *sl_net_microhttpd_version(void);

#endif
