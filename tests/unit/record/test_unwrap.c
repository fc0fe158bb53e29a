/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <jansson.h>

#include "base/file.h"
#include "base/hash.h"
#include "gzip_make.h"
#include "record/unwrap.h"

/* What wrappers make of messages: the tables in cases/unwrap. A case is
 *
 *   === what it shows [gzip] [base64] [newline]
 *   the message's value, one line or more
 *   --- ok            or: not, nothing, refused, with a colon and the words
 *   what comes of it, piece by piece
 *
 * The brackets pack the value first. A case that fails prints what came of it, in this form. Beside
 * what the table says, each piece must give back its original. */

struct fixture {
    const struct sl_wrapper *wrapper;
    struct sl_unwrapped *u;
    struct sl_form_context context;
    struct sl_zone *zone;
    struct sl_members members;
    struct sl_buf file, value, packed, got;
    char *copy;
    size_t cases;
};

static struct fixture *fixture_new(const char *wrapper)
{
    struct fixture *x = sl_zalloc(sizeof(*x));

    x->wrapper = sl_wrapper_named(sl_slice_str(wrapper));
    assert_non_null(x->wrapper);
    x->u = sl_unwrapped_new();
    assert_int_equal(sl_zone_new(NULL, &x->zone, NULL), SL_OK);
    x->context = (struct sl_form_context){.zone = x->zone, .kafka_ns = 1769862897000000000};
    sl_members_init(&x->members);
    sl_buf_init(&x->file, 16 << 20);
    sl_buf_init(&x->value, 16 << 20);
    sl_buf_init(&x->packed, 16 << 20);
    sl_buf_init(&x->got, 16 << 20);
    return x;
}

static void fixture_free(struct fixture *x)
{
    sl_unwrapped_free(x->u);
    sl_zone_free(x->zone);
    sl_members_release(&x->members);
    sl_buf_release(&x->file);
    sl_buf_release(&x->value);
    sl_buf_release(&x->packed);
    sl_buf_release(&x->got);
    free(x->copy);
    free(x);
}

/* ---- what comes of a value, as text ---- */

static struct sl_piece piece_at(struct fixture *x, size_t i)
{
    struct sl_piece p;

    sl_members_begin(&x->members);
    memset(&p, 0xa5, sizeof(p)); /* the wrapper sets all of it */
    x->wrapper->piece(x->u, i, &x->members, &p);
    return p;
}

static void print_piece(struct fixture *x, size_t i, struct sl_buf *out)
{
    struct sl_piece p = piece_at(x, i);

    sl_buf_printf(out, "%zu %s \"", i, p.is_object ? "object" : "text");
    sl_json_escape(p.text, out);
    sl_buf_printf(out, "\"\n%zu members {", i);
    if (x->members.text.n)
        sl_buf_append(out, x->members.text.p + 1, x->members.text.n - 1);
    SL_BUF_LITERAL(out, "}\n");
    if (p.has_time) {
        sl_buf_printf(out, "%zu time ", i);
        sl_time_rfc3339(p.time_ns, out);
        SL_BUF_LITERAL(out, "\n");
    }
    if (p.level)
        sl_buf_printf(out, "%zu level %s\n", i, sl_level_name(p.level));
}

/* ---- the way back ---- */

static json_t *parse(const char *p, size_t n)
{
    json_error_t error;
    json_t *j = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

    if (!j)
        fail_msg("%s in %.*s", error.text, (int)n, p);
    return j;
}

static json_t *parse_members(struct fixture *x)
{
    struct sl_buf text;
    json_t *j;

    sl_buf_init(&text, 32 << 20);
    SL_BUF_LITERAL(&text, "{");
    if (x->members.text.n)
        sl_buf_append(&text, x->members.text.p + 1, x->members.text.n - 1);
    SL_BUF_LITERAL(&text, "}");
    j = parse(text.p, text.n);
    sl_buf_release(&text);
    return j;
}

static void cri_back(struct fixture *x, const struct sl_piece *p, json_t *m)
{
    sl_buf_clear(&x->packed);
    sl_buf_printf(&x->packed, "%s %s %s ", json_string_value(json_object_get(m, "container_time")),
                  json_string_value(json_object_get(m, "stream")),
                  json_string_value(json_object_get(m, "logtag")));
    assert_true(sl_slice_equal(sl_buf_as_slice(&x->packed), p->wrapper));
    sl_buf_slice(&x->packed, p->text);
    assert_true(sl_slice_equal(sl_buf_as_slice(&x->packed), p->raw));
}

/* A member under the name that it had. */
static void put_back(json_t *to, const char *name, json_t *m, const char *member)
{
    if (json_object_get(m, member))
        json_object_set(to, name, json_object_get(m, member));
}

static void expect_equal(json_t *a, json_t *b)
{
    if (!json_equal(a, b))
        fail_msg("%s\nis not\n%s", json_dumps(a, 0), json_dumps(b, 0));
}

/* The wrapper's text with the entry's put back into the string where it was. */
static void wrapper_back(struct sl_slice wrapper, const char *name, struct sl_slice text,
                         json_t *original)
{
    json_t *w = parse(wrapper.p, wrapper.n), *left = json_object_get(w, name);
    json_t *whole = json_is_string(left)
                        ? json_sprintf("%.*s%s", (int)text.n, text.p, json_string_value(left))
                        : parse(text.p, text.n);

    json_object_set_new(w, name, whole);
    expect_equal(w, original);
    json_decref(w);
}

static void docker_back(const struct sl_piece *p, json_t *m)
{
    json_t *original = parse(p->raw.p, p->raw.n), *made = json_object(), *log;
    bool whole = strcmp(json_string_value(json_object_get(m, "logtag")), "F") == 0;
    char *text = sl_alloc(p->text.n + 1);

    memcpy(text, p->text.p, p->text.n);
    text[p->text.n] = '\n';
    log = json_stringn(text, p->text.n + whole);
    free(text);
    json_object_set_new(made, "log", log);
    put_back(made, "stream", m, "stream");
    put_back(made, "time", m, "container_time");
    put_back(made, "attrs", m, "attrs");
    expect_equal(made, original);
    if (p->wrapper.p)
        wrapper_back(p->wrapper, "log", p->text, original);
    else
        assert_null(memchr(p->text.p, '{', p->text.n));
    json_decref(made);
    json_decref(original);
}

static void cloudwatch_back(const struct sl_piece *p, json_t *m)
{
    json_t *original = parse(p->raw.p, p->raw.n), *made = json_object();
    json_t *message = json_object_get(original, "message");

    put_back(made, "id", m, "event_id");
    put_back(made, "timestamp", m, "event_time");
    put_back(made, "extractedFields", m, "extracted_fields");
    if (json_is_string(message))
        json_object_set_new(made, "message", json_stringn(p->text.p, p->text.n));
    else if (message && !json_is_null(message))
        json_object_set_new(made, "message", parse(p->text.p, p->text.n));
    if (json_object_get(m, "wrapper"))
        wrapper_back(sl_slice_str(json_string_value(json_object_get(m, "wrapper"))), "message",
                     p->text, original);
    else if (message && !json_is_null(message))
        expect_equal(made, original);
    else
        assert_true(sl_slice_equal(p->text, p->raw));
    if (p->wrapper.p)
        wrapper_back(p->wrapper, "message", p->text, original);
    json_decref(made);
    json_decref(original);
}

static void otlp_back(const struct sl_piece *p)
{
    json_t *original, *w, *record, *body;

    if (!p->wrapper.p) {
        assert_true(p->text.n == 0 || !memchr(p->text.p, '{', p->text.n));
        return;
    }
    original = parse(p->raw.p, p->raw.n);
    w = parse(p->wrapper.p, p->wrapper.n);
    record = json_array_get(
        json_object_get(json_array_get(json_object_get(w, "scopeLogs"), 0), "logRecords"), 0);
    body = json_object_get(record, "body");
    if (json_is_object(body) && json_object_get(body, "stringValue"))
        json_object_set_new(body, "stringValue", json_stringn(p->text.p, p->text.n));
    else if (json_is_string(body))
        json_object_set_new(record, "body", json_stringn(p->text.p, p->text.n));
    else
        json_object_set(record, "body", json_object_get(original, "body"));
    expect_equal(record, original);
    json_decref(w);
    json_decref(original);
}

static void there_and_back(struct fixture *x, size_t i)
{
    struct sl_piece p = piece_at(x, i);
    json_t *m = parse_members(x);

    if (x->wrapper == &sl_wrapper_cri)
        cri_back(x, &p, m);
    else if (x->wrapper == &sl_wrapper_docker)
        docker_back(&p, m);
    else if (x->wrapper == &sl_wrapper_cloudwatch)
        cloudwatch_back(&p, m);
    else
        otlp_back(&p);
    json_decref(m);
}

/* ---- cases ---- */

static void unwrap(struct fixture *x, struct sl_slice value)
{
    static const char *const outcomes[] = {"ok", "not", "nothing", "refused"};
    const char *why = NULL;
    size_t n = 0;
    enum sl_unwrap_outcome outcome;

    /* Its exact size, so that a sanitizer sees a read beyond the end. */
    free(x->copy);
    x->copy = sl_alloc(value.n ? value.n : 1);
    memcpy(x->copy, value.p ? value.p : "", value.n);
    outcome = x->wrapper->open(x->u, &x->context, sl_slice(x->copy, value.n), &n, &why);
    sl_buf_clear(&x->got);
    sl_buf_printf(&x->got, "--- %s%s%s\n", outcomes[outcome], outcome == SL_UNWRAP_OK ? "" : ": ",
                  outcome == SL_UNWRAP_OK ? "" : why);
    if (outcome != SL_UNWRAP_OK)
        return;
    assert_true(n == 1 || (n > 1 && x->wrapper->many));
    for (size_t i = n; i-- > 0;) /* in any order */
        there_and_back(x, i);
    for (size_t i = 0; i < n; i++)
        print_piece(x, i, &x->got);
}

static bool says(struct sl_slice title, const char *word)
{
    return memmem(title.p, title.n, word, strlen(word));
}

static struct sl_slice pack(struct fixture *x, struct sl_slice title, struct sl_slice value)
{
    sl_buf_clear(&x->value);
    sl_buf_slice(&x->value, value);
    if (says(title, "[newline]"))
        sl_buf_byte(&x->value, '\n');
    if (says(title, "[gzip]")) {
        sl_buf_clear(&x->packed);
        gzip_make(sl_buf_as_slice(&x->value), &x->packed);
        sl_buf_clear(&x->value);
        sl_buf_slice(&x->value, sl_buf_as_slice(&x->packed));
    }
    if (says(title, "[base64]")) {
        sl_buf_clear(&x->packed);
        sl_base64(&x->packed, x->value.p, x->value.n);
        return sl_buf_as_slice(&x->packed);
    }
    return sl_buf_as_slice(&x->value);
}

/* Up to the line that begins with `mark`, and goes on at it. */
static struct sl_slice up_to(struct sl_slice *rest, const char *mark)
{
    struct sl_slice part = *rest;
    const char *at = memmem(rest->p, rest->n, mark, strlen(mark));

    part.n = at ? (size_t)(at + 1 - rest->p) : rest->n;
    *rest = sl_slice(rest->p + part.n, rest->n - part.n);
    return part;
}

static void run_case(struct fixture *x, struct sl_slice text)
{
    struct sl_slice rest = text, title, value;
    bool looks;

    title = up_to(&rest, "\n"); /* with the line break */
    value = up_to(&rest, "\n--- ");
    if (rest.n == 0)
        fail_msg("no --- in: %.*s", (int)text.n, text.p);
    while (rest.n > 1 && rest.p[rest.n - 2] == '\n')
        rest.n--;
    value.n--; /* the line break before --- */
    value = pack(x, title, value);
    looks = x->wrapper->looks(value);
    unwrap(x, value);
    x->cases++;
    if (!sl_slice_equal(sl_buf_as_slice(&x->got), rest)) {
        /* cmocka's own messages are cut off. */
        fprintf(stderr, "ERROR: %s %.*scame out as\n%.*s\n", x->wrapper->name, (int)title.n,
                title.p, (int)x->got.n, x->got.p);
        fail();
    }
    /* `auto` finds what is right. */
    if (x->got.n >= 6 && memcmp(x->got.p, "--- ok", 6) == 0 && !says(title, "[by name only]"))
        assert_true(looks && sl_wrapper_of(value) == x->wrapper);
}

static void run_cases(const char *wrapper, size_t least)
{
    struct fixture *x = fixture_new(wrapper);
    struct sl_slice rest;
    char path[512];

    snprintf(path, sizeof(path), "%s/unit/record/cases/unwrap/%s.txt", SLUICE_TESTS_DIR, wrapper);
    assert_int_equal(sl_file_read(&x->file, path), SL_OK);
    rest = sl_buf_as_slice(&x->file);
    up_to(&rest, "\n=== ");
    while (rest.n > 0)
        run_case(x, up_to(&rest, "\n=== "));
    assert_true(x->cases >= least);
    fixture_free(x);
}

static void lines_of_cri(void **state)
{
    (void)state;
    run_cases("cri", 20);
}

static void lines_of_docker(void **state)
{
    (void)state;
    run_cases("docker", 20);
}

static void envelopes_of_cloudwatch(void **state)
{
    (void)state;
    run_cases("cloudwatch", 20);
}

static void exports_of_otlp(void **state)
{
    (void)state;
    run_cases("otlp_json", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_cri),
        cmocka_unit_test(lines_of_docker),
        cmocka_unit_test(envelopes_of_cloudwatch),
        cmocka_unit_test(exports_of_otlp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
