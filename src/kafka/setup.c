/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/setup.h"

#include <inttypes.h>
#include <regex.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "kafka/topic.h"

enum {
    CONNECT_MS = 10000,
    REPLICATION = 3,
    LETTER_ROOM = 64 << 10, /* what a letter is larger than its record */
    MESSAGE_DEFAULT = 1048588,
};

const char *sl_topic_use_name(enum sl_topic_use use)
{
    static const char *const names[] = {
        [SL_TOPIC_LETTERS] = "dead-letter topic",
        [SL_TOPIC_STATE] = "state topic",
        [SL_TOPIC_SOURCE] = "source topic",
    };

    return names[use];
}

/* ---- which topics ---- */

static struct sl_kafka_topic *find(const struct sl_kafka_setup *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->topics[i].name, name))
            return &s->topics[i];
    return NULL;
}

static void add(struct sl_kafka_setup *s, const char *name, enum sl_topic_use use,
                const struct rd_kafka_metadata *m)
{
    const rd_kafka_metadata_topic_t *t = name ? sl_kafka_find_topic(m, name) : NULL;
    struct sl_kafka_topic *to;

    if (!name || find(s, name))
        return;
    s->topics = sl_reallocarray(s->topics, s->n + 1, sizeof(*s->topics));
    to = &s->topics[s->n++];
    *to = (struct sl_kafka_topic){.name = sl_strdup(name),
                                  .use = use,
                                  .status = SL_TOPIC_MISSING,
                                  .max_message_bytes = -1,
                                  .retention_ms = -1};
    if (!t || t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return;
    if (t->err) {
        to->status = SL_TOPIC_REFUSED;
        snprintf(to->why, sizeof(to->why), "%s %s: %s", sl_topic_use_name(use), name,
                 rd_kafka_err2str(t->err));
        return;
    }
    to->status = SL_TOPIC_THERE;
    to->partitions = t->partition_cnt;
    for (int i = 0; i < t->partition_cnt; i++)
        if (to->replication == 0 || t->partitions[i].replica_cnt < to->replication)
            to->replication = t->partitions[i].replica_cnt;
}

static void add_matching(struct sl_kafka_setup *s, const char *pattern,
                         const struct rd_kafka_metadata *m)
{
    regex_t re;

    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return; /* `sluice check` tells */
    for (int i = 0; i < m->topic_cnt; i++)
        if (strncmp(m->topics[i].topic, "__", 2) != 0 &&
            regexec(&re, m->topics[i].topic, 0, NULL, 0) == 0)
            add(s, m->topics[i].topic, SL_TOPIC_SOURCE, m);
    regfree(&re);
}

static void list_topics(struct sl_kafka_setup *s, const struct sl_config *config,
                        const struct rd_kafka_metadata *m)
{
    s->brokers = m->broker_cnt;
    add(s, config->dead_letter, SL_TOPIC_LETTERS, m);
    for (size_t i = 0; i < config->n_sinks; i++)
        add(s, config->sinks[i].dead_letter, SL_TOPIC_LETTERS, m);
    add(s, config->state_topic, SL_TOPIC_STATE, m);
    for (size_t i = 0; i < config->source.topics.n; i++) {
        const char *name = config->source.topics.items[i];

        if (name[0] == '^')
            add_matching(s, name, m);
        else
            add(s, name, SL_TOPIC_SOURCE, m);
    }
}

/* ---- how they are ---- */

static void take_setting(void *user, const char *topic, const char *name, const char *value)
{
    struct sl_kafka_topic *t = find(user, topic);

    if (!t)
        return;
    t->described = true;
    if (!strcmp(name, "cleanup.policy"))
        t->compacted = strstr(value, "compact") != NULL;
    else if (!strcmp(name, "min.insync.replicas"))
        t->min_insync = (int)strtol(value, NULL, 10);
    else if (!strcmp(name, "max.message.bytes"))
        t->max_message_bytes = strtoll(value, NULL, 10);
    else if (!strcmp(name, "retention.ms"))
        t->retention_ms = strtoll(value, NULL, 10);
}

/* Older brokers, proxies and restricted credentials do not describe: then less is known. */
static void describe(struct sl_kafka_setup *s, rd_kafka_t *rk)
{
    const char **names = sl_calloc(s->n + 1, sizeof(*names));
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->topics[i].status == SL_TOPIC_THERE)
            names[n++] = s->topics[i].name;
    sl_kafka_topics_describe(rk, names, n, SL_KAFKA_TOPIC_MS, take_setting, s, NULL);
    free(names);
}

/* ---- making them ---- */

static int64_t largest_message(const struct sl_kafka_setup *s)
{
    int64_t most = MESSAGE_DEFAULT;

    for (size_t i = 0; i < s->n; i++)
        if (s->topics[i].use == SL_TOPIC_SOURCE && s->topics[i].max_message_bytes > most)
            most = s->topics[i].max_message_bytes;
    return most < INT32_MAX - LETTER_ROOM ? most + LETTER_ROOM : INT32_MAX;
}

static void make(struct sl_kafka_setup *s, struct sl_kafka_topic *t, rd_kafka_t *rk, bool dry)
{
    struct sl_kafka_new_topic wanted = {
        .name = t->name,
        .partitions = 1,
        .replication = s->brokers < REPLICATION ? s->brokers : REPLICATION,
    };
    struct sl_error err = {0};
    char kept[32], bytes[32];

    if (t->use == SL_TOPIC_STATE) {
        wanted.settings[wanted.n_settings++] =
            (struct sl_kafka_setting){"cleanup.policy", "compact"};
        t->compacted = true;
    } else {
        t->retention_ms = SL_LETTERS_KEPT_DAYS * (int64_t)86400000;
        t->max_message_bytes = largest_message(s);
        snprintf(kept, sizeof(kept), "%" PRId64, t->retention_ms);
        snprintf(bytes, sizeof(bytes), "%" PRId64, t->max_message_bytes);
        wanted.settings[wanted.n_settings++] =
            (struct sl_kafka_setting){"cleanup.policy", "delete"};
        wanted.settings[wanted.n_settings++] = (struct sl_kafka_setting){"retention.ms", kept};
        wanted.settings[wanted.n_settings++] =
            (struct sl_kafka_setting){"max.message.bytes", bytes};
    }
    t->partitions = wanted.partitions;
    t->replication = wanted.replication;
    t->status = dry ? SL_TOPIC_MISSING : SL_TOPIC_CREATED;
    if (sl_kafka_topic_create(rk, &wanted, dry, &err)) {
        t->status = SL_TOPIC_REFUSED;
        memcpy(t->why, err.text, sizeof(t->why));
    }
}

int sl_kafka_setup(const struct sl_config *config, struct sl_log *log, bool dry,
                   struct sl_kafka_setup *ret, struct sl_error *err)
{
    rd_kafka_t *rk = sl_kafka_open(config, SL_KAFKA_PRODUCER, log, err);
    const struct rd_kafka_metadata *m;

    *ret = (struct sl_kafka_setup){0};
    if (!rk)
        return err && err->code ? err->code : SL_ECONFIG;
    m = sl_kafka_connect(rk, CONNECT_MS, err);
    if (m) {
        list_topics(ret, config, m);
        rd_kafka_metadata_destroy(m);
        describe(ret, rk);
        for (size_t i = 0; i < ret->n; i++)
            if (ret->topics[i].status == SL_TOPIC_MISSING && ret->topics[i].use != SL_TOPIC_SOURCE)
                make(ret, &ret->topics[i], rk, dry);
        sl_kafka_setup_judge(ret);
    }
    rd_kafka_destroy(rk);
    return m ? SL_OK : SL_EKAFKA;
}

void sl_kafka_setup_release(struct sl_kafka_setup *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->topics[i].name);
    for (size_t i = 0; i < s->n_warnings; i++)
        free(s->warnings[i]);
    free(s->topics);
    free(s->warnings);
    *s = (struct sl_kafka_setup){0};
}

int sl_kafka_ensure_topics(const struct sl_config *config, struct sl_log *log, struct sl_error *err)
{
    struct sl_kafka_setup s;
    int code = sl_kafka_setup(config, log, false, &s, err);

    if (code)
        return code;
    for (size_t i = 0; i < s.n; i++) {
        const struct sl_kafka_topic *t = &s.topics[i];

        if (t->status == SL_TOPIC_CREATED)
            sl_logf(log, SL_LOG_INFO, "%s %s created with %d replica(s)", sl_topic_use_name(t->use),
                    t->name, t->replication);
        if (t->status == SL_TOPIC_REFUSED && t->use != SL_TOPIC_SOURCE) {
            sl_log(log, SL_LOG_WARN, t->why, NULL);
            code = sl_fail(err, SL_EKAFKA, "%s", t->why);
        }
    }
    for (size_t i = 0; i < s.n_warnings; i++)
        sl_log(log, SL_LOG_WARN, s.warnings[i], NULL);
    sl_kafka_setup_release(&s);
    return code;
}
