/* SPDX-License-Identifier: Apache-2.0 */
#include "route/regex.h"

#include <stdlib.h>

#include "base/alloc.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct sl_regex {
    pcre2_code *code;
};

struct sl_regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

/* PCRE2 reports running out of memory like any other error; the program's habit is to end. */
static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct sl_regex *sl_regex_new(struct sl_slice pattern, size_t *ret_offset, struct sl_error *err)
{
    const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    struct sl_regex *r;
    pcre2_code *code;
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR text[256];
    int error;

    *ret_offset = 0;
    if (pattern.n > SL_REGEX_PATTERN_MAX) {
        sl_fail(err, SL_ELIMIT, "longer than %d KiB", SL_REGEX_PATTERN_MAX >> 10);
        return NULL;
    }
    code = pcre2_compile((PCRE2_SPTR)(pattern.n ? pattern.p : ""), pattern.n, options, &error, &at,
                         NULL);
    if (!code) {
        pcre2_get_error_message(error, text, sizeof(text));
        *ret_offset = at < pattern.n ? at : pattern.n;
        sl_fail(err, SL_EINVAL, "%s", (const char *)text);
        return NULL;
    }
    /* Where the processor or a hardened system has no JIT, or the pattern is beyond it, the
     * interpreter gives the same answers, slower. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    r = sl_zalloc(sizeof(*r));
    r->code = code;
    return r;
}

void sl_regex_free(struct sl_regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r);
}

struct sl_regex_scratch *sl_regex_scratch_new(void)
{
    struct sl_regex_scratch *s = sl_zalloc(sizeof(*s));

    /* One pair: whether it matches is all that routing asks. */
    s->data = must(pcre2_match_data_create(1, NULL));
    s->context = must(pcre2_match_context_create(NULL));
    pcre2_set_match_limit(s->context, SL_REGEX_STEPS_MAX);
    pcre2_set_depth_limit(s->context, SL_REGEX_DEPTH_MAX);
    pcre2_set_heap_limit(s->context, SL_REGEX_HEAP_KIB_MAX);
    s->stack = pcre2_jit_stack_create(32 << 10, SL_REGEX_STACK_MAX, NULL); /* NULL without JIT */
    if (s->stack)
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return s;
}

void sl_regex_scratch_free(struct sl_regex_scratch *s)
{
    if (!s)
        return;
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->context);
    pcre2_match_data_free(s->data);
    free(s);
}

int sl_regex_match(const struct sl_regex *r, struct sl_regex_scratch *s, struct sl_slice subject)
{
    int got = pcre2_match(r->code, (PCRE2_SPTR)(subject.n ? subject.p : ""), subject.n, 0, 0,
                          s->data, s->context);

    if (got >= 0)
        return 1;
    /* Every other answer is a bound that was met (steps, depth, heap, JIT stack) or an error inside
     * PCRE2; in both cases the pattern has not been judged. */
    return got == PCRE2_ERROR_NOMATCH ? 0 : SL_ELIMIT;
}
