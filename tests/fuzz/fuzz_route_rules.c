/* SPDX-License-Identifier: Apache-2.0 */
#include "route_any.h"

/* Any text as a rule file in YAML. A line "%%" may end the rules: what follows is a record of its
 * own. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses a table when a quoted text holds many escapes. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *cut = size ? memmem(p, size, "\n%%\n", 4) : NULL;
    size_t n = cut ? (size_t)(cut - p) : size;

    any_rules("rules.yaml", sl_slice(p, n),
              cut ? sl_slice(cut + 4, size - n - 4) : sl_slice(NULL, 0));
    return 0;
}
