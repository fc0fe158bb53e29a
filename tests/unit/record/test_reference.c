/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>

#include "fixture.h"

/* The decoders' reference page, src/record/DECODERS.md: each line of text in the section of a form
 * becomes the record that stands below it, and so do those below each pattern. */

static const struct {
    const char *name;
    enum sl_decode_form form;
} forms[] = {{"json", SL_DECODE_JSON},          {"common", SL_DECODE_COMMON},
             {"combined", SL_DECODE_COMBINED},  {"nginx-error", SL_DECODE_NGINX_ERROR},
             {"syslog", SL_DECODE_SYSLOG},      {"logfmt", SL_DECODE_LOGFMT},
             {"klog", SL_DECODE_KLOG},          {"python", SL_DECODE_PYTHON},
             {"java", SL_DECODE_JAVA},          {"cri", SL_DECODE_CRI},
             {"docker", SL_DECODE_DOCKER},      {"cloudwatch", SL_DECODE_CLOUDWATCH},
             {"otlp_json", SL_DECODE_OTLP_JSON}};

static void read_page(struct sl_buf *out)
{
    FILE *f = fopen(SLUICE_ROOT_DIR "/src/record/DECODERS.md", "re");
    size_t n;

    assert_non_null(f);
    do {
        n = fread(sl_buf_reserve(out, 1 << 16), 1, 1 << 16, f);
        out->n += n;
    } while (n);
    fclose(f);
}

/* From the text to the mark; the text goes on behind it. p == NULL: there is no mark. */
static struct sl_slice take_to(struct sl_slice *text, const char *mark)
{
    const char *found = memmem(text->p, text->n, mark, strlen(mark));
    struct sl_slice part = {0};

    if (!found)
        return part;
    part = sl_slice(text->p, (size_t)(found - text->p));
    text->n -= part.n + strlen(mark);
    text->p = found + strlen(mark);
    return part;
}

static void example(struct fixture *x, struct sl_slice line, struct sl_slice want)
{
    json_t *expected = json_loadb(want.p, want.n, JSON_REJECT_DUPLICATES, NULL), *found;

    decode_bytes(x, line.p, line.n);
    sl_buf_clear(&x->out);
    sl_record_json(&x->record, true, sl_slice("", 0), &x->out, NULL);
    found = json_loadb(x->out.p, x->out.n, JSON_REJECT_DUPLICATES, NULL);
    if (!expected || !json_equal(expected, found))
        fail_msg("%.*s\nbecomes\n%s", (int)line.n, line.p, sl_buf_str(&x->out));
    json_decref(expected);
    json_decref(found);
}

/* The section with this title, without those below it. */
static struct sl_slice section_of(struct sl_slice page, const char *title)
{
    struct sl_slice rest, part;

    if (!take_to(&page, title).p)
        fail_msg("the page has no section %s", title);
    rest = page;
    part = take_to(&rest, "\n## ");
    if (part.p)
        page = part;
    rest = page;
    part = take_to(&rest, "\n# ");
    return part.p ? part : page;
}

static void every_example_of_a_form(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    struct sl_buf page;

    (void)state;
    sl_buf_init(&page, 1 << 20);
    read_page(&page);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char *title = sl_asprintf("\n## %s\n", forms[i].name);
        struct sl_slice section = section_of(sl_buf_as_slice(&page), title);
        size_t examples = 0;

        while (take_to(&section, "```text\n").p) {
            struct sl_slice line = take_to(&section, "\n```\n");

            assert_true(take_to(&section, "```json\n").p && line.p);
            for (int k = 0; k < 2; k++) { /* `auto` finds the same */
                x->topic.decode = k ? SL_DECODE_AUTO : forms[i].form;
                struct sl_slice rest = section;

                example(x, line, take_to(&rest, "\n```"));
            }
            examples++;
        }
        if (examples == 0)
            fail_msg("the section %s has no example", forms[i].name);
        free(title);
    }
    sl_buf_release(&page);
    fixture_free(x);
}

static void below_pattern(struct sl_slice section, const char *pattern)
{
    const char *patterns[] = {pattern};
    const struct sl_decode_rule rule = {.form = SL_DECODE_TEXT, .patterns = {patterns, 1}};
    struct fixture *x = fixture_of((struct sl_decoder_config){.decode = &rule, .n_decode = 1});
    size_t examples = 0;

    x->topic.decode = SL_DECODE_TEXT;
    x->topic.rule = 1;
    while (take_to(&section, "```text\n").p) {
        struct sl_slice line = take_to(&section, "\n```\n");

        assert_true(take_to(&section, "```json\n").p && line.p);
        example(x, line, take_to(&section, "\n```"));
        examples++;
    }
    if (examples == 0)
        fail_msg("no example of %s", pattern);
    fixture_free(x);
}

static void every_example_of_a_pattern(void **state)
{
    struct sl_slice left, pattern;
    struct sl_buf page;
    size_t patterns = 0;

    (void)state;
    sl_buf_init(&page, 1 << 20);
    read_page(&page);
    left = section_of(sl_buf_as_slice(&page), "\n# Patterns\n");
    take_to(&left, "```pattern\n");
    while ((pattern = take_to(&left, "\n```\n")).p) {
        struct sl_slice rest = left, examples = take_to(&rest, "```pattern\n");
        char *text = sl_strndup(pattern.p, pattern.n);

        below_pattern(examples.p ? examples : left, text);
        left = examples.p ? rest : sl_slice("", 0);
        free(text);
        patterns++;
    }
    assert_int_equal(patterns, 6);
    sl_buf_release(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_of_a_form),
        cmocka_unit_test(every_example_of_a_pattern),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
