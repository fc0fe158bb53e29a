/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_CONFIG_H
#define SL_CONFIG_CONFIG_H

#include "base/diag.h"
#include "sluice/config.h"

/* Reads sluice.yaml. All problems of the file go to diags; NULL when there was an error (warnings
 * alone give a config). path NULL: "sluice.yaml", then "/etc/sluice/sluice.yaml". */
struct sl_config *sl_config_load(const char *path, struct sl_diags *diags);
/* The same from bytes; `path` says where they would stand. */
struct sl_config *sl_config_parse(const char *path, struct sl_slice content,
                                  struct sl_diags *diags);
void sl_config_free(struct sl_config *c);

#endif
