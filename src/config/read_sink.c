/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "config/address.h"
#include "config/read.h"
#include "config/units.h"

/* sinks: what every sink takes, and which table its type adds. */

enum { KIB = 1 << 10, MIB = 1 << 20, SECOND = 1000, MINUTE = 60 * SECOND };

static const char *const start_names[] = {"committed", "earliest", "latest", NULL};
static const char *const overflow_names[] = {"detach", "block", NULL};

static void read_proxy(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    const char *text = sl_read_text(r, node);
    struct sl_address a;
    struct sl_error err = {0};

    if (!text)
        return;
    if (sl_address_parse(text, &a, &err))
        sl_read_error(r, node, "`proxy`: %s", err.text);
    else
        *(const char **)at = text;
}

#define AT(member) offsetof(struct sl_sink_config, member)

static const struct sl_option queue_options[] = {
    {.name = "bytes",
     .type = SL_OPT_SIZE,
     .offset = AT(queue_bytes),
     .min = MIB,
     .max = 64ULL << 30},
    {0},
};
static const struct sl_option batch_options[] = {
    {.name = "bytes",
     .type = SL_OPT_SIZE,
     .offset = AT(batch_bytes),
     .min = 4 * KIB,
     .max = 1ULL << 30},
    {.name = "records",
     .type = SL_OPT_UINT,
     .offset = AT(batch_records),
     .min = 1,
     .max = 10000000},
    {.name = "age",
     .type = SL_OPT_DURATION,
     .offset = AT(batch_age_ms),
     .min = 10,
     .max = 24 * 60 * MINUTE},
    {0},
};
static const struct sl_option retry_options[] = {
    {.name = "first",
     .type = SL_OPT_DURATION,
     .offset = AT(retry_first_ms),
     .min = 10,
     .max = 10 * MINUTE},
    {.name = "max",
     .type = SL_OPT_DURATION,
     .offset = AT(retry_max_ms),
     .min = 100,
     .max = 60 * MINUTE},
    {0},
};
static const struct sl_option tls_options[] = {
    {.name = "ca", .type = SL_OPT_PATH, .offset = AT(tls.ca)},
    {.name = "cert", .type = SL_OPT_PATH, .offset = AT(tls.cert)},
    {.name = "key", .type = SL_OPT_PATH, .offset = AT(tls.key)},
    {.name = "verify", .type = SL_OPT_BOOL, .offset = AT(tls.verify)},
    {0},
};
static const struct sl_option overflow_options[] = {
    {.name = "mode", .type = SL_OPT_ENUM, .names = overflow_names, .offset = AT(overflow)},
    {.name = "after",
     .type = SL_OPT_DURATION,
     .offset = AT(overflow_after_ms),
     .min = 100,
     .max = 60 * MINUTE},
    {0},
};
static const struct sl_option catch_up_options[] = {
    {.name = "rate", .type = SL_OPT_RATE, .offset = AT(catch_up_rate)},
    {0},
};

/* Everything about a dead letter of one sink; `off` opts out of the file's default. */
static void read_sink_dead_letter(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_sink_config *s = at;
    struct sl_dead_letter_config own = {.topic = s->dead_letter, .limit = s->dead_letter_limit};

    if (node->type == SL_YAML_SCALAR && !strcmp(node->text, "off")) {
        s->dead_letter = NULL;
        return;
    }
    sl_read_dead_letter(r, node, &own);
    s->dead_letter = own.topic;
    s->dead_letter_limit = own.limit;
}

static bool name_ok(const char *name)
{
    size_t n = strlen(name);
    bool ok = n > 0 && n <= 64 && isalnum((unsigned char)*name);

    for (const char *c = name; *c && ok; c++)
        ok = isalnum((unsigned char)*c) || strchr("._-", *c);
    return ok;
}

static void read_id(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    const char *id = sl_read_text(r, node);

    if (id && name_ok(id))
        *(const char **)at = id;
    else if (id)
        sl_read_error(r, node, "%s is no id: 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first",
                      sl_read_quote(r, node));
}

static void read_start(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    unsigned start;

    if (sl_read_enum(r, node, start_names, &start))
        *(enum sl_start *)at = (enum sl_start)start;
}

/* `type` is read before everything else: it says which table holds. */
static const struct sl_option common_options[] = {
    {.name = "type", .type = SL_OPT_CUSTOM, .read = sl_read_already},
    {.name = "id", .type = SL_OPT_CUSTOM, .read = read_id, .offset = AT(id)},
    {.name = "queue", .type = SL_OPT_GROUP, .group = queue_options},
    {.name = "batch", .type = SL_OPT_GROUP, .group = batch_options},
    {.name = "requests", .type = SL_OPT_UINT, .offset = AT(requests), .min = 1, .max = 256},
    {.name = "timeout",
     .type = SL_OPT_DURATION,
     .offset = AT(timeout_ms),
     .min = 100,
     .max = 60 * MINUTE},
    {.name = "proxy", .type = SL_OPT_CUSTOM, .read = read_proxy, .offset = AT(proxy)},
    {.name = "retry", .type = SL_OPT_GROUP, .group = retry_options},
    {.name = "tls", .type = SL_OPT_GROUP, .group = tls_options},
    {.name = "dead_letter", .type = SL_OPT_CUSTOM, .read = read_sink_dead_letter},
    {.name = "start", .type = SL_OPT_CUSTOM, .read = read_start, .offset = AT(start)},
    {.name = "overflow", .type = SL_OPT_GROUP, .group = overflow_options},
    {.name = "catch_up", .type = SL_OPT_GROUP, .group = catch_up_options},
    {0},
};

/* ---- types: their tables and their defaults ---- */

static const char *const kind_names[] = {
    [SL_SINK_ELASTICSEARCH] = "elasticsearch",
    [SL_SINK_S3] = "s3",
    [SL_SINK_WEBHOOK] = "webhook",
    [SL_SINK_FILE] = "file",
    NULL,
};
static const struct sl_option *const kind_options[] = {
    [SL_SINK_ELASTICSEARCH] = sl_elasticsearch_options,
    [SL_SINK_S3] = sl_s3_options,
    [SL_SINK_WEBHOOK] = sl_webhook_options,
    [SL_SINK_FILE] = sl_file_options,
};

#define DEFAULTS(for_kind, for_timeout)                                                            \
    .kind = (for_kind), .timeout_ms = (for_timeout), .retry_first_ms = 100,                        \
    .retry_max_ms = 30 * SECOND, .tls = {.verify = true}, .start = SL_START_COMMITTED,             \
    .overflow = SL_OVERFLOW_DETACH, .overflow_after_ms = 5 * SECOND

static const struct sl_sink_config kind_defaults[] = {
    [SL_SINK_ELASTICSEARCH] =
        {
            DEFAULTS(SL_SINK_ELASTICSEARCH, 30 * SECOND),
            .queue_bytes = 64 * MIB,
            .batch_bytes = 5 * MIB,
            .batch_records = 5000,
            .batch_age_ms = SECOND,
            .requests = 4,
            .elasticsearch = {.compression = SL_COMPRESS_GZIP},
        },
    [SL_SINK_S3] =
        {
            DEFAULTS(SL_SINK_S3, 60 * SECOND),
            .queue_bytes = 256 * MIB,
            .batch_bytes = 16 * MIB,
            .batch_records = UINT32_MAX,
            .batch_age_ms = 5 * MINUTE,
            .requests = 4,
            .s3 = {.key = "kind={@kind}/dt={@timestamp:%Y-%m-%d}/hour={@timestamp:%H}",
                   .format = SL_ARCHIVE_JSON,
                   .compression = SL_COMPRESS_GZIP,
                   .open_objects = 1024},
        },
    [SL_SINK_WEBHOOK] =
        {
            DEFAULTS(SL_SINK_WEBHOOK, 30 * SECOND),
            .queue_bytes = 16 * MIB,
            .batch_bytes = MIB,
            .batch_records = 100,
            .batch_age_ms = SECOND,
            .requests = 2,
            .webhook = {.body = SL_BODY_ARRAY, .id_field = "sluice_id"},
        },
    [SL_SINK_FILE] =
        {
            DEFAULTS(SL_SINK_FILE, 30 * SECOND),
            .queue_bytes = 16 * MIB,
            .batch_bytes = MIB,
            .batch_records = UINT32_MAX,
            .batch_age_ms = SECOND,
            .requests = 1,
            .file = {.format = SL_ARCHIVE_JSON},
        },
};

/* ---- checks over several values ---- */

static void check_batch(struct sl_reader *r, const struct sl_yaml_node *node,
                        struct sl_sink_config *s)
{
    const struct sl_yaml_node *bytes = sl_yaml_get(sl_yaml_get(node, "batch"), "bytes");
    char batch[SL_UNIT_TEXT], most[SL_UNIT_TEXT];

    if (s->batch_bytes <= s->queue_bytes / 4)
        return;
    if (!bytes) { /* a default makes room for a smaller queue */
        s->batch_bytes = s->queue_bytes / 4;
        return;
    }
    sl_read_error(
        r, bytes,
        "`batch.bytes` is %s, but at most a quarter of `queue.bytes` (%s): one batch fills "
        "while others wait, are compressed and under way",
        sl_size_text(s->batch_bytes, batch), sl_size_text(s->queue_bytes / 4, most));
}

/* Found out now, not at the first handshake: then the sink would only stall. */
static void check_tls_file(struct sl_reader *r, const struct sl_yaml_node *node, const char *path)
{
    struct stat st;
    int code;

    if (!node)
        return;
    code = access(path, R_OK) || stat(path, &st) ? errno : S_ISDIR(st.st_mode) ? EISDIR : 0;
    if (code)
        sl_read_error(r, node, "file %s cannot be read: %s", path, strerror(code));
}

static void check_pairs(struct sl_reader *r, const struct sl_yaml_node *node,
                        const struct sl_sink_config *s)
{
    const struct sl_yaml_node *tls = sl_yaml_get(node, "tls");

    if (sl_yaml_get(tls, "cert") && !sl_yaml_get(tls, "key"))
        sl_read_error_at_key(r, sl_yaml_get(tls, "cert"), "`tls.cert` needs `tls.key`");
    if (sl_yaml_get(tls, "key") && !sl_yaml_get(tls, "cert"))
        sl_read_error_at_key(r, sl_yaml_get(tls, "key"), "`tls.key` needs `tls.cert`");
    check_tls_file(r, sl_yaml_get(tls, "ca"), s->tls.ca);
    check_tls_file(r, sl_yaml_get(tls, "cert"), s->tls.cert);
    check_tls_file(r, sl_yaml_get(tls, "key"), s->tls.key);
    if (s->tls.verify == false)
        sl_read_warning(
            r, sl_yaml_get(tls, "verify"),
            "certificates of this sink are not verified: anybody on the way can read and "
            "answer");
    if (s->retry_first_ms > s->retry_max_ms)
        sl_read_error_at_key(r, sl_yaml_get(node, "retry"),
                             "`retry.first` is longer than `retry.max`");
}

static void check_kind(struct sl_reader *r, const struct sl_yaml_node *node,
                       struct sl_sink_config *s)
{
    switch (s->kind) {
    case SL_SINK_ELASTICSEARCH:
        sl_check_elasticsearch(r, node, s);
        break;
    case SL_SINK_S3:
        sl_check_s3(r, node, s);
        break;
    case SL_SINK_WEBHOOK:
        sl_check_webhook(r, node, s);
        break;
    case SL_SINK_FILE:
        break;
    }
}

/* A key that another type has is more likely a wrong type, or a copy, than a slip of the finger. */
static const char *belongs_to(const char *key)
{
    for (unsigned k = 0; kind_names[k]; k++)
        for (const struct sl_option *o = kind_options[k]; o->name; o++)
            if (!strcmp(o->name, key))
                return kind_names[k];
    return NULL;
}

/* ---- sinks ---- */

static void read_sink(struct sl_reader *r, const struct sl_yaml_node *node,
                      struct sl_sink_config *s)
{
    const struct sl_yaml_node *type = sl_yaml_get(node, "type");
    size_t errors = r->diags->errors;
    unsigned kind;
    char *what;

    s->name = s->id = sl_arena_strdup(&r->owner->arena, node->key);
    sl_read_place(r, s->name, node, true);
    if (!name_ok(s->name) || !strcmp(s->name, "drop"))
        sl_read_error_at_key(r, node,
                             "`%s` cannot name a sink: 1 to 64 of A-Z a-z 0-9 . _ -, a letter "
                             "or digit first, and not `drop`",
                             s->name);
    if (!sl_read_want(r, node, SL_YAML_MAPPING))
        return;
    if (!type) {
        sl_read_error_at_key(r, node, "sink `%s` needs `type`: elasticsearch, s3, webhook or file",
                             s->name);
        return;
    }
    if (!sl_read_enum(r, type, kind_names, &kind))
        return;
    const char *name = s->name;

    *s = kind_defaults[kind];
    s->name = s->id = name;
    s->dead_letter = r->config->dead_letter;
    s->dead_letter_limit = r->dead_letter_limit;
    what = sl_asprintf("a sink of type %s", kind_names[kind]);
    r->belongs_to = belongs_to;
    sl_read_mapping(r, node, what, kind_options[kind], common_options, s);
    r->belongs_to = NULL;
    free(what);
    check_kind(r, node, s);
    if (r->diags->errors == errors) {
        check_batch(r, node, s);
        check_pairs(r, node, s);
    }
}

void sl_read_sinks(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_config *c = at;

    if (!sl_read_want(r, node, SL_YAML_MAPPING))
        return;
    if (node->n_children == 0)
        sl_read_error_at_key(r, node, "`sinks` must not be empty");
    if (node->n_children > SL_SINKS_MAX) {
        sl_read_error_at_key(r, &node->children[SL_SINKS_MAX],
                             "%zu sinks, but at most %d can be told apart", node->n_children,
                             SL_SINKS_MAX);
    }
    c->n_sinks = node->n_children > SL_SINKS_MAX ? SL_SINKS_MAX : node->n_children;
    c->sinks = sl_arena_calloc(&r->owner->arena, c->n_sinks, sizeof(*c->sinks));
    for (size_t i = 0; i < c->n_sinks; i++)
        read_sink(r, &node->children[i], &c->sinks[i]);
}

void sl_read_check_sinks(struct sl_reader *r, const struct sl_yaml_node *root)
{
    const struct sl_yaml_node *node = sl_yaml_get(root, "sinks");
    const struct sl_config *c = r->config;

    /* A sink whose type could not be read has no defaults: requests is 0. */
    for (size_t i = 0; i < c->n_sinks; i++) {
        const struct sl_yaml_node *sink = &node->children[i];
        const struct sl_yaml_node *id = sl_yaml_get(sink, "id");

        for (size_t j = 0; j < i; j++)
            if (!strcmp(c->sinks[i].id, c->sinks[j].id)) {
                sl_read_error(r, id ? id : sink, "sinks `%s` and `%s` have the same id `%s`",
                              c->sinks[j].name, c->sinks[i].name, c->sinks[i].id);
                break;
            }
        if (c->sinks[i].requests && c->sinks[i].kind != SL_SINK_FILE && !c->sinks[i].dead_letter &&
            !sl_yaml_get(sink, "dead_letter"))
            sl_read_warning(r, sink,
                            "sink `%s` has no `dead_letter`: one record that the destination "
                            "refuses stalls it",
                            c->sinks[i].name);
    }
}
