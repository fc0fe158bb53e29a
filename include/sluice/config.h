/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CONFIG_H
#define SLUICE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/slice.h"
#include "sluice/http.h"

/* sluice.yaml as plain structs: config/ fills them, everybody else reads them, tests make them by
 * hand. All strings are owned by the struct sl_config and live as long as it does. Sizes are bytes,
 * times are milliseconds. Paths are already resolved against the folder of sluice.yaml. */

enum { SL_SINKS_MAX = 64 };

/* A text that may hold ${file:...} parts and so may change while the program runs. */
struct sl_secret;                                       /* config/secret.h */
const char *sl_secret_value(const struct sl_secret *s); /* never NULL; "" for s == NULL */
bool sl_secret_refresh(struct sl_secret *s); /* reads the files again; true when the value changed;
                                                a file that cannot be read keeps the old value */

struct sl_strings {
    const char **items;
    size_t n;
};

struct sl_property {
    const char *name, *value;
    unsigned line, column;
};

struct sl_properties {
    struct sl_property *items;
    size_t n;
};

enum sl_start { SL_START_COMMITTED, SL_START_EARLIEST, SL_START_LATEST, SL_START_FAIL };
enum sl_out_of_range { SL_RANGE_STOP, SL_RANGE_EARLIEST, SL_RANGE_LATEST };
/* Numbers are part of stored rules versions: new ones come last. */
enum sl_decode_form {
    SL_DECODE_AUTO,
    SL_DECODE_JSON,
    SL_DECODE_TEXT,
    SL_DECODE_COMMON,
    SL_DECODE_COMBINED,
    SL_DECODE_NGINX_ERROR,
    SL_DECODE_SYSLOG,
    SL_DECODE_LOGFMT,
    SL_DECODE_KLOG,
    SL_DECODE_PYTHON,
    SL_DECODE_JAVA,
    SL_DECODE_CRI,
    SL_DECODE_DOCKER,
    SL_DECODE_CLOUDWATCH,
    SL_DECODE_OTLP_JSON,
    SL_DECODE_FORMS /* how many there are */
};
enum sl_decode_kind { SL_DECODE_KIND_NONE, SL_DECODE_KIND_SERVER, SL_DECODE_KIND_METRIC };

struct sl_decode_rule {
    const char *topic; /* a name, or ^regular expression */
    enum sl_decode_form form;
    struct sl_strings patterns; /* of TEXT: with named groups, tried in order; none: plain text */
    enum sl_decode_kind kind;   /* of records that say none themselves */
};

enum { SL_CORRELATION_NAMES_MAX = 32 };

struct sl_correlation_config {
    struct sl_strings fields, headers; /* the first found counts; a field before a header of the
                                          same place in the list */
    bool make;                         /* where there is none */
};

struct sl_source_config {
    struct sl_strings brokers, topics;
    const char *group;
    enum sl_start start; /* EARLIEST, LATEST or FAIL */
    enum sl_out_of_range out_of_range;
    struct sl_properties client;   /* for every Kafka client */
    struct sl_properties consumer; /* over `client` */
    struct sl_properties producer; /* over `client` */
    size_t memory;                 /* fetched and not yet routed */
    unsigned max_replay;           /* records that may be sent again for want of the rules that
                                      positions are under; 0: any number */
    const char *timezone;
    struct sl_decode_rule *decode; /* first match; none: auto */
    size_t n_decode;
    struct sl_correlation_config correlation;
};

/* Sinks by index into sl_config.sinks; or drop. */
struct sl_destination {
    bool drop;
    uint64_t sinks; /* bit i: sinks[i] */
};

enum sl_sink_kind { SL_SINK_ELASTICSEARCH, SL_SINK_S3, SL_SINK_WEBHOOK, SL_SINK_FILE };
enum sl_compression { SL_COMPRESS_NONE, SL_COMPRESS_GZIP, SL_COMPRESS_ZSTD };
enum sl_archive_format { SL_ARCHIVE_JSON, SL_ARCHIVE_ENVELOPE, SL_ARCHIVE_RAW };
enum sl_webhook_body { SL_BODY_ARRAY, SL_BODY_NDJSON, SL_BODY_MAPPING };
enum sl_overflow { SL_OVERFLOW_DETACH, SL_OVERFLOW_BLOCK };

struct sl_elasticsearch_config {
    struct sl_strings nodes; /* http:// or https://, no trailing slash */
    const char *index;       /* a template, or NULL: data_stream */
    const char *type, *dataset,
        *namespace_; /* data stream: type is literal, the others templates */
    struct sl_secret *user, *password, *api_key; /* NULL where unset */
    enum sl_compression compression;             /* GZIP or NONE */
};

struct sl_s3_config {
    const char *bucket, *region, *endpoint; /* endpoint NULL: AWS, virtual-hosted addressing */
    const char *key;                        /* a template, never begins or ends with '/' */
    struct sl_secret *access_key, *secret_key, *session_token; /* NULL: the standard chain */
    enum sl_archive_format format;
    enum sl_compression compression;
    unsigned open_objects;
};

struct sl_webhook_header {
    const char *name;
    struct sl_secret *value;
};

struct sl_webhook_config {
    const char *url;
    enum sl_webhook_body body;
    const char *mapping;        /* MAPPING: a JSON object whose strings are templates */
    struct sl_secret **secrets; /* Standard Webhooks; the first signs first */
    size_t n_secrets;
    struct sl_webhook_header *headers;
    size_t n_headers;
    bool allow_private;
    double rate;          /* requests a second; 0: no limit */
    const char *id_field; /* NULL: off */
};

struct sl_file_config {
    const char *path; /* "-" is standard output */
    enum sl_archive_format format;
};

struct sl_sink_config {
    const char *name; /* as in sluice.yaml: metrics, rules */
    const char *id;   /* stable across renames; default: name */
    enum sl_sink_kind kind;
    size_t queue_bytes;
    size_t batch_bytes;
    unsigned batch_records;
    unsigned batch_age_ms;
    unsigned requests; /* in flight at most */
    unsigned timeout_ms;
    const char *proxy; /* NULL: none */
    unsigned retry_first_ms, retry_max_ms;
    struct sl_http_tls tls;
    const char *dead_letter;    /* topic; NULL: a refused record stalls the sink */
    unsigned dead_letter_limit; /* refused out of the last 1,000 at which the sink stalls */
    enum sl_start start;
    enum sl_overflow overflow;
    unsigned overflow_after_ms;
    double catch_up_rate; /* records a second; 0: no limit */
    union {
        struct sl_elasticsearch_config elasticsearch;
        struct sl_s3_config s3;
        struct sl_webhook_config webhook;
        struct sl_file_config file;
    };
};

enum sl_log_level { SL_LOG_ERROR, SL_LOG_WARN, SL_LOG_INFO, SL_LOG_DEBUG };
enum sl_log_format { SL_LOG_AUTO, SL_LOG_TEXT, SL_LOG_JSON };

struct sl_config {
    const char *path; /* of sluice.yaml, as given */
    struct sl_source_config source;
    struct sl_strings routes; /* folders and files */
    struct sl_destination unmatched;
    struct sl_destination rule_errors;
    const char *dead_letter; /* the default topic, or NULL */
    const char *state_topic;
    struct sl_properties enrich; /* added to records where absent */
    struct sl_sink_config *sinks;
    size_t n_sinks;
    const char *admin_listen; /* "host:port" or NULL */
    enum sl_log_level log_level;
    enum sl_log_format log_format;
    unsigned shutdown_ms;
    struct sl_secret *redact_key; /* of rules that redact with: hash; NULL where unset */
    void *owner;                  /* private to config/ */
};

/* librdkafka properties that Sluice sets itself, because its promises hang on them: what sets them
 * in sluice.yaml instead ("use `source.kafka.group`"), or why nothing does. NULL: the property is
 * free. */
const char *sl_config_owned_property(const char *name);

/* Whether a text about a value may quote it: it is written out in sluice.yaml, under a key that
 * holds no secret. */
bool sl_config_quotable(const struct sl_config *c, const char *value);
/* A problem that only a later stage can find (a template, a property that librdkafka refuses),
 * shown where `text` stands in sluice.yaml: a value, the name of a sink or of a property, by its
 * address in *c. column: from 1, in characters of the value; 0: the whole. Without a place in the
 * file (a default, a configuration made by hand) only the file is named. */
void sl_config_problem(const struct sl_config *c, const char *text, unsigned column,
                       enum sl_severity severity, struct sl_diags *diags, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
