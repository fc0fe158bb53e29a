/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "config/address.h"
#include "config/read.h"

/* s3 and file: what writes archive formats. */

static const char *const compression_names[] = {"none", "gzip", "zstd", NULL};
static const char *const format_names[] = {"json", "envelope", "raw", NULL};

#define AT(member) offsetof(struct sl_sink_config, s3.member)

static void read_endpoint(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    const char *text = sl_read_text(r, node);
    struct sl_error err = {0};
    struct sl_address a;

    if (!text)
        return;
    if (sl_address_parse(text, &a, &err))
        sl_read_error(r, node, "`endpoint` is an address like http://127.0.0.1:9000: %s", err.text);
    else if (a.userinfo)
        sl_read_error(r, node,
                      "no user and password in an address; use `access_key` and `secret_key`");
    else if (a.path.n > 1 || (a.path.n == 1 && a.path.p[0] != '/'))
        sl_read_error(r, node, "`endpoint` has no path: the bucket is added to it");
    else
        *(const char **)at = sl_arena_strndup(&r->owner->arena, text, strlen(text) - a.path.n);
}

static void read_key(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    const char *key = sl_read_text(r, node);
    size_t n = key ? strlen(key) : 0;

    if (!key)
        return;
    if (n == 0)
        sl_read_error(r, node, "`key` is empty");
    else if (key[0] == '/' || key[n - 1] == '/')
        sl_read_error(r, node,
                      "`key` neither begins nor ends with `/`: the name of the object follows");
    else if (n > 512)
        sl_read_error(r, node, "`key` is longer than 512 bytes");
    else
        *(const char **)at = key;
}

const struct sl_option sl_s3_options[] = {
    {.name = "bucket", .type = SL_OPT_TEXT, .offset = AT(bucket), .required = true},
    {.name = "region", .type = SL_OPT_TEXT, .offset = AT(region)},
    {.name = "endpoint", .type = SL_OPT_CUSTOM, .read = read_endpoint, .offset = AT(endpoint)},
    {.name = "key", .type = SL_OPT_CUSTOM, .read = read_key, .offset = AT(key)},
    {.name = "access_key", .type = SL_OPT_SECRET, .offset = AT(access_key)},
    {.name = "secret_key", .type = SL_OPT_SECRET, .offset = AT(secret_key)},
    {.name = "session_token", .type = SL_OPT_SECRET, .offset = AT(session_token)},
    {.name = "format", .type = SL_OPT_ENUM, .names = format_names, .offset = AT(format)},
    {.name = "compression",
     .type = SL_OPT_ENUM,
     .names = compression_names,
     .offset = AT(compression)},
    {.name = "open_objects",
     .type = SL_OPT_UINT,
     .offset = AT(open_objects),
     .min = 1,
     .max = 100000},
    {0},
};

/* AWS is strict about names; other stores take more. */
static bool bucket_ok(const char *bucket, bool aws)
{
    size_t n = strlen(bucket);

    if (n < (aws ? 3 : 1) || n > (aws ? 63 : 255) || !isalnum((unsigned char)bucket[0]) ||
        !isalnum((unsigned char)bucket[n - 1]) || strstr(bucket, ".."))
        return false;
    for (const char *c = bucket; *c; c++)
        if (!(islower((unsigned char)*c) || isdigit((unsigned char)*c) || strchr(".-", *c) ||
              (!aws && (isupper((unsigned char)*c) || *c == '_'))))
            return false;
    return true;
}

static bool region_ok(const char *region)
{
    for (const char *c = region; *c; c++)
        if (!(isalnum((unsigned char)*c) || strchr("-_", *c)))
            return false;
    return strlen(region) <= 64;
}

static void check_region(struct sl_reader *r, const struct sl_yaml_node *node,
                         struct sl_s3_config *c)
{
    const struct sl_yaml_node *region = sl_yaml_get(node, "region");
    const char *from = getenv("AWS_REGION");

    if (!from || !*from)
        from = getenv("AWS_DEFAULT_REGION");
    if (!region && from && *from)
        c->region = sl_arena_strdup(&r->owner->arena, from);
    else if (!region && sl_yaml_get(node, "endpoint"))
        c->region = "us-east-1"; /* what stores other than AWS expect */
    else if (!region)
        sl_read_error_at_key(r, node,
                             "a sink of type s3 needs `region` (or AWS_REGION in the "
                             "environment)");
    if (c->region && !region_ok(c->region))
        sl_read_error(r, region ? region : node, "a region is a word like us-east-1");
}

void sl_check_s3(struct sl_reader *r, const struct sl_yaml_node *node, struct sl_sink_config *s)
{
    struct sl_s3_config *c = &s->s3;
    const struct sl_yaml_node *bucket = sl_yaml_get(node, "bucket");
    const struct sl_yaml_node *access = sl_yaml_get(node, "access_key");
    const struct sl_yaml_node *secret = sl_yaml_get(node, "secret_key");
    const struct sl_yaml_node *token = sl_yaml_get(node, "session_token");

    if (c->bucket && !bucket_ok(c->bucket, !sl_yaml_get(node, "endpoint")))
        sl_read_error(r, bucket, "%s is no bucket name: 3 to 63 of a-z 0-9 . -",
                      sl_read_quote(r, bucket));
    check_region(r, node, c);
    if (access && !secret)
        sl_read_error_at_key(r, access, "`access_key` without `secret_key`");
    if (secret && !access)
        sl_read_error_at_key(r, secret, "`secret_key` without `access_key`");
    if (token && (!access || !secret))
        sl_read_error_at_key(r, token, "`session_token` needs `access_key` and `secret_key`");
}

#undef AT
#define AT(member) offsetof(struct sl_sink_config, file.member)

static void read_file_path(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    static const struct sl_option path = {.name = "path", .type = SL_OPT_PATH};

    if (node->type == SL_YAML_SCALAR && !strcmp(node->text, "-"))
        *(const char **)at = "-";
    else
        sl_read_option(r, node, &path, at);
}

const struct sl_option sl_file_options[] = {
    {.name = "path",
     .type = SL_OPT_CUSTOM,
     .read = read_file_path,
     .offset = AT(path),
     .required = true},
    {.name = "format", .type = SL_OPT_ENUM, .names = format_names, .offset = AT(format)},
    {0},
};
