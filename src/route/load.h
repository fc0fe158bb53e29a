/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_LOAD_H
#define SL_ROUTE_LOAD_H

#include "sluice/route.h"

/* sl_rules_load() for one rule file that is no file: rules from a stored version, a test, a fuzzer.
 * A name that ends in .csv: a rule table. */
struct sl_rules *sl_rules_load_text(const struct sl_config *config, const char *name,
                                    struct sl_slice content, struct sl_fields *fields,
                                    struct sl_diags *diags);

/* Whether a file of a folder of rules is one of them, by its name; and its path. */
bool sl_is_rule_file(const char *name);
char *sl_rule_path(const char *folder, const char *name); /* the caller's */

#endif
