/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_READ_H
#define SL_CONFIG_READ_H

#include "base/error.h"
#include "config/arena.h"
#include "config/config.h"
#include "config/yaml.h"

/* How sluice.yaml becomes struct sl_config: by tables. An option says its name, what it takes,
 * within which bounds, and at which offset of which struct the value goes; one function walks a
 * mapping by such a table, so every area has unknown keys (with the nearest known one), wrong
 * types, bounds and missing keys found and worded alike. Defaults are not in the tables: the struct
 * holds them before a mapping is read over it (they differ by sink type; README.md lists them).
 *
 * Nothing stops at the first error. A value that is wrong leaves its default, and checks that look
 * at several values are made only where each of them was read well.
 *
 * Values may hold secrets, so no error quotes a value unless it was written out in the file under a
 * key that is not secret: sl_read_quote(). Private to config/. */

struct sl_place {
    const char *text; /* in the arena */
    const struct sl_yaml_node *node;
    bool at_key;
};

struct sl_config_owner {
    struct sl_arena arena;
    struct sl_secret **secrets;
    size_t n_secrets;
    struct sl_yaml *yaml; /* kept for sl_config_problem() */
    struct sl_place *places;
    size_t n_places, cap_places;
};

struct sl_reader {
    struct sl_yaml *yaml;
    struct sl_diags *diags;
    char *folder; /* of sluice.yaml, "" when it has none in its path */
    struct sl_config *config;
    struct sl_config_owner *owner;
    unsigned dead_letter_limit; /* the file's default for sinks */
    /* While a sink is read: which type has this key, or NULL. */
    const char *(*belongs_to)(const char *key);
};

enum sl_option_type {
    SL_OPT_TEXT,       /* const char *; not empty */
    SL_OPT_PATH,       /* const char *; resolved against the folder */
    SL_OPT_SECRET,     /* struct sl_secret *; not empty */
    SL_OPT_SIZE,       /* size_t; bounds in bytes */
    SL_OPT_DURATION,   /* unsigned; bounds in ms */
    SL_OPT_UINT,       /* unsigned */
    SL_OPT_RATE,       /* double, a second */
    SL_OPT_BOOL,       /* bool */
    SL_OPT_ENUM,       /* an enum; `names` by value, an empty name is not offered */
    SL_OPT_PROPERTIES, /* struct sl_properties */
    SL_OPT_GROUP,      /* a mapping read by `group`, into the same struct */
    SL_OPT_CUSTOM,     /* read(), at base + offset */
};

struct sl_option {
    const char *name;
    enum sl_option_type type;
    bool required;
    size_t offset;
    uint64_t min, max;        /* SIZE, DURATION, UINT */
    const char *const *names; /* ENUM, ended by NULL */
    const struct sl_option *group;
    void (*read)(struct sl_reader *r, const struct sl_yaml_node *node, void *at);
};

/* Reads a mapping by a table that ends with a nameless option. `what` names the mapping in errors
 * ("a sink of type s3"); `also` is a second table or NULL. False when the node is no mapping. */
bool sl_read_mapping(struct sl_reader *r, const struct sl_yaml_node *node, const char *what,
                     const struct sl_option *options, const struct sl_option *also, void *base);

/* ---- for readers of their own ---- */

/* One value, at base + its offset. */
void sl_read_option(struct sl_reader *r, const struct sl_yaml_node *node, const struct sl_option *o,
                    void *base);

/* The text of a scalar with ${} replaced, in the arena; NULL after an error. */
const char *sl_read_text(struct sl_reader *r, const struct sl_yaml_node *node);
struct sl_secret *sl_read_secret(struct sl_reader *r, const struct sl_yaml_node *node);
/* A list, not empty, or one text. check, which may be NULL, looks at each and reports what is
 * wrong; false when anything was. */
bool sl_read_texts(struct sl_reader *r, const struct sl_yaml_node *node,
                   bool (*check)(struct sl_reader *r, const struct sl_yaml_node *item,
                                 const char *text),
                   struct sl_strings *ret);
bool sl_read_enum(struct sl_reader *r, const struct sl_yaml_node *node, const char *const *names,
                  unsigned *ret);
bool sl_read_want(struct sl_reader *r, const struct sl_yaml_node *node, enum sl_yaml_type type);

void sl_read_error(struct sl_reader *r, const struct sl_yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sl_read_error_at_key(struct sl_reader *r, const struct sl_yaml_node *node, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));
void sl_read_warning(struct sl_reader *r, const struct sl_yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* For keys that are read before or after the walk through the table. */
void sl_read_already(struct sl_reader *r, const struct sl_yaml_node *node, void *at);
/* "`5 apples` " for an error, or "" where the value must not be told; never more than 60
 * characters. */
const char *sl_read_quote(struct sl_reader *r, const struct sl_yaml_node *node);

/* Remembers where a text stands; sl_read_text() does so by itself. */
void sl_read_place(struct sl_reader *r, const char *text, const struct sl_yaml_node *node,
                   bool at_key);
/* The node moved to a column of its value, where the value stands in the file as it is. */
struct sl_yaml_node sl_read_inside(const struct sl_yaml *yaml, const struct sl_yaml_node *node,
                                   unsigned column);

/* ---- the areas ---- */

void sl_read_source(struct sl_reader *r, const struct sl_yaml_node *node, void *at);
void sl_read_decode(struct sl_reader *r, const struct sl_yaml_node *node, void *at);
void sl_read_correlation(struct sl_reader *r, const struct sl_yaml_node *node, void *at);
void sl_read_sinks(struct sl_reader *r, const struct sl_yaml_node *node, void *at);
/* Checks that need the whole file. */
void sl_read_check_topics(struct sl_reader *r, const struct sl_yaml_node *root);
void sl_read_check_sinks(struct sl_reader *r, const struct sl_yaml_node *root);

void sl_read_correlation_defaults(struct sl_correlation_config *ret, struct sl_arena *arena);

extern const struct sl_option sl_elasticsearch_options[], sl_s3_options[], sl_webhook_options[],
    sl_file_options[];
void sl_check_elasticsearch(struct sl_reader *r, const struct sl_yaml_node *node,
                            struct sl_sink_config *s);
void sl_check_s3(struct sl_reader *r, const struct sl_yaml_node *node, struct sl_sink_config *s);
void sl_check_webhook(struct sl_reader *r, const struct sl_yaml_node *node,
                      struct sl_sink_config *s);

/* dead_letter: of the whole file and of one sink. */
struct sl_dead_letter_config {
    const char *topic;
    unsigned limit;
};
void sl_read_dead_letter(struct sl_reader *r, const struct sl_yaml_node *node,
                         struct sl_dead_letter_config *ret);
/* A topic's name or ^pattern; an error otherwise. */
bool sl_read_check_topic(struct sl_reader *r, const struct sl_yaml_node *node, const char *topic);
/* A name that Kafka would take for a topic; an error otherwise. */
bool sl_read_check_topic_name(struct sl_reader *r, const struct sl_yaml_node *node,
                              const char *topic);

#endif
