/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "kafka/setup.h"

/* What is said of topics as they are found; making them is tested against a real cluster. */

enum { TOPICS_MAX = 8 };

struct cluster {
    struct sl_kafka_setup s;
    struct sl_kafka_topic topics[TOPICS_MAX];
};

static struct sl_kafka_topic *add(struct cluster *c, const char *name, enum sl_topic_use use,
                                  int replication)
{
    struct sl_kafka_topic *t = &c->topics[c->s.n++];

    *t = (struct sl_kafka_topic){
        .name = sl_strdup(name),
        .use = use,
        .partitions = 1,
        .replication = replication,
        .min_insync = 1,
        .max_message_bytes = 1000,
        .described = true,
        .compacted = use == SL_TOPIC_STATE,
    };
    return t;
}

/* A good cluster: letters, state and a source, three replicas each. */
static void good(struct cluster *c)
{
    *c = (struct cluster){0};
    add(c, "dead", SL_TOPIC_LETTERS, 3);
    add(c, "state", SL_TOPIC_STATE, 3);
    add(c, "logs", SL_TOPIC_SOURCE, 3);
}

/* Judges, and expects one warning with this in it; NULL: none. */
static void says(struct cluster *c, const char *words)
{
    struct sl_kafka_topic *copy = sl_calloc(c->s.n, sizeof(*copy));

    memcpy(copy, c->topics, c->s.n * sizeof(*copy));
    c->s.topics = copy;
    sl_kafka_setup_judge(&c->s);
    if (!words && c->s.n_warnings)
        fail_msg("%s", c->s.warnings[0]);
    if (words) {
        assert_int_equal(c->s.n_warnings, 1);
        if (!strstr(c->s.warnings[0], words))
            fail_msg("%s", c->s.warnings[0]);
    }
    sl_kafka_setup_release(&c->s);
}

static void nothing_to_say(void **state)
{
    struct cluster c;

    (void)state;
    good(&c);
    says(&c, NULL);
    good(&c);
    add(&c, "less", SL_TOPIC_SOURCE, 1);
    says(&c, NULL);
    good(&c);
    c.topics[0].replication = 5;
    c.topics[0].min_insync = 3;
    says(&c, NULL);
    good(&c); /* what is not known is not judged */
    c.topics[1].described = c.topics[1].compacted = false;
    c.topics[0].max_message_bytes = -1;
    says(&c, NULL);
    good(&c); /* it was not made: the refusal is told elsewhere */
    c.topics[0].status = SL_TOPIC_REFUSED;
    c.topics[0].replication = 1;
    says(&c, NULL);
}

static void less_safe_than_the_source(void **state)
{
    struct cluster c;

    (void)state;
    good(&c);
    c.topics[0].replication = 2;
    says(&c, "dead-letter topic dead has 2 replica(s), and source topic logs has 3");
    good(&c);
    c.topics[1].replication = 1;
    says(&c, "state topic state has 1 replica(s), and source topic logs has 3");
    good(&c); /* one that is about to be made is judged as well */
    c.topics[0].replication = 1;
    c.topics[0].status = SL_TOPIC_MISSING;
    says(&c, "dead-letter topic dead has 1 replica(s)");
}

static void nothing_can_be_written(void **state)
{
    struct cluster c;

    (void)state;
    good(&c);
    c.topics[0].min_insync = 4;
    says(&c, "min.insync.replicas is 4: nothing can be written to it");
}

static void the_wrong_clean_up(void **state)
{
    struct cluster c;

    (void)state;
    good(&c);
    c.topics[0].compacted = true;
    says(&c, "dead-letter topic dead is compacted");
    good(&c);
    c.topics[1].compacted = false;
    says(&c, "state topic state is not compacted");
    good(&c);
    c.topics[2].compacted = true;
    says(&c, "source topic logs is compacted");
}

static void letters_that_do_not_fit(void **state)
{
    struct cluster c;

    (void)state;
    good(&c);
    c.topics[2].max_message_bytes = 1001;
    says(&c, "dead-letter topic dead takes messages up to 1000 bytes, and source topic logs up to "
             "1001");
}

static void sources_that_are_not_there(void **state)
{
    struct cluster c;

    (void)state;
    good(&c);
    add(&c, "absent", SL_TOPIC_SOURCE, 9)->status = SL_TOPIC_MISSING;
    says(&c, "source topic absent does not exist");
    good(&c);
    add(&c, "secret", SL_TOPIC_SOURCE, 0)->status = SL_TOPIC_REFUSED;
    memcpy(c.topics[3].why, "source topic secret: not authorised", 36);
    says(&c, "source topic secret: not authorised");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_say),          cmocka_unit_test(less_safe_than_the_source),
        cmocka_unit_test(nothing_can_be_written),  cmocka_unit_test(the_wrong_clean_up),
        cmocka_unit_test(letters_that_do_not_fit), cmocka_unit_test(sources_that_are_not_there),
    };

    return cmocka_run_group_tests_name("kafka setup", tests, NULL, NULL);
}
