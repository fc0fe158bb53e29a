/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/elasticsearch_encode.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "ops/metrics.h"

#define ACTION_BEGIN "{\"create\":{\"_index\":\""
#define ACTION_ID "\",\"_id\":\""
#define ACTION_END "\"}}\n"

enum { SLOTS = 4096 };

_Static_assert((int)SLOTS >= 4 * (int)SL_ES_NAMES_MAX, "the table stays at most a quarter full");

/* ---- names ---- */

/* What Elasticsearch forbids in a name, and upper case. */
static bool forbidden(unsigned char c)
{
    return c <= 0x20 || c == 0x7f || (c < 0x80 && strchr("\\/*?\"<>|,#:", c)) ||
           (c >= 'A' && c <= 'Z');
}

/* Cleans p[0..n) in place. True when there was nothing to do. */
static bool clean_name(char *p, size_t n)
{
    bool clean = true;
    size_t i = 0;

    while (i < n) {
        size_t k = sl_utf8_char(p + i, n - i, NULL);
        unsigned char c = (unsigned char)p[i];

        if (k == 0 || (k == 1 && forbidden(c))) {
            p[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : '_';
            clean = false;
            k = 1;
        }
        i += k;
    }
    return clean;
}

static bool name_usable(const char *p, size_t n)
{
    return n > 0 && n <= SL_ES_NAME_BYTES_MAX && !strchr("-_+", p[0]) &&
           !(p[0] == '.' && (n == 1 || (n == 2 && p[1] == '.')));
}

static uint64_t *find_slot(struct sl_es_names *names, uint64_t hash)
{
    size_t i = (size_t)(hash >> 1) % SLOTS;

    while (names->slots[i] && names->slots[i] >> 1 != hash >> 1)
        i = (i + 1) % SLOTS;
    return &names->slots[i];
}

/* The name stands in out from `begin` on and is put right there. */
static void settle_name(struct sl_es_encoder *e, struct sl_buf *out, size_t begin)
{
    struct sl_es_names *names = &e->names;
    uint64_t now = sl_now_ms(e->rt), hash, *slot;
    bool clean;

    if (now >= names->until_ms) {
        memset(names->slots, 0, SLOTS * sizeof(*names->slots));
        names->n = 0;
        names->until_ms = now + SL_ES_NAMES_MS;
    }
    hash = sl_hash(out->p + begin, out->n - begin) | 2; /* never a free slot */
    slot = find_slot(names, hash);
    if (*slot && *slot & 1)
        return;
    clean = clean_name(out->p + begin, out->n - begin);
    if (*slot)
        return;
    if (names->n < SL_ES_NAMES_MAX && name_usable(out->p + begin, out->n - begin)) {
        *slot = (hash & ~(uint64_t)1) | clean;
        names->n++;
        return;
    }
    sl_buf_truncate(out, begin);
    sl_buf_text(out, e->overflow);
    ++*e->overflowed;
}

/* ---- making one ---- */

/* Text outside of fields; column: where it stands, from 1. */
static int check_literal(const char *what, const char *text, const char *also, struct sl_error *err)
{
    for (const char *p = text; *p; p++) {
        if (*p == '{' && p[1] != '{') {
            while (p[1] && *p != '}')
                p++;
            continue;
        }
        if (*p == '{' || (*p == '}' && p[1] == '}'))
            p++;
        if (forbidden((unsigned char)*p) || strchr(also, *p)) {
            int code =
                sl_fail(err, SL_ECONFIG, "%s: `%c` is not allowed in an index name", what, *p);

            if (*p >= 'A' && *p <= 'Z')
                sl_fail(err, code, "%s: index names are lower case, not `%c`", what, *p);
            if (err)
                err->column = (unsigned)(p - text) + 1;
            return code;
        }
    }
    return SL_OK;
}

/* The text before the first field, braces undone. */
static size_t literal_prefix(const char *text, struct sl_buf *out)
{
    size_t begin = out->n;

    for (const char *p = text; *p; p++) {
        if (*p == '{' && p[1] != '{')
            break;
        sl_buf_byte(out, *p);
        if (*p == '{' || *p == '}')
            p++;
    }
    return out->n - begin;
}

static int init_index(struct sl_es_encoder *e, const char *text, struct sl_fields *fields,
                      struct sl_buf *overflow, struct sl_error *err)
{
    int code = check_literal("index", text, "", err);

    if (code)
        return code;
    if (text[0] && strchr("-_+", text[0]))
        return sl_fail(err, SL_ECONFIG, "index: a name may not begin with `%c`", text[0]);
    literal_prefix(text, overflow);
    SL_BUF_LITERAL(overflow, "overflow");
    e->index = sl_template_new(text, SL_TEMPLATE_INDEX, fields, err);
    return e->index ? SL_OK : SL_ECONFIG;
}

static int init_stream(struct sl_es_encoder *e, const struct sl_elasticsearch_config *c,
                       struct sl_fields *fields, struct sl_buf *overflow, struct sl_error *err)
{
    int code = check_literal("data_stream.type", c->type, "-{}", err);

    if (!code)
        code = check_literal("data_stream.dataset", c->dataset, "-", err);
    if (!code)
        code = check_literal("data_stream.namespace", c->namespace_, "-", err);
    if (code)
        return code;
    if (!c->type[0] || strchr("_+.", c->type[0]))
        return sl_fail(err, SL_ECONFIG,
                       "data_stream.type: not the beginning of a data stream's name");
    e->type = c->type;
    sl_buf_printf(overflow, "%s-overflow-", c->type);
    if (strchr(c->namespace_, '{') || !c->namespace_[0])
        SL_BUF_LITERAL(overflow, "default");
    else
        sl_buf_text(overflow, c->namespace_);
    e->dataset = sl_template_new(c->dataset, SL_TEMPLATE_DATA_STREAM, fields, err);
    if (!e->dataset)
        return SL_ECONFIG;
    e->namespace_ = sl_template_new(c->namespace_, SL_TEMPLATE_DATA_STREAM, fields, err);
    return e->namespace_ ? SL_OK : SL_ECONFIG;
}

int sl_es_encoder_init(struct sl_es_encoder *e, const struct sl_sink_config *config,
                       const struct sl_sink_env *env, struct sl_error *err)
{
    const struct sl_elasticsearch_config *c = &config->elasticsearch;
    struct sl_label labels[] = {{"sink", config->name}, {NULL, NULL}};
    struct sl_buf overflow;
    int code;

    *e = (struct sl_es_encoder){.rt = env->rt, .overflowed = NULL};
    sl_buf_init(&overflow, SL_ES_NAME_BYTES_MAX);
    code = c->index ? init_index(e, c->index, env->fields, &overflow, err)
                    : init_stream(e, c, env->fields, &overflow, err);
    if (code)
        goto out;
    if (overflow.full) {
        code = sl_fail(err, SL_ECONFIG, "index: the name is longer than %d bytes",
                       SL_ES_NAME_BYTES_MAX);
        goto out;
    }
    e->overflow = sl_buf_take(&overflow);
    e->names.slots = sl_calloc(SLOTS, sizeof(*e->names.slots));
    e->overflowed = &e->uncounted;
    if (env->metrics)
        e->overflowed = sl_metrics_counter(
            env->metrics, "sluice_index_overflow_total",
            "Records sent to the overflow index, past the number of distinct index names an hour.",
            labels);
out:
    sl_buf_release(&overflow);
    return code;
}

void sl_es_encoder_release(struct sl_es_encoder *e)
{
    if (e->index)
        sl_template_free(e->index);
    if (e->dataset)
        sl_template_free(e->dataset);
    if (e->namespace_)
        sl_template_free(e->namespace_);
    free(e->overflow);
    free(e->names.slots);
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
    size_t begin;

    SL_BUF_LITERAL(out, ACTION_BEGIN);
    begin = out->n;
    if (e->index) {
        sl_template_render(e->index, r, out);
    } else {
        sl_buf_text(out, e->type);
        sl_buf_byte(out, '-');
        sl_template_render(e->dataset, r, out);
        sl_buf_byte(out, '-');
        sl_template_render(e->namespace_, r, out);
    }
    if (out->full)
        return SL_EFULL;
    settle_name(e, out, begin);
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
