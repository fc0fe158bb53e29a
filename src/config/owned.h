/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_OWNED_H
#define SL_CONFIG_OWNED_H

/* librdkafka properties that Sluice sets itself, because its promises hang on them: what sets them
 * in sluice.yaml instead ("`source.kafka.group`"), or why nothing does. NULL: the property is free.
 */
const char *sl_owned_property(const char *name);

#endif
