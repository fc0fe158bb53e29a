/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>

#include "config/address.h"
#include "config/read.h"

/* source: where records come from. */

static const char *const start_names[] = {"", "earliest", "latest", "fail", NULL};
static const char *const range_names[] = {"stop", "earliest", "latest", NULL};

bool sl_read_check_topic_name(struct sl_reader *r, const struct sl_yaml_node *node,
                              const char *topic)
{
    size_t n = strlen(topic);
    bool ok = n > 0 && n <= 249 && strcmp(topic, ".") && strcmp(topic, "..");

    for (const char *c = topic; *c && ok; c++)
        ok = isalnum((unsigned char)*c) || strchr("._-", *c);
    if (!ok)
        sl_read_error(r, node, "%s is no topic name: Kafka takes 1 to 249 of A-Z a-z 0-9 . _ -",
                      sl_read_quote(r, node));
    return ok;
}

/* A topic name, or a ^pattern of POSIX extended syntax, which is what librdkafka takes. */
bool sl_read_check_topic(struct sl_reader *r, const struct sl_yaml_node *node, const char *topic)
{
    regex_t regex;
    char text[160];
    int code;

    if (topic[0] != '^')
        return sl_read_check_topic_name(r, node, topic);
    code = regcomp(&regex, topic, REG_EXTENDED | REG_NOSUB);
    if (code == 0) {
        regfree(&regex);
        return true;
    }
    regerror(code, &regex, text, sizeof(text));
    sl_read_error(r, node, "%s is not a regular expression: %s", sl_read_quote(r, node), text);
    return false;
}

static bool check_broker(struct sl_reader *r, const struct sl_yaml_node *node, const char *broker)
{
    struct sl_error err = {0};

    if (strstr(broker, "://"))
        sl_fail(&err, SL_EINVAL, "nothing stands before the host (security.protocol says how)");
    else if (sl_address_host_port(broker, false, &err) == SL_OK)
        return true;
    sl_read_error(r, node, "a broker is written host:port; %s", err.text);
    return false;
}

static void read_brokers(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    sl_read_texts(r, node, check_broker, at);
}

static void read_topics(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    sl_read_texts(r, node, sl_read_check_topic, at);
}

static void read_properties(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    static const struct sl_option properties = {.type = SL_OPT_PROPERTIES};

    for (size_t i = 0; node->type == SL_YAML_MAPPING && i < node->n_children; i++) {
        const char *instead = sl_config_owned_property(node->children[i].key);

        if (instead)
            sl_read_error_at_key(r, &node->children[i], "`%s` belongs to Sluice: %s",
                                 node->children[i].key, instead);
    }
    sl_read_option(r, node, &properties, at);
}

static void read_timezone(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    const char *zone = sl_read_text(r, node);
    bool ok = zone && *zone && !strstr(zone, "..") && *zone != '/';

    for (const char *c = zone; ok && *c; c++)
        ok = isalnum((unsigned char)*c) || strchr("_+-/:", *c);
    if (ok)
        *(const char **)at = zone;
    else if (zone)
        sl_read_error(r, node, "%s is no time zone, like UTC or Europe/Berlin",
                      sl_read_quote(r, node));
}

#define AT(member) offsetof(struct sl_source_config, member)

static const struct sl_option kafka_options[] = {
    {.name = "brokers",
     .type = SL_OPT_CUSTOM,
     .read = read_brokers,
     .offset = AT(brokers),
     .required = true},
    {.name = "topics",
     .type = SL_OPT_CUSTOM,
     .read = read_topics,
     .offset = AT(topics),
     .required = true},
    {.name = "group", .type = SL_OPT_TEXT, .offset = AT(group), .required = true},
    {.name = "start", .type = SL_OPT_ENUM, .names = start_names, .offset = AT(start)},
    {.name = "out_of_range", .type = SL_OPT_ENUM, .names = range_names, .offset = AT(out_of_range)},
    {.name = "client", .type = SL_OPT_CUSTOM, .read = read_properties, .offset = AT(client)},
    {.name = "consumer", .type = SL_OPT_CUSTOM, .read = read_properties, .offset = AT(consumer)},
    {.name = "producer", .type = SL_OPT_CUSTOM, .read = read_properties, .offset = AT(producer)},
    {.name = "memory",
     .type = SL_OPT_SIZE,
     .offset = AT(memory),
     .min = 1 << 20,
     .max = 64ULL << 30},
    {.name = "max_replay",
     .type = SL_OPT_UINT,
     .offset = AT(max_replay),
     .min = 0,
     .max = UINT32_MAX},
    {0},
};

static void read_kafka(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    sl_read_mapping(r, node, "`source.kafka`", kafka_options, NULL, at);
}

static const struct sl_option source_options[] = {
    {.name = "kafka", .type = SL_OPT_CUSTOM, .read = read_kafka, .required = true},
    {.name = "timezone", .type = SL_OPT_CUSTOM, .read = read_timezone, .offset = AT(timezone)},
    {.name = "decode", .type = SL_OPT_CUSTOM, .read = sl_read_decode},
    {.name = "correlation",
     .type = SL_OPT_CUSTOM,
     .read = sl_read_correlation,
     .offset = AT(correlation)},
    {0},
};

void sl_read_source(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    sl_read_mapping(r, node, "`source`", source_options, NULL, at);
}

/* ---- decoders of topics that are not consumed: a name that is spelled wrong ---- */

static bool consumed(const struct sl_strings *topics, const char *name)
{
    bool is = false;

    for (size_t i = 0; !is && i < topics->n; i++) {
        regex_t regex; /* as librdkafka reads them */

        if (topics->items[i][0] != '^') {
            is = strcmp(topics->items[i], name) == 0;
        } else if (regcomp(&regex, topics->items[i], REG_EXTENDED | REG_NOSUB) == 0) {
            is = regexec(&regex, name, 0, NULL, 0) == 0;
            regfree(&regex);
        }
    }
    return is;
}

static void check_decode(struct sl_reader *r, const struct sl_yaml_node *decode)
{
    const struct sl_source_config *s = &r->config->source;

    for (size_t i = 0; decode && s->n_decode == decode->n_children && i < s->n_decode; i++) {
        const struct sl_yaml_node *child = &decode->children[i];
        const struct sl_yaml_node key = {.type = SL_YAML_SCALAR,
                                         .text = child->key,
                                         .n = strlen(child->key),
                                         .line = child->key_line,
                                         .column = child->key_column};

        if (*child->key != '^' && !consumed(&s->topics, child->key))
            sl_read_warning(r, &key,
                            "`source.kafka.topics` has no `%s`: nothing that is read is "
                            "decoded so",
                            child->key);
    }
}

/* ---- topics that are never consumed ---- */

static const char *written_as(const struct sl_config *c, const char *topic)
{
    if (!strncmp(topic, "__", 2))
        return "one of Kafka's own";
    if (c->state_topic && !strcmp(topic, c->state_topic))
        return "the state topic";
    if (c->dead_letter && !strcmp(topic, c->dead_letter))
        return "a dead-letter topic";
    for (size_t i = 0; i < c->n_sinks; i++)
        if (c->sinks[i].dead_letter && !strcmp(topic, c->sinks[i].dead_letter))
            return "a dead-letter topic";
    return NULL;
}

void sl_read_check_topics(struct sl_reader *r, const struct sl_yaml_node *root)
{
    const struct sl_strings *topics = &r->config->source.topics;
    const struct sl_yaml_node *node =
        sl_yaml_get(sl_yaml_get(sl_yaml_get(root, "source"), "kafka"), "topics");
    size_t n = node && node->type == SL_YAML_SEQUENCE ? node->n_children : 1;

    if (node && topics->n == n)
        check_decode(r, sl_yaml_get(sl_yaml_get(root, "source"), "decode"));
    /* With a topic that could not be read the two lists do not go together. */
    for (size_t i = 0; node && topics->n == n && i < n; i++) {
        const char *what = written_as(r->config, topics->items[i]);

        if (what && topics->items[i][0] != '^')
            sl_read_error(r, node->n_children ? &node->children[i] : node,
                          "topic `%s` is %s, which is never consumed", topics->items[i], what);
    }
}
