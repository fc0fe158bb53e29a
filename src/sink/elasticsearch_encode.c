/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/elasticsearch_encode.h"

#include "base/alloc.h"
#include "ops/metrics.h"

#define ACTION_BEGIN "{\"create\":{\"_index\":\""
#define ACTION_ID "\",\"_id\":\""
#define ACTION_END "\"}}\n"

/* ---- names ---- */

/* Whether the name is one of this hour's, or becomes one. */
static bool admit(struct sl_es_encoder *e, struct sl_slice name)
{
    uint64_t now = sl_now_ms(e->rt);

    if (now >= e->names_until_ms) {
        sl_es_names_clear(&e->names);
        e->names_until_ms = now + SL_ES_NAMES_MS;
    }
    return sl_es_names_add(&e->names, name);
}

static void put_overflow(const struct sl_es_encoder *e, const struct sl_record *r,
                         struct sl_buf *out)
{
    if (e->overflow) {
        sl_template_render(e->overflow, r, out);
        return;
    }
    sl_buf_text(out, e->type);
    SL_BUF_LITERAL(out, "-overflow-");
    if (e->namespace_fixed)
        sl_template_render(e->namespace_, r, out);
    else
        SL_BUF_LITERAL(out, "default");
}

static void put_name(struct sl_es_encoder *e, const struct sl_record *r, struct sl_buf *out)
{
    size_t begin = out->n;

    if (e->index) {
        sl_template_render(e->index, r, out);
    } else {
        sl_buf_text(out, e->type);
        sl_buf_byte(out, '-');
        sl_template_render(e->dataset, r, out);
        sl_buf_byte(out, '-');
        sl_template_render(e->namespace_, r, out);
    }
    if (out->full || admit(e, sl_slice(out->p + begin, out->n - begin)))
        return;
    sl_buf_truncate(out, begin);
    put_overflow(e, r, out);
    ++*e->overflowed;
}

/* ---- making one ---- */

static struct sl_template *compile(const char *key, const char *text, enum sl_template_use use,
                                   struct sl_fields *fields, struct sl_error *err)
{
    struct sl_error inner = {0};
    struct sl_template *t = sl_template_new(text, use, fields, &inner);

    if (!t) {
        sl_fail(err, SL_ECONFIG, "%s: %.400s", key, inner.text);
        if (err) {
            err->column = inner.column;
            err->about = text;
        }
    }
    return t;
}

/* The text before the first field, as written. */
static size_t literal_prefix(const char *text)
{
    size_t n = 0;

    while (text[n] && (text[n] != '{' || text[n + 1] == '{'))
        n += text[n] == '{' || (text[n] == '}' && text[n + 1] == '}') ? 2 : 1;
    return n;
}

void sl_es_index_pattern(const struct sl_elasticsearch_config *c, struct sl_buf *out)
{
    const char *text = c->index ? c->index : c->type;
    size_t n = literal_prefix(text);

    for (size_t i = 0; i < n; i++) {
        sl_buf_byte(out, (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 'a' - 'A' : text[i]));
        if ((text[i] == '{' || text[i] == '}') && text[i + 1] == text[i])
            i++;
    }
    if (!c->index)
        SL_BUF_LITERAL(out, "-*");
    else if (text[n])
        sl_buf_byte(out, '*');
    else /* one index, and its overflow */
        sl_buf_printf(out, ",%.*soverflow", (int)n, text);
}

static int init_index(struct sl_es_encoder *e, const char *text, struct sl_fields *fields,
                      struct sl_error *err)
{
    char *overflow;

    e->index = compile("index", text, SL_TEMPLATE_INDEX, fields, err);
    if (!e->index)
        return SL_ECONFIG;
    overflow = sl_asprintf("%.*soverflow", (int)literal_prefix(text), text);
    e->overflow = compile("index", overflow, SL_TEMPLATE_INDEX, fields, err);
    free(overflow);
    return e->overflow ? SL_OK : SL_ECONFIG;
}

static int init_stream(struct sl_es_encoder *e, const struct sl_elasticsearch_config *c,
                       struct sl_fields *fields, struct sl_error *err)
{
    static const char usable[] = "abcdefghijklmnopqrstuvwxyz0123456789._";
    size_t n = strlen(c->type);

    if (n == 0 || n > SL_ES_TYPE_BYTES_MAX || strspn(c->type, usable) != n ||
        strchr("._", c->type[0]))
        return sl_fail(err, SL_ECONFIG,
                       "data_stream.type: 1 to %d of a-z 0-9 . _, a letter or digit first",
                       SL_ES_TYPE_BYTES_MAX);
    e->type = c->type;
    e->namespace_fixed = !strchr(c->namespace_, '{');
    e->dataset = compile("data_stream.dataset", c->dataset, SL_TEMPLATE_DATA_STREAM, fields, err);
    if (!e->dataset)
        return SL_ECONFIG;
    e->namespace_ =
        compile("data_stream.namespace", c->namespace_, SL_TEMPLATE_DATA_STREAM, fields, err);
    return e->namespace_ ? SL_OK : SL_ECONFIG;
}

int sl_es_encoder_init(struct sl_es_encoder *e, const struct sl_sink_config *config,
                       const struct sl_sink_env *env, struct sl_error *err)
{
    const struct sl_elasticsearch_config *c = &config->elasticsearch;
    const struct sl_label labels[] = {{"sink", config->name}, {NULL, NULL}};
    int code;

    *e = (struct sl_es_encoder){.rt = env->rt};
    sl_es_names_init(&e->names);
    e->overflowed = &e->uncounted;
    code =
        c->index ? init_index(e, c->index, env->fields, err) : init_stream(e, c, env->fields, err);
    if (!code && env->metrics)
        e->overflowed = sl_metrics_counter(
            env->metrics, "sluice_index_overflow_total",
            "Records sent to the overflow index, past the bound on index names.", labels);
    return code;
}

void sl_es_encoder_release(struct sl_es_encoder *e)
{
    sl_template_free(e->index);
    sl_template_free(e->overflow);
    sl_template_free(e->dataset);
    sl_template_free(e->namespace_);
    sl_es_names_release(&e->names);
    *e = (struct sl_es_encoder){0};
}

/* ---- records ---- */

size_t sl_es_encoder_bound(const struct sl_record *r)
{
    return sizeof(ACTION_BEGIN ACTION_ID ACTION_END) + SL_ES_NAME_BYTES_MAX + SL_RECORD_ID_MAX +
           sl_record_json_bound(r) + 1;
}

int sl_es_encode(struct sl_es_encoder *e, const struct sl_record *r, struct sl_buf *out,
                 struct sl_item *item)
{
    char id[SL_RECORD_ID_MAX];

    SL_BUF_LITERAL(out, ACTION_BEGIN);
    put_name(e, r, out);
    SL_BUF_LITERAL(out, ACTION_ID);
    sl_buf_append(out, id, sl_record_id(r, id));
    SL_BUF_LITERAL(out, ACTION_END);
    item->body = (uint32_t)out->n;
    item->value_n = (uint32_t)r->message->value.n;
    sl_record_json(r, true, sl_slice("", 0), out, &item->verbatim);
    sl_buf_byte(out, '\n');
    return out->full ? SL_EFULL : SL_OK;
}

struct sl_slice sl_es_item_index(const struct sl_batch *b, const struct sl_item *item)
{
    const char *begin = b->data.p + item->begin + sizeof(ACTION_BEGIN) - 1;
    const char *end = memchr(begin, '"', item->body - item->begin);

    return sl_slice(begin, end ? (size_t)(end - begin) : 0);
}
