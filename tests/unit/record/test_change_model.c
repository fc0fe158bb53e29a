/* SPDX-License-Identifier: Apache-2.0 */
/* Random records and changes, compared byte for byte with the naive model. SLUICE_SEED picks
 * another seed; SLUICE_CASES how many. */
#include "record/change_help.h"
#include "record/change_model.h"

#include <jansson.h>

static uint64_t next(uint64_t *seed, uint64_t below)
{
    *seed += 0x9e3779b97f4a7c15u;
    uint64_t z = *seed;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PICK(seed, array) ((array)[next(seed, COUNT(array))])

/* Few names, so that spellings meet: each part alone and joined, plain and with escapes. */
static const struct {
    const char *key, *written;
} keys[] = {
    {"a", "\"a\""},         {"a", "\"\\u0061\""},
    {"b", "\"b\""},         {"c", "\"c\""},
    {"a.b", "\"a.b\""},     {"a.b", "\"a\\u002eb\""},
    {"b.c", "\"b.c\""},     {"a.b.c", "\"a.b.c\""},
    {"0", "\"0\""},         {"é", "\"é\""},
    {"é", "\"\\u00e9\""},   {"", "\"\""},
    {"a.", "\"a.\""},       {".b", "\".b\""},
    {"a\"", "\"a\\\"\""},   {"message", "\"message\""},
    {"other", "\"other\""},
};
static const char *const paths[] = {"a",     "b",       "c",   "a.b", "a.b.c", "b.c",    "a.c",
                                    "a.0",   "a.1.b",   "b.0", "é.a", "é",     "0",      "c.b.a.c",
                                    "b.a.b", "message", "d",   "a.d", "c.2",   "a.b.d.e"};
static const char *const strings[] = {
    "\"\"",         "\"x\"",
    "\"a,b}]{[:\"", "\"\\\"\\\\\"",
    "\"\\u0000\"",  "\"\\ud83d\\ude00\"",
    "\"日本語\"",   "\"a string that is longer than two vectors, with \\\" in it\""};
static const char *const numbers[] = {"0", "-0.0", "1.50e+3", "12345678901234567890123", "1E-400"};
static const char *const literals[] = {"true", "false", "null"};
static const char *const values[] = {"1",  "\"new\"", "null",         "{\"a\":{\"b\":[1]}}",
                                     "[]", "{}",      "[{\"b\":1},2]"};

static char *random_spaces(uint64_t *seed)
{
    char text[4];
    size_t n = next(seed, 3) ? 0 : next(seed, sizeof(text));

    for (size_t i = 0; i < n; i++)
        text[i] = " \t\n\r"[next(seed, 4)];
    return sl_strndup(text, n);
}

static struct tree *random_tree(uint64_t *seed, int depth)
{
    struct tree *t = sl_zalloc(sizeof(*t));
    size_t n = next(seed, 5);

    t->kind = depth > 4 ? 's' : "ooooaasnl"[next(seed, 9)];
    t->inner = random_spaces(seed);
    if (t->kind == 's')
        t->text = sl_strdup(PICK(seed, strings));
    else if (t->kind == 'n')
        t->text = sl_strdup(PICK(seed, numbers));
    else if (t->kind == 'l')
        t->text = sl_strdup(PICK(seed, literals));
    else
        for (size_t i = 0; i < n; i++) {
            struct tree *m = random_tree(seed, depth + 1);
            size_t key = next(seed, COUNT(keys));

            m->key = t->kind == 'o' ? sl_strdup(keys[key].key) : NULL;
            m->written = t->kind == 'o' ? sl_strdup(keys[key].written) : NULL;
            m->before = random_spaces(seed);
            m->after_key = random_spaces(seed);
            m->after_colon = random_spaces(seed);
            m->after = random_spaces(seed);
            tree_add(t, m);
        }
    return t;
}

/* An object with a `kind`, so that the decoder adds nothing. */
static struct tree *random_record(uint64_t *seed)
{
    struct tree *t, *kind = sl_zalloc(sizeof(*kind));

    for (t = random_tree(seed, 0); t->kind != 'o'; t = random_tree(seed, 0))
        tree_free(t);
    kind->kind = 'l';
    kind->text = sl_strdup("null");
    kind->key = sl_strdup("kind");
    kind->written = sl_strdup("\"kind\"");
    tree_add(t, kind);
    if (t->n > 1 && next(seed, 2)) {
        t->members[t->n - 1] = t->members[0];
        t->members[0] = kind;
    }
    return t;
}

static bool collide(const char *a, const char *b)
{
    size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

    return strncmp(a, b, n) == 0 && (!a[n] || a[n] == '.') && (!b[n] || b[n] == '.');
}

static size_t random_changes(uint64_t *seed, struct model_change *ret, size_t most)
{
    size_t n = 0;

    for (size_t tries = 1 + next(seed, most); tries > 0; tries--) {
        const char *path = PICK(seed, paths);
        bool taken = false;

        for (size_t i = 0; i < n; i++)
            taken |= collide(ret[i].path, path);
        if (!taken)
            ret[n++] = (struct model_change){path, "ksrbksrs"[next(seed, 8)], PICK(seed, values)};
    }
    return n;
}

static struct sl_editor *make_editor(const struct model_change *changes, size_t n)
{
    struct sl_slice all[32];
    struct sl_error err = {0};
    struct sl_editor *e;

    for (size_t i = 0; i < n; i++)
        all[i] = sl_slice_str(changes[i].path);
    e = sl_editor_new(all, n, NULL, &err);
    if (!e)
        fail_msg("%s", err.text);
    return e;
}

static const struct sl_record *edit(struct changing *g, const struct sl_record *r,
                                    const struct model_change *changes, size_t n)
{
    struct sl_editor *e = make_editor(changes, n);
    struct sl_new_value news[32];

    for (size_t i = 0; i < n; i++)
        news[i] = (struct sl_new_value){changes[i].what == 'k'   ? SL_KEEP
                                        : changes[i].what == 's' ? SL_SET
                                        : changes[i].what == 'b' ? SL_REMOVE_BELOW
                                                                 : SL_REMOVE,
                                        sl_slice_str(changes[i].json)};
    r = sl_record_edit(g->changer, e, r, news, &g->err);
    sl_editor_free(e);
    return r;
}

/* Some leaves become longer, some shorter, some stay. */
static char *crossed(const char *written)
{
    switch (strlen(written) % 3) {
    case 0:
        return NULL;
    case 1:
        return sl_strdup("\"-\"");
    default:
        return sl_asprintf("\"[%zu %.2s]\"", strlen(written), written[0] == '"' ? "s" : "n");
    }
}

static int cross(void *user, const struct sl_value *leaf, struct sl_buf *out)
{
    bool string = leaf->type == SL_VALUE_STRING;
    char *written = sl_asprintf(string ? "\"%.*s\"" : "%.*s", (int)leaf->n, leaf->p);
    char *text = crossed(written);
    int rc = text != NULL;

    (void)user;
    if (text)
        sl_buf_text(out, text);
    free(text);
    free(written);
    return rc;
}

static const struct sl_record *edit_leaves(struct changing *g, const struct sl_record *r,
                                           struct tree *model, struct model_change *changes,
                                           size_t n)
{
    static struct seens found;
    struct sl_editor *e = n ? make_editor(changes, n) : NULL;

    for (size_t i = 0; i < n; i++) {
        found.n = 0;
        tree_find(model, changes[i].path, "", &found);
        tree_find_below(model, changes[i].path, &found);
        for (size_t k = 0; k < found.n; k++)
            model_leaves_below(found.all[k].at, crossed);
    }
    if (n == 0)
        model_leaves_below(model, crossed);
    r = sl_record_edit_leaves(g->changer, e, r, cross, NULL, &g->err);
    sl_editor_free(e);
    return r;
}

static void same_but_breaks(struct sl_slice got, struct sl_slice want)
{
    size_t at = 0;

    for (size_t i = 0; i < got.n; i++) {
        if (got.p[i] == '\n' || got.p[i] == '\r')
            continue;
        assert_true(at < want.n);
        assert_int_equal(got.p[i], want.p[at++]);
    }
    assert_int_equal(at, want.n);
}

/* What the changed record answers for each path is what stands in it. */
static void check_values(struct changing *g, const struct sl_record *r, struct tree *model)
{
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct sl_value v = sl_record_value(r, field_id(g->x, paths[i]));
        struct tree *t = tree_best(model, paths[i], false);
        struct sl_buf *want = &g->x->scratch;

        if (t && t->kind == 'n')
            continue; /* of numbers beyond 64 bits another spelling is read */
        if (!t) {
            assert_int_equal(v.type, SL_VALUE_ABSENT);
            continue;
        }
        sl_buf_clear(want);
        tree_write(t, false, want);
        if (v.type == SL_VALUE_STRING)
            v = (struct sl_value){.p = v.p - 1, .n = v.n + 2};
        same_but_breaks(sl_slice(v.p, v.n), sl_buf_as_slice(want));
    }
}

static void one_case(struct changing *g, uint64_t seed, bool registered)
{
    struct tree *model = random_record(&seed);
    const struct sl_record *r;
    struct sl_buf text, want;
    json_error_t where;
    json_t *parsed;

    sl_buf_init(&text, 1 << 20);
    sl_buf_init(&want, 1 << 20);
    tree_write(model, true, &text);
    r = decode_bytes(g->x, text.p, text.n);
    if (r->form == SL_FORM_TEXT) /* a duplicate of a field */
        goto out;
    sl_changer_begin(g->changer);
    for (uint64_t rounds = 1 + next(&seed, 3); rounds > 0; rounds--) {
        struct model_change changes[8];
        size_t n = random_changes(&seed, changes, COUNT(changes));

        if (next(&seed, 4) == 0) {
            r = edit_leaves(g, r, model, changes, next(&seed, 3) ? n : 0);
        } else {
            r = edit(g, r, changes, n);
            model_edit(model, changes, n);
        }
        /* An element that moves up may bring a duplicate of a field to where fields are. */
        if (!r && registered && strstr(g->err.text, "a duplicate key"))
            goto out;
        if (!r) {
            sl_buf_clear(&want);
            tree_write(model, false, &want);
            fail_msg("seed %llu: %s: %.*s, which should become %s", (unsigned long long)seed,
                     g->err.text, (int)text.n, text.p, sl_buf_str(&want));
        }
        sl_buf_clear(&want);
        tree_write(model, false, &want);
        if (strcmp(json_of(g, r), sl_buf_str(&want)) != 0)
            fail_msg("seed %llu:\n%.*s\nbecame\n%s\nand not\n%s", (unsigned long long)seed,
                     (int)text.n, text.p, json_of(g, r), want.p);
        parsed = json_loadb(want.p, want.n, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &where);
        if (!parsed)
            fail_msg("seed %llu: %s in %s", (unsigned long long)seed, where.text, want.p);
        json_decref(parsed);
        if (registered)
            check_values(g, r, model);
    }
out:
    tree_free(model);
    sl_buf_release(&text);
    sl_buf_release(&want);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void run(bool registered)
{
    struct changing *g = changing_new(NULL);
    uint64_t cases = number_of("SLUICE_CASES", 20000), first = number_of("SLUICE_SEED", 1);

    for (size_t i = 0; registered && i < COUNT(paths); i++)
        field_id(g->x, paths[i]);
    for (uint64_t i = 0; i < cases; i++)
        one_case(g, first + i, registered);
    changing_free(g);
}

/* Duplicates of keys that nobody reads are legal. */
static void test_no_field_is_read(void **state)
{
    (void)state;
    run(false);
}

static void test_every_path_is_read(void **state)
{
    (void)state;
    run(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_field_is_read),
        cmocka_unit_test(test_every_path_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
