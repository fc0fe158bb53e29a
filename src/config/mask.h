/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_MASK_H
#define SL_CONFIG_MASK_H

#include "config/yaml.h"

/* Diagnostics show the line they speak of, and that line may hold a password. These make the copy
 * of a file that may be shown: every character that is hidden becomes one star, so lines and
 * columns stay. Both append the whole content to `out`. */

/* By the tree: the scalars under hidden keys, and user:password@ in addresses anywhere. */
void sl_mask_tree(struct sl_slice content, const struct sl_yaml_node *root,
                  bool (*hide)(const char *key), struct sl_buf *out);

/* By lines alone, for a file that has no tree because it does not parse: from the colon after a
 * hidden key to the end of the line, and all deeper lines below it. Hides rather too much. */
void sl_mask_lines(struct sl_slice content, bool (*hide)(const char *key), struct sl_buf *out);

/* Key names whose values nobody should see: passwords, secrets, tokens, keys, headers, the key of
 * redaction. */
bool sl_mask_secret_key(const char *key);

#endif
