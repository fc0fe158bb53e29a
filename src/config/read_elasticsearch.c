/* SPDX-License-Identifier: Apache-2.0 */
#include "config/address.h"
#include "config/read.h"

#define AT(member) offsetof(struct sl_sink_config, elasticsearch.member)

static const char *const compression_names[] = {"none", "gzip", NULL};

static bool check_node(struct sl_reader *r, const struct sl_yaml_node *node, const char *text)
{
    struct sl_error err = {0};
    struct sl_address a = {0};

    if (sl_address_parse(text, &a, &err))
        sl_read_error(r, node, "a node is an address like http://127.0.0.1:9200: %s", err.text);
    else if (a.userinfo)
        sl_read_error(r, node, "no user and password in an address; use `auth`");
    else if (a.query || a.fragment)
        sl_read_error(r, node, "the address of a node ends with its path");
    else
        return true;
    return false;
}

static void read_nodes(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_strings *nodes = at;

    sl_read_texts(r, node, check_node, nodes);
    for (size_t i = 0; i < nodes->n; i++) {
        size_t n = strlen(nodes->items[i]);

        while (n > 0 && nodes->items[i][n - 1] == '/')
            n--;
        nodes->items[i] = sl_arena_strndup(&r->owner->arena, nodes->items[i], n);
    }
}

static void read_aws(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    (void)at;
    sl_read_error_at_key(r, node,
                         "`auth.aws` is not available yet; use `user` and `password` or "
                         "`api_key`");
}

static const struct sl_option auth_options[] = {
    {.name = "user", .type = SL_OPT_SECRET, .offset = AT(user)},
    {.name = "password", .type = SL_OPT_SECRET, .offset = AT(password)},
    {.name = "api_key", .type = SL_OPT_SECRET, .offset = AT(api_key)},
    {.name = "aws", .type = SL_OPT_CUSTOM, .read = read_aws},
    {0},
};
static const struct sl_option data_stream_options[] = {
    {.name = "type", .type = SL_OPT_TEXT, .offset = AT(type)},
    {.name = "dataset", .type = SL_OPT_TEXT, .offset = AT(dataset)},
    {.name = "namespace", .type = SL_OPT_TEXT, .offset = AT(namespace_)},
    {0},
};

/* The defaults are Elastic's own for a data stream that says no more. */
static void read_data_stream(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_sink_config *s = at;
    const struct sl_yaml_node *type = sl_yaml_get(node, "type");
    struct sl_elasticsearch_config *e = &s->elasticsearch;

    e->type = "logs";
    e->dataset = "generic";
    e->namespace_ = "default";
    if (!sl_read_mapping(r, node, "`data_stream`", data_stream_options, NULL, s))
        return;
    for (const char *c = e->type; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_')) {
            sl_read_error(r, type ? type : node,
                          "`data_stream.type` is a plain word like logs, metrics or traces");
            break;
        }
}

const struct sl_option sl_elasticsearch_options[] = {
    {.name = "nodes",
     .type = SL_OPT_CUSTOM,
     .read = read_nodes,
     .offset = AT(nodes),
     .required = true},
    {.name = "index", .type = SL_OPT_TEXT, .offset = AT(index)},
    {.name = "data_stream", .type = SL_OPT_CUSTOM, .read = read_data_stream},
    {.name = "auth", .type = SL_OPT_GROUP, .group = auth_options},
    {.name = "compression",
     .type = SL_OPT_ENUM,
     .names = compression_names,
     .offset = AT(compression)},
    {0},
};

static void check_auth(struct sl_reader *r, const struct sl_yaml_node *node,
                       const struct sl_elasticsearch_config *e)
{
    const struct sl_yaml_node *auth = sl_yaml_get(node, "auth");
    const struct sl_yaml_node *user = sl_yaml_get(auth, "user");
    const struct sl_yaml_node *password = sl_yaml_get(auth, "password");
    const struct sl_yaml_node *key = sl_yaml_get(auth, "api_key");

    if (!auth || auth->type != SL_YAML_MAPPING)
        return;
    if (auth->n_children == 0)
        sl_read_error_at_key(r, auth, "`auth` says nothing; leave it out for no authentication");
    if (user && !password)
        sl_read_error_at_key(r, user, "`auth.user` without `auth.password`");
    if (password && !user)
        sl_read_error_at_key(r, password, "`auth.password` without `auth.user`");
    if (key && (user || password))
        sl_read_error_at_key(r, key, "`auth` has both `api_key` and `user`; only one can be sent");
    for (size_t i = 0; i < e->nodes.n; i++) {
        struct sl_address a;

        if (sl_address_parse(e->nodes.items[i], &a, NULL) == SL_OK && !a.https &&
            !sl_address_is_loopback(&a) && (user || password || key)) {
            sl_read_warning(r, auth, "credentials go unencrypted to %.*s; use https://",
                            (int)a.host.n, a.host.p);
            break;
        }
    }
}

void sl_check_elasticsearch(struct sl_reader *r, const struct sl_yaml_node *node,
                            struct sl_sink_config *s)
{
    const struct sl_yaml_node *index = sl_yaml_get(node, "index");
    const struct sl_yaml_node *stream = sl_yaml_get(node, "data_stream");

    if (!index && !stream)
        sl_read_error_at_key(r, node, "sink `%s` needs `index` or `data_stream`", s->name);
    if (index && stream)
        sl_read_error_at_key(r, stream, "`index` and `data_stream` exclude each other");
    check_auth(r, node, &s->elasticsearch);
}
