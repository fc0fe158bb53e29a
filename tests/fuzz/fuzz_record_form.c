/* SPDX-License-Identifier: Apache-2.0 */
#include "record/decode.h"
#include "record/forms.h"
#include "fuzz.h"

/* Any bytes as a line, after one that chooses the form. What must hold: the members are those of
 * one valid JSON object in one line, no name twice at the top; inner is a slice of the line; a line
 * that a form refuses says why; `auto` leaves nothing behind where no form takes the line, and
 * where one does, finds what that form finds. */

static const struct sl_text_form *const forms[] = {
    &sl_form_common, &sl_form_combined, &sl_form_nginx_error, &sl_form_syslog,
    &sl_form_logfmt, &sl_form_klog,     &sl_form_python,      &sl_form_java};
static struct sl_decoder *decoder;
static struct sl_fields *fields;
static struct sl_members members, by_auto;
static struct sl_buf object;
static struct sl_form_context context = {.kafka_ns = 1769862897000000000};

static void set_up(void)
{
    struct sl_decoder_config config = {0};
    struct sl_zone *zone = NULL;

    config.fields = fields = sl_fields_new();
    decoder = sl_decoder_new(&config, NULL);
    CHECK(decoder && sl_zone_new(NULL, &zone, NULL) == SL_OK);
    context.zone = zone;
    sl_members_init(&members);
    sl_members_init(&by_auto);
    sl_buf_init(&object, 64 << 20);
}

/* The scanner refuses a field that is there twice. */
static void check(const struct sl_parsed *p, struct sl_slice line)
{
    const struct sl_members *m = p->members;

    sl_buf_clear(&object);
    sl_buf_byte(&object, '{');
    if (m->text.n)
        sl_buf_append(&object, m->text.p + 1, m->text.n - 1);
    sl_buf_byte(&object, '}');
    CHECK(m->depth == 0);
    CHECK(!memchr(object.p, '\n', object.n) && !memchr(object.p, '\r', object.n));
    sl_decoder_begin(decoder);
    CHECK(sl_json_scan(&decoder->scan, sl_buf_as_slice(&object)));
    for (unsigned i = 0; i < m->n; i++)
        for (unsigned k = 0; k < i; k++)
            CHECK(m->names[i].n != m->names[k].n ||
                  memcmp(m->text.p + m->names[i].begin, m->text.p + m->names[k].begin,
                         m->names[i].n) != 0);
    if (p->inner.p)
        CHECK(p->inner.p >= line.p && p->inner.p + p->inner.n <= line.p + line.n);
    CHECK(p->level <= SL_LEVEL_FATAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_parsed parsed = {.members = &members}, other = {.members = &by_auto};
    const struct sl_text_form *form, *taken;
    struct sl_slice line;

    if (size == 0)
        return 0;
    if (!decoder)
        set_up();
    form = forms[data[0] % (sizeof(forms) / sizeof(forms[0]))];
    line = sl_slice((const char *)data + 1, size - 1);
    sl_members_begin(&members);
    if (form->parse(&context, line, &parsed))
        check(&parsed, line);
    else
        CHECK(parsed.error);
    sl_members_begin(&by_auto);
    taken = sl_forms_try(&context, line, &other);
    if (!taken) {
        CHECK(by_auto.text.n == 0 && by_auto.n == 0 && !other.has_time && !other.inner.p);
        return 0;
    }
    check(&other, line);
    sl_members_begin(&members);
    parsed = (struct sl_parsed){.members = &members};
    CHECK(taken->looks(line) && taken->parse(&context, line, &parsed));
    CHECK(sl_slice_equal(sl_buf_as_slice(&members.text), sl_buf_as_slice(&by_auto.text)));
    CHECK(parsed.has_time == other.has_time && parsed.level == other.level);
    return 0;
}
