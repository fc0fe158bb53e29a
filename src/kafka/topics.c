/* SPDX-License-Identifier: Apache-2.0 */
#include <regex.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "kafka/client.h"
#include "kafka/consumer_private.h"

enum { HIDDEN_MAX = 64 * 1024 };

/* A name, or ^regular expression as librdkafka takes it (POSIX extended). */
static bool matches(const char *pattern, const char *name)
{
    regex_t re;
    bool yes;

    if (pattern[0] != '^')
        return strcmp(pattern, name) == 0;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    yes = regexec(&re, name, 0, NULL, 0) == 0;
    regfree(&re);
    return yes;
}

void sl_kafka_decoding(const struct sl_source_config *source, struct sl_topic *topic)
{
    unsigned i = 0;

    while (i < source->n_decode && !matches(source->decode[i].topic, topic->name))
        i++;
    topic->decode = i < source->n_decode ? source->decode[i].form : SL_DECODE_AUTO;
    topic->rule = i < source->n_decode ? i + 1 : 0;
}

struct sl_known_topic *sl_topics_get(struct sl_consumer *c, const char *name)
{
    struct sl_known_topic *t;

    for (size_t i = 0; i < c->n_topics; i++)
        if (strcmp(c->topics[i]->topic.name, name) == 0)
            return c->topics[i];
    t = sl_zalloc(sizeof(*t));
    t->topic.name = sl_strdup(name);
    sl_kafka_decoding(c->source, &t->topic);
    c->topics = sl_reallocarray(c->topics, c->n_topics + 1, sizeof(c->topics[0]));
    c->topics[c->n_topics++] = t;
    if (c->ops->on_topic)
        c->ops->on_topic(c->user, &t->topic);
    return t;
}

bool sl_topics_excluded(const struct sl_consumer *c, const char *name)
{
    for (size_t i = 0; i < c->n_excluded; i++)
        if (strcmp(c->excluded[i], name) == 0)
            return true;
    return strncmp(name, "__", 2) == 0;
}

/* Topics that a pattern must not match are hidden from the client altogether: it acts as if they
 * did not exist. A list that the user gave stays in front. */
int sl_topics_hide(struct sl_consumer *c, rd_kafka_conf_t *conf, struct sl_error *err)
{
    struct sl_buf list;
    char text[512];
    size_t n = 0;
    int code = SL_OK;

    sl_buf_init(&list, HIDDEN_MAX);
    if (rd_kafka_conf_get(conf, "topic.blacklist", NULL, &n) == RD_KAFKA_CONF_OK && n > 1) {
        char *p = sl_buf_reserve(&list, n + 1);

        if (p && rd_kafka_conf_get(conf, "topic.blacklist", p, &n) == RD_KAFKA_CONF_OK && p[0]) {
            list.n += strlen(p);
            sl_buf_byte(&list, ',');
        }
    }
    SL_BUF_LITERAL(&list, "^__");
    for (size_t i = 0; i < c->n_excluded; i++) {
        SL_BUF_LITERAL(&list, ",^");
        for (const char *s = c->excluded[i]; *s;
             s++) /* of a topic's characters only the dot means more */
            if (*s == '.')
                SL_BUF_LITERAL(&list, "[.]");
            else
                sl_buf_byte(&list, *s);
        sl_buf_byte(&list, '$');
    }
    if (list.full)
        code = sl_fail(err, SL_ELIMIT, "too many topics to exclude");
    else if (rd_kafka_conf_set(conf, "topic.blacklist", sl_buf_str(&list), text, sizeof(text)) !=
             RD_KAFKA_CONF_OK)
        code = sl_fail(err, SL_ECONFIG, "Kafka property topic.blacklist: %s", text);
    sl_buf_release(&list);
    return code;
}

rd_kafka_topic_partition_list_t *sl_topics_subscription(const struct sl_consumer *c)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)c->source->topics.n);

    for (size_t i = 0; i < c->source->topics.n; i++)
        rd_kafka_topic_partition_list_add(list, c->source->topics.items[i], RD_KAFKA_PARTITION_UA);
    return list;
}

void sl_topics_release(struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_topics; i++) {
        free(c->topics[i]->topic.name);
        free(c->topics[i]);
    }
    free(c->topics);
    for (size_t i = 0; i < c->n_excluded; i++)
        free(c->excluded[i]);
    free(c->excluded);
}
