/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/envelope.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "config/arena.h"

struct sl_envelope {
    json_t *root;
    struct sl_arena arena; /* what was base64 */
    struct sl_header headers[SL_HEADERS_MAX];
};

struct sl_envelope *sl_envelope_new(void)
{
    struct sl_envelope *e = sl_zalloc(sizeof(*e));

    sl_arena_init(&e->arena);
    return e;
}

static void forget(struct sl_envelope *e)
{
    json_decref(e->root);
    e->root = NULL;
    sl_arena_release(&e->arena);
    sl_arena_init(&e->arena);
}

void sl_envelope_free(struct sl_envelope *e)
{
    if (!e)
        return;
    forget(e);
    free(e);
}

/* A string, {"base64": "..."} or null. */
static int read_bytes(struct sl_envelope *e, const json_t *from, const char *name,
                      struct sl_slice *ret, struct sl_error *err)
{
    const json_t *base64 = json_object_get(from, "base64");
    struct sl_buf bytes;
    int code;

    *ret = sl_slice(NULL, 0);
    if (!from || json_is_null(from))
        return SL_OK;
    if (json_is_string(from)) {
        *ret = sl_slice(json_string_value(from), json_string_length(from));
        return SL_OK;
    }
    if (!json_is_string(base64))
        return sl_fail(err, SL_EINVAL,
                       "`%s` is a string, {\"base64\": \"...\"} or null (lines that are values "
                       "themselves are read without --input envelope)",
                       name);
    sl_buf_init(&bytes, SL_INPUT_LINE_MAX);
    code =
        sl_base64_decode(sl_slice(json_string_value(base64), json_string_length(base64)), &bytes);
    if (code != SL_OK)
        code = sl_fail(err, SL_EINVAL, "`%s`: what stands under `base64` is no base64", name);
    else
        *ret = sl_slice(sl_arena_strndup(&e->arena, bytes.p ? bytes.p : "", bytes.n), bytes.n);
    sl_buf_release(&bytes);
    return code;
}

static int read_number(const json_t *from, const char *name, int64_t max, int64_t *ret,
                       struct sl_error *err)
{
    if (!json_is_integer(from) || json_integer_value(from) < 0 || json_integer_value(from) > max)
        return sl_fail(err, SL_EINVAL, "`%s` is a whole number from 0", name);
    *ret = json_integer_value(from);
    return SL_OK;
}

/* ---- headers: [[name, value], ...], {name: value, ...} or [name, value, ...] ---- */

static int add_header(struct sl_envelope *e, size_t *n, const json_t *name, const json_t *value,
                      struct sl_error *err)
{
    struct sl_header *h = &e->headers[*n];

    if (*n == SL_HEADERS_MAX) /* rules see no more of them either */
        return SL_OK;
    if (!json_is_string(name))
        return sl_fail(err, SL_EINVAL, "`headers`: a header's name is a string");
    h->name = sl_slice(json_string_value(name), json_string_length(name));
    ++*n;
    return read_bytes(e, value, "headers", &h->value, err);
}

static int read_headers(struct sl_envelope *e, json_t *from, struct sl_message *ret,
                        struct sl_error *err)
{
    bool flat = json_is_string(json_array_get(from, 0));
    size_t step = flat ? 2 : 1;
    const char *key;
    json_t *value;
    int code = SL_OK;

    ret->headers = e->headers;
    ret->n_headers = 0;
    if (json_is_object(from)) {
        json_object_foreach(from, key, value)
        {
            json_t *name = json_string(key);

            if (code == SL_OK)
                code = add_header(e, &ret->n_headers, name, value, err);
            if (ret->n_headers)
                e->headers[ret->n_headers - 1].name = sl_slice_str(key); /* name goes */
            json_decref(name);
        }
        return code;
    }
    if (!json_is_array(from))
        return sl_fail(err, SL_EINVAL, "`headers` is a list of [name, value]");
    for (size_t i = 0; code == SL_OK && i < json_array_size(from); i += step) {
        const json_t *at = json_array_get(from, i);

        code = add_header(e, &ret->n_headers, flat ? at : json_array_get(at, 0),
                          flat ? json_array_get(from, i + 1) : json_array_get(at, 1), err);
    }
    return code;
}

/* ---- the line ---- */

static const json_t *get(const json_t *root, const char *name, const char *kcat)
{
    const json_t *value = json_object_get(root, name);

    return value || !kcat ? value : json_object_get(root, kcat);
}

static int read_place(const json_t *root, struct sl_input_record *ret, struct sl_error *err)
{
    const json_t *topic = get(root, "topic", NULL), *partition = get(root, "partition", NULL),
                 *offset = get(root, "offset", NULL), *time = get(root, "timestamp", "ts"),
                 *index = get(root, "index", NULL);
    int64_t number = ret->partition;
    int code = SL_OK;

    if (topic && (!json_is_string(topic) || !json_string_length(topic)))
        return sl_fail(err, SL_EINVAL, "`topic` is the name of one");
    if (topic)
        ret->topic = json_string_value(topic);
    if (partition)
        code = read_number(partition, "partition", INT32_MAX, &number, err);
    ret->partition = (int32_t)number;
    if (!code && offset)
        code = read_number(offset, "offset", INT64_MAX, &ret->message.offset, err);
    /* -1 is how Kafka says that there is none. */
    if (!code && time && !json_is_null(time) && json_integer_value(time) != -1)
        code = read_number(time, "timestamp", INT64_MAX, &ret->message.timestamp_ms, err);
    ret->piece = json_is_integer(index);
    if (!code && ret->piece)
        code = read_number(index, "index", UINT32_MAX, &ret->index, err);
    ret->placed = topic && partition && offset;
    return code;
}

int sl_envelope_read(struct sl_envelope *e, struct sl_slice line, struct sl_input_record *ret,
                     struct sl_error *err)
{
    json_error_t why;
    json_t *headers;
    int code;

    forget(e);
    e->root = json_loadb(line.p, line.n, JSON_ALLOW_NUL, &why);
    if (!e->root)
        return sl_fail(err, SL_EINVAL, "not JSON: %s (column %d)", why.text, why.column);
    if (!json_is_object(e->root) ||
        (!json_object_get(e->root, "value") && !json_object_get(e->root, "payload")))
        return sl_fail(err, SL_EINVAL,
                       "no envelope: there is no `value` (lines that are values themselves are "
                       "read without --input envelope)");
    code = read_place(e->root, ret, err);
    if (!code)
        code = read_bytes(e, get(e->root, "key", NULL), "key", &ret->message.key, err);
    if (!code)
        code = read_bytes(e, get(e->root, "value", "payload"), "value", &ret->message.value, err);
    headers = json_object_get(e->root, "headers");
    if (!code && headers && !json_is_null(headers))
        code = read_headers(e, headers, &ret->message, err);
    return code;
}
