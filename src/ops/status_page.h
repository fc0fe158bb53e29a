/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_OPS_STATUS_PAGE_H
#define SL_OPS_STATUS_PAGE_H

/* One HTML document without anything from elsewhere. It reads /status.json and writes values only
 * as text nodes, so no name or reason can become markup. */
extern const char sl_status_page[];

#endif
