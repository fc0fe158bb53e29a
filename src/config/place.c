/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "config/mask.h"
#include "config/read.h"

/* Where values of the configuration stand in sluice.yaml, for what is only found out behind the
 * reader: templates, properties of librdkafka, paths. A value is known by its address: each is a
 * copy of its own in the arena. */

void sl_read_place(struct sl_reader *r, const char *text, const struct sl_yaml_node *node,
                   bool at_key)
{
    struct sl_config_owner *o = r->owner;

    if (o->n_places == o->cap_places) {
        o->cap_places = o->cap_places ? 2 * o->cap_places : 64;
        o->places = sl_reallocarray(o->places, o->cap_places, sizeof(*o->places));
    }
    o->places[o->n_places++] = (struct sl_place){text, node, at_key};
}

struct sl_yaml_node sl_read_inside(const struct sl_yaml *yaml, const struct sl_yaml_node *node,
                                   unsigned column)
{
    struct sl_yaml_node at = *node;
    struct sl_slice content = sl_yaml_content(yaml);
    size_t quote = node->quoted ? 1 : 0;

    if (column && node->end <= content.n && node->end - node->begin == node->n + 2 * quote &&
        !memcmp(content.p + node->begin + quote, node->text, node->n))
        at.column += column - 1 + (unsigned)quote;
    return at;
}

static const struct sl_place *find(const struct sl_config_owner *o, const char *text)
{
    for (size_t i = 0; o && text && i < o->n_places; i++)
        if (o->places[i].text == text)
            return &o->places[i];
    return NULL;
}

bool sl_config_quotable(const struct sl_config *c, const char *value)
{
    const struct sl_place *place = find(c->owner, value);

    return place && place->node->type == SL_YAML_SCALAR && !strcmp(place->node->text, value) &&
           !(place->node->key && sl_mask_secret_key(place->node->key));
}

void sl_config_problem(const struct sl_config *c, const char *text, unsigned column,
                       enum sl_severity severity, struct sl_diags *diags, const char *format, ...)
{
    const struct sl_config_owner *o = c->owner;
    const struct sl_place *place = find(o, text);
    struct sl_yaml_node at;
    va_list args;
    char what[1024];

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (!place) {
        sl_diags_add(diags, severity, c->path, sl_slice(NULL, 0), 0, 0, "%s", what);
        return;
    }
    at = *place->node;
    /* Behind ${...} the columns of the value are not those of the file. */
    if (at.type == SL_YAML_SCALAR && !place->at_key && !strcmp(at.text, text))
        at = sl_read_inside(o->yaml, place->node, column);
    sl_yaml_error(o->yaml, &at, place->at_key, severity, diags, "%s", what);
}
