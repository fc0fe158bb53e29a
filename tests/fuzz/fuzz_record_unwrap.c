/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "gzip_make.h"
#include "record/json.h"
#include "record/unwrap.h"
#include "fuzz.h"

/* Any bytes as a message of a wrapper. The first byte chooses which, and whether the rest is
 * gzipped first. What must hold: the members of a piece are valid JSON with no name twice; what is
 * said to be an object is one; a line of cri comes back; a wrapper of JSON is JSON; a piece is the
 * same when it is asked for again. */

enum { PIECES = 64 };

static struct sl_unwrapped *u;
static struct sl_form_context context;
static struct sl_members members;
static struct sl_scan scan;
static struct sl_buf packed, object, again;

static void set_up(void)
{
    struct sl_fields *f = sl_fields_new();
    struct sl_zone *zone;

    sl_fields_compile(f);
    scan.fields = f;
    scan.values = sl_calloc(f->n + 1, sizeof(*scan.values));
    scan.marks = sl_calloc(f->n + 1, sizeof(*scan.marks));
    scan.seen = sl_calloc(f->n_nodes, sizeof(*scan.seen));
    u = sl_unwrapped_new();
    CHECK(sl_zone_new(NULL, &zone, NULL) == 0);
    context.zone = zone;
    context.kafka_ns = 1769862897000000000;
    sl_members_init(&members);
    sl_buf_init(&packed, 64 << 20);
    sl_buf_init(&object, 64 << 20);
    sl_buf_init(&again, 64 << 20);
}

static bool is_object(struct sl_slice json)
{
    scan.stamp++;
    while (json.n > 0 && memchr(" \t\r\n", *json.p, 4))
        json = sl_slice(json.p + 1, json.n - 1);
    return json.n > 0 && *json.p == '{' && sl_json_scan(&scan, json);
}

static void check_members(void)
{
    CHECK(members.depth == 0 && (members.n == 0) == (members.text.n == 0));
    for (unsigned i = 0; i < members.n; i++)
        for (unsigned k = 0; k < i; k++)
            CHECK(members.names[i].n != members.names[k].n ||
                  memcmp(members.text.p + members.names[i].begin,
                         members.text.p + members.names[k].begin, members.names[i].n) != 0);
    sl_buf_clear(&object);
    SL_BUF_LITERAL(&object, "{\"\":0");
    sl_buf_slice(&object, sl_buf_as_slice(&members.text));
    SL_BUF_LITERAL(&object, "}");
    CHECK(is_object(sl_buf_as_slice(&object)));
    CHECK(!memchr(object.p, '\n', object.n));
}

static struct sl_piece piece_at(const struct sl_wrapper *w, size_t i)
{
    struct sl_piece p;

    memset(&p, 0xa5, sizeof(p));
    sl_members_begin(&members);
    w->piece(u, i, &members, &p);
    return p;
}

static void check_piece(const struct sl_wrapper *w, size_t i)
{
    struct sl_piece p = piece_at(w, i);

    check_members();
    CHECK(p.level <= SL_LEVEL_FATAL && p.text.p && p.raw.p);
    if (p.is_object)
        CHECK(is_object(p.text));
    if (w == &sl_wrapper_cri)
        CHECK(p.wrapper.n + p.text.n == p.raw.n && memcmp(p.wrapper.p, p.raw.p, p.wrapper.n) == 0 &&
              (p.text.n == 0 || memcmp(p.text.p, p.raw.p + p.wrapper.n, p.text.n) == 0));
    else
        CHECK(is_object(p.raw));
    if (w != &sl_wrapper_cri && p.wrapper.p)
        CHECK(is_object(p.wrapper));
    sl_buf_clear(&again);
    sl_buf_slice(&again, p.text);
    sl_buf_slice(&again, sl_buf_as_slice(&members.text));
    p = piece_at(w, i);
    CHECK(again.n == p.text.n + members.text.n &&
          (p.text.n == 0 || memcmp(again.p, p.text.p, p.text.n) == 0) &&
          (members.text.n == 0 || memcmp(again.p + p.text.n, members.text.p, members.text.n) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sl_wrapper *const all[] = {&sl_wrapper_cri, &sl_wrapper_docker,
                                                   &sl_wrapper_cloudwatch, &sl_wrapper_otlp_json};
    const struct sl_wrapper *w;
    enum sl_unwrap_outcome outcome;
    const char *why = NULL;
    struct sl_slice value;
    size_t n = 0;

    if (size == 0)
        return 0;
    if (!u)
        set_up();
    w = all[data[0] % 4];
    value = sl_slice((const char *)data + 1, size - 1);
    if (data[0] & 4) {
        sl_buf_clear(&packed);
        gzip_make(value, &packed);
        value = sl_buf_as_slice(&packed);
    }
    w->looks(value);
    sl_wrapper_of(value);
    outcome = w->open(u, &context, value, &n, &why);
    CHECK((outcome == SL_UNWRAP_OK) == !why);
    if (outcome != SL_UNWRAP_OK)
        return 0;
    CHECK(n >= 1 && (n == 1 || w->many));
    for (size_t i = 0; i < n && i < PIECES; i++)
        check_piece(w, i);
    check_piece(w, n - 1);
    if (data[0] & 8)
        sl_unwrapped_shrink(u);
    return 0;
}
