/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "sluice/config.h"

static const struct {
    const char *name; /* a trailing * stands for any rest */
    const char *instead;
} owned[] = {
    {"bootstrap.servers", "use `source.kafka.brokers`"},
    {"metadata.broker.list", "use `source.kafka.brokers`"},
    {"group.id", "use `source.kafka.group`"},
    {"auto.offset.reset", "use `source.kafka.start` and `source.kafka.out_of_range`"},
    {"enable.auto.*", "Sluice commits itself, after delivery"},
    {"auto.commit.*", "Sluice commits itself, after delivery"},
    {"offset.store.*", "Sluice commits itself, after delivery"},
    {"partition.assignment.strategy", "Sluice chooses it by the version of librdkafka"},
    {"group.protocol", "Sluice speaks the classic protocol"},
    {"group.remote.assignor", "Sluice speaks the classic protocol"},
    {"enable.partition.eof", "Sluice needs it on"},
    {"queued.*", "use `source.kafka.memory`"},
    {"fetch.message.max.bytes", "use `source.kafka.memory`"},
    {"max.partition.fetch.bytes", "use `source.kafka.memory`"},
    {"fetch.max.bytes", "use `source.kafka.memory`"},
    {"fetch.queue.backoff.ms", "use `source.kafka.memory`"},
    {"check.crcs", "checksums are always verified"},
    {"acks", "every replica confirms"},
    {"request.required.acks", "every replica confirms"},
    {"enable.idempotence", "it is always on"},
    {"delivery.report.only.error", "a dead letter counts when Kafka has confirmed it"},
    {"transactional.id", "dead letters are written without transactions"},
};

const char *sl_config_owned_property(const char *name)
{
    for (size_t i = 0; i < sizeof(owned) / sizeof(*owned); i++) {
        size_t n = strlen(owned[i].name);

        if (owned[i].name[n - 1] == '*' ? !strncmp(name, owned[i].name, n - 1)
                                        : !strcmp(name, owned[i].name))
            return owned[i].instead;
    }
    return NULL;
}
