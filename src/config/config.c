/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "config/address.h"
#include "config/mask.h"
#include "config/read.h"
#include "config/secret.h"
#include "config/subst.h"

/* ---- the small areas ---- */

static const char *const level_names[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_format_names[] = {"auto", "text", "json", NULL};

enum { REDACT_KEY_MIN = 16 };

#define AT(member) offsetof(struct sl_config, member)

static void read_routes(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_strings *routes = at;

    sl_read_texts(r, node, NULL, routes);
    for (size_t i = 0; i < routes->n; i++) {
        char *path = sl_subst_path(r->folder, routes->items[i]);

        routes->items[i] = sl_arena_strdup(&r->owner->arena, path);
        if (routes->n == (node->n_children ? node->n_children : 1))
            sl_read_place(r, routes->items[i], node->n_children ? &node->children[i] : node, false);
        free(path);
    }
}

static void read_enrich(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    static const struct sl_option properties = {.name = "enrich", .type = SL_OPT_PROPERTIES};

    for (size_t i = 0; node->type == SL_YAML_MAPPING && i < node->n_children; i++)
        if (node->children[i].key[0] == '@')
            sl_read_error_at_key(r, &node->children[i],
                                 "`%s` cannot be added: names with @ are made by "
                                 "Sluice",
                                 node->children[i].key);
    sl_read_option(r, node, &properties, at);
}

static void read_listen(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    const char *listen = sl_read_text(r, node);
    struct sl_error err = {0};

    if (!listen)
        return;
    if (sl_address_host_port(listen, true, &err))
        sl_read_error(r, node, "`listen` is written host:port, like 127.0.0.1:9750; %s", err.text);
    else
        *(const char **)at = listen;
}

static const struct sl_option dead_letter_options[] = {
    {.name = "topic", .type = SL_OPT_TEXT, .offset = offsetof(struct sl_dead_letter_config, topic)},
    {.name = "limit",
     .type = SL_OPT_UINT,
     .offset = offsetof(struct sl_dead_letter_config, limit),
     .min = 1,
     .max = 1000},
    {0},
};

void sl_read_dead_letter(struct sl_reader *r, const struct sl_yaml_node *node,
                         struct sl_dead_letter_config *ret)
{
    struct sl_dead_letter_config d = {.limit = ret->limit};
    const struct sl_yaml_node *topic;

    if (!sl_read_mapping(r, node, "`dead_letter`", dead_letter_options, NULL, &d))
        return;
    topic = sl_yaml_get(node, "topic");
    if (!topic && !ret->topic)
        sl_read_error_at_key(r, node, "`dead_letter` needs `topic`");
    if (d.topic && sl_read_check_topic_name(r, topic, d.topic)) {
        if (!strncmp(d.topic, "__", 2))
            sl_read_error(r, topic, "a topic that begins with `__` is one of Kafka's own");
        ret->topic = d.topic;
    }
    ret->limit = d.limit;
}

/* Read before the walk through the file: sinks take it as their default wherever it stands. */
static void read_dead_letter_early(struct sl_reader *r, const struct sl_yaml_node *root)
{
    const struct sl_yaml_node *node = sl_yaml_get(root, "dead_letter");
    struct sl_dead_letter_config d = {.limit = 500};

    if (node)
        sl_read_dead_letter(r, node, &d);
    r->config->dead_letter = d.topic;
    r->dead_letter_limit = d.limit;
}

/* unmatched and rule_errors need the names of sinks: read after the walk. */
static void read_destination(struct sl_reader *r, const struct sl_yaml_node *node,
                             struct sl_destination *ret)
{
    const struct sl_config *c = r->config;
    const char *names[SL_SINKS_MAX + 1];
    struct sl_strings texts = {0};

    sl_read_texts(r, node, NULL, &texts);
    for (size_t i = 0; i < c->n_sinks; i++)
        names[i] = c->sinks[i].name;
    names[c->n_sinks] = "drop";
    for (size_t i = 0; i < texts.n; i++) {
        const struct sl_yaml_node *item = node->n_children ? &node->children[i] : node;
        const char *near;
        size_t s = 0;

        while (s < c->n_sinks && strcmp(names[s], texts.items[i]))
            s++;
        if (s < c->n_sinks) {
            ret->sinks |= 1ULL << s;
        } else if (!strcmp(texts.items[i], "drop")) {
            ret->drop = true;
        } else {
            near = sl_nearest(texts.items[i], names, c->n_sinks + 1);
            sl_read_error(r, item, near ? "no sink `%s`; did you mean `%s`?" : "no sink `%s`",
                          texts.items[i], near);
        }
    }
    if (ret->drop && ret->sinks)
        sl_read_error(r, node, "`drop` excludes sinks");
}

/* What is hashed (addresses, card numbers) can be guessed through: only a key that cannot be keeps
 * it. */
static void read_redact_key(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_secret *key = sl_read_secret(r, node);

    if (key)
        sl_secret_at_least(key, REDACT_KEY_MIN);
    if (key && strlen(sl_secret_value(key)) < REDACT_KEY_MIN)
        sl_read_error(r, node,
                      "`key` is shorter than %d characters; `openssl rand -hex 32` makes one",
                      REDACT_KEY_MIN);
    *(struct sl_secret **)at = key;
}

static const struct sl_option redact_options[] = {
    {.name = "key",
     .type = SL_OPT_CUSTOM,
     .read = read_redact_key,
     .offset = AT(redact_key),
     .required = true},
    {0},
};
static const struct sl_option state_options[] = {
    {.name = "topic", .type = SL_OPT_TEXT, .offset = AT(state_topic), .required = true},
    {0},
};
static const struct sl_option admin_options[] = {
    {.name = "listen",
     .type = SL_OPT_CUSTOM,
     .read = read_listen,
     .offset = AT(admin_listen),
     .required = true},
    {0},
};
static const struct sl_option log_options[] = {
    {.name = "level", .type = SL_OPT_ENUM, .names = level_names, .offset = AT(log_level)},
    {.name = "format", .type = SL_OPT_ENUM, .names = log_format_names, .offset = AT(log_format)},
    {0},
};

static const struct sl_option top_options[] = {
    {.name = "source",
     .type = SL_OPT_CUSTOM,
     .read = sl_read_source,
     .offset = AT(source),
     .required = true},
    {.name = "routes",
     .type = SL_OPT_CUSTOM,
     .read = read_routes,
     .offset = AT(routes),
     .required = true},
    {.name = "unmatched", .type = SL_OPT_CUSTOM, .read = sl_read_already, .required = true},
    {.name = "rule_errors", .type = SL_OPT_CUSTOM, .read = sl_read_already},
    {.name = "dead_letter", .type = SL_OPT_CUSTOM, .read = sl_read_already},
    {.name = "state", .type = SL_OPT_GROUP, .group = state_options},
    {.name = "enrich", .type = SL_OPT_CUSTOM, .read = read_enrich, .offset = AT(enrich)},
    {.name = "sinks", .type = SL_OPT_CUSTOM, .read = sl_read_sinks, .required = true},
    {.name = "redact", .type = SL_OPT_GROUP, .group = redact_options},
    {.name = "admin", .type = SL_OPT_GROUP, .group = admin_options},
    {.name = "log", .type = SL_OPT_GROUP, .group = log_options},
    {.name = "shutdown",
     .type = SL_OPT_DURATION,
     .offset = AT(shutdown_ms),
     .min = 1000,
     .max = 600000},
    {0},
};

/* ---- the whole file ---- */

static void read_state_topic(struct sl_reader *r, const struct sl_yaml_node *root)
{
    struct sl_config *c = r->config;
    const struct sl_yaml_node *node = sl_yaml_get(sl_yaml_get(root, "state"), "topic");
    char *topic;

    if (c->state_topic)
        sl_read_check_topic_name(r, node, c->state_topic);
    if (c->state_topic || !c->source.group)
        return;
    topic = sl_asprintf("%s.state", c->source.group);
    c->state_topic = sl_arena_strdup(&r->owner->arena, topic);
    free(topic);
}

static void read_root(struct sl_reader *r, const struct sl_yaml_node *root)
{
    const struct sl_yaml_node *unmatched = sl_yaml_get(root, "unmatched");
    const struct sl_yaml_node *rule_errors = sl_yaml_get(root, "rule_errors");

    if (root->type == SL_YAML_MAPPING)
        read_dead_letter_early(r, root);
    if (!sl_read_mapping(r, root, "sluice.yaml", top_options, NULL, r->config))
        return;
    read_state_topic(r, root);
    if (unmatched)
        read_destination(r, unmatched, &r->config->unmatched);
    r->config->rule_errors = r->config->unmatched;
    if (rule_errors) {
        r->config->rule_errors = (struct sl_destination){0};
        read_destination(r, rule_errors, &r->config->rule_errors);
    }
    sl_read_check_sinks(r, root);
    sl_read_check_topics(r, root);
}

static const char *find_file(const char *path, struct sl_diags *diags)
{
    static const char *const places[] = {"sluice.yaml", "/etc/sluice/sluice.yaml"};

    if (path)
        return path;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (access(places[i], F_OK) == 0)
            return places[i];
    sl_diags_add(diags, SL_PROBLEM, NULL, sl_slice(NULL, 0), 0, 0,
                 "no configuration: there is neither %s nor %s (-c FILE names another)", places[0],
                 places[1]);
    return NULL;
}

static struct sl_config *new_config(const char *path)
{
    struct sl_config *c = sl_zalloc(sizeof(*c));
    struct sl_config_owner *o = sl_zalloc(sizeof(*o));

    sl_arena_init(&o->arena);
    c->owner = o;
    c->path = sl_arena_strdup(&o->arena, path);
    c->source.start = SL_START_EARLIEST;
    c->source.out_of_range = SL_RANGE_STOP;
    c->source.memory = 64 << 20;
    c->source.timezone = "UTC";
    sl_read_correlation_defaults(&c->source.correlation, &o->arena);
    c->log_level = SL_LOG_INFO;
    c->log_format = SL_LOG_AUTO;
    c->shutdown_ms = 10000;
    return c;
}

/* Takes the tree. */
static struct sl_config *read_config(const char *path, struct sl_yaml *yaml, size_t errors_before,
                                     struct sl_diags *diags)
{
    const struct sl_yaml_node *root = sl_yaml_root(yaml);
    const char *slash = strrchr(path, '/');
    struct sl_reader r = {
        .yaml = yaml,
        .diags = diags,
        .folder = slash ? sl_strndup(path, (size_t)(slash - path) + 1) : sl_strdup(""),
        .config = new_config(path),
    };

    r.owner = r.config->owner;
    r.owner->yaml = yaml;
    if (root)
        read_root(&r, root);
    else
        sl_diags_add(diags, SL_PROBLEM, path, sl_slice(NULL, 0), 0, 0, "the file is empty");
    sl_diags_sort(diags);
    free(r.folder);
    if (diags->errors > errors_before) {
        sl_config_free(r.config);
        r.config = NULL;
    }
    return r.config;
}

struct sl_config *sl_config_load(const char *path, struct sl_diags *diags)
{
    size_t errors = diags->errors;
    struct sl_yaml *yaml;

    path = find_file(path, diags);
    yaml = path ? sl_yaml_load_hiding(path, sl_mask_secret_key, diags) : NULL;
    return yaml ? read_config(path, yaml, errors, diags) : NULL;
}

struct sl_config *sl_config_parse(const char *path, struct sl_slice content, struct sl_diags *diags)
{
    size_t errors = diags->errors;
    struct sl_yaml *yaml = sl_yaml_parse_hiding(path, content, sl_mask_secret_key, diags);

    return yaml ? read_config(path, yaml, errors, diags) : NULL;
}

void sl_config_free(struct sl_config *c)
{
    struct sl_config_owner *o = c ? c->owner : NULL;

    if (!c)
        return;
    for (size_t i = 0; o && i < o->n_secrets; i++)
        sl_secret_free(o->secrets[i]);
    if (o) {
        free(o->secrets);
        free(o->places);
        sl_yaml_free(o->yaml);
        sl_arena_release(&o->arena);
    }
    free(o);
    free(c);
}
