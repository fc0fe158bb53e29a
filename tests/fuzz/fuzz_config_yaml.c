/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/mask.h"
#include "config/yaml.h"
#include "fuzz.h"

/* Any bytes as a YAML file and as sluice.yaml: no crash, places that lie in the file, bounds that
 * hold, an error exactly when there is nothing to go on with. */

/* libfyaml 0.7.12 does not free the pieces of a quoted scalar with some dozens of escapes. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void walk(const struct sl_yaml_node *node, size_t n, unsigned depth, size_t *budget)
{
    if (*budget == 0)
        return;
    --*budget;
    HOLDS(depth <= SL_YAML_DEPTH_MAX);
    HOLDS(node->line > 0 && node->column > 0);
    HOLDS(!node->key || (node->key_line > 0 && node->key_column > 0));
    HOLDS(node->begin <= node->end && node->end <= n);
    if (node->type == SL_YAML_SCALAR)
        HOLDS(node->text && node->text[node->n] == '\0');
    else
        HOLDS(!node->text || node->type == SL_YAML_NULL);
    for (size_t i = 0; i < node->n_children; i++) {
        HOLDS((node->children[i].key != NULL) == (node->type == SL_YAML_MAPPING));
        walk(&node->children[i], n, depth + 1, budget);
    }
}

static void as_yaml(struct sl_slice content)
{
    struct sl_diags diags;
    struct sl_yaml *y;
    size_t budget = 100000;

    sl_diags_init(&diags);
    y = sl_yaml_parse_hiding("fuzz.yaml", content, sl_mask_secret_key, &diags);
    HOLDS(y || diags.errors);
    if (y && sl_yaml_root(y))
        walk(sl_yaml_root(y), sl_yaml_content(y).n, 0, &budget);
    sl_yaml_free(y);
    sl_diags_release(&diags);
}

static void as_configuration(struct sl_slice content)
{
    struct sl_diags diags;
    struct sl_config *c;
    struct sl_buf json;

    /* Files and pipes of the machine are none of the fuzzer's business. */
    if (content.n && memmem(content.p, content.n, "file", 4))
        return;
    sl_diags_init(&diags);
    c = sl_config_parse("fuzz.yaml", content, &diags);
    HOLDS((c != NULL) == (diags.errors == 0));
    sl_buf_init(&json, 64 << 20);
    sl_diags_json(&diags, &json);
    HOLDS(!json.full);
    sl_buf_release(&json);
    sl_config_free(c);
    sl_diags_release(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_slice content = sl_slice((const char *)data, size);

    as_yaml(content);
    as_configuration(content);
    return 0;
}
