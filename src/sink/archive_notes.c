/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/archive_notes.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/xorfilter.h"
#include "sink/compress.h"

/* The buffer: where the last note begins (8 bytes), then notes, each with its hashes behind it. All
 * is a multiple of 8 bytes, so it can be read where it lies. */
struct note {
    uint64_t bytes;
    int64_t first, last, least_ns, greatest_ns;
    uint32_t records, offsets, hashes, unused;
};

static struct note *note_at(const struct sl_buf *notes, size_t at)
{
    return (struct note *)(void *)(notes->p + at);
}

static struct note *last_note(struct sl_buf *notes)
{
    return note_at(notes, *(const uint64_t *)(const void *)notes->p);
}

static struct note *begin_note(struct sl_buf *notes, int64_t offset, int64_t time_ns)
{
    const struct note new = {.first = offset, .least_ns = time_ns, .greatest_ns = time_ns};
    uint64_t at = notes->n ? notes->n : sizeof(at);

    if (notes->n == 0)
        sl_buf_append(notes, &at, sizeof(at));
    sl_buf_append(notes, &new, sizeof(new));
    if (notes->full)
        return NULL;
    memcpy(notes->p, &at, sizeof(at));
    return last_note(notes);
}

void sl_archive_note(struct sl_buf *notes, enum sl_compression kind, size_t bytes, int64_t offset,
                     int64_t time_ns, const uint64_t *hash)
{
    struct note *m = notes->n ? last_note(notes) : NULL;

    if (notes->full) /* nobody wants any */
        return;
    if (!m || m->bytes + bytes > sl_archive_member_max(kind))
        m = begin_note(notes, offset, time_ns);
    if (!m)
        return;
    m->bytes += bytes;
    m->offsets += m->records == 0 || m->last != offset;
    m->records++;
    m->last = offset;
    m->least_ns = time_ns < m->least_ns ? time_ns : m->least_ns;
    m->greatest_ns = time_ns > m->greatest_ns ? time_ns : m->greatest_ns;
    /* Records of one request often stand together. */
    if (!hash ||
        (m->hashes > 0 && memcmp(notes->p + notes->n - sizeof(*hash), hash, sizeof(*hash)) == 0))
        return;
    m->hashes++;
    sl_buf_append(notes, hash, sizeof(*hash)); /* m may have moved */
}

/* ---- closing ---- */

struct closing {
    struct sl_archive_index index;
    struct sl_compress_piece *pieces;
    struct sl_buf filters;
};

static uint32_t count(const struct sl_buf *notes)
{
    uint32_t n = 0;

    for (size_t at = sizeof(uint64_t); at < notes->n; n++)
        at += sizeof(struct note) + note_at(notes, at)->hashes * sizeof(uint64_t);
    return n;
}

static void take_note(struct closing *c, struct note *m)
{
    struct sl_archive_member *member = &c->index.members[c->index.n];
    size_t begin = c->filters.n;

    /* An index without this filter is still right: the member is then read for every id. */
    sl_xorfilter_build((uint64_t *)(void *)(m + 1), m->hashes, &c->filters);
    *member = (struct sl_archive_member){.raw = (uint32_t)m->bytes,
                                         .records = m->records,
                                         .offsets = m->offsets,
                                         .first = m->first,
                                         .last = m->last,
                                         .least_ns = m->least_ns,
                                         .greatest_ns = m->greatest_ns,
                                         .filter = sl_slice(NULL, c->filters.n - begin)};
    c->pieces[c->index.n++].raw = (uint32_t)m->bytes;
}

int sl_archive_compress(enum sl_compression kind, struct sl_slice lines, struct sl_buf *notes,
                        const struct sl_archive_index *info, struct sl_buf *out)
{
    uint32_t n = count(notes);
    size_t begin = out->n, filter = 0;
    uint64_t offset = 0;
    struct closing c = {.index = *info};
    int rc;

    c.index.n = 0;
    c.index.members = sl_calloc(n + 1, sizeof(*c.index.members));
    c.pieces = sl_calloc(n + 1, sizeof(*c.pieces));
    /* What is too much for an index goes without filters, not without index. */
    sl_buf_init(&c.filters, SL_ARCHIVE_INDEX_MAX / 2);
    for (size_t at = sizeof(uint64_t); at < notes->n;) {
        struct note *m = note_at(notes, at);

        at += sizeof(*m) + m->hashes * sizeof(uint64_t);
        take_note(&c, m);
    }
    rc = sl_compress_pieces(kind, lines, c.pieces, n, out);
    for (uint32_t i = 0; i < n; i++) {
        struct sl_archive_member *m = &c.index.members[i];

        m->filter.p = c.filters.p + filter;
        filter += m->filter.n;
        m->offset = offset;
        m->length = c.pieces[i].length;
        offset += m->length;
    }
    if (rc == SL_OK)
        rc = sl_archive_index_write(&c.index, kind, out);
    if (rc != SL_OK)
        sl_buf_truncate(out, begin);
    sl_buf_shrink(out);
    free(c.index.members);
    free(c.pieces);
    sl_buf_release(&c.filters);
    return rc;
}
