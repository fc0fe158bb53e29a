/* SPDX-License-Identifier: Apache-2.0 */
#include "record/members.h"

#include "record/fields.h"
#include "record/json.h"

void sl_members_init(struct sl_members *m)
{
    sl_buf_init(&m->text, SL_MEMBERS_BYTES_MAX);
    sl_members_begin(m);
}

void sl_members_release(struct sl_members *m)
{
    sl_buf_release(&m->text);
}

void sl_members_begin(struct sl_members *m)
{
    sl_buf_clear(&m->text);
    m->text.max = SL_MEMBERS_BYTES_MAX; /* the decoder puts more behind them */
    m->n = m->depth = 0;
    m->first = m->full = false;
}

struct sl_members_mark sl_members_mark(const struct sl_members *m)
{
    return (struct sl_members_mark){.text = m->text.n, .n = m->n};
}

void sl_members_back(struct sl_members *m, struct sl_members_mark mark)
{
    sl_buf_truncate(&m->text, mark.text);
    m->n = mark.n;
    m->depth = 0;
    m->first = m->full = false;
}

/* Where a member begins: its comma and its quote stand before the name. */
static size_t begin_of(const struct sl_members *m, unsigned i)
{
    return i < m->n ? m->names[i].begin - 2 : m->text.n;
}

void sl_members_drop(struct sl_members *m, const bool *drop)
{
    size_t to = 0, begin = 0;
    unsigned kept = 0;

    for (unsigned i = 0; i < m->n; i++) {
        size_t end = begin_of(m, i + 1);

        if (!drop[i]) {
            memmove(m->text.p + to, m->text.p + begin, end - begin);
            m->names[kept].begin = (uint32_t)to + 2;
            m->names[kept++].n = m->names[i].n;
            to += end - begin;
        }
        begin = end;
    }
    m->n = kept;
    sl_buf_truncate(&m->text, to);
}

/* ---- names ---- */

/* Names are few and short: the first byte turns nearly all away. */
static bool taken(const struct sl_members *m, const char *name, size_t n)
{
    for (unsigned i = 0; i < m->n; i++) {
        const char *other = m->text.p + m->names[i].begin;

        if (*other == *name && sl_fields_collide(sl_slice(other, m->names[i].n), sl_slice(name, n)))
            return true;
    }
    return false;
}

/* What Elasticsearch and OpenSearch, of all versions, keep for themselves. */
static bool reserved(struct sl_slice name)
{
    static const char *const names[] = {"_all",          "_data_stream_timestamp",
                                        "_doc_count",    "_feature",
                                        "_field_names",  "_id",
                                        "_ignored",      "_ignored_source",
                                        "_index",        "_nested",
                                        "_nested_path",  "_parent",
                                        "_primary_term", "_routing",
                                        "_seq_no",       "_shard",
                                        "_size",         "_source",
                                        "_tier",         "_timestamp",
                                        "_tsid",         "_ttl",
                                        "_type",         "_uid",
                                        "_version"};
    const char *dot = memchr(name.p, '.', name.n);

    if (dot)
        name.n = (size_t)(dot - name.p);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (sl_slice_is(name, names[i]))
            return true;
    return false;
}

bool sl_member_name_fits(struct sl_slice name, bool top)
{
    unsigned dots = 0;

    if (name.n == 0 || name.p[0] == '.' || name.p[name.n - 1] == '.' ||
        (top && name.p[0] == '_' && reserved(name)))
        return false;
    if (!memchr(name.p, '.', name.n))
        return true;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '.' && (name.p[i + 1] == '.' || ++dots == SL_PATH_SEGMENTS_MAX))
            return false;
    return true;
}

bool sl_members_has(const struct sl_members *m, struct sl_slice name)
{
    return taken(m, name.p, name.n);
}

/* ,"name": with the place of the name noted; false, and nothing written, where it is not to be. */
static bool begin_member(struct sl_members *m, struct sl_slice name)
{
    size_t before = m->text.n, at;

    if (m->full || (m->depth == 0 && m->n == SL_MEMBERS_MAX)) {
        m->full = true;
        return false;
    }
    if (!sl_member_name_fits(name, m->depth == 0))
        return false;
    if (!m->first)
        sl_buf_byte(&m->text, ',');
    sl_buf_byte(&m->text, '"');
    at = m->text.n;
    sl_json_escape(name, &m->text);
    if (m->depth == 0) {
        size_t n = m->text.n - at;

        if (m->text.full || taken(m, m->text.p + at, n)) {
            sl_buf_truncate(&m->text, before);
            return false;
        }
        m->names[m->n].begin = (uint32_t)at;
        m->names[m->n++].n = (uint32_t)n;
    }
    SL_BUF_LITERAL(&m->text, "\":");
    m->first = false;
    return true;
}

/* ---- values ---- */

/* What did not fit is taken back whole. */
static bool end_member(struct sl_members *m, struct sl_members_mark before)
{
    if (!m->text.full)
        return true;
    sl_buf_truncate(&m->text, before.text);
    m->n = before.n;
    m->full = true;
    return false;
}

bool sl_members_string(struct sl_members *m, struct sl_slice name, struct sl_slice value)
{
    struct sl_members_mark before = sl_members_mark(m);

    if (!begin_member(m, name))
        return false;
    sl_buf_byte(&m->text, '"');
    sl_json_escape(value, &m->text);
    sl_buf_byte(&m->text, '"');
    return end_member(m, before);
}

bool sl_members_number(struct sl_members *m, struct sl_slice name, struct sl_slice value)
{
    struct sl_members_mark before = sl_members_mark(m);
    bool integer;

    if (value.n == 0 || value.n > SL_JSON_NUMBER_MAX ||
        sl_json_number_end(value.p, value.p + value.n, &integer) != value.p + value.n)
        return sl_members_string(m, name, value);
    if (!begin_member(m, name))
        return false;
    sl_buf_slice(&m->text, value);
    return end_member(m, before);
}

bool sl_members_json(struct sl_members *m, struct sl_slice name, struct sl_slice json)
{
    struct sl_members_mark before = sl_members_mark(m);

    if (!begin_member(m, name))
        return false;
    sl_json_one_line(json, &m->text);
    return end_member(m, before);
}

bool sl_members_open(struct sl_members *m, struct sl_slice name)
{
    struct sl_members_mark before = sl_members_mark(m);

    if (m->depth == SL_MEMBERS_DEPTH_MAX || !begin_member(m, name))
        return false;
    sl_buf_byte(&m->text, '{');
    m->depth++;
    m->first = true;
    return end_member(m, before);
}

void sl_members_close(struct sl_members *m)
{
    sl_buf_byte(&m->text, '}');
    m->depth--;
    m->first = false;
}
