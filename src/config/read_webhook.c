/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json_text.h"
#include "config/address.h"
#include "config/read.h"
#include "config/secret.h"

#define AT(member) offsetof(struct sl_sink_config, webhook.member)

static const char *const body_names[] = {"array", "ndjson", NULL};

/* ---- body ---- */

/* RFC 8259's number, which is narrower than YAML's. */
static bool json_number(const char *p)
{
    p += *p == '-';
    if (*p == '0')
        p++;
    else if (*p >= '1' && *p <= '9')
        while (isdigit((unsigned char)*p))
            p++;
    else
        return false;
    if (*p == '.') {
        if (!isdigit((unsigned char)*++p))
            return false;
        while (isdigit((unsigned char)*p))
            p++;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        if (!isdigit((unsigned char)*p))
            return false;
        while (isdigit((unsigned char)*p))
            p++;
    }
    return *p == '\0';
}

/* The mapping as JSON text; depth is bounded by the YAML reader, size by the buffer. */
static void write_json(struct sl_reader *r, const struct sl_yaml_node *node, struct sl_buf *out)
{
    const char *text;

    if (out->full)
        return;
    switch (node->type) {
    case SL_YAML_NULL:
        SL_BUF_LITERAL(out, "null");
        break;
    case SL_YAML_SCALAR:
        text = sl_read_text(r, node);
        if (text && !node->quoted &&
            (json_number(text) || !strcmp(text, "true") || !strcmp(text, "false")))
            sl_buf_text(out, text);
        else if (text)
            sl_json_text(out, text);
        break;
    case SL_YAML_SEQUENCE:
    case SL_YAML_MAPPING:
        sl_buf_byte(out, node->type == SL_YAML_MAPPING ? '{' : '[');
        for (size_t i = 0; i < node->n_children && !out->full; i++) {
            if (i)
                sl_buf_byte(out, ',');
            if (node->type == SL_YAML_MAPPING) {
                sl_json_text(out, node->children[i].key);
                sl_buf_byte(out, ':');
            }
            write_json(r, &node->children[i], out);
        }
        sl_buf_byte(out, node->type == SL_YAML_MAPPING ? '}' : ']');
        break;
    }
}

static void read_body(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    enum { MAPPING_MAX = 64 << 10 };
    struct sl_webhook_config *w = at;
    struct sl_buf out;
    unsigned body;

    if (node->type != SL_YAML_MAPPING) {
        if (sl_read_enum(r, node, body_names, &body))
            w->body = (enum sl_webhook_body)body;
        return;
    }
    w->body = SL_BODY_MAPPING;
    sl_buf_init(&out, MAPPING_MAX);
    write_json(r, node, &out);
    if (out.full)
        sl_read_error(r, node, "`body` is larger than %d KiB", MAPPING_MAX >> 10);
    else
        sl_read_place(r, w->mapping = sl_arena_strndup(&r->owner->arena, out.p, out.n), node,
                      false);
    sl_buf_release(&out);
}

/* ---- secrets and headers ---- */

static void read_one_secret(struct sl_reader *r, const struct sl_yaml_node *node,
                            struct sl_webhook_config *w)
{
    struct sl_secret *secret = sl_read_secret(r, node);
    struct sl_buf key;

    if (!secret)
        return;
    if (!strncmp(sl_secret_value(secret), "whsec_", 6)) {
        sl_buf_init(&key, 4096);
        if (sl_base64_decode(sl_slice_str(sl_secret_value(secret) + 6), &key) || key.n == 0)
            sl_read_error(r, node,
                          "a secret that begins with whsec_ goes on in base64, and this one does "
                          "not");
        sl_buf_release(&key);
    }
    w->secrets[w->n_secrets++] = secret;
}

static void read_secrets(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    struct sl_webhook_config *w = at;
    size_t n = node->type == SL_YAML_SEQUENCE ? node->n_children : 1;

    if (n == 0)
        sl_read_error(r, node, "`secret` must not be empty");
    w->secrets = sl_arena_calloc(&r->owner->arena, n, sizeof(struct sl_secret *));
    if (node->type != SL_YAML_SEQUENCE)
        read_one_secret(r, node, w);
    for (size_t i = 0; node->type == SL_YAML_SEQUENCE && i < n; i++)
        read_one_secret(r, &node->children[i], w);
}

static bool token_ok(const char *name)
{
    if (!*name || strlen(name) > 128)
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
            return false;
    return true;
}

/* Headers that say how the message is framed or signed are not an operator's to set. */
static bool header_owned(const char *name)
{
    static const char *const names[] = {"host",
                                        "connection",
                                        "content-length",
                                        "content-type",
                                        "content-encoding",
                                        "transfer-encoding",
                                        "expect",
                                        "te",
                                        "trailer",
                                        "upgrade",
                                        "webhook-id",
                                        "webhook-timestamp",
                                        "webhook-signature"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!strcasecmp(name, names[i]))
            return true;
    return false;
}

static void read_headers(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    enum { HEADERS_MAX = 64 };
    struct sl_webhook_config *w = at;

    if (!sl_read_want(r, node, SL_YAML_MAPPING))
        return;
    if (node->n_children > HEADERS_MAX) {
        sl_read_error_at_key(r, node, "more than %d headers", HEADERS_MAX);
        return;
    }
    w->headers = sl_arena_calloc(&r->owner->arena, node->n_children, sizeof(*w->headers));
    for (size_t i = 0; i < node->n_children; i++) {
        const struct sl_yaml_node *child = &node->children[i];
        struct sl_secret *value = sl_read_secret(r, child);

        if (!token_ok(child->key))
            sl_read_error_at_key(r, child, "not a header name");
        else if (header_owned(child->key))
            sl_read_error_at_key(r, child, "header `%s` is set by Sluice", child->key);
        for (size_t j = 0; j < i; j++)
            if (!strcasecmp(child->key, node->children[j].key))
                sl_read_error_at_key(r, child, "header `%s` stands here twice", child->key);
        if (value)
            w->headers[w->n_headers++] = (struct sl_webhook_header){
                .name = sl_arena_strdup(&r->owner->arena, child->key), .value = value};
    }
}

static void read_id_field(struct sl_reader *r, const struct sl_yaml_node *node, void *at)
{
    const char *field = sl_read_text(r, node);

    if (!field)
        return;
    if (!*field || strlen(field) > 128 || *field == '@')
        sl_read_error(r, node, "`id_field` is the name of a field, or off");
    else
        *(const char **)at = strcmp(field, "off") ? field : NULL;
}

const struct sl_option sl_webhook_options[] = {
    {.name = "url", .type = SL_OPT_TEXT, .offset = AT(url), .required = true},
    {.name = "body",
     .type = SL_OPT_CUSTOM,
     .read = read_body,
     .offset = offsetof(struct sl_sink_config, webhook)},
    {.name = "secret",
     .type = SL_OPT_CUSTOM,
     .read = read_secrets,
     .offset = offsetof(struct sl_sink_config, webhook)},
    {.name = "headers",
     .type = SL_OPT_CUSTOM,
     .read = read_headers,
     .offset = offsetof(struct sl_sink_config, webhook)},
    {.name = "allow_private", .type = SL_OPT_BOOL, .offset = AT(allow_private)},
    {.name = "rate", .type = SL_OPT_RATE, .offset = AT(rate)},
    {.name = "id_field", .type = SL_OPT_CUSTOM, .read = read_id_field, .offset = AT(id_field)},
    {0},
};

static void check_url(struct sl_reader *r, const struct sl_yaml_node *node,
                      const struct sl_webhook_config *w)
{
    const struct sl_yaml_node *url = sl_yaml_get(node, "url");
    struct sl_error err = {0};
    struct sl_address a;

    if (!url || !w->url)
        return;
    if (sl_address_parse(w->url, &a, &err))
        sl_read_error(r, url, "`url`: %s", err.text);
    else if (a.userinfo)
        sl_read_error(r, url,
                      "no user and password in an address; use `headers: { authorization: ... }`");
    else if (a.fragment)
        sl_read_error(r, url, "`url` has a `#` part, which is never sent");
    else if (!a.https && !w->allow_private)
        sl_read_error(r, url,
                      "`url` must be https://; http:// is taken only with `allow_private: true`, "
                      "for a receiver inside");
    else if (!a.https && !sl_address_is_loopback(&a) && w->n_headers)
        sl_read_warning(r, url, "`headers` go unencrypted to %.*s; use https://", (int)a.host.n,
                        a.host.p);
    else if (a.https && !w->allow_private && sl_address_is_loopback(&a))
        sl_read_error(r, url,
                      "`url` is a private address, which is refused unless "
                      "`allow_private: true`");
}

void sl_check_webhook(struct sl_reader *r, const struct sl_yaml_node *node,
                      struct sl_sink_config *s)
{
    const struct sl_yaml_node *records = sl_yaml_get(sl_yaml_get(node, "batch"), "records");

    check_url(r, node, &s->webhook);
    if (s->webhook.body != SL_BODY_MAPPING)
        return;
    if (records && s->batch_records != 1)
        sl_read_error(r, records,
                      "with a mapping as `body` a request holds one record: "
                      "`batch.records` can only be 1");
    s->batch_records = 1;
}
